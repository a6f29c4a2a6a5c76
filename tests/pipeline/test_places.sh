#!/bin/sh
# Folders and their restrictions: read-only sources, installed programs, paths with a ~, file size limits. Prints TAP.
name=places
. tests/pipeline/tap.sh
here=$(pwd)
folder=$here/$folder log=$folder/log
build=${BUILD:-build}
mini() { # ARGUMENTS: make with the smallest experiment
    make --no-print-directory $sanitize EXPERIMENTS=tests/pipeline/mini QUIET=1 "$@" >"$log" 2>&1
}

HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && [ -s "$folder/home/r/mini/mini.tsv" ] &&
    [ -s "$folder/home/f/mini-m.pdf" ]
check "a ~ that the shell does not expand is the home folder"
HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && ! grep -q '^==' "$log" && [ ! -e '~' ]
check "a second make finds the results there"
touch "$folder/mark"
mini RESULTS="$folder/elsewhere" FIGURES="$folder/elsewhere-figures" BUILD="$build" mini report
check "results and figures may be outside the sources"
written=$(find . -newer "$folder/mark" -not -path './build*' -not -path './.git*' -not -path "./${build#./}*" -not \
    -name . 2>/dev/null)
[ -z "$written" ] && [ -s "$folder/elsewhere/report.html" ]
check "then nothing is written among the sources: $written"
"$build/bin/ensemble" --output='~/x' --quiet >"$log" 2>&1
[ $? -eq 2 ] && grep -q '^ensemble: ~/x: the shell did not expand the ~' "$log" && [ ! -e '~' ]
check "a program refuses a path that begins with a ~"

# With a file size limit of 512 bytes programs fail with status 1 and the name of the file, and leave no incomplete
# file.
limited() { # FILE COMMAND...: status 0 if the command fails and names the file
    file=$1
    shift
    (ulimit -f 1 && "$@") >"$folder/out" 2>"$log" </dev/null
    status=$?
    [ $status -eq 1 ] && grep -q "$file" "$log"
}
root=$folder/home/r
options="--experiments=tests/pipeline/mini --results=$root --figures=$folder/home/f --programs=$build/bin"
limited "$folder/rules.mk: cannot write: File too large" "$build/bin/plan" $options --rules="$folder/rules.mk" &&
    [ ! -e "$folder/rules.mk" ]
check "plan names the file"
limited "$root/report.html: cannot write: File too large" "$build/bin/report" $options && [ ! -e "$root/report.html" ]
check "report names the file"
before=$(sha256sum <"$root/ledger.sqlite")
limited "$root/ledger.sqlite" "$build/bin/ledger" --root="$root" --rebuild &&
    [ "$before" = "$(sha256sum <"$root/ledger.sqlite")" ]
check "ledger --rebuild names the file, and the old ledger remains"
limited "$folder/e/" "$build/bin/ensemble" --lattice=8,8 --configurations=16 --output="$folder/e" --quiet &&
    [ ! -e "$folder/e/artifact.npz" ]
check "a stage names the file"
limited "$folder/home/f" "$build/bin/plan" $options --figures="$folder/home/f2" --publish=mini &&
    ! ls "$folder/home/f2/"* >/dev/null 2>&1
check "publishing names the folder"
left=$(find "$root" "$folder/home/f2" -name "*tmp*")
[ -z "$left" ]
check "no temporary file remains: $left"

# The output of a search that fails is not mistaken for its result.
mini -n CUDA_FOUND='-std=c++17' all
[ $? -eq 2 ] && grep -q "cuda/find.sh failed: '-std=c++17'" "$log"
check "a failed search for CUDA is an error"
mini -n FOUND= all
[ $? -eq 2 ] && grep -q "src/find.sh failed" "$log"
check "a failed search for libraries is an error"

# Missing libraries are reported with their packages. The user's flags are added to dmsq's, which take precedence.
sh src/find.sh missing >"$log" 2>&1
check "make setup finds everything here"
CPPFLAGS=-nostdinc sh src/find.sh missing >"$log" 2>&1
[ $? -eq 1 ] &&
    grep -q '^missing: oneDNN, header dnnl.h, library dnnl (Debian: libdnnl-dev; Fedora: onednn-devel; conda' "$log"
check "it names the packages of missing libraries"
LDFLAGS=-nodefaultlibs sh src/find.sh missing >"$log" 2>&1
[ $? -eq 1 ]
check "a header without its library is not sufficient"
mini -n BUILD="$folder/other" CPPFLAGS=-DUSER CFLAGS=-O0 LDFLAGS=-L/none LDLIBS=-lnone V=1 all &&
    grep -q -- '-Isrc .*-DUSER .*-O0 .*-O3 .*-c src/base/error.c' "$log" &&
    grep -q -- '-L/none -Wl,-rpath,/none .*-ldnnl .*-lnone' "$log"
check "flags of the user are added"
mini -n BUILD="$folder/other" CFLAGS='-O2 -ffast-math' all
[ $? -eq 2 ] && grep -q 'results would depend on the compiler' "$log"
check "flags that change results are refused"

mini install PREFIX="$folder/prefix" && "$folder/prefix/bin/dmsq" >"$log" 2>&1 && grep -qx ensemble "$log" &&
    "$folder/prefix/bin/dmsq" ensemble --lattice=4,4 --configurations=4 --output="$folder/installed" --quiet >"$log" \
    2>&1 &&
    [ -s "$folder/installed/artifact.npz" ] && [ -s "$folder/prefix/share/dmsq/figures/style.gp" ] &&
    [ -s "$folder/prefix/share/dmsq/experiments/table1.ini" ]
check "make install installs programs, experiments and styles"
"$folder/prefix/bin/dmsq" ../../bin/sh >"$log" 2>&1
[ $? -eq 2 ] && grep -q "no program '../../bin/sh' found" "$log"
check "dmsq starts only installed programs"

echo "1..$n"
[ $failures -eq 0 ]

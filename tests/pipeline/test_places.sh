#!/bin/sh
# Where dmsq is, and what it may do there: sources that may not be written, programs elsewhere, paths with a ~, limits
# of the size of files. Prints TAP.
name=places
. tests/pipeline/tap.sh
here=$(pwd)
folder=$here/$folder log=$folder/log
build=${BUILD:-build}
mini() { # make with the smallest experiment
    make --no-print-directory $sanitize EXPERIMENTS=tests/pipeline/mini QUIET=1 "$@" >"$log" 2>&1
}

HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && [ -s "$folder/home/r/mini/mini.tsv" ] &&
    [ -s "$folder/home/f/mini-m.pdf" ]
check "a ~ that the shell left alone is the home folder"
HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && ! grep -q '^==' "$log" && [ ! -e '~' ]
check "nothing runs again there"
touch "$folder/mark"
mini RESULTS="$folder/elsewhere" FIGURES="$folder/elsewhere-figures" BUILD="$build" mini report
check "results and figures may be elsewhere"
written=$(find . -newer "$folder/mark" -not -path './build*' -not -path './.git*' -not -path "./${build#./}*" -not \
    -name . 2>/dev/null)
[ -z "$written" ] && [ -s "$folder/elsewhere/report.html" ]
check "and then nothing is written among the sources: $written"
"$build/bin/ensemble" --output='~/x' --quiet >"$log" 2>&1
[ $? -eq 2 ] && grep -q '^ensemble: ~/x: the shell did not expand the ~' "$log" && [ ! -e '~' ]
check "a program refuses it"

# A limit of 512 bytes: status 1, and the name of the file that cannot be written; nothing half-written stays.
limited() { # limited FILE COMMAND...
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
check "plan says which file is too large"
limited "$root/report.html: cannot write: File too large" "$build/bin/report" $options && [ ! -e "$root/report.html" ]
check "report says which file is too large"
before=$(sha256sum <"$root/ledger.sqlite")
limited "$root/ledger.sqlite" "$build/bin/ledger" --root="$root" --rebuild &&
    [ "$before" = "$(sha256sum <"$root/ledger.sqlite")" ]
check "a ledger that cannot be rebuilt says so and stays"
limited "$folder/e/" "$build/bin/ensemble" --lattice=8,8 --configurations=16 --output="$folder/e" --quiet &&
    [ ! -e "$folder/e/artifact.npz" ]
check "so does a stage"
limited "$folder/home/f" "$build/bin/plan" $options --figures="$folder/home/f2" --publish=mini &&
    ! ls "$folder/home/f2/"* >/dev/null 2>&1
check "so does publishing"
left=$(find "$root" "$folder/home/f2" -name "*tmp*")
[ -z "$left" ]
check "no temporary file stays: $left"

# What a probe prints when it does not run is not taken for an answer.
mini -n CUDA_FOUND='-std=c++17' all
[ $? -eq 2 ] && grep -q "cuda/find.sh does not run: '-std=c++17'" "$log"
check "a search for CUDA that does not run is no CUDA, and said"
mini -n FOUND= all
[ $? -eq 2 ] && grep -q "src/find.sh does not run" "$log"
check "nor is a search for libraries"

# Libraries: what is missing has its packages' names; the user's flags are added to dmsq's, which count.
sh src/find.sh missing >"$log" 2>&1
check "make setup finds everything here"
CPPFLAGS=-nostdinc sh src/find.sh missing >"$log" 2>&1
[ $? -eq 1 ] &&
    grep -q '^missing: oneDNN, header dnnl.h, library dnnl (Debian: libdnnl-dev; Fedora: onednn-devel; conda' "$log"
check "where it finds nothing it names packages"
LDFLAGS=-nodefaultlibs sh src/find.sh missing >"$log" 2>&1
[ $? -eq 1 ]
check "a header without a library that links is not enough"
mini -n BUILD="$folder/other" CPPFLAGS=-DUSER CFLAGS=-O0 LDFLAGS=-L/none LDLIBS=-lnone V=1 all &&
    grep -q -- '-Isrc .*-DUSER .*-O0 .*-O3 .*-c src/base/error.c' "$log" &&
    grep -q -- '-L/none -Wl,-rpath,/none .*-ldnnl .*-lnone' "$log"
check "flags of the user are added"
mini -n BUILD="$folder/other" CFLAGS='-O2 -ffast-math' all
[ $? -eq 2 ] && grep -q 'results would depend on the compiler' "$log"
check "but not those that change results"

mini install PREFIX="$folder/prefix" && "$folder/prefix/bin/dmsq" >"$log" 2>&1 && grep -qx ensemble "$log" &&
    "$folder/prefix/bin/dmsq" ensemble --lattice=4,4 --configurations=4 --output="$folder/installed" --quiet >"$log" \
    2>&1 &&
    [ -s "$folder/installed/artifact.npz" ] && [ -s "$folder/prefix/share/dmsq/figures/style.gp" ] &&
    [ -s "$folder/prefix/share/dmsq/experiments/table1.ini" ]
check "make install puts programs, experiments and styles where they run"
"$folder/prefix/bin/dmsq" ../../bin/sh >"$log" 2>&1
[ $? -eq 2 ] && grep -q "there is no program '../../bin/sh'" "$log"
check "and dmsq starts nothing else"

echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# Where dmsq is, and what it may do there: sources that may not be written, programs elsewhere, paths with a ~, limits of the
# size of files. Prints TAP.
name=places
. tests/pipeline/tap.sh
here=$(pwd)
folder=$here/$folder log=$folder/log
build=${BUILD:-build}
mini() { # make with the smallest experiment
    make --no-print-directory $sanitize EXPERIMENTS=tests/pipeline/mini QUIET=1 "$@" >"$log" 2>&1
}

HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && [ -s "$folder/home/r/mini/mini.tsv" ] && [ -s "$folder/home/f/mini-m.pdf" ]
check "a ~ that the shell left alone is the home folder"
HOME=$folder/home mini RESULTS='~/r' FIGURES='~/f' mini && ! grep -q '^==' "$log" && [ ! -e '~' ]
check "nothing runs again there"
touch "$folder/mark"
mini RESULTS="$folder/elsewhere" FIGURES="$folder/elsewhere-figures" BUILD="$build" mini report
check "results and figures may be elsewhere"
written=$(find . -newer "$folder/mark" -not -path './build*' -not -path './.git*' -not -path "./${build#./}*" -not -name . 2>/dev/null)
[ -z "$written" ] && [ -s "$folder/elsewhere/report.html" ]
check "and then nothing is written among the sources: $written"
"$build/bin/ensemble" --output='~/x' --quiet >"$log" 2>&1
[ $? -eq 2 ] && grep -q '^ensemble: ~/x: the shell left the ~ as it is' "$log" && [ ! -e '~' ]
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
limited "$folder/rules.mk: cannot write: File too large" "$build/bin/plan" $options --rules="$folder/rules.mk" && [ ! -e "$folder/rules.mk" ]
check "plan says which file is too large"
limited "$root/report.html: cannot write: File too large" "$build/bin/report" $options && [ ! -e "$root/report.html" ]
check "report says which file is too large"
before=$(sha256sum <"$root/ledger.sqlite")
limited "$root/ledger.sqlite" "$build/bin/ledger" --root="$root" --rebuild && [ "$before" = "$(sha256sum <"$root/ledger.sqlite")" ]
check "a ledger that cannot be rebuilt says so and stays"
limited "$folder/e/" "$build/bin/ensemble" --lattice=8,8 --configurations=16 --output="$folder/e" --quiet && [ ! -e "$folder/e/artifact.npz" ]
check "so does a stage"
limited "$folder/home/f" "$build/bin/plan" $options --figures="$folder/home/f2" --publish=mini && ! ls "$folder/home/f2/"* >/dev/null 2>&1
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

echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# The tiny pipeline of Table 1 is killed a hundred times (SIGKILL to make and its processes, at random times) and
# restarted each time. It ends with the bits of an undisturbed run, no temporary file remains, and the ledger agrees
# with the run records. KILLS=N: number of kills; SEED=N: seed of their times. Prints TAP.
name=killed
. tests/pipeline/tap.sh
build=${BUILD:-build}
mkdir "$folder/experiments" && cp experiments/table1.ini "$folder/experiments" || exit 1
make="make --no-print-directory $sanitize PROFILE=tests/pipeline/tiny.ini EXPERIMENTS=$folder/experiments QUIET=1"
root=$folder/killed/tiny
kills=${KILLS:-100}
seed=${SEED:-1}
digests() { # of all results except run records, which contain times
    (cd "$1" && find . -type f \( -name '*.npz' -o -name 'figure.*' -o -name 'table.*' -o -path './figures*' \) ! \
        -name '*.tmp-*' |
        sort | xargs sha256sum)
}
dump() { # the contents of the ledger
    "$build/bin/ledger" --root="$root" || return 1
    for artifact in "$root"/artifacts/*; do
        [ ! -d "$artifact/runs" ] || "$build/bin/ledger" --root="$root" "${artifact##*/}" || return 1
    done
}
$make RESULTS="$folder/whole" FIGURES="$folder/whole/figures" table1 >"$log" 2>&1
check "an undisturbed run succeeds"
whole=$(digests "$folder/whole")
start=$(date +%s%N)
$make RESULTS="$folder/timing" FIGURES="$folder/timing/figures" -j2 table1 >"$log" 2>&1
took=$((($(date +%s%N) - start) / 1000000)) # milliseconds
rm -rf "$folder/timing"

killed=0 finished=0 wrong=0 random=$seed
while [ $killed -lt "$kills" ] && [ $finished -lt $((2 * kills)) ]; do
    # Times from the start of make to a quarter of its duration, so that after some kills it finishes.
    random=$(((random * 1103515245 + 12345) % 2147483648))
    wait=$((random / 65536 % 1000 * took / 4000 + 20))
    setsid $make RESULTS="$folder/killed" FIGURES="$folder/killed/figures" -j2 table1 >"$log" 2>&1 &
    job=$!
    sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
    if kill -KILL -$job 2>/dev/null; then
        killed=$((killed + 1))
        wait $job 2>/dev/null
    elif wait $job; then # it had finished: start again
        finished=$((finished + 1))
        [ "$(digests "$folder/killed")" = "$whole" ] || wrong=$((wrong + 1))
        rm -rf "$folder/killed"
    else
        wrong=$((wrong + 1))
        break
    fi
done
[ $wrong -eq 0 ] && [ $killed -eq "$kills" ]
check "$killed kills; it finished $finished times, $wrong times with wrong results"

[ ! -e "$folder/killed" ] || find "$folder/killed" -name '*.tmp-*' -exec touch -h -d '2 hours ago' {} + 2>/dev/null
$make RESULTS="$folder/killed" FIGURES="$folder/killed/figures" table1 >"$log" 2>&1
check "the last make succeeds"
[ "$whole" ] && [ "$(digests "$folder/killed")" = "$whole" ]
check "its bits are those of the undisturbed run"
left=$(find "$folder/killed" -name '*.tmp-*' -o -name 'partial-*' -o -name 'pending-*' -o -name 'checkpoint.npz' -o \
    -name '*-journal')
[ -z "$left" ]
check "no temporary file remains: $left"
dump >"$folder/before" 2>"$log" && "$build/bin/ledger" --root="$root" --rebuild >>"$log" 2>&1 &&
    dump >"$folder/after" 2>>"$log" &&
    diff "$folder/before" "$folder/after" >>"$log" && ! grep -q running "$folder/after"
check "the ledger agrees with the $(grep -c '^run ' "$folder/after") run records"
echo "1..$n"
[ $failures -eq 0 ]

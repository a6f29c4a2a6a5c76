#!/bin/sh
# Runs test programs (cmocka, in TAP format) and scripts, which print TAP themselves; shows the output of failed ones,
# and ends with the line "N passed, N failed". A program that dies without a "not ok" counts as one failure. Only
# numbered "ok" lines are TAP: others are rows of tables that tests print.
export CMOCKA_MESSAGE_OUTPUT=TAP
# Waiting threads sleep: tests have many short parallel loops, in which spinning is slow on a busy machine.
export OMP_WAIT_POLICY=passive
log=$(mktemp "${TMPDIR:-/tmp}/dmsq-test.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
mkdir -p build/tmp
passed=0 failed=0 skipped=0
for t in "$@"; do
    start=$(date +%s%N)
    case $t in
    *.sh) sh "$t" >"$log" 2>&1 ;;
    *) "$t" >"$log" 2>&1 ;;
    esac
    status=$?
    skip=$(grep -c '^\(not \)*ok [0-9].*# *SKIP\|^1\.\.0 # *SKIP' "$log") # cmocka writes "not ok" before it
    ok=$(grep '^ok [0-9]' "$log" | grep -vc '# *SKIP')
    bad=$(grep '^not ok [0-9]' "$log" | grep -vc '# *SKIP')
    [ $status -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ $status -eq 0 ] && [ $((ok + bad + skip)) -eq 0 ] && bad=1 # no test ran
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    name=${t#"${BUILD:-build}"/}
    printf '%-44s %4d passed %s%s(%d.%d s)\n' "$name" $ok "$([ "$bad" -gt 0 ] && echo "$bad FAILED ")" \
        "$([ "$skip" -gt 0 ] && echo "$skip skipped ")" \
        $((($(date +%s%N) - start) / 1000000000)) $((($(date +%s%N) - start) / 100000000 % 10))
    [ "$bad" -gt 0 ] && {
        sed 's/^/    /' "$log"
        echo "    exit status $status"
    }
done
[ $skipped -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

#!/bin/sh
# Runs test programs (cmocka, told to print TAP) and scripts (that print TAP themselves), shows what failed,
# and ends with the line "N passed, N failed". A program that dies without a "not ok" counts as one failure. TAP numbers
# its lines: other lines that begin with "ok" are rows of a comparison's own table.
export CMOCKA_MESSAGE_OUTPUT=TAP
# Threads that wait sleep: tests have many short parallel loops, and spinning is slow where cores are busy.
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
    [ $status -eq 0 ] && [ $((ok + bad + skip)) -eq 0 ] && bad=1 # it tested nothing
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

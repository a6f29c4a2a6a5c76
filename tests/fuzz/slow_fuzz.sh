#!/bin/sh
# Tests every reader with random input for a minute, with seeds that change daily (tests/fuzz/driver.h). Prints TAP.
n=0 failed=0
for source in tests/fuzz/test_*.c; do
    program=${BUILD:-build}/tests/fuzz/$(basename "$source" .c)
    n=$((n + 1))
    if FUZZ_SECONDS=${FUZZ_SECONDS:-60} "$program" >"build/tmp/fuzz.log" 2>&1; then
        echo "ok $n - $(basename "$program"): $(sed -n 's/^ok 2 - //p' build/tmp/fuzz.log)"
    else
        echo "not ok $n - $(basename "$program")"
        sed 's/^/# /' build/tmp/fuzz.log | tail -20
        failed=1
    fi
done
echo "1..$n"
exit $failed

#!/bin/sh
# The documents that come from the program are those that it writes now. Prints TAP.
name=documents
. tests/pipeline/tap.sh
cp docs/artifacts.md "$folder/artifacts.md"
"${BUILD:-build}/bin/artifacts" "$folder/artifacts.md" >"$log" 2>&1
check "the arrays are written"
cmp docs/artifacts.md "$folder/artifacts.md" >"$log" 2>&1
check "docs/artifacts.md has the arrays of the stages as they are declared (else: make documents)"
echo text >"$folder/other.md"
"${BUILD:-build}/bin/artifacts" "$folder/other.md" >"$log" 2>&1
[ $? -eq 2 ] && grep -q "other.md: expected the lines" "$log" && [ "$(cat "$folder/other.md")" = text ]
check "a document without a place for them is refused and kept"
echo "1..$n"
[ $failures -eq 0 ]

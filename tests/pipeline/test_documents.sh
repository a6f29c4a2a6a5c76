#!/bin/sh
# Documents that the programs generate are up to date. Prints TAP.
name=documents
. tests/pipeline/tap.sh
cp docs/artifacts.md "$folder/artifacts.md"
"${BUILD:-build}/bin/artifacts" "$folder/artifacts.md" >"$log" 2>&1
check "build/bin/artifacts writes the document"
cmp docs/artifacts.md "$folder/artifacts.md" >"$log" 2>&1
check "docs/artifacts.md agrees with the declarations of the stages (else: make documents)"
echo text >"$folder/other.md"
"${BUILD:-build}/bin/artifacts" "$folder/other.md" >"$log" 2>&1
[ $? -eq 2 ] && grep -q "other.md: expected the lines" "$log" && [ "$(cat "$folder/other.md")" = text ]
check "a document without the marks is refused and not changed"
echo "1..$n"
[ $failures -eq 0 ]

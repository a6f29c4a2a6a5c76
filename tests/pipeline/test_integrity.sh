#!/bin/sh
# Files that were changed after the programs wrote them are not published or reported as results, and unreadable records
# do not affect others. Prints TAP.
name=integrity
. tests/pipeline/tap.sh
. tests/pipeline/short.sh
dmsq short
check "make short succeeds"
folder_of() { dirname "$(readlink -f "$root/short/$1")"; }
table=$(folder_of short.md) figure=$(folder_of short-fig.tsv)
refused() { # FILE MESSAGE: make refuses the file with this message; so does make report, for files that it shows
    tail=${1##*/artifacts/}
    dmsq short
    [ $? -ne 0 ] || return 1
    grep -q "$tail: found $2.*, expected .* by its run record: it is damaged or was changed" "$log" || return 1
    case $1 in *.md | *.svg)
        dmsq report
        [ $? -ne 0 ] && grep -q "$tail: found .*, expected .* by its run record" "$log" ;;
    esac
}
for file in "$table/table.md" "$table/table.tsv" "$table/table.tex" "$figure/figure.svg"; do
    cp "$file" "$folder/kept"
    head -c 40 "$folder/kept" >"$file"
    refused "$file" 'SHA-256'
    check "${file##*/}, truncated, is not published"
    tr 0-4 5-9 <"$folder/kept" >"$file"
    refused "$file" 'SHA-256'
    check "${file##*/} with other digits is not published"
    cp "$folder/kept" "$file"
done
artifact=$(readlink -f "$root/short/testing.npz")
cp "$artifact" "$folder/kept"
head -c 1000 "$folder/kept" >"$artifact"
refused "$artifact" '1000 bytes'
check "a truncated artifact is not published"
cp "$folder/kept" "$artifact"
dmsq short && ! grep -q 'other sources' "$log" && dmsq report
check "the original files are published"

sed -i 's/"sources": "[0-9a-f]*"/"sources": "0123456789abcdef"/' "$table/run.json"
dmsq short && [ "$(grep -c 'short: 1 of 7 results were made by programs built from other sources' "$log")" -eq 1 ]
check "make says that results come from other sources"

: >"$table/runs/20260101T000000Z-1.json"
echo '{"format": 1}' >"$table/runs/20260101T000000Z-2.json"
dmsq ledger-rebuild && [ "$(grep -c ' done ' "$log")" -eq 7 ] &&
    grep -q 'warning: skipped: .*20260101T000000Z-1.json' "$log" &&
    grep -q 'warning: skipped: .*20260101T000000Z-2.json' "$log"
check "ledger-rebuild skips files that are not records, with a warning"
: >"$table/run.json"
dmsq short
[ $? -eq 2 ] && grep -q "run.json:.* is not a run record" "$log"
check "a table with an invalid record is not published"

echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# The documents are correct: the example of docs/experiments.md runs, and the messages that it explains are those of the
# program. Prints TAP.
name=docs
. tests/pipeline/tap.sh
mkdir "$folder/experiments" || exit 1
awk '/^```ini$/ && !seen { inside = 1; seen = 1; next } /^```$/ { inside = 0 } inside' docs/experiments.md \
    >"$folder/experiments/own.ini"
dmsq() {
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/results" \
        FIGURES="$folder/figures" QUIET=1 \
        SET="ensemble.lattice=8x8 training.configurations=64 generated.configurations=64" "$@" >"$log" 2>&1
}
dmsq -j2 own
check "the example of docs/experiments.md runs"
[ -s "$folder/figures/own-chi2.pdf" ] && [ "$(grep -c '	chi2	' "$folder/results/own/own.tsv")" -eq 8 ] &&
    [ -s "$folder/results/own/own-macros.tex" ]
check "it gives the figure and the table, with both kinds of data at four values of kappa"
dmsq export NODE=own/measured@kappa=0.2 FORMAT=csv
check "a swept node is exported"

# Messages in the first column of the table must be in the sources, where they may be split between lines.
cat src/experiment/*.c src/base/parameter*.c | tr -d '\n' | sed 's/" *"//g' >"$folder/sources"
missing=$(sed -n '/^## What the messages mean/,$ s/^| `\([^`]*\)` |.*/\1/p' docs/experiments.md |
    while read -r message; do
    grep -qF -- "$message" "$folder/sources" || echo "$message;"
done)
[ -z "$missing" ] && [ "$(sed -n '/^## What the messages mean/,$p' docs/experiments.md | grep -c '^| `')" -gt 30 ]
check "the messages explained are those of the program: $missing"

# Links between the documents have targets.
broken=$(for doc in README.md CHANGELOG.md docs/*.md; do
    grep -o '](\([^)#:]*\)[)#]' "$doc" | sed 's/^](//; s/[)#]$//' | while read -r link; do
        [ -z "$link" ] || [ -e "$(dirname "$doc")/$link" ] || echo "$doc: $link;"
    done
done)
[ -z "$broken" ]
check "all links between the documents have targets: $broken"
grep -q "^version: $(cat VERSION)\$" CITATION.cff && grep -q "^## $(cat VERSION)\$" CHANGELOG.md
check "CITATION.cff and CHANGELOG.md have this version"

echo "1..$n"
[ $failures -eq 0 ]

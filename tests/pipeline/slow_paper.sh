#!/bin/sh
# `make paper PROFILE=quick`, all results of both papers at quick scale, makes every figure and table of every
# experiment, and the report shows them. Prints TAP. Takes minutes.
name=paper
. tests/pipeline/tap.sh
dmsq() {
    make --no-print-directory $sanitize PROFILE=quick RESULTS="$folder/results" FIGURES="$folder/figures" QUIET=1 \
        "$@" >"$log" 2>&1
}
root=$folder/results/quick
page=$root/report.html

start=$(date +%s)
dmsq -j2 paper
check "make -j2 paper PROFILE=quick succeeds"
echo "# it took $(($(date +%s) - start)) s"

# The figures and tables, read from the experiment files.
for ini in experiments/*.ini; do
    name=$(basename "$ini" .ini)
    figures=$(sed -n 's/^figure\.\([a-z0-9-]*\) *=.*/\1/p' "$ini")
    tables=$(sed -n "s/^table *=.*/$name/p; s/^table\.\([a-z0-9-]*\) *=.*/\1/p; s/^tool *=.*/$name/p" "$ini")
    missing=
    for figure in $figures; do
        for format in svg png pdf; do
            ls "$folder/figures/quick/$figure".$format "$folder/figures/quick/$figure"@*.$format 2>/dev/null |
                grep -q . ||
                missing="$missing $figure.$format"
        done
        grep -q "<figcaption><strong>$figure[<@]" "$page" || missing="$missing $figure-in-the-report"
    done
    for table in $tables; do
        for format in tsv md; do
            ls "$root/$name/$table".$format "$root/$name/$table"@*.$format 2>/dev/null | grep -q . ||
                missing="$missing $table.$format"
        done
    done
    grep -q "<section id=\"$name\">" "$page" || missing="$missing section-of-the-report"
    [ -z "$missing" ] && [ "$figures$tables" ]
    check "$name: $(echo $figures $tables | tr '\n' ' ')${missing:+MISSING:$missing}"
done

awk -F'\t' '$2 == "training_seconds" { t[$1] = $3 }
    END { exit !(t["fig8: dm"] > 0 && t["fig8: dm-published"] == t["fig8: dm"]) }' "$root/costs/costs.tsv"
check "a training that samples and their density share is counted once in the costs"

[ -s "$page" ] && ! grep -q 'Not computed\|Not complete\|is not computed yet' "$page"
check "the report finds everything computed"
awk -f tests/pipeline/well_formed.awk "$page" >"$log"
check "the report is well-formed and self-contained"
dmsq paper && ! grep -q '^== ' "$log"
check "a second make paper runs no stage"

echo "1..$n"
[ $failures -eq 0 ]

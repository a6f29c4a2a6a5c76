#!/bin/sh
# make costs, figures without data, and make report, at small scale. Prints TAP.
name=report
. tests/pipeline/tap.sh
mkdir "$folder/experiments" &&
    cp experiments/costs.ini experiments/fig9.ini experiments/fig10.ini experiments/published.tsv \
    tests/pipeline/chains.ini "$folder/experiments" || exit 1
dmsq() { # ARGUMENTS: make with only these experiments, as others may not fit the profile
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" PROFILE=tests/pipeline/small.ini \
        RESULTS="$folder/results" FIGURES="$folder/figures" \
        QUIET=1 "$@" >"$log" 2>&1
}
root=$folder/results/small
page=$root/report.html

dmsq report
check "make report works before anything is computed"
awk -f tests/pipeline/well_formed.awk "$page" >"$log" &&
    grep -q 'Not computed yet: <code>make fig9 PROFILE=tests/pipeline/small.ini</code>' "$page"
check "it says what computes missing results"

dmsq -j2 costs
check "make costs succeeds"
awk -F '\t' '$1 == "hmc" && $2 == "configurations_per_second" && $3 > 0 && $5 == 1.57 &&
    $6 - $3 / 1.57 < 1e-3 * $6 && $3 / 1.57 - $6 < 1e-3 * $6 { found = 1 }
    END { exit !found }' "$root/costs/costs.tsv" && grep -q '^train-L32	seconds_per_epoch	[0-9]' "$root/costs/costs.tsv"
check "the table has our rates, the published ones and their ratio"
grep -q 'not measured: train-L24' "$root/costs/costs.md"
check "it lists what was not measured"

dmsq chains
check "make chains succeeds"
dmsq costs
# NAME FILE: prints a number among the notes of a run record
noted() {
    awk -v name="\"$1\":" '$1 == name { inside = 1 }
        inside && $1 == "\"value\":" { sub(",", "", $2); print $2; exit }' "$2"
}
tau=$(noted tau_right_abs_M "$(dirname "$(readlink -f "$root/chains/ac-chain.npz")")/run.json")
rate=$(noted steps_per_second "$(dirname "$(readlink -f "$root/chains/chain.npz")")/run.json")
awk -F '\t' -v tau="$tau" -v rate="$rate" '$1 == "chains: chain" && $2 == "seconds_per_independent_configuration" {
    right = 2 * tau / rate; found = right > 0 && $3 > 0.999 * right && $3 < 1.001 * right && $4 > 0 }
    END { exit !found }' "$root/costs/costs.tsv"
check "an independent configuration costs 2 tau_int steps of the chain (tau_int $tau, $rate steps a second)"
# of NAME FILE: a number of a run record
of() {
    awk -v name="\"$1\":" '$1 == name { sub(",", "", $2); print $2; exit }' "$2"
}
record=$(dirname "$(readlink -f "$root/chains/chain.npz")")/run.json
awk -F '\t' -v tau="$tau" -v rate="$rate" -v own="$(of cpu_user_seconds "$record")" \
    -v kernel="$(of cpu_system_seconds "$record")" -v wall="$(of wall_seconds "$record")" '
    $1 == "chains: chain" && $2 == "cpu_seconds_per_independent_configuration" {
    right = 2 * tau / rate * (own + kernel) / wall; found = right > 0 && $3 > 0.999 * right && $3 < 1.001 * right }
    END { exit !found }' "$root/costs/costs.tsv"
check "the same in processor seconds"
[ -s "$root/chains/ac-walk.npz" ] && ! grep -q '^chains: walk' "$root/costs/costs.tsv"
check "a random walk has no independent configurations"

dmsq fig9 fig10
check "make fig9 fig10 succeeds"
[ -s "$folder/figures/small/fig9.svg" ] && [ -s "$folder/figures/small/fig10.pdf" ] &&
    grep -q '^total			' "$root/fig10/fig10-layers.tsv"
check "the scheme is drawn without data, and the network has its diagram and its table"

dmsq report
check "make report again"
awk -f tests/pipeline/well_formed.awk "$page" >"$log"
check "the page is well-formed and self-contained: $(head -c 200 "$log")"
[ "$(grep -c '<img alt=' "$page")" -eq 2 ] && grep -q 'seconds_per_epoch' "$page" &&
    grep -q '<td class="n">1115297</td>' "$page"
check "it has both figures and the tables"
cp "$page" "$folder/first.html"
dmsq report && cmp "$page" "$folder/first.html" >"$log" 2>&1
check "the same results give the same page"

make --no-print-directory $sanitize report RESULTS="$folder/results" EXPERIMENTS=tests/nowhere >"$log" 2>&1
[ $? -ne 0 ] && grep -q 'tests/nowhere: .*; expected a folder with experiments' "$log"
check "a folder without experiments is refused"

echo "1..$n"
[ $failures -eq 0 ]

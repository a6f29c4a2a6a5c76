#!/bin/sh
# make export: series and results of a node of observables, in three formats. Prints TAP.
name=export
. tests/pipeline/tap.sh
. tests/pipeline/own_lattice.sh
export=$folder/results/export/own

dmsq export NODE=own/observables-chains
[ $? -ne 0 ] && grep -q 'own/observables-chains is not computed .*; make own computes it' "$log"
check "a node that is not computed is not exported, and the message says what computes it"
dmsq own
check "make own succeeds"
for format in pyerrors csv json; do
    dmsq export NODE=own/observables-chains FORMAT=$format && dmsq export NODE=own/observables-one FORMAT=$format
    check "make export FORMAT=$format succeeds"
done
for node in chains one; do
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR == 2 { found = $(column["chi2_value"]) > 0 && $(column["chi2_uncertainty"]) > 0 }
        END { exit !(found && NR == 2) }' \
        "$export/observables-$node.csv"
    check "$node: a line of results with columns NAME_value and NAME_uncertainty"
done
# chi2 = V (<M^2> - <M>^2) from the exported series
awk -F, 'NR == FNR { if (FNR == 1) for (i = 1; i <= NF; i++) column[$i] = i; else chi2 = $(column["chi2_value"]); next }
    FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { m += $(at["M"]); m2 += $(at["M2"]); n++; chains = $(at["chain"]) + 1 }
    END { d = 64 * (m2 / n - m * m / n / n) / chi2 - 1; exit !(n == 128 && chains == 4 && d < 1e-12 && d > -1e-12) }' \
    "$export/observables-chains.csv" "$export/observables-chains-series.csv"
check "the series of 4 chains of 32 configurations give chi2"
cp -r "$export" "$folder/first" && dmsq export NODE=own/observables-chains FORMAT=pyerrors &&
    cmp "$export/observables-chains.json.gz" "$folder/first/observables-chains.json.gz" >"$log" 2>&1
check "the same results give the same bytes"

# From the series beside the artifact, without the configurations; and from the configurations, without the series.
mv "$folder/results/own/chains.npz" "$folder/chains.link" &&
    artifact=$(readlink -f "$folder/results/own/observables-chains.npz") &&
    fields=$(cd "$folder/results/own" && readlink -f "$(readlink "$OLDPWD/$folder/chains.link")") &&
    mv "$fields" "$folder/fields" &&
    dmsq export NODE=own/observables-chains FORMAT=csv &&
    cmp -s "$export/observables-chains-series.csv" "$folder/first/observables-chains-series.csv"
check "the stored series are sufficient"
mv "$folder/fields" "$fields" && rm "${artifact%/*}/series.npz" && dmsq export NODE=own/observables-chains FORMAT=csv &&
    cmp -s "$export/observables-chains-series.csv" "$folder/first/observables-chains-series.csv"
check "without them the result is measured again"
dmsq own && ! grep -q '^== ' "$log"
check "such a result is up to date"

dmsq export NODE=own/observables-chain
[ $? -ne 0 ] && grep -q "NODE='own/observables-chain': .*; did you mean 'own/observables-chains'" "$log"
check "an unknown node is refused with the nearest name"
dmsq export NODE=own/chains
[ $? -ne 0 ] && grep -q 'is of stage ensemble; expected a node of stage observables' "$log"
check "a node of another stage is refused"
dmsq export NODE=own/observables-chains FORMAT=xml
[ $? -ne 0 ] && grep -q "FORMAT='xml': expected one of pyerrors, csv, json" "$log"
check "an unknown format is refused"

echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# Provenance of results, for an experiment of a second: reasons for reruns, make why, diff, verify and archive. Prints
# TAP.
name=provenance
. tests/pipeline/tap.sh
mkdir "$folder/experiments" && cp tests/pipeline/provenance.ini "$folder/experiments/chain.ini" || exit 1
dmsq() { # ARGUMENTS: make with the folders of this test
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/results" \
        FIGURES="$folder/figures" \
        QUIET=1 "$@" >"$log" 2>&1
}
said() { # PATTERN: a line of the output begins with it
    grep -q "^$1" "$log"
}

dmsq chain && said '== chain/generated' && ! grep -q ' -> ' "$log"
check "a first run gives no reason"
dmsq why NODE=chain/generated && said 'chain/generated  is up to date (key [0-9a-f]\{8\}) since 20'
check "why says since when a node is up to date"
dmsq why NODE=chain/generated SET="training.kappa=0.22 generated.configurations=33" &&
    said '  because sample.configurations: 32 -> 33  (SET)$' &&
    said '  because input model changes: [0-9a-f]\{8\} -> [0-9a-f]\{8\}  (chain/model)$' &&
    said '    because input training changes: .*  (chain/training)$' &&
    said '      because ensemble.kappa: 0.21 -> 0.22  (SET)$' &&
    said '  before it run: chain/training, chain/model$'
check "why follows the inputs to the parameter that SET changes"
sed -i 's/^configurations = 32/configurations = 31/' "$folder/experiments/chain.ini"
line=$(grep -n '^configurations = 31' "$folder/experiments/chain.ini" | cut -d: -f1)
dmsq why NODE=generated && said "  because sample.configurations: 32 -> 31  ($folder/experiments/chain.ini:$line)$"
check "why names the line of the experiment"
dmsq chain && said "   sample.configurations: 32 -> 31  ($folder/experiments/chain.ini:$line)$" &&
    said '   input fields changes: sample.configurations: 32 -> 31' && ! said '== chain/model'
check "make prints the reason of every rerun in a line"
dmsq why NODE=chain/generatd
[ $? -eq 2 ] && grep -q "expected EXPERIMENT/NODE, a node or an experiment; did you mean 'chain/generated'" "$log"
check "why of an unknown node suggests the nearest"
dmsq why
[ $? -eq 2 ] && grep -q 'NODE is missing' "$log"
check "why without NODE is refused"

before=$(basename "$(dirname "$(readlink -f "$folder/results/chain/observables-generated.npz")")" | cut -c1-8)
dmsq chain SET="training.kappa=0.22"
after=$(basename "$(dirname "$(readlink -f "$folder/results/chain/observables-generated.npz")")" | cut -c1-8)
dmsq chain && dmsq diff A=chain/observables-generated B=$after &&
    said "A  chain/observables-generated (observables), key $before" &&
    said '      input training  ' && said '        kappa  *0.21  *0.22$' &&
    said '  M  .*([0-9]*)  .*([0-9]*)  *[+-][0-9.]*$' && said '  peak memory '
check "diff follows the inputs to the differences, and prints results with pulls"
dmsq diff A=$before B=chain/observables-generated && said '  the same$' && said '  artifact.npz  *the same bytes'
check "a result does not differ from itself"
dmsq diff A=results/reference/table1/runs/observables-training.json B=chain/observables-generated &&
    said 'A  .* (observables), key' &&
    said '  chi2  *[0-9.]*([0-9]*)  '
check "diff takes the file of a run record"
dmsq diff A=chain/model B=$after
[ $? -eq 2 ] && grep -q 'A=chain/model is of stage train, B=.* of stage observables: expected two results' "$log"
check "diff of two stages is refused"
dmsq diff A=chain/model SET=training.seed=9 B=$after
[ $? -eq 2 ] && grep -q 'A=chain/model: not computed (key [0-9a-f]*); .* last computed version has the key [0-9a-f]*$' \
    "$log"
check "diff of a node that is not computed names its last result"

dmsq verify && said '18 artifacts: 18 as recorded$' && said '18 run records: the ledger has all of them$'
check "verify finds everything as recorded"
dmsq verify NAME=chain RECOMPUTE=1 RECOMPUTED="$folder/recomputed" && said '7 artifacts: 7 identical$' &&
    [ ! -e "$folder/recomputed" ]
check "recomputed artifacts are identical"
model=$(readlink -f "$folder/results/chain/model.npz")
cp "$model" "$folder/model.npz"
printf X | dd of="$model" bs=1 seek=300 conv=notrunc 2>/dev/null
dmsq verify NAME=chain
[ $? -eq 2 ] && grep -q 'chain/model ([0-9a-f]*)  artifact.npz: found SHA-256' "$log" &&
    said '7 artifacts: 6 as recorded, 1 altered$'
check "verify finds a changed artifact"
dmsq verify NAME=chain RECOMPUTE=1 RECOMPUTED="$folder/recomputed"
[ $? -eq 2 ]
check "then it fails before it recomputes anything"
cp "$folder/model.npz" "$model"
dmsq verify NAME=chian
[ $? -eq 2 ] && grep -q "NAME=chian: expected the name of an experiment; did you mean 'chain'" "$log"
check "verify of an unknown experiment suggests the nearest"

dmsq archive NAME=chain ARCHIVES="$folder/archives"
[ $? -eq 2 ] && grep -q '^LICENSE is missing: expected an SPDX identifier' "$log" && [ ! -e "$folder/archives" ]
check "an archive needs a licence"
refused=0
for license in "CC BY 4.0" "$folder/no-such-license"; do
    dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE="$license"
    [ $? -eq 2 ] && grep -q "^LICENSE='$license': expected an SPDX identifier" "$log" && refused=$((refused + 1))
done
[ $refused -eq 2 ] && [ ! -e "$folder/archives" ]
check "a licence that is none is refused before anything is copied"
dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE=none && said 'missing: a licence' &&
    said 'missing: .*project.ini'
check "LICENSE=none is accepted; archive names what is missing"
bag=$(echo "$folder"/archives/chain-*.*[0-9])
mv "$bag.tar.gz" "$folder/first.tar.gz"
dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE=none && cmp "$bag.tar.gz" "$folder/first.tar.gz"
check "two archives of the same results are the same bytes"
make -s -C "$bag/data" check >"$log" 2>&1 && said '[0-9]* files: all as in the manifest' &&
    [ "$(sed -n 's/^Payload-Oxum: .*\.//p' "$bag/bag-info.txt")" -eq "$(find "$bag/data" -type f | wc -l)" ] &&
    [ ! "$(find "$bag" -type l)" ]
check "its files agree with the manifest, and none is a link"
"${BUILD:-build}/bin/verify" --results="$bag/data/results" --experiments="$bag/data/experiments" >"$log" 2>&1 &&
    said '7 artifacts: 7 as recorded$' && said '7 run records: the ledger has all of them$' &&
    [ "$(ls "$bag/data/results")" = "$(printf '%s\n' artifacts chain ledger.sqlite)" ]
check "it has the artifacts of the experiment, and a ledger of their runs only"
cmp "$bag/data/results/chain/chain.tsv" "$folder/results/chain/chain.tsv" && [ -s "$bag/data/figures/histogram.pdf" ] &&
    [ -s "$bag/data/source/VERSION" ] && [ -s "$bag/data/CITATION.cff" ] &&
    [ -s "$bag/data/environment/packages.tsv" ] && grep -q '"ComputationalWorkflow"' "$bag/data/ro-crate-metadata.json"
check "it has tables, figures, source, environment and metadata"
dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE=none SET=generated.seed=7
[ $? -eq 2 ] && grep -q '4 of the 7 steps of chain are not computed; make chain SET="generated.seed=7" computes them' \
    "$log"
check "an incomplete experiment is not archived"
printf X | dd of="$model" bs=1 seek=300 conv=notrunc 2>/dev/null
dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE=none
[ $? -eq 2 ] && grep -q 'expected results that make verify accepts' "$log" &&
    [ "$(ls -A "$folder/archives" | wc -l)" -eq 2 ]
check "a changed artifact is not archived, and no files are left"
cp "$folder/model.npz" "$model"

# An input file from outside the tree is archived, and the archived experiment refers to it there. Read in the archive,
# the experiment has the same keys.
cp figures/magnetization.gp "$folder/own.gp" && echo '# mine' >>"$folder/own.gp"
sed -i "s,^style = .*,style = $folder/own.gp," "$folder/experiments/chain.ini"
dmsq chain && dmsq archive NAME=chain ARCHIVES="$folder/archives" LICENSE=none &&
    cmp "$folder/own.gp" "$bag"/data/inputs/*/own.gp &&
    grep -q '^style = ../inputs/[0-9a-f]*/own.gp$' "$bag/data/experiments/chain.ini"
check "a file from outside the tree is in the archive"
bin=$(cd "${BUILD:-build}/bin" && pwd)
"$bin/plan" --nodes --experiments="$folder/experiments" --results="$folder/results" >"$folder/keys"
(cd "$bag/data/source" && "$bin/plan" --nodes --experiments=../experiments --results=../results) >"$log" 2>&1 &&
    cmp "$log" "$folder/keys"
check "the archived experiment has the same keys"

echo "1..$n"
[ $failures -eq 0 ]

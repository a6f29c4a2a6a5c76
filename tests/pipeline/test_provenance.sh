#!/bin/sh
# Where results come from, on an experiment of a second: the reasons of reruns, why, diff, verify and archive as make runs
# them. Prints TAP.
name=provenance
. tests/pipeline/tap.sh
mkdir "$folder/experiments" && cp tests/pipeline/provenance.ini "$folder/experiments/chain.ini" || exit 1
dmsq() { # make with folders of the test
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/results" FIGURES="$folder/figures" \
        QUIET=1 "$@" >"$log" 2>&1
}
said() { # lines that begin so
    grep -q "^$1" "$log"
}

dmsq chain && said '== chain/generated' && ! grep -q ' -> ' "$log"
check "a first run gives no reason"
dmsq why NODE=chain/generated && said 'chain/generated  is up to date (key [0-9a-f]\{8\}) since 20'
check "why says since when a node is there"
dmsq why NODE=chain/generated SET="training.kappa=0.22 generated.configurations=33" &&
    said '  because sample.configurations: 32 -> 33  (SET)$' &&
    said '  because input model changes: [0-9a-f]\{8\} -> [0-9a-f]\{8\}  (chain/model)$' &&
    said '    because input training changes: .*  (chain/training)$' && said '      because ensemble.kappa: 0.21 -> 0.22  (SET)$' &&
    said '  before it run: chain/training, chain/model$'
check "why follows the chain to what SET changes"
sed -i 's/^configurations = 32/configurations = 31/' "$folder/experiments/chain.ini"
line=$(grep -n '^configurations = 31' "$folder/experiments/chain.ini" | cut -d: -f1)
dmsq why NODE=generated && said "  because sample.configurations: 32 -> 31  ($folder/experiments/chain.ini:$line)$"
check "and to a line of the experiment"
dmsq chain && said "   sample.configurations: 32 -> 31  ($folder/experiments/chain.ini:$line)$" &&
    said '   input fields changes: sample.configurations: 32 -> 31' && ! said '== chain/model'
check "every rerun of make states its reason in a line"
dmsq why NODE=chain/generatd
[ $? -eq 2 ] && grep -q "expected EXPERIMENT/NODE, a node or an experiment; did you mean 'chain/generated'" "$log"
check "why of something unknown says what is near"
dmsq why
[ $? -eq 2 ] && grep -q 'NODE is missing' "$log"
check "why without NODE says so"

dmsq verify && said '11 artifacts: 11 as recorded$' && said '11 run records: the ledger has all of them$'
check "verify finds everything as recorded"
dmsq verify NAME=chain RECOMPUTE=1 RECOMPUTED="$folder/recomputed" && said '7 artifacts: 7 identical$' && [ ! -e "$folder/recomputed" ]
check "and identical when it is computed again"
model=$(readlink -f "$folder/results/chain/model.npz")
cp "$model" "$folder/model.npz"
printf X | dd of="$model" bs=1 seek=300 conv=notrunc 2>/dev/null
dmsq verify NAME=chain
[ $? -eq 2 ] && grep -q 'chain/model ([0-9a-f]*)  artifact.npz: SHA-256' "$log" && said '7 artifacts: 6 as recorded, 1 altered$'
check "an altered artifact is found"
dmsq verify NAME=chain RECOMPUTE=1 RECOMPUTED="$folder/recomputed"
[ $? -eq 2 ]
check "and fails before anything is computed again"
cp "$folder/model.npz" "$model"
dmsq verify NAME=chian
[ $? -eq 2 ] && grep -q "NAME=chian: expected the name of an experiment; did you mean 'chain'" "$log"
check "verify of something unknown says what is near"

echo "1..$n"
[ $failures -eq 0 ]

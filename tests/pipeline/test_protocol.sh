#!/bin/sh
# Invalid changes by SET and profiles are refused before anything is computed. Headings of tables state the parameters
# that were used, and published values are shown only beside results with the published parameters. Prints TAP.
name=protocol
. tests/pipeline/tap.sh
. tests/pipeline/short.sh
cat >"$folder/experiments/published.tsv" <<'END'
experiment	dataset	observable	value	error	source
short	training	M	0.1	0.01	nowhere
short	testing	M	0.2	0.01	nowhere
END
sed -i \
    "s,^published =,published = $folder/experiments/published.tsv\ntitle = at kappa = {training.kappa} "\
"and {testing.kappa}\, {training.lattice} {not.there} {/Symbol k}," \
    "$folder/experiments/short.ini"
sed -i 's/^network = gaussian/network = unet\nwidth = 8\nembedding = 16\nepochs = 1\nexcess-levels = 2/' \
    "$folder/experiments/short.ini"
refused() { # MESSAGE GOALS...: status 2 with the message, before anything is computed
    message=$1
    shift
    dmsq "$@"
    [ $? -eq 2 ] && grep -q "$message" "$log" && [ ! -e "$root/artifacts" ]
}
refused 'training and testing have the same random numbers (seed = 7), .*model depends on both' \
    SET=ensemble.seed=7 short
check "training and testing data from the same chains are refused"
refused 'the same random numbers' SET="testing.seed=1 testing.configurations=32" short
check "also if one is the beginning of the other"
refused 'lattice is 9 x 9, expected extents' SET=ensemble.lattice=9x9 short
check "a lattice that the network does not accept is refused before the ensembles are made"
refused 'in 3 dimensions found, expected 2' SET=ensemble.lattice=4x4x4 short
check "a lattice of another dimension is refused"
refused 'validation set has another lattice' SET=testing.lattice=16x16 short
check "a validation set on another lattice is refused"

dmsq short && grep -q '^# at kappa = 0.21 and 0.21, 8x8 {not.there} {/Symbol k}$' "$root/short/short.md"
check "the heading has values of parameters, and other braces are unchanged: $(head -1 "$root/short/short.md")"
published() { # NAME: the rows of its table that have published values
    awk -F '\t' 'NR > 1 && $5 != "" { print $1 }' "$root/$1/short.tsv" | sort -u | tr '\n' ' '
}
[ "$(published short)" = "testing training " ] && ! grep -q 'No published values' "$root/short/short.md"
check "published values are shown beside results with the published parameters"
dmsq SET="testing.configurations=32 testing.seed=5" short && [ "$(published short)" = "training " ] &&
    grep -q '^No published values stand beside what was computed with other parameters' "$root/short/short.md"
check "not beside results that SET changed: $(published short)"
dmsq SET="train.epochs=2 ensemble.kappa=0.2" short && [ "$(published short)" = "" ] &&
    grep -q '^# at kappa = 0.2 and 0.2, 8x8' "$root/short/short.md"
check "not beside another theory, which is in the heading"
printf '[ensemble]\nlattice = 16x16\n' >"$folder/experiments/profiles/other.ini"
dmsq PROFILE=other short && [ "$(published other/short)" = "" ] &&
    grep -q '^# at kappa = 0.21 and 0.21, 16x16' "$root/other/short/short.md"
check "not beside another lattice from a profile"
dmsq short && [ "$(published short)" = "testing training " ]
check "without SET they are shown again"

# The stage itself also checks its data.
build=${BUILD:-build}
set -- --network=unet --width=8 --embedding=16 --epochs=1 --quiet
"$build/bin/ensemble" --lattice=8,8 --configurations=32 --thermalisation=10 --test-chains=0 --seed=1 \
    --output="$folder/start" --quiet
"$build/bin/train" "$@" --training="$root/short/training.npz" --validation="$folder/start/artifact.npz" \
    --output="$folder/model" >"$log" 2>&1
[ $? -eq 2 ] && grep -q 'start/artifact.npz: configuration 0 is configuration 0 of the training set' "$log"
check "train refuses a validation set that is part of the training set"

# The errors of a chain that never moves are unknown, not zero.
"$build/bin/ensemble" --lattice=8,8 --configurations=256 --chains=1 --thermalisation=20 --stride=1 --leapfrog-steps=1 \
    --trajectory-length=8 --output="$folder/frozen" --quiet &&
    grep -q '"thermalisation": "FAILED' "$folder/frozen/run.json" &&
    ! grep -q '+- 0[.0]*"' "$folder/frozen/run.json"
check "a chain that never moves is marked"
"$build/bin/observables" --fields="$folder/frozen/artifact.npz" --output="$folder/frozen-observables" --quiet >"$log" \
    2>&1 &&
    "$build/bin/table" --rows="$folder/frozen-observables/artifact.npz" --datasets=frozen --experiment=x --published= \
    --output="$folder/frozen-table" --quiet >"$log" 2>&1 &&
    ! grep -q '+- 0[.0]*"' "$folder/frozen-observables/run.json" &&
    ! grep -q '[0-9](0)' "$folder/frozen-table/table.md" && ! grep -q '[0-9](0)' "$folder/frozen-table/table.tex" &&
    awk -F '\t' '$2 == "M" { found = $4 == "nan" } END { exit !found }' "$folder/frozen-table/table.tsv"
check "no error of 0 is printed for it"

echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# make points: a figure drawn from the run records of its points, which are computed one by one, has the bytes of the
# figure computed at once. Prints TAP.
name=points
. tests/pipeline/tap.sh
folder=$PWD/$folder
mkdir "$folder/experiments" && cat >"$folder/experiments/sweep.ini" <<'END' || exit 1
[experiment]
title = Acceptance of a Gaussian proposal
figure.sweep = figure
figure.histogram = histogram
[ensemble]
lattice = 4x4
lambda = 0.022
configurations = 128
thermalisation = 50
stride = 2
[training]
stage = ensemble
sweep.kappa = 0.1, 0.2, 0.3
test-chains = 32
[training@kappa=0.3]
thermalisation = 1
stride = 1
[model]
stage = train
training = training
network = gaussian
[proposals]
stage = propose
model = model
configurations = 64
method = direct
[measured]
stage = observables
fields = training
[figure]
stage = plot
data = proposals
style = figures/acceptance.gp
kind = points
x = 0.1, 0.2, 0.3
members = acceptance, acceptance_error, var_log_w, slope
labels = Gaussian
[histogram]
stage = plot
data = measured
style = figures/magnetization.gp
kind = histogram
END
dmsq() { # RESULTS ARGUMENTS: make with the folders of this test
    results=$1
    shift
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/$results" \
        FIGURES="$folder/$results/figures" QUIET=1 "$@" >"$log" 2>&1
}
kept=$folder/parts/reference
dmsq whole sweep && dmsq whole reference-sweep
check "the figure computed at once"
dmsq parts points NAME=sweep && [ ! -e "$kept/sweep-points" ]
check "before any point is computed nothing is kept"
dmsq parts compute NODE=sweep/proposals@kappa=0.2 && dmsq parts points NAME=sweep &&
    grep -q '^sweep: no record of sweep/proposals@kappa=0.1$' "$log" && ! grep -q 'kappa=0.2$' "$log" &&
    [ -e "$kept/sweep-points/runs/proposals@kappa=0.2.json" ] &&
    [ -e "$kept/sweep-points/runs/model@kappa=0.2.json" ] &&
    [ ! -e "$kept/sweep" ]
check "with one point its record is kept, and the others are named"
cp -R "$folder/parts" "$folder/gaps"
dmsq gaps points NAME=sweep GAPS=yes && grep -q '^sweep: drawn$' "$log" &&
    [ "$(grep -c '	nan	nan	nan	nan$' "$folder/gaps/reference/sweep/sweep.tsv")" -eq 2 ] &&
    grep "	0.2	" "$folder/whole/reference/sweep/sweep.tsv" >"$folder/row" &&
    grep -qFf "$folder/row" "$folder/gaps/reference/sweep/sweep.tsv" &&
    grep -q '2 points not computed' "$folder/gaps/reference/sweep/sweep.svg" &&
    grep -A2 '"missing"' "$folder/gaps/reference/sweep/runs/figure.json" | grep -q '"value": 2'
check "with GAPS=yes it is drawn without the others"
rm -rf "$folder/parts/artifacts"
dmsq parts -j2 compute NODE="sweep/proposals@kappa=0.1 sweep/proposals@kappa=0.3"
mkdir -p "$kept/sweep/runs" && echo old >"$kept/sweep/runs/proposals@kappa=7.json" &&
    echo other >"$kept/sweep/runs/proposals-other.json"
dmsq parts points NAME=sweep && grep -q '^sweep: drawn$' "$log" &&
    cmp "$folder/whole/reference/sweep/sweep.tsv" "$kept/sweep/sweep.tsv" >>"$log" 2>&1 &&
    cmp "$folder/whole/reference/sweep/sweep.svg" "$kept/sweep/sweep.svg" >>"$log" 2>&1 &&
    [ -s "$kept/sweep/sweep.png" ] && [ ! -e "$kept/sweep-points" ] &&
    grep -q 'not in equilibrium' "$kept/sweep/sweep.svg"
check "with all points, on another machine, the figure has the same bytes"
[ ! -e "$kept/sweep/runs/proposals@kappa=7.json" ] && [ -e "$kept/sweep/runs/proposals-other.json" ] &&
    [ -e "$kept/sweep/runs/training@kappa=0.2.json" ] &&
    grep -q '"numbers": "from the run records of the points"' "$kept/sweep/runs/figure.json"
check "the records of its points replace older ones of the same nodes, and no others"
dmsq parts points NAME=histogram
[ $? -eq 2 ] && grep -q '^histogram: expected a figure of kind = points' "$log" && [ ! -e "$kept/sweep-points" ]
check "a histogram cannot be drawn from records"
dmsq parts points NAME=fig99
[ $? -eq 2 ] && grep -q 'there is no figure called fig99' "$log"
check "an unknown figure is refused"
dmsq parts points NAME=sweep GAPS="1;touch $folder/touched"
[ $? -eq 2 ] && grep -q '^GAPS=1;touch .*: expected yes' "$log" && [ ! -e "$folder/touched" ]
check "GAPS is yes or nothing, and not executed"
dmsq parts points NAME=sweep PROFILE=reduced
[ $? -eq 2 ] && grep -q "^PROFILE=reduced: points are kept at the paper's scale only" "$log"
check "another profile is refused"
dmsq parts points
[ $? -eq 2 ] && grep -q 'NAME is missing' "$log"
check "a missing name is refused"
dmsq parts compute NODE="sweep/model@kappa=0.2 sweep/model@kappa=7"
[ $? -eq 2 ] && grep -q '^NODE=sweep/model@kappa=7: expected EXPERIMENT/NODE' "$log" && ! grep -q '^==' "$log"
check "make compute of an unknown node computes nothing"
echo "1..$n"
[ $failures -eq 0 ]

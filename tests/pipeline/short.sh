# A pipeline of a few seconds, for scripts of this folder, which source it after tap.sh: an experiment with two
# ensembles, a Gaussian model and a table, in $folder/experiments. `dmsq` runs make on it, with results in $root.
mkdir "$folder/experiments" "$folder/experiments/profiles" || exit 1
cat >"$folder/experiments/short.ini" <<'END'
[experiment]
title = a short way through the pipeline
table = comparison
figure.short-fig = picture
[ensemble]
lattice = 8x8
configurations = 64
thermalisation = 10
test-chains = 16
[training]
stage = ensemble
seed = 1
[testing]
stage = ensemble
seed = 2
[model]
stage = train
network = gaussian
training = training
validation = testing
[observables]
[observables-training]
stage = observables
fields = training
[observables-testing]
stage = observables
fields = testing
[comparison]
stage = table
rows = observables-training, observables-testing
datasets = training, testing
experiment = short
published =
[picture]
stage = plot
common = figures/style.gp
data = observables-testing
style = figures/magnetization.gp
kind = histogram
members = M
labels = testing
END
make="make --no-print-directory $sanitize EXPERIMENTS=$folder/experiments QUIET=1"
here="RESULTS=$folder/results FIGURES=$folder/figures"
root=$folder/results
dmsq() { # ARGUMENTS: make with the folders of this test
    $make $here "$@" >"$log" 2>&1
}
ran() { # the nodes that the last make ran, sorted
    sed -n "s,^== short/,,p" "$log" | sort | tr '\n' ' '
}

# An experiment for the scripts of this folder, which source it after tap.sh: Markov chains and independent
# configurations on 8x8, with measurements. `dmsq TARGET` runs make on it.
mkdir "$folder/experiments" || exit 1
cat >"$folder/experiments/own.ini" <<'END'
[experiment]
summary = a lattice of one's own

[ensemble]
lattice = 8x8
kappa = 0.18
lambda = 0.1

[chains]
stage = ensemble
configurations = 128
chains = 4
thermalisation = 50
stride = 2
seed = 1

[one]
stage = ensemble
configurations = 64
thermalisation = 50
seed = 2

[observables-chains]
stage = observables
fields = chains

[observables-one]
stage = observables
fields = one
END
dmsq() {
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/results" \
        FIGURES="$folder/figures" \
        QUIET=1 "$@" >"$log" 2>&1
}

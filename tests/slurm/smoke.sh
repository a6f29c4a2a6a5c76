#!/bin/sh
# One job array of a real Slurm on this machine (cluster.sh): an ensemble in three parts has the bytes of plain make.
# Prints TAP. Needs root. For .ci/run, which sets BUILD and, for further variables of make, VARIABLES. slow_slurm.sh is
# the complete test.
name=smoke
. tests/pipeline/tap.sh
. tests/slurm/cluster.sh
folder=$(cd "$folder" && pwd)
log=$folder/log
mkdir "$folder/cluster" "$folder/experiments"
if ! start_cluster "$folder/cluster"; then
    stop_cluster
    echo "1..0 # SKIP no Slurm: it cannot be installed or started here"
    exit 0
fi
trap 'stop_cluster; clean_up' EXIT
cat >"$folder/experiments/array.ini" <<'INI'
[experiment]
title = One array
summary = an ensemble

[fields]
stage = ensemble
lattice = 8x8
configurations = 96
thermalisation = 100
INI
make="make --no-print-directory BUILD=${BUILD:-build} $VARIABLES EXPERIMENTS=$folder/experiments QUIET=1 THREADS=1"
$make RESULTS="$folder/plain" array >"$log" 2>&1
check "plain make"
$make RESULTS="$folder/array" slurm NAME=array PARTS=3 >"$log" 2>&1 && grep -q '(3 parts)' "$log" &&
    wait_for_jobs 60 >>"$log" 2>&1 &&
    cmp "$folder"/plain/artifacts/*/artifact.npz "$folder"/array/artifacts/*/artifact.npz >>"$log" 2>&1 &&
    [ "$(grep -l '"status": "part"' "$folder"/array/artifacts/*/runs/*.json | wc -l)" = 3 ]
check "a job array of three parts gives the same bytes"
echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# Experiments as jobs of a real Slurm on this machine (cluster.sh): as arrays, with a killed job, with a drained node,
# with a job that reaches its time limit, and submitted twice at once. All give the bytes of plain make. First a small
# experiment, then Figure 13 at quick scale. Prints TAP. Needs root; takes 20 minutes on a free machine, mostly waiting.
name=slurm
. tests/pipeline/tap.sh
. tests/slurm/cluster.sh
folder=$(cd "$folder" && pwd)
log=$folder/log
mkdir "$folder/cluster"
if ! start_cluster "$folder/cluster"; then
    stop_cluster
    echo "1..0 # SKIP no Slurm: it cannot be installed or started here"
    exit 0
fi
trap 'stop_cluster; clean_up' EXIT
mkdir "$folder/experiments" && cp tests/slurm/cluster.ini "$folder/experiments/"
# The small experiment, until these are changed below; all figures are in one folder.
name=cluster experiments=$folder/experiments profile=paper
make() {
    command make --no-print-directory $sanitize QUIET=1 THREADS=1 EXPERIMENTS="$experiments" PROFILE="$profile" \
        FIGURES="$folder/figures" "$@"
}
digests() {
    (cd "$1" && find . -name artifact.npz | sort | xargs sha256sum)
}
same() { # RESULTS [PLAIN]: status 0 if it has the artifacts of plain make and no unfinished files
    [ "$(digests "$1")" = "$(digests "${2:-$folder/plain}")" ] &&
        [ -z "$(find "$1" -name parts -o -name 'partial-*' -o -name '*.tmp-*')" ]
}
submit() { # submit RESULTS VARIABLES...
    results=$1
    shift
    make RESULTS="$folder/$results" "$@" slurm NAME="$name"
}

make RESULTS="$folder/plain" cluster >"$log" 2>&1
check "plain make"

submit arrays PARTS=3 >"$log" 2>&1 && wait_for_jobs 300 >>"$log" 2>&1 && same "$folder/arrays"
check "job arrays of three parts give the bytes of plain make"
make RESULTS="$folder/arrays" slurm-status NAME=cluster >"$log" 2>&1 && [ "$(grep -c ': done, on ' "$log")" -ge 7 ] &&
    grep -q 'all nodes are computed' "$log"
check "slurm-status says that all is done"
submit arrays PARTS=3 >"$log" 2>&1 && grep -q '^0 nodes submitted' "$log" && [ -z "$(squeue -h)" ]
check "finished work is not submitted again"
[ ! -e "$folder/arrays/ledger.sqlite" ] && make RESULTS="$folder/arrays" ledger-rebuild >"$log" 2>&1 &&
    grep -q 'part' "$log"
check "no job writes to the ledger; ledger-rebuild enters the records of parts"

make RESULTS="$folder/launched" LAUNCH="srun -N1 -n1 -c1 --quiet" -j2 cluster >"$log" 2>&1 && same "$folder/launched" &&
    [ -e "$folder/launched/ledger.sqlite" ]
check "LAUNCH starts stages through srun, and make enters their records into the ledger"

# Figure 13 at quick scale, with disturbances. A stage is killed, and the jobs of its node are submitted again with
# another number of parts. One of them is then stopped until its time limit is near, while the cluster's node is drained
# and resumed.
experiments=experiments name=fig13 profile=quick
long='SET=training-weak.thermalisation=10000 training-weak.test-chains=0'
# Signal 0 cannot tell a zombie, whose parent has not yet asked for its status, from a running process.
alive() {
    grep -q '^State:[[:space:]]*[RSD]' "/proc/$1/status" 2>/dev/null
}
running() { # RESULTS NODE: waits until a part of the node runs; sets $record to its record, $process to its stage
    for i in $(seq 1200); do
        for record in $(grep -l "\"label\": \"[^\"]*/$2\"" "$folder/$1"/quick/artifacts/*/runs/*.json 2>/dev/null); do
            process=$(basename "$record" .json | sed 's/.*-//')
            grep -q '"status": "running"' "$record" && alive "$process" && return 0
        done
        sleep 0.05
    done
    return 1
}
make RESULTS="$folder/plain13" "$long" fig13 >"$log" 2>&1
check "plain make of Figure 13, quick"

submit disturbed PARTS=2 "$long" >"$log" 2>&1
running disturbed training-weak && kill -KILL "$process"
killed=$(dirname "$(dirname "$record")")
wait_for_jobs 1200 >>"$log" 2>&1 && [ ! -e "$killed/artifact.npz" ] &&
    [ -z "$(grep -l "$(basename "$killed")" "$folder"/disturbed/quick/artifacts/*/run.json)" ] &&
    [ "$(find "$folder/disturbed" -name artifact.npz | wc -l)" -gt 20 ]
check "jobs that depend on a killed job do not run, and the others do"
make RESULTS="$folder/disturbed" slurm-status NAME=fig13 "$long" >"$log" 2>&1
grep -q "training-weak: not in the queue; its last run: ended without a message (on $(hostname))" "$log"
check "slurm-status names the missing node and the reason"

submit disturbed PARTS=3 TIME=3 "$long" >"$log" 2>&1
logs=$folder/disturbed/quick/slurm/fig13
running disturbed training-weak && kill -STOP "$process"
scontrol update nodename=localhost state=drain reason=test
sleep 2
scontrol update nodename=localhost state=resume
for i in $(seq 2000); do
    grep -q 'time limit is near' "$logs"/training-weak*.log && break
    sleep 0.1
done
kill -CONT "$process"
wait_for_jobs 1500 >>"$log" 2>&1
cat "$logs"/training-weak*.log >>"$log"
grep -q '^queued again' "$log" && grep -q '"message": "interrupted by SIGTERM"' "$killed"/runs/*.json
check "a job that reaches its time limit is interrupted and queued again"
same "$folder/disturbed" "$folder/plain13"
check "submitted again in other parts, held until the time limit, on a drained and resumed node: the bytes of make"
make RESULTS="$folder/disturbed" FIGURES="$folder/figures-disturbed" "$long" fig13 >"$log" 2>&1 &&
    ! grep -q '^==' "$log" &&
    cmp "$folder/disturbed/quick/fig13/fig13.tsv" "$folder/plain13/quick/fig13/fig13.tsv" >>"$log" 2>&1
check "make then computes nothing and publishes the same table"

submit twice PARTS=2 "$long" >"$log" 2>&1
rm "$folder/twice/quick/slurm/jobs"
submit twice PARTS=3 "$long" >>"$log" 2>&1 && wait_for_jobs 2400 >>"$log" 2>&1 && same "$folder/twice" "$folder/plain13"
check "Figure 13 twice at once"

# One chain that takes longer than the time limit saves nothing, and is queued again once.
name=cluster experiments=$folder/experiments profile=paper
submit short PARTS=1 TIME=2 SET="training.thermalisation=100000000 training.chains=1 training.configurations=2" \
    >"$log" 2>&1
wait_for_jobs 900 >>"$log" 2>&1
cat "$folder"/short/slurm/cluster/training*.log >>"$log"
[ "$(grep -c '^queued again' "$log")" = 1 ] &&
    grep -q 'nothing was saved within the time limit: not queued again' "$log"
check "a job that saves nothing within its time limit is queued again once"
echo "1..$n"
[ $failures -eq 0 ]

#!/bin/sh
# An experiment as jobs of a real Slurm on this machine (cluster.sh): as arrays, with a job that is killed, a node that is
# drained, twice at once, and with a time limit that ends jobs which are queued again: always the bytes of plain make.
# Prints TAP. Needs root; takes 10 minutes, most of them Slurm's own pauses.
name=slurm
. tests/pipeline/tap.sh
. tests/slurm/cluster.sh
folder=$(cd "$folder" && pwd)
log=$folder/log
mkdir "$folder/cluster"
if ! start_cluster "$folder/cluster"; then
    echo "1..0 # SKIP no Slurm: it cannot be installed or started here"
    exit 0
fi
trap 'stop_cluster; clean_up' EXIT
mkdir "$folder/experiments" && cp tests/slurm/cluster.ini "$folder/experiments/"
make="make --no-print-directory $sanitize EXPERIMENTS=$folder/experiments FIGURES=$folder/figures QUIET=1 THREADS=1"
digests() {
    (cd "$1/artifacts" && find . -name artifact.npz | sort | xargs sha256sum)
}
same() { # whether a folder of results has the artifacts of plain make, and nothing that work leaves behind
    [ "$(digests "$1")" = "$(digests "${2:-$folder/plain}")" ] && [ -z "$(find "$1" -name parts -o -name 'partial-*' -o -name '*.tmp-*')" ]
}
submit() { # submit RESULTS VARIABLES...
    results=$1
    shift
    $make RESULTS="$folder/$results" "$@" slurm NAME=cluster
}
running() { # the record of a part of a node that runs
    grep -l '"status": "running"' $(grep -l "\"label\": \"cluster/$2\"" "$folder/$1"/artifacts/*/runs/*.json 2>/dev/null) 2>/dev/null | head -1
}

$make RESULTS="$folder/plain" cluster >"$log" 2>&1
check "plain make"

submit arrays PARTS=3 >"$log" 2>&1 && wait_for_jobs 300 >>"$log" 2>&1 && same "$folder/arrays"
check "job arrays of three parts give the bytes of plain make"
$make RESULTS="$folder/arrays" slurm-status NAME=cluster >"$log" 2>&1 && [ "$(grep -c ': done, on ' "$log")" -ge 7 ] &&
    grep -q 'all nodes are there' "$log"
check "slurm-status says that all is done"
submit arrays PARTS=3 >"$log" 2>&1 && grep -q '^0 nodes submitted' "$log" && [ -z "$(squeue -h)" ]
check "finished work is not submitted again"
[ ! -e "$folder/arrays/ledger.sqlite" ] && $make RESULTS="$folder/arrays" ledger-rebuild >"$log" 2>&1 && grep -q 'part' "$log"
check "no job touches the ledger, which takes in the records of parts"

$make RESULTS="$folder/launched" LAUNCH="srun -N1 -n1 -c1 --quiet" -j2 cluster >"$log" 2>&1 && same "$folder/launched" &&
    [ -e "$folder/launched/ledger.sqlite" ]
check "LAUNCH starts stages through srun, and make enters their records into the ledger"

# A stage is killed in the middle of its array; then the node is drained and resumed while the rest is at work.
submit killed PARTS=2 SET=training.thermalisation=40000 >"$log" 2>&1
for i in $(seq 300); do
    record=$(running killed training)
    [ "$record" ] && break
    sleep 0.1
done
sleep 1
[ "$record" ] && kill -KILL "$(basename "$record" .json | sed 's/.*-//')" && wait_for_jobs 300 >>"$log" 2>&1 &&
    [ "$(find "$folder/killed/artifacts" -name artifact.npz | wc -l)" = 1 ] # the other ensemble
check "what depends on a job that was killed does not run"
$make RESULTS="$folder/killed-plain" SET=training.thermalisation=40000 cluster >>"$log" 2>&1
submit killed PARTS=3 SET=training.thermalisation=40000 >"$log" 2>&1
scontrol update nodename=localhost state=drain reason=test
sleep 2
scontrol update nodename=localhost state=resume
wait_for_jobs 300 >>"$log" 2>&1 && same "$folder/killed" "$folder/killed-plain"
check "submitted again, in other parts and on a node that is drained and resumed, it ends with the same bytes"

submit twice PARTS=2 >"$log" 2>&1
rm "$folder/twice/slurm/jobs"
submit twice PARTS=3 >>"$log" 2>&1 && wait_for_jobs 400 >>"$log" 2>&1 && same "$folder/twice"
check "the same experiment twice at once"

# Longer than the time limit of two minutes, which Slurm announces a minute before.
long=SET="training.thermalisation=${LONG:-1500000} training.configurations=64"
submit limited PARTS=1 TIME=2 "$long" >"$log" 2>&1
$make RESULTS="$folder/limited-plain" "$long" cluster >>"$log" 2>&1
wait_for_jobs 1500 >>"$log" 2>&1
grep -q '"message": "interrupted by SIGTERM"' "$folder"/limited/artifacts/*/runs/*.json && same "$folder/limited" "$folder/limited-plain"
check "a job that reaches its time limit is queued again and resumes from its parts"
echo "1..$n"
[ $failures -eq 0 ]

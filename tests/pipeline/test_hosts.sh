#!/bin/sh
# Two hosts use one results folder on a file system without locks. A preloaded library (refuse.c) refuses locks, and
# simulates host names and equal process numbers on both hosts. Prints TAP.
name=hosts
. tests/pipeline/tap.sh
[ "$sanitize" ] && { echo "1..0 # SKIP sanitizers do not allow preloading"; exit 0; }
. tests/pipeline/short.sh
build=${BUILD:-build}
${CC:-gcc} -shared -fPIC -O1 -o "$folder/refuse.so" tests/pipeline/refuse.c -ldl >"$log" 2>&1
check "the preloaded library compiles"
host() { # NAME COMMAND...: runs it on that host
    host=$1
    shift
    env HOST="$host" REFUSE="flock=37 fcntl=37" LD_PRELOAD="$PWD/$folder/refuse.so" "$@"
}
at_work() { # FOLDER TEXT: waits for a run record with status "running" and the text
    for i in $(seq 400); do
        grep -l '"status": "running"' "$1"/runs/*.json 2>/dev/null | xargs -r grep -l "$2" >"$folder/found" 2>/dev/null
        [ -s "$folder/found" ] && return 0
        sleep 0.05
    done
    return 1
}
said() { # FILE TEXT: waits until the file has the text
    for i in $(seq 400); do
        grep -q "$2" "$1" && return 0
        sleep 0.05
    done
    return 1
}
left_over() { find "$1" -name '*.tmp-*' -o -name 'partial-*' -o -name 'pending-*' -o -name parts; }
count() { # FOLDER STATUS: number of run records with it
    grep -l "\"status\": \"$2\"" "$1"/runs/*.json 2>/dev/null | wc -l
}
small="$build/bin/ensemble --quiet --lattice=8,8 --configurations=64 --thermalisation=200 --test-chains=0"
large="$build/bin/ensemble --lattice=16,16 --configurations=64 --chains=64 --thermalisation=200 --test-chains=0"
$small --output="$folder/small" 2>"$log" && $large --quiet --output="$folder/large" 2>"$log"
check "one host alone"

# The same work at the same time, by processes with the same number.
right=0
for i in 1 2 3 4 5 6 7 8; do
    for h in node1 node2; do
        host $h env PROCESS=4242 $small --output="$folder/race$i" 2>"$folder/$h.log" &
    done
    wait
    [ "$(count "$folder/race$i" running)" = 0 ] && [ "$(count "$folder/race$i" done)" -ge 1 ] &&
        [ -e "$folder/race$i/run.json" ] &&
        cmp "$folder/small/artifact.npz" "$folder/race$i/artifact.npz" && [ -z "$(left_over "$folder/race$i")" ] &&
        right=$((right + 1))
done >"$log" 2>&1
cat "$folder/node1.log" "$folder/node2.log" >>"$log"
ls "$folder"/race*/runs >>"$log"
[ $right -eq 8 ]
check "two hosts that begin the same work at the same time make the same bytes"
for i in 1 2 3 4 5 6 7 8; do
    ls "$folder/race$i/runs"
done >"$log"
grep -Eq '^[0-9]{8}T[0-9]{6}Z-node[12]-0-4242.json$' "$log"
check "runs are named by host, rank and process"
SLURM_PROCID=3 host node9 env PROCESS=7 $small --output="$folder/ranked" 2>"$log" && ls "$folder/ranked/runs" >"$log" &&
    grep -q 'Z-node9-3-7.json$' "$log"
check "the rank is the one given by srun"

# A file system that shows changes of other hosts late: both hosts do the work.
mkdir "$folder/empty"
right=0 both=0
for i in 1 2 3 4 5 6; do
    for h in node1 node2; do
        host $h env PROCESS=4242 EMPTY="$folder/empty" $small --output="$folder/blind$i" 2>"$folder/$h.log" ||
            echo "$h: failed" &
    done
    wait
    cat "$folder/node1.log" "$folder/node2.log"
    done=$(count "$folder/blind$i" done)
    [ "$(ls "$folder/blind$i/runs" | wc -l)" = "$done" ] && [ -e "$folder/blind$i/run.json" ] &&
        ! grep -h warning "$folder/node1.log" "$folder/node2.log" &&
        cmp "$folder/small/artifact.npz" "$folder/blind$i/artifact.npz" && [ -z "$(left_over "$folder/blind$i")" ] &&
        right=$((right + 1)) both=$((both + done - 1))
done >"$log" 2>&1
[ $right -eq 6 ] && [ $both -ge 1 ]
check "if hosts do not see each other in time both do the work, without disturbing each other"

# A second host begins while the first is working.
hold=$folder/hold
touch "$hold"
host node1 env HOLD="$hold" $large --quiet --output="$folder/later" 2>"$folder/node1.log" &
at_work "$folder/later" '"host": "node1"'
host node2 $large --output="$folder/later" 2>"$folder/node2.log" &
said "$folder/node2.log" 'waits for process [0-9]* on node1, which works in the same folder'
waits=$?
rm "$hold"
wait
cat "$folder/node2.log" >"$log"
[ $waits -eq 0 ] && grep -q 'is up to date' "$log" && [ "$(ls "$folder/later/runs" | wc -l)" = 1 ] &&
    cmp "$folder/large/artifact.npz" "$folder/later/artifact.npz" >>"$log" 2>&1
check "the second host waits, names the process and host that it waits for, and computes nothing"

# A host crashes while it works. Its lease is valid until it has not been renewed for long enough; then another host
# resumes the work and removes unfinished files.
touch "$hold"
host node1 env HOLD="$hold" sh -c 'echo $$ >"$0"; exec "$@"' "$folder/pid" $large --quiet --part=0/1 \
    --output="$folder/dead" 2>"$folder/node1.log" &
at_work "$folder/dead" '"host": "node1"' && kill -KILL "$(cat "$folder/pid")"
wait 2>/dev/null
number=$(cat "$folder/pid")
touch "$folder/dead/partial-$number@node1+0-artifact.npz" "$folder/dead/runs/run.json.tmp-$number@node1+0-0"
host node2 $large --output="$folder/dead" 2>"$folder/node2.log" &
said "$folder/node2.log" "waits for process $number on node1" &&
    [ -e "$folder/dead/partial-$number@node1+0-artifact.npz" ] &&
    [ "$(count "$folder/dead" running)" = 1 ]
before=$?
touch -d '3 minutes ago' "$folder"/dead/runs/* "$folder"/dead/partial-*
wait
cat "$folder/node2.log" >"$log"
[ $before -eq 0 ] && [ "$(count "$folder/dead" interrupted)" = 1 ] && [ "$(count "$folder/dead" done)" = 1 ] &&
    [ -z "$(left_over "$folder/dead")" ] && cmp "$folder/large/artifact.npz" "$folder/dead/artifact.npz" >>"$log" 2>&1
check "another host waits for the lease of a crashed host and then resumes its work"

# Two hosts compute parts of one artifact, and a third, which finishes it, waits for both.
for i in 0 1; do
    host node$i env HOLD="$hold" $large --quiet --part=$i/2 --output="$folder/shared" 2>"$folder/node$i.log" &
done
at_work "$folder/shared" '"part": "0/2"' && at_work "$folder/shared" '"part": "1/2"'
host node2 $large --finish --output="$folder/shared" 2>"$folder/node2.log" &
said "$folder/node2.log" 'waits for process [0-9]* on node[01]'
waits=$?
rm "$hold"
wait
cat "$folder"/node?.log >"$log"
[ $waits -eq 0 ] && [ "$(count "$folder/shared" part)" = 2 ] && [ -z "$(left_over "$folder/shared")" ] &&
    cmp "$folder/large/artifact.npz" "$folder/shared/artifact.npz" >>"$log" 2>&1
check "two hosts compute parts, and a third finishes when both have ended"

# The whole pipeline from two hosts at once.
digests() { (cd "$1/artifacts" && find . -name '*.npz' -o -name 'table.*' -o -name 'figure.*' | sort |
    xargs sha256sum); }
dmsq short
check "make on one host"
for h in node1 node2; do
    host $h $make RESULTS="$folder/both" FIGURES="$folder/both-figures" -j2 short >"$folder/$h.log" 2>&1 ||
        touch "$folder/$h.failed" &
done
wait
cat "$folder/node1.log" "$folder/node2.log" >"$log"
[ ! -e "$folder/node1.failed" ] && [ ! -e "$folder/node2.failed" ] &&
    [ "$(digests "$folder/both")" = "$(digests "$root")" ] &&
    [ -z "$(left_over "$folder/both")" ] && cmp "$folder/both/short/short.tsv" "$root/short/short.tsv" >>"$log" 2>&1
check "make on two hosts at once, in one results folder: the same bytes, and no unfinished files"
$make RESULTS="$folder/both" ledger >"$log" 2>&1 && [ "$(grep -c ' done ' "$log")" -ge 7 ] &&
    ! grep -q ' running ' "$log"
check "without locks one process makes the ledger at the end, with all runs"
echo "1..$n"
[ $failures -eq 0 ]

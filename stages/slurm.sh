#!/bin/sh
# Jobs of an experiment in Slurm, from the list written by the tool `slurm` (src/experiment/jobs.h).
#
#   slurm.sh submit FOLDER ROOT   submits nodes that are neither computed nor in the queue, and prints their jobs
#   slurm.sh status FOLDER ROOT   prints the state of each node: done, running, queued, failed
# ROOT/slurm/jobs has a line for each submitted node of all experiments: key, last job of the node, job array of its
# parts or "-".
set -eu
mode=$1 folder=$2 root=$3
jobs=$root/slurm/jobs
tab=$(printf '\t')

last_of() { # KEY: its last line in the list of jobs
    [ ! -e "$jobs" ] || grep "^$1$tab" "$jobs" | tail -1
}
states_of() { # JOBS: their states in the queue; nothing for jobs that have ended
    squeue -h -r -j "$1" -o %T 2>/dev/null | sort | uniq -c |
        awk '{ printf "%s%d %s", (NR > 1 ? ", " : ""), $1, tolower($2) }'
}

submit() {
    command -v sbatch >/dev/null ||
        { echo "sbatch was not found; expected the login node of a cluster with Slurm" >&2; exit 1; }
    new=0
    while IFS="$tab" read -r node key parts script inputs; do
        [ "$script" != - ] || continue
        line=$(last_of "$key")
        job=$(printf '%s\n' "$line" | cut -f 2)
        if [ "$job" ] && [ "$(states_of "$job")" ]; then
            echo "$node: in the queue as job $job"
            continue
        fi
        after=
        for input in $inputs; do
            earlier=$(last_of "$input" | cut -f 2)
            [ -z "$earlier" ] || [ -z "$(states_of "$earlier")" ] || after=$after:$earlier
        done
        depend=${after:+--dependency=afterok$after --kill-on-invalid-dep=yes}
        array=-
        if [ "$parts" -gt 1 ]; then
            array=$(sbatch --parsable $depend --array="0-$((parts - 1))" "$script" part)
            job=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes "$script" finish)
            echo "$node: jobs $array ($parts parts), $job"
        else
            job=$(sbatch --parsable $depend "$script" whole)
            echo "$node: job $job"
        fi
        printf '%s\t%s\t%s\n' "$key" "$job" "$array" >>"$jobs"
        new=$((new + 1))
    done <"$folder/nodes"
    echo "$new nodes submitted; logs are in $folder"
}

status() {
    left=0
    while IFS="$tab" read -r node key parts script inputs; do
        record=$root/artifacts/$key/run.json
        if [ -e "$record" ] && [ ! -e "$root/artifacts/$key/pending-run.json" ]; then
            echo "$node: done, on $(sed -n 's/^ *"host": "\(.*\)".*/\1/p' "$record")"
            continue
        fi
        left=$((left + 1))
        line=$(last_of "$key")
        job=$(printf '%s\n' "$line" | cut -f 2) array=$(printf '%s\n' "$line" | cut -f 3)
        found=$([ -z "$job" ] || states_of "$job") of_parts=
        [ "${array:--}" = - ] || of_parts=$(states_of "$array")
        last=$(ls "$root/artifacts/$key/runs"/*.json 2>/dev/null | tail -1)
        said=$([ -z "$last" ] || sed -n 's/^ *"message": "\(..*\)".*/\1/p' "$last")
        lost=$([ "$found" ] || grep -l '^ *"status": "running"' "$root/artifacts/$key/runs"/*.json 2>/dev/null |
            tail -1)
        [ -z "$lost" ] || last=$lost said="ended without a message" # killed before it could record the reason
        [ -z "$said" ] || said="$said (on $(sed -n 's/^ *"host": "\(.*\)".*/\1/p' "$last"))"
        if [ "$found" ]; then
            echo "$node: job $job $found${of_parts:+; parts (job $array): $of_parts}"
        else
            echo "$node: not in the queue${said:+; its last run: $said}"
        fi
    done <"$folder/nodes"
    [ "$left" -gt 0 ] ||
        echo "all nodes are computed: make $(basename "$folder") shows the results, make ledger-rebuild enters the runs"
}

[ -e "$folder/nodes" ] || { echo "$folder: nothing was submitted" >&2; exit 2; }
$mode

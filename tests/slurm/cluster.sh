# Slurm with one node on this machine, for the scripts of this folder, which source this file. start_cluster FOLDER
# installs it if possible, starts it on free ports and sets SLURM_CONF; stop_cluster stops its daemons. Both need root.

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_cluster() {
    cluster=$1
    export PATH="$PATH:/usr/sbin"
    [ "$(id -u)" = 0 ] || return 1
    if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
        { apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends slurm-wlm munge; } \
            >"$cluster/install.log" 2>&1 || return 1
    fi
    mkdir -p "$cluster/run" "$cluster/spool" "$cluster/state" "$cluster/log" /run/munge
    chown munge: /run/munge
    own_munge=
    if ! munge -n </dev/null >/dev/null 2>&1; then
        runuser -u munge -- munged || return 1
        own_munge=$(cat /run/munge/munged.pid)
    fi
    sed -e "s,@D@,$cluster,; s,@CTLD_PORT@,$(free_port),; s,@SLURMD_PORT@,$(free_port)," tests/slurm/slurm.conf.in \
        >"$cluster/slurm.conf"
    export SLURM_CONF="$cluster/slurm.conf"
    slurmctld -f "$SLURM_CONF" || return 1
    slurmd -f "$SLURM_CONF" -N localhost || return 1
    for i in $(seq 300); do
        [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return 0
        sleep 0.1
    done
    return 1
}

stop_cluster() {
    squeue -h -o %A 2>/dev/null | xargs -r scancel 2>/dev/null
    for pid in "$cluster/run/slurmd.pid" "$cluster/run/slurmctld.pid"; do
        [ -e "$pid" ] || continue
        daemon=$(cat "$pid")
        kill "$daemon"
        for i in $(seq 100); do # while it saves its state
            kill -0 "$daemon" 2>/dev/null || break
            sleep 0.1
        done
    done
    [ -z "$own_munge" ] || pgrep -x slurmctld >/dev/null || kill "$own_munge" # another test may be using it
}

# SECONDS: waits at most so long for an empty queue.
wait_for_jobs() {
    for i in $(seq "$1"); do
        [ -z "$(squeue -h -o %A)" ] && return 0
        sleep 1
    done
    squeue
    return 1
}

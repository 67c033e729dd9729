#!/usr/bin/env bash
# A list of recordings on a cluster of Slurm: two nodes, which are daemons of this machine; one task is killed and one requeued
# half-way; what is merged is what one process makes. Needs root and Debian's slurm-wlm and munge; everything else of it lies in a
# folder that is removed again.
#
#   tests/slurm/run.sh PROGRAM
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$(realpath "${1:?usage: tests/slurm/run.sh PROGRAM}")
for needed in slurmctld slurmd sbatch munged; do
    command -v $needed >/dev/null || PATH=$PATH:/usr/sbin
    command -v $needed >/dev/null || { echo "no $needed: apt-get install slurm-wlm munge" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "needs root, for the daemons change users" >&2; exit 2; }

work=$(mktemp -d)
daemons=()
finish() {
    status=$?
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ $status -eq 0 ] || tail -n 20 "$work"/*.log >&2 || true
    rm -rf "$work"
}
trap finish EXIT

# The daemons trust each other by a key of their own.
mkdir "$work/munge"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
chmod 0400 "$work/munge/key"
chmod 0755 "$work" "$work/munge"
chown -R munge: "$work/munge"
runuser -u munge -- munged --foreground --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
    --seed-file="$work/munge/seed" --log-file="$work/munge/log" &
daemons+=($!)

host=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=vesalius
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17800
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmctldPidFile=$work/slurmctld.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdPidFile=$work/slurmd-%n.pid
SlurmdSpoolDir=$work/spool-%n
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
MinJobAge=600
KillWait=5
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=17801 CPUs=2 RealMemory=4096
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=17802 CPUs=2 RealMemory=4096
PartitionName=all Nodes=one,two Default=YES MaxTime=10 State=UP
CONF
mkdir "$work/state"
sleep 1
slurmctld -D -c >"$work/slurmctld.out.log" 2>&1 &
daemons+=($!)
for node in one two; do
    mkdir "$work/spool-$node"
    slurmd -D -N "$node" -c >"$work/slurmd-$node.out.log" 2>&1 &
    daemons+=($!)
done
for _ in $(seq 60); do
    [ "$(sinfo -h -t idle -o %D 2>/dev/null | paste -sd+ | bc 2>/dev/null || echo 0)" = 2 ] && break
    sleep 0.5
done
sinfo

# Recordings of a phantom: sixteen, of some seconds' work each.
"$program" phantom fetal-head --out "$work/phantom" --frames 40 >/dev/null
video=$(find "$work/phantom" -maxdepth 1 -name '*.mp4' -o -maxdepth 1 -name '*.mkv' | head -n 1)
[ -n "$video" ] || { echo "the phantom has no video" >&2; exit 1; }
echo "input,id,site" >"$work/list.csv"
for n in $(seq -w 16); do echo "$video,clip$n,ward" >>"$work/list.csv"; done

options=(--engine fetal-head --calibration 0.2 --no-video --masks)
"$program" replay --list "$work/list.csv" --out "$work/whole" "${options[@]}" >/dev/null
"$program" merge "$work/whole" --list "$work/list.csv"

submit() {
    VESALIUS=$program sbatch --parsable --array=0-3 --cpus-per-task=1 --mem=512M --output="$work/task-%a.log" --open-mode=append \
        configs/archive/slurm.sh "$work/list.csv" "$work/out" "${options[@]}"
}
state() { squeue -h -j "$1" -t all -r -o '%K %T' 2>/dev/null | sort; }
# All tasks have ended.
ended() {
    for _ in $(seq 600); do
        state "$1" | grep -qE 'PENDING|RUNNING|COMPLETING|REQUEUE' || return 0
        sleep 0.5
    done
    echo "the tasks do not end" >&2
    return 1
}
finished() { find "$work/out" -mindepth 2 -maxdepth 2 -name done.json 2>/dev/null | wc -l; }

job=$(submit)
# Half-way: something is finished, not everything.
until [ "$(finished)" -ge 3 ]; do sleep 0.05; done
# One task is killed as by a lack of memory, another requeued as by a node that is needed.
victim=$(pgrep -f "replay --list $work/list.csv --out $work/out" | while read -r pid; do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -q '^SLURM_ARRAY_TASK_ID=1$' && echo "$pid" && break
done)
kill -9 "$victim"
scontrol requeue "${job}_2"
at_kill=$(finished)
ended "$job"
state "$job"
after_first=$(finished)
echo "finished: $at_kill of 16 when one task was killed, $after_first when the others had ended"
[ "$at_kill" -lt 16 ] && [ "$after_first" -lt 16 ] && [ "$after_first" -ge 12 ]
if "$program" merge "$work/out" --list "$work/list.csv"; then
    echo "what is not complete was merged" >&2
    exit 1
fi

before=$(find "$work/out" -name done.json -printf '%p %T@\n' | sort)
job=$(submit)
ended "$job"
state "$job"
[ "$(finished)" = 16 ]
# What was finished before is untouched.
after=$(find "$work/out" -name done.json -printf '%p %T@\n' | sort)
[ -z "$(comm -23 <(echo "$before") <(echo "$after"))" ]
"$program" merge "$work/out" --list "$work/list.csv"
cmp "$work/whole/values.parquet" "$work/out/values.parquet"
cmp "$work/whole/frames.parquet" "$work/out/frames.parquet"
diff <(cd "$work/whole" && find . -name '*.png' -exec sha256sum {} + | sort) <(cd "$work/out" && find . -name '*.png' -exec sha256sum {} + | sort)
[ -z "$(ls -A "$work/out/.work" 2>/dev/null)" ]
echo "16 recordings, none lost and none twice; tables and masks are those of one process"

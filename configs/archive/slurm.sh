#!/bin/sh
# Replays a list of recordings as an array job of Slurm, a shard a task:
#
#   sbatch --array=0-7 configs/archive/slurm.sh LIST.csv OUT --engine fetal-head --calibration 0.2 --no-video
#   vesalius merge OUT --list LIST.csv          # when all tasks have ended
#
# OUT is a folder that all nodes see, or s3://BUCKET/FOLDER. A task that died, was requeued or ran out of time goes on where it was when
# the same command is given again; what is finished is not done twice.
#SBATCH --job-name=vesalius
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --requeue
# The recordings at work are given up at the end of the time, not half written.
#SBATCH --signal=TERM@30
set -eu
[ $# -ge 2 ] || { echo "usage: sbatch --array=0-N $0 LIST.csv OUT [options of vesalius replay]" >&2; exit 2; }
list=$1 out=$2
shift 2
exec "${VESALIUS:-vesalius}" replay --list "$list" --out "$out" --shard env --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"

#!/bin/sh
# Trains, exports, scores and publishes an engine: engines/training/run.sh fetal-head|larynx [--data DIR] …
# See README.md beside this file.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)

fail() { echo "run.sh: $*" >&2; exit 2; }

[ $# -ge 1 ] || fail "which engine? Usage: run.sh fetal-head|larynx [--data DIR] [--work DIR] [--out DIR] [--threads N] and, for fetal-head, [--negatives DIR] [--phantoms DIR], for larynx [--patients LIST]"
engine=$1; shift

all_data=${VESALIUS_DATA:-$root/../shared/data}
case $engine in
    fetal-head) data=$all_data/hc18 ;;
    larynx) data=$all_data/vocalfolds ;;
    *) fail "unknown engine '$engine' (there are recipes for: fetal-head, larynx)" ;;
esac
negatives=
phantoms=
patients=
work=$here/work/$engine
out=$root/engines/$engine
threads=2
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $engine:$1 in
        *:--data) data=$2 ;;
        *:--work) work=$2 ;;
        *:--out) out=$2 ;;
        *:--threads) threads=$2 ;;
        fetal-head:--negatives) negatives=$2 ;;
        fetal-head:--phantoms) phantoms=$2 ;;
        larynx:--patients) patients=$2 ;;
        *) fail "unknown option '$1'" ;;
    esac
    shift 2
done
[ -f "$data/labels.csv" ] || fail "no labels.csv in '$data': give the folder of the data set with --data"
mkdir -p "$work"

python=$work/venv/bin/python
if [ ! -f "$work/venv/complete" ]; then
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --requirement "$here/requirements.txt"
    touch "$work/venv/complete"
fi
export PYTHONPATH="$here" OMP_NUM_THREADS="$threads" OMP_WAIT_POLICY=passive

. "$here/$(echo "$engine" | tr - _)/stages.sh"

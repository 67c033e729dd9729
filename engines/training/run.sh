#!/bin/sh
# Trains, exports, scores and publishes an engine: engines/training/run.sh fetal-head [--data DIR] …
# See README.md beside this file.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)

fail() { echo "run.sh: $*" >&2; exit 2; }

[ $# -ge 1 ] || fail "which engine? Usage: run.sh fetal-head [--data DIR] [--negatives DIR] [--phantoms DIR] [--work DIR] [--out DIR] [--threads N]"
engine=$1; shift
[ "$engine" = fetal-head ] || fail "unknown engine '$engine' (there is a recipe for: fetal-head)"

data=${VESALIUS_DATA:-$root/../shared/data}/hc18
negatives=
phantoms=
work=$here/work/$engine
out=$root/engines/$engine
threads=2
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
        --data) data=$2 ;;
        --negatives) negatives=$2 ;;
        --phantoms) phantoms=$2 ;;
        --work) work=$2 ;;
        --out) out=$2 ;;
        --threads) threads=$2 ;;
        *) fail "unknown option '$1'" ;;
    esac
    shift 2
done
[ -f "$data/labels.csv" ] || fail "no labels.csv in '$data': give the folder of HC18 with --data"
negatives=${negatives:-$data/../usgra/images}
[ -d "$negatives" ] || fail "no folder '$negatives': give ultrasound stills without a head with --negatives"
mkdir -p "$work"

python=$work/venv/bin/python
if [ ! -f "$work/venv/complete" ]; then
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --requirement "$here/requirements.txt"
    touch "$work/venv/complete"
fi

if [ -z "$phantoms" ]; then
    phantoms=$work/phantoms
    # truth.csv is written last, so it marks a complete folder.
    [ -f "$phantoms/truth.csv" ] || (cd "$root" &&
        cargo run --release --package vesalius-phantom --example phantom_stills -- "$phantoms" 400 700001)
fi

export PYTHONPATH="$here" OMP_NUM_THREADS="$threads" OMP_WAIT_POLICY=passive

"$python" -m fetal_head.split --data "$data" --out "$here/fetal_head/split.csv"

train() {
    stage=$1; shift
    "$python" -m fetal_head.train --data "$data" --out "$work/$stage" --threads "$threads" --resume "$@"
}

# See the table in README.md.
train stage1 --epochs 25 --small-epochs 25 --decay-from 1.0
train stage2 --start "$work/stage1/final.pt" --epochs 8 --decay-from 1.0 \
    --negatives "$negatives" --negative-share 0.08 --repeat-below-mm 100 --outline-offset-px -0.5
train stage3 --start "$work/stage2/final.pt" --epochs 36 --small-epochs 10 --decay-from 0.35 \
    --negatives "$negatives" --negative-share 0.05 --repeat-below-mm 100 --outline-offset-px -0.5 \
    --phantoms "$phantoms" --phantom-share 0.13
train stage4 --start "$work/stage3/final.pt" --epochs 20 --decay-from 0.0 --peak 1.5e-3 --dice-weight 1.0 --seed 4 \
    --negatives "$negatives" --negative-share 0.03 --repeat-below-mm 100 --outline-offset-px -0.5 \
    --phantoms "$phantoms" --phantom-share 0.15

"$python" -m fetal_head.export --weights "$work/stage4/final.pt" --model "$work/model.onnx"
"$python" -m fetal_head.evaluate --model "$work/model.onnx" --data "$data" --phantoms "$phantoms" --out "$work/scores"
"$python" -m fetal_head.publish --model "$work/model.onnx" --scores "$work/scores/scores.json" --out "$out"
echo "engine written to $out"

#!/bin/sh
# Trains, exports, scores and publishes an engine: engines/training/run.sh fetal-head|larynx|nerve-vessel [--data DIR] …
# Adapts one to a few labelled pictures: engines/training/run.sh adapt ENGINE --frames LIST [--rest LIST] [--out DIR] …
# See README.md beside this file.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)

fail() { echo "run.sh: $*" >&2; exit 2; }

[ $# -ge 1 ] || fail "which engine? Usage: run.sh fetal-head|larynx|nerve-vessel [--data DIR] [--work DIR] [--out DIR] [--threads N] [--start MODEL] and, for fetal-head, [--negatives DIR] [--phantoms DIR], for larynx [--patients LIST]"
engine=$1; shift
adapt=
if [ "$engine" = adapt ]; then
    [ $# -ge 1 ] || fail "adapt which engine? Usage: run.sh adapt ENGINE --frames LIST [--rest LIST] [--out DIR] [--name NAME] [--steps N] [--start MODEL]"
    adapt=1 engine=$1; shift
fi

all_data=${VESALIUS_DATA:-$root/../shared/data}
case $engine in
    fetal-head) data=$all_data/hc18 ;;
    larynx) data=$all_data/vocalfolds ;;
    nerve-vessel) data=$all_data/usgra ;;
    *) fail "unknown engine '$engine' (there are recipes for: fetal-head, larynx, nerve-vessel)" ;;
esac
negatives=
start=
phantoms=
patients=
work=$here/work/$engine
out=$root/engines/$engine
[ -z "$adapt" ] || out=$work/adapted
frames= rest= name= steps=200
threads=2
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $engine${adapt:+-adapt}:$1 in
        *:--data) data=$2 ;;
        *:--work) work=$2 ;;
        *:--out) out=$2 ;;
        *:--threads) threads=$2 ;;
        *:--start) start=$2 ;;
        *-adapt:--frames) frames=$2 ;;
        *-adapt:--rest) rest=$2 ;;
        *-adapt:--name) name=$2 ;;
        *-adapt:--steps) steps=$2 ;;
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

if [ -n "$adapt" ]; then
    [ -n "$frames" ] || fail "which pictures? Give --frames a table with the header image,mask"
    exec "$python" -m common.adapt --engine "$engine" --model "${start:-$root/engines/$engine/model.onnx}" --frames "$frames" \
        ${rest:+--rest "$rest"} --data "$data" --out "$out" --name "${name:-$engine-adapted}" --steps "$steps" --threads "$threads"
fi

# finish PACKAGE WEIGHTS START …: $work/model.onnx with its second output, and the scores; further options go to the scores.
# Where START is not empty, the weights are the mean with those of START, which have the share `1 - last_share`.
last_share=0.5
finish() {
    package=$1 weights=$2 first=$3; shift 3
    "$python" -m "$package.export" --weights "$weights" --model "$work/logits.onnx"
    case $first in
        *.pt) "$python" -m "$package.export" --weights "$first" --model "$work/first.onnx"; first=$work/first.onnx ;;
    esac
    if [ -n "$first" ]; then
        mv "$work/logits.onnx" "$work/last.onnx"
        "$python" -m common.mean --of "$first" "$work/last.onnx" --share "$last_share" --out "$work/logits.onnx"
    fi
    "$python" -m common.unlike --engine "$engine" --model "$work/logits.onnx" --out "$work/model.onnx" --data "$data" \
        --others "$phantoms" --all-data "$(dirname "$data")" --scores "$work/unlikeness.json"
    "$python" -m "$package.evaluate" --model "$work/model.onnx" --data "$data" --out "$work/scores" "$@"
}

# int8 PACKAGE: the INT8 model, if it holds its gates, into the published engine's folder and manifest.
int8() {
    if "$python" -m "$1.quantize" --model "$out/model.onnx" --data "$data" --all-data "$(dirname "$data")" --others "$phantoms" --out "$out" >"$work/int8.toml"; then
        cat "$work/int8.toml" >>"$out/manifest.toml"
    else
        rm -f "$out/model.int8.onnx"
        echo "$engine is published without INT8: see the gates missed above" >&2
    fi
    echo "engine written to $out"
}

. "$here/$(echo "$engine" | tr - _)/stages.sh"

#!/usr/bin/env bash
# A model of another framework, from training to a run: Keras makes a small network on public pictures, tf2onnx exports it,
# `vesalius engine import` takes it in, and what Keras itself said of a picture tells whether it was understood.
#
#   tests/parity/keras_import.sh DATA [WORK]
#
# DATA holds vocalfolds/ (Laves et al. 2018, CC BY 4.0); WORK (default out/keras-import) gets a virtual environment with
# TensorFlow (2 GB, from PyPI) and everything made. Minutes; not part of the automatic checks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
data=${1:?which folder holds vocalfolds/?}
work=${2:-out/keras-import}
vesalius=${VESALIUS:-target/release/vesalius}
python=${PYTHON:-$work/venv/bin/python}

mkdir -p "$work"
if [ ! -x "$python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 pillow
fi
[ -f "$work/keras-larynx.onnx" ] || "$python" tests/parity/keras_import.py "$data" "$work"

classes=void,folds,tissue,glottis,pathology,tool,tube
import() {
    "$vesalius" engine import "$work/keras-larynx.onnx" --out "$work/engines" --classes "$classes" --modality endoscopy \
        --licence "CC-BY-4.0" --sheet "$work/interpretations.png" --picture "$work/picture.png" "$@"
}
right="RGB · signed · stretch"

echo "== by eye: the contact sheet, and the best guess"
import | tee "$work/by-eye.txt"
grep -q "^taken: .*$right" "$work/by-eye.txt" || echo "   the best guess is not the right one: the sheet shows it"
echo "== by parity with what Keras gave (picture resized by Pillow)"
import --reference "$work/reference.npy" | tee "$work/by-parity.txt"
grep -q "^taken: .*$right (parity: the same" "$work/by-parity.txt"
echo "== by parity with what Keras gave (picture resized by tf.image.resize, which does not smooth)"
import --reference "$work/reference-tf.npy" | tee "$work/by-parity-tf.txt"
grep -q "^taken: .*$right" "$work/by-parity-tf.txt"
echo "== as any other engine"
"$vesalius" engine verify "$work/engines/keras-larynx"
"$vesalius" replay "$work/picture.png" --engine "$work/engines/keras-larynx" --out "$work/run"

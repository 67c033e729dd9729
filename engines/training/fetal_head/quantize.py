"""The f32 model as static QDQ INT8, calibrated on training stills, and held to the parity gates.

    python -m fetal_head.quantize --model engines/fetal-head/model.onnx --data HC18 --out engines/fetal-head

Weights are signed 8-bit integers by output channel, activations unsigned 8-bit by tensor, ranges the smallest and largest value
seen. Writes model.int8.onnx and prints the manifest's section; ends with 1, and writes nothing, where a gate is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType,
                                      quantize_static)

from .dataset import Still, is_validation, read_hc18
from .evaluate import bootstrap_by_subject
from .geometry import Letterbox
from .measure import Engine, circumference_mm, dice

CALIBRATION_STILLS = 120

# What INT8 may cost beside f32, as (figure, lowest, highest).
GATES = [
    ("dice_median", 0.99, None),
    ("dice_p1", 0.95, None),
    ("presence_flips", None, 0.005),
    ("hc_bias_percent", -1.0, 1.0),
    ("hc_loa_percent", None, 4.0),
    ("dice_change_low", -0.01, None),
]


class Stills(CalibrationDataReader):
    """Tensors of stills, one after the other."""

    def __init__(self, stills: list[Still], name: str):
        self.tensors = ({name: tensor(still)} for still in stills)

    def get_next(self):
        return next(self.tensors, None)


def tensor(still: Still) -> np.ndarray:
    gray = still.read_image()
    height, width = gray.shape
    return (Letterbox.fit(width, height).resize(gray).astype(np.float32) / 255)[None, None]


def quantize(model: Path, stills: list[Still], out: Path) -> None:
    stills = sorted(stills, key=lambda still: still.image.name)
    random.Random(1).shuffle(stills)
    quantize_static(
        str(model), str(out), Stills(stills[:CALIBRATION_STILLS], Engine(model).input),
        quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax,
    )


def parity(model: Path, quantized: Path, stills: list[Still]) -> dict[str, float]:
    """INT8 beside f32 on stills that neither training nor calibration saw."""
    one, other = Engine(model), Engine(quantized)
    agreement, change, hc, flips, subjects = [], [], [], 0, []
    for still in stills:
        gray, truth = still.read_image(), still.read_mask()
        a, b = one.measure(gray), other.measure(gray)
        if a.mask.any() != b.mask.any():
            flips += 1
        # Both empty agree.
        agreement.append(dice(a.mask, b.mask) if a.mask.any() or b.mask.any() else 1.0)
        change.append(dice(b.mask, truth) - dice(a.mask, truth))
        subjects.append(still.subject)
        if a.direct is not None and b.direct is not None:
            before, after = (circumference_mm(e, still.mm_per_px) for e in (a.direct, b.direct))
            hc.append(100 * (after / before - 1))
    low, _ = bootstrap_by_subject(np.array(change), subjects)
    return {
        "dice_median": float(np.median(agreement)),
        "dice_p1": float(np.percentile(agreement, 1)),
        "dice_worst": float(np.min(agreement)),
        "presence_flips": flips / len(stills),
        "hc_bias_percent": float(np.mean(hc)),
        "hc_loa_percent": float(1.96 * np.std(hc, ddof=1)),
        "dice_change": float(np.mean(change)),
        "dice_change_low": low,
    }


def missed(figures: dict[str, float]) -> list[str]:
    out = []
    for name, low, high in GATES:
        value = figures[name]
        if not ((low is None or value >= low) and (high is None or value <= high)):
            out.append(f"{name} is {value:.4f}, not within {low} to {high}")
    return out


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    args = arguments.parse_args()
    stills = read_hc18(args.data)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.int8.onnx"
        quantize(args.model, [s for s in stills if not is_validation(s.subject)], made)
        figures = parity(args.model, made, [s for s in stills if is_validation(s.subject)])
        failed = missed(figures)
        for line in failed:
            print(f"gate missed: {line}", file=sys.stderr)
        if failed:
            sys.exit(1)
        data = made.read_bytes()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "model.int8.onnx").write_bytes(data)
    print('\n[[precisions]]\nname = "int8"\nfile = "model.int8.onnx"')
    print(f'sha256 = "{hashlib.sha256(data).hexdigest()}"')
    print("parity = { " + ", ".join(f"{name} = {value:.4f}" for name, value in figures.items()) + " }")


if __name__ == "__main__":
    main()

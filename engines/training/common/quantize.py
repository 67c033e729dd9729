"""The f32 model as static QDQ INT8, calibrated on training pictures; the gates that it must hold.

Weights are signed 8-bit integers by output channel, activations unsigned 8-bit by tensor, ranges the smallest and
largest value seen. The output `unlikeness` is made anew: it stays f32 from the pooling on, and its Gaussian is that of the INT8 network's features.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType,
                                      quantize_static)

from .recipe import recipe
from .session import Session
from .unlike import judge, known_forms
from .unlikeness import add_unlikeness, bare

CALIBRATION_PICTURES = 120

# By the beginnings of nodes' names: all but the two deepest levels, an eighth of the picture's size and above, both ways. Where several classes
# meet, rounding there moves borders by more than the gates allow.
FINE_LEVELS = ("/stem", "/stages.0", "/stages.1", "/decoder.1", "/decoder.2", "/decoder.3", "/head", "/Resize")

# What INT8 may cost beside f32, as figure: (lowest, highest). `size` is what the engine's masks are measured by.
GATES: dict[str, tuple[float | None, float | None]] = {
    "dice_median": (0.99, None),
    "dice_p1": (0.95, None),
    "presence_flips": (None, 0.005),
    "bias_percent": (-1.0, 1.0),
    "loa_percent": (None, 4.0),
    "dice_change_low": (-0.01, None),
}


class Tensors(CalibrationDataReader):
    """Tensors, one after the other."""

    def __init__(self, tensors: Iterable[np.ndarray], name: str):
        self.tensors = ({name: x[None]} for x in tensors)

    def get_next(self):
        return next(self.tensors, None)


def quantize(model: Path, tensors: Iterable[np.ndarray], out: Path, known: Iterable[np.ndarray], levels: tuple[int, ...],
             kept: tuple[str, ...] = ()) -> None:
    """`tensors` are inputs (inputs x h x w, 0..1) to calibrate on, `known` those of training, which the output `unlikeness` of the
    levels compares with; nodes whose names begin with one of `kept` stay f32."""
    graph = bare(onnx.load(str(model)))
    with tempfile.TemporaryDirectory() as folder:
        plain, rounded = Path(folder) / "f32.onnx", Path(folder) / "int8.onnx"
        onnx.save(graph, str(plain))
        quantize_static(
            str(plain), str(rounded), Tensors(tensors, graph.graph.input[0].name),
            quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=[n.name for n in graph.graph.node if kept and n.name.startswith(kept)],
        )
        add_unlikeness(rounded, out, known, levels)


def missed(figures: dict[str, float]) -> list[str]:
    """The gates that the figures do not hold; `hc_bias_percent` and its like are held to `bias_percent`."""
    out = []
    for gate, (low, high) in GATES.items():
        of_it = {name: value for name, value in figures.items() if name == gate or name.endswith(f"_{gate}")}
        if not of_it:
            out.append(f"{gate} was not measured")
        for name, value in of_it.items():
            if not ((low is None or value >= low) and (high is None or value <= high)):
                out.append(f"{name} is {value:.4f}, not within {low} to {high}")
    return out


def arguments(doc: str | None) -> argparse.Namespace:
    """What the command line of an engine's `quantize` takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the engine's data set")
    parser.add_argument("--all-data", type=Path, required=True, help="the folder of all data sets")
    parser.add_argument("--others", type=lambda text: Path(text) if text else None, help="as for common.unlike")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def publish(make: Callable[[Path], dict[str, float]], engine: str, a: argparse.Namespace) -> None:
    """`make(path)` writes the model and gives its figures. Where a gate is missed, ends with 1 and writes nothing;
    else model.int8.onnx lies in `a.out`, and the manifest's section is printed. Rounding moves the unlikeness, so it gets
    a threshold of its own, by the rule of common/unlike.py."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.int8.onnx"
        figures = make(made)
        failed = missed(figures)
        for line in failed:
            print(f"gate missed: {line}", file=sys.stderr)
        if failed:
            print(figures, file=sys.stderr)
            sys.exit(1)
        r = recipe(engine)
        unlike = judge(Session(made, 1), r, [r.tensor(p) for p in r.held_out(a.data)], a.all_data)
        print(f"unlikeness: {unlike}", file=sys.stderr)
        data = made.read_bytes()
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "model.int8.onnx").write_bytes(data)
    print('\n[[precisions]]\nname = "int8"\nfile = "model.int8.onnx"')
    print(f'sha256 = "{hashlib.sha256(data).hexdigest()}"')
    print(f"unlikeness_threshold = {unlike['threshold']}")
    print("parity = { " + ", ".join(f"{name} = {value:.4f}" for name, value in figures.items()) + " }")

"""The mean of the weights of two models of one network, of which one was trained on from the other.

    python -m common.mean --of before.onnx after.onnx --share 0.5 --out mean.onnx

M. Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, arXiv 2109.01903: it often keeps what the first knew
better and gains what the second learned, at no cost in running. Batch norms are folded in both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from .unlikeness import bare


def mean(first: onnx.ModelProto, second: onnx.ModelProto, share: float = 0.5) -> onnx.ModelProto:
    """`share` is that of the second."""
    out = bare(second)
    weights = {i.name: numpy_helper.to_array(i) for i in bare(first).graph.initializer}
    for i in out.graph.initializer:
        one, other = weights.get(i.name), numpy_helper.to_array(i)
        if one is None or one.shape != other.shape:
            raise SystemExit(f"the models are not of one network: {i.name} differs")
        i.CopyFrom(numpy_helper.from_array(((1 - share) * one.astype(np.float64) + share * other).astype(np.float32), i.name))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", type=Path, nargs=2, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="share of the second, 0 to 1")
    a = parser.parse_args()
    onnx.save(mean(*(onnx.load(str(path)) for path in a.of), a.share), str(a.out))


if __name__ == "__main__":
    main()

"""Weights to model.onnx."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.export import export

from .geometry import MODEL_HEIGHT, MODEL_WIDTH
from .net import head_net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    a = parser.parse_args()
    export(head_net(), a.weights, a.model, "fetal-head", MODEL_HEIGHT, MODEL_WIDTH)


if __name__ == "__main__":
    main()

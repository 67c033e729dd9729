"""Weights to model.onnx."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.export import export

from .dataset import MODEL_SIZE
from .net import nerve_vessel_net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    a = parser.parse_args()
    export(nerve_vessel_net(), a.weights, a.model, "nerve-vessel", MODEL_SIZE, MODEL_SIZE)


if __name__ == "__main__":
    main()

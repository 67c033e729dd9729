"""The INT8 model, held to the parity gates on the validation frames; see common/quantize.py.

    python -m larynx.quantize --model engines/larynx/model.onnx --data VOCALFOLDS --all-data DATA --out engines/larynx

Prints the manifest's section; ends with 1, and writes nothing, where a gate is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.calibrate import softmax
from common.label_maps import label_source
from common.label_parity import parity
from common.quantize import CALIBRATION_PICTURES, FINE_LEVELS, arguments, publish, quantize
from common.session import Session
from common.unlike import known_forms

from .augment import tensor
from .dataset import CLASSES, read_frames
from .recipe import RECIPE


def labeller(model: Path) -> Callable[[np.ndarray], np.ndarray]:
    engine = Session(model)
    return lambda picture: label_source(softmax(engine.run(tensor(picture))), picture.shape[1], picture.shape[0])


def main() -> None:
    a = arguments(__doc__)
    frames = read_frames(a.data)
    training = [f for f in frames if not f.validates]
    chosen = training[::max(len(training) // CALIBRATION_PICTURES, 1)][:CALIBRATION_PICTURES]
    held = [(f.read_image(), f.read_mask(), f.sequence) for f in frames if f.validates]

    def make(path: Path) -> dict[str, float]:
        quantize(a.model, (tensor(f.read_image()) for f in chosen), path, known_forms(RECIPE, a.data, a.others), RECIPE.levels, FINE_LEVELS)
        return parity(held, labeller(a.model), labeller(path), CLASSES)

    publish(make, "larynx", a)


if __name__ == "__main__":
    main()

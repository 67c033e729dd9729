"""The INT8 model, held to the parity gates on the validation stills; see common/quantize.py.

    python -m nerve_vessel.quantize --model engines/nerve-vessel/model.onnx --data USGRA --all-data DATA --out engines/nerve-vessel

Prints the manifest's section; ends with 1, and writes nothing, where a gate is missed.
"""

from __future__ import annotations

from pathlib import Path

from common.label_parity import parity
from common.quantize import CALIBRATION_PICTURES, FINE_LEVELS, arguments, publish, quantize
from common.session import Session
from common.unlike import known_forms

from .dataset import CLASSES, read_stills, tensor
from .evaluate import predict
from .recipe import RECIPE


def main() -> None:
    a = arguments(__doc__)
    stills = read_stills(a.data)
    training = [s for s in stills if not s.validates][:CALIBRATION_PICTURES]
    held = [(s.read_image(), s.read_mask(), s.group) for s in stills if s.validates]

    def make(path: Path) -> dict[str, float]:
        quantize(a.model, (tensor(s.read_image()) for s in training), path, known_forms(RECIPE, a.data, a.others), RECIPE.levels, FINE_LEVELS)
        one, other = Session(a.model), Session(path)
        return parity(held, lambda gray: predict(one, gray)[0], lambda gray: predict(other, gray)[0], CLASSES)

    publish(make, "nerve-vessel", a)


if __name__ == "__main__":
    main()

"""The INT8 model, held to the parity gates on the validation stills; see common/quantize.py.

    python -m fetal_head.quantize --model engines/fetal-head/model.onnx --data HC18 --all-data DATA --out engines/fetal-head

Prints the manifest's section; ends with 1, and writes nothing, where a gate is missed.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from common.quantize import CALIBRATION_PICTURES, arguments, publish, quantize
from common.unlike import known_forms

from .dataset import Still, is_validation, read_hc18
from .evaluate import bootstrap_by_subject
from .measure import Engine, circumference_mm, dice
from .recipe import RECIPE, tensor

# By the beginnings of nodes' names: large maps of few channels are no quicker in INT8, on processors with its instructions too.
FINEST_LEVELS = ("/stem", "/decoder.2", "/decoder.3")


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


def main() -> None:
    a = arguments(__doc__)
    stills = read_hc18(a.data)
    training = sorted((s for s in stills if not is_validation(s.subject)), key=lambda still: still.image.name)
    random.Random(1).shuffle(training)

    def make(path: Path) -> dict[str, float]:
        quantize(a.model, (tensor(s.read_image()) for s in training[:CALIBRATION_PICTURES]), path,
                 known_forms(RECIPE, a.data, a.others), RECIPE.levels, FINEST_LEVELS)
        return parity(a.model, path, [s for s in stills if is_validation(s.subject)])

    publish(make, "fetal-head", a)


if __name__ == "__main__":
    main()

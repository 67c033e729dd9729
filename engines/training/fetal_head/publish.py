"""The engine's folder: model, manifest and card."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.publish import arguments, common_fields, read, write

from .measure import INSET_PX, LEVEL


def fields(model: Path, scores: dict, unlikeness: dict) -> dict[str, str]:
    head, phantom = scores["hc18"], scores.get("phantom")
    out = common_fields(model, head, unlikeness) | {
           "subjects": str(head["subjects"]), "below": str(head["below_dice_0_95"]),
           "missed": str(head["missed"]), "found_dice": f"{head['found_dice']:.4f}",
           "found_mae": f"{head['found_hc_direct_mae_mm']:.2f}"}
    # The manifest's threshold is one of calibrated probabilities.
    logit = np.log(LEVEL / (1 - LEVEL)) / head["calibration"]["temperature"]
    out |= {"level": f"{LEVEL:.2f}", "threshold": f"{1 / (1 + np.exp(-logit)):.3f}", "inset": f"{INSET_PX:.2f}"}
    d = head["dice"]
    out |= {"dice_mean": f"{d['mean']:.4f}", "dice_low": f"{d['ci95'][0]:.4f}", "dice_high": f"{d['ci95'][1]:.4f}",
            "dice_median": f"{d['median']:.4f}", "dice_worst": f"{d['worst']:.3f}"}
    for name in ("moments", "direct"):
        e = head[f"hc_{name}_mm"]
        out |= {f"{name}_mae": f"{e['mean']:.2f}", f"{name}_low": f"{e['ci95'][0]:.2f}", f"{name}_high": f"{e['ci95'][1]:.2f}",
                f"{name}_bias": f"{e['bias']:+.2f}", f"{name}_median": f"{e['median']:.2f}",
                f"{name}_bias_plain": f"{e['bias']:.2f}", f"{name}_p95": f"{e['p95']:.2f}", f"{name}_max": f"{e['worst']:.1f}"}
    if phantom:
        out |= {"phantom_images": str(phantom["images"]), "phantom_dice": f"{phantom['dice']['mean']:.4f}",
                "phantom_mae": f"{phantom['hc_direct_mm']['mean']:.2f}", "phantom_bias": f"{phantom['hc_direct_mm']['bias']:+.2f}",
                "phantom_max": f"{phantom['hc_direct_mm']['worst']:.1f}"}
    return out


def main() -> None:
    a = arguments(__doc__).parse_args()
    write(Path(__file__).parent, fields(a.model, read(a.scores), read(a.unlikeness)), a.model, a.out)


if __name__ == "__main__":
    main()

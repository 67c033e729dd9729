"""manifest.toml and card.md beside a model.onnx, from its bytes and the scores that `evaluate` left."""

from __future__ import annotations

import argparse
import hashlib
import json
import string
from pathlib import Path

HERE = Path(__file__).parent


def fields(model: Path, scores: dict) -> dict[str, str]:
    head, phantom = scores["hc18"], scores.get("phantom")
    out = {"sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "size_mb": f"{model.stat().st_size / 1e6:.1f}",
           "images": str(head["images"]), "subjects": str(head["subjects"]), "below": str(head["below_dice_0_95"]),
           "missed": str(head["missed"]), "found_dice": f"{head['found_dice']:.4f}",
           "found_mae": f"{head['found_hc_direct_mae_mm']:.2f}"}
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="scores.json of `evaluate`")
    parser.add_argument("--out", type=Path, required=True, help="the engine's folder")
    a = parser.parse_args()
    values = fields(a.model, json.loads(a.scores.read_text()))
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "model.onnx").write_bytes(a.model.read_bytes())
    for template, name in (("manifest.template.toml", "manifest.toml"), ("card.template.md", "card.md")):
        # `substitute` fails on a figure that is missing, so that no card goes out with a hole in it.
        (a.out / name).write_text(string.Template((HERE / template).read_text()).substitute(values))


if __name__ == "__main__":
    main()

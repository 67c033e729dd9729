"""manifest.toml and card.md beside a model.onnx, from its bytes and the scores that `evaluate` left."""

from __future__ import annotations

import argparse
import hashlib
import json
import string
from pathlib import Path

from .dataset import CLASSES, PATIENTS

HERE = Path(__file__).parent


def interval(v: dict) -> str:
    return f"{v['value']:.3f} ({v['ci95'][0]:.3f}–{v['ci95'][1]:.3f})"


def fields(model: Path, scores: dict, across: list[dict]) -> dict[str, str]:
    values = {"miou": scores["miou"]["value"]} | {f"iou_{name}": v["value"] for name, v in scores["iou"].items()
                                                  if name != CLASSES[0]}
    c, ms = scores["calibration"], scores["one_thread_ms"]
    out = {
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "size_mb": f"{model.stat().st_size / 1e6:.1f}",
        "images": str(scores["images"]), "sequences": str(scores["sequences"]), "patients": str(scores["patients"]),
        "values": ", ".join(f"{name} = {value:.4f}" for name, value in values.items()),
        "miou": interval(scores["miou"]), "temperature": f"{c['temperature']:.2f}", "ece_before": f"{c['ece_before']:.3f}",
        "ece_after": f"{c['ece_after']:.3f}", "processor_ms": f"{ms['processor']:.1f}",
        "by_sequence": ", ".join(f"{name} {v['miou']:.3f} ({v['frames']})" for name, v in scores["by_sequence"].items()),
    }
    out |= {f"iou_{name}": interval(v) for name, v in scores["iou"].items()}
    return out | {"across": across_patients(across)}


def across_patients(many: list[dict]) -> str:
    """The paragraph about networks that were trained on one patient and tried on the other."""
    if not many:
        return "Nobody has trained on one patient and tried on the other yet: expect clearly less on a new patient."
    lines = ["| trained on | tried on | frames | mean IoU | of the classes that there are | " + " | ".join(CLASSES[1:]) + " |",
             "|---|---|---|---|---|" + "---|" * len(CLASSES[1:])]
    for s in many:
        trained = ", ".join(s["trained_on"])
        tried = ", ".join(p for p in PATIENTS if p not in s["trained_on"])
        each = " | ".join(f"{s['iou'][name]['value']:.3f}" if name in s["iou"] else "–" for name in CLASSES[1:])
        # A class that the truth lacks has an IoU of 0 as soon as one pixel is called so.
        there = [s["iou"][name]["value"] for name, row in zip(CLASSES[1:], s["confusion_px"][1:]) if sum(row)]
        means = f"{s['miou']['value']:.3f} | {sum(there) / len(there):.3f}"
        lines.append(f"| {trained} | {tried} | {s['images']} | {means} | {each} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="scores.json of `evaluate`")
    parser.add_argument("--across", type=Path, nargs="*", default=[], help="scores.json of networks of one patient")
    parser.add_argument("--out", type=Path, required=True, help="the engine's folder")
    a = parser.parse_args()
    values = fields(a.model, json.loads(a.scores.read_text()), [json.loads(p.read_text()) for p in a.across])
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "model.onnx").write_bytes(a.model.read_bytes())
    for template, name in (("manifest.template.toml", "manifest.toml"), ("card.template.md", "card.md")):
        # `substitute` fails on a figure that is missing, so that no card goes out with a hole in it.
        (a.out / name).write_text(string.Template((HERE / template).read_text()).substitute(values))


if __name__ == "__main__":
    main()

"""manifest.toml and card.md beside a model.onnx, from templates, its bytes and the scores that `evaluate` left."""

from __future__ import annotations

import argparse
import hashlib
import json
import string
from pathlib import Path

from .calibrate import reliability_table


def arguments(doc: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="scores.json of `evaluate`")
    parser.add_argument("--unlikeness", type=Path, required=True, help="the scores of common.unlike")
    parser.add_argument("--out", type=Path, required=True, help="the engine's folder")
    return parser


def interval(v: dict) -> str:
    return f"{v['value']:.3f} ({v['ci95'][0]:.3f}–{v['ci95'][1]:.3f})"


def common_fields(model: Path, scores: dict, unlikeness: dict) -> dict[str, str]:
    """What every engine's templates may name."""
    c, u = scores["calibration"], unlikeness
    lines = ["| pictures | number | AUROC | above the threshold | lowest value |", "|---|---|---|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {u['pictures'][name]} | {u['auroc'][name]:.4f} | "
              f"{100 * u['recognised'][name]:.1f} % | {u['lowest'][name]:.2f} |" for name in u["auroc"]]
    return {
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "size_mb": f"{model.stat().st_size / 1e6:.1f}",
        "images": str(scores["images"]),
        "temperature": f"{c['temperature']:.2f}", "ece_before": f"{c['ece_before']:.3f}", "ece_after": f"{c['ece_after']:.3f}",
        "reliability": reliability_table(c),
        "unlike_threshold": f"{u['threshold']:.2f}", "unlike_percentile": f"{u['percentile_99']:.2f}",
        "unlike_median": f"{u['held_out_median']:.2f}", "unlike_held_above": f"{100 * u['held_out_above']:.1f} %",
        "unlike_table": "\n".join(lines),
        "auroc": ", ".join(f"{name} = {value:.4f}" for name, value in u["auroc"].items()),
    }


def write(templates: Path, fields: dict[str, str], model: Path, out: Path) -> None:
    """The model, manifest.toml and card.md into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(model.read_bytes())
    for template, name in (("manifest.template.toml", "manifest.toml"), ("card.template.md", "card.md")):
        # `substitute` fails on a figure that is missing, so that no card goes out with a hole in it.
        text = string.Template((templates / template).read_text()).substitute(fields)
        (out / name).write_text(text)


def read(path: Path) -> dict:
    return json.loads(path.read_text())

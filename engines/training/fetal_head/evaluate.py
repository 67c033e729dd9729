"""Scores of a model.onnx on the validation subjects, by the deployed path."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from common.calibrate import as_two, calibration

from .dataset import Still, is_validation, read_hc18, read_phantoms
from .geometry import Ellipse, letterbox
from .measure import Engine, Measured, circumference_mm, dice

BOOTSTRAP_ROUNDS = 5000


def score(engine: Engine, stills: list[Still], pictures: Path | None = None) -> list[dict]:
    """One record a still."""
    records = []
    for still in stills:
        gray, truth = still.read_image(), still.read_mask()
        found = engine.measure(gray)
        record = {
            "image": still.image.name, "subject": still.subject, "hc_mm": still.circumference_mm,
            "dice": dice(found.mask, truth), "touches_border": found.touches_border,
        }
        for name in ("moments", "direct"):
            ellipse = getattr(found, name)
            measured = circumference_mm(ellipse, still.mm_per_px) if ellipse is not None else None
            record[f"hc_{name}_mm"] = measured
            # A head that is not found counts with its whole circumference.
            record[f"error_{name}_mm"] = (measured if measured is not None else 0.0) - still.circumference_mm
        records.append(record)
        if pictures:
            draw(pictures / f"{still.image.stem}.png", gray, truth, found)
    return records


def summary(records: list[dict]) -> dict:
    """Means with 95 % intervals by bootstrap over subjects, and the worst cases."""
    result: dict = {"images": len(records), "subjects": len({r["subject"] for r in records})}
    result["dice"] = statistics(records, "dice", absolute=False)
    for name in ("moments", "direct"):
        result[f"hc_{name}_mm"] = statistics(records, f"error_{name}_mm", absolute=True)
    found = [r for r in records if r["dice"] >= 0.5]
    result["missed"] = len(records) - len(found)
    result["found_dice"] = float(np.mean([r["dice"] for r in found])) if found else 0.0
    result["found_hc_direct_mae_mm"] = float(np.mean([abs(r["error_direct_mm"]) for r in found])) if found else 0.0
    result["below_dice_0_95"] = sum(r["dice"] < 0.95 for r in records)
    return result


def calibrated(engine: Engine, stills: list[Still]) -> dict:
    """The temperature comes from every other subject, and is tried on the rest; one pixel of nine of the still's part."""
    subjects = sorted({s.subject for s in stills})
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[], []]
    for still in stills:
        gray, truth = still.read_image(), still.read_mask()
        box = letterbox(gray.shape[1], gray.shape[0])
        logits = box.content(engine.logits(box.resize(gray)))
        small = cv2.resize(truth, logits.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        parts[subjects.index(still.subject) % 2].append((logits[::3, ::3].ravel(), small[::3, ::3].ravel().astype(np.int64)))
    fitted, tried = ((as_two(np.concatenate([x for x, _ in p])), np.concatenate([t for _, t in p])) for p in parts)
    return calibration(fitted, tried)


def statistics(records: list[dict], key: str, absolute: bool) -> dict:
    signed = np.array([r[key] for r in records])
    values = np.abs(signed) if absolute else signed
    low, high = bootstrap_by_subject(values, [r["subject"] for r in records])
    out = {"mean": values.mean(), "ci95": [low, high], "median": np.median(values), "sd": values.std(ddof=1) if len(values) > 1 else 0.0,
           "worst": values.max() if absolute else values.min()}
    if absolute:
        out["bias"] = signed.mean()
        out["p95"] = np.percentile(values, 95)
    return {k: [float(x) for x in v] if isinstance(v, list) else float(v) for k, v in out.items()}


def bootstrap_by_subject(values: np.ndarray, subjects: list[str], seed: int = 1) -> tuple[float, float]:
    names = sorted(set(subjects))
    index = {s: i for i, s in enumerate(names)}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for value, subject in zip(values, subjects):
        sums[index[subject]] += value
        counts[index[subject]] += 1
    picks = np.random.default_rng(seed).integers(0, len(names), (BOOTSTRAP_ROUNDS, len(names)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def draw(path: Path, gray: np.ndarray, truth: np.ndarray, found: Measured) -> None:
    """Truth green, outline red, direct ellipse yellow: for looking only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    outlines, _ = cv2.findContours(truth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, (0, 220, 0), 1)
    if found.direct is not None:
        cv2.polylines(picture, [ellipse_points(found.direct)], True, (0, 220, 255), 1, cv2.LINE_AA)
    if found.outline is not None:
        cv2.polylines(picture, [np.round(found.outline).astype(np.int32)], True, (60, 60, 255), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture)


def ellipse_points(ellipse: Ellipse) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    return np.round(ellipse.center + np.column_stack([np.cos(t), np.sin(t)]) @ ellipse.shape.T).astype(np.int32)


def describe(title: str, s: dict) -> str:
    def hc(name: str) -> str:
        e = s[f"hc_{name}_mm"]
        return (f"HC by {name}: MAE {e['mean']:.2f} ({e['ci95'][0]:.2f} to {e['ci95'][1]:.2f}), bias {e['bias']:+.2f}, "
                f"median {e['median']:.2f}, p95 {e['p95']:.2f}, max {e['worst']:.1f} mm")
    d = s["dice"]
    return (f"{title}: {s['images']} images of {s['subjects']} subjects\n  Dice {d['mean']:.4f} ({d['ci95'][0]:.4f} to {d['ci95'][1]:.4f}), "
            f"median {d['median']:.4f}, worst {d['worst']:.3f}, {s['below_dice_0_95']} below 0.95, "
            f"{s['missed']} missed (without them Dice {s['found_dice']:.4f}, HC MAE {s['found_hc_direct_mae_mm']:.2f} mm)\n  {hc('moments')}\n  {hc('direct')}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--phantoms", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for scores.json and per-image tables")
    parser.add_argument("--pictures", action="store_true", help="also draw every prediction into the folder")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    engine = Engine(a.model)
    sets = {"hc18": [s for s in read_hc18(a.data) if is_validation(s.subject)]}
    if a.phantoms:
        sets["phantom"] = [s for s in read_phantoms(a.phantoms) if is_validation(s.subject)]
    scores = {}
    for name, stills in sets.items():
        records = score(engine, stills, a.out / name if a.pictures else None)
        scores[name] = summary(records)
        print(describe(name, scores[name]), flush=True)
        if name == "hc18":
            c = scores[name]["calibration"] = calibrated(engine, stills)
            print(f"  temperature {c['temperature']:.2f}, ECE {c['ece_before']:.4f} before and {c['ece_after']:.4f} after")
        with open(a.out / f"{name}.csv", "w", newline="") as handle:
            writer = csv.DictWriter(handle, list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(records, key=lambda r: r["dice"]))
    (a.out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()

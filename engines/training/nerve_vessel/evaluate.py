"""Scores of a model.onnx on the stills kept out of training, at source size by the deployed path."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from common.calibrate import calibration, softmax
from common.label_maps import label_source
from common.session import Session

from .dataset import CLASSES, Still, letterbox, read_stills, tensor

# Of the manifest, as in RGB; background is black.
COLOURS = np.array([[0, 0, 0], [240, 228, 66], [213, 94, 0]], np.uint8)
ROUNDS = 5000


def predict(engine: Session, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels at source size, and the logits over the part of the model's picture that shows the source."""
    box = letterbox(gray)
    logits = np.stack([box.content(plane) for plane in engine.run(tensor(gray))])
    return label_source(softmax(logits), box.source_w, box.source_h), logits


def score(engine: Session, stills: list[Still], pictures: Path | None = None) -> dict:
    """Everything that is told of a model on stills that it has not seen."""
    rows, samples = [], []
    for still in stills:
        gray, truth = still.read_image(), still.read_mask()
        labels, logits = predict(engine, gray)
        row: dict = {"image": still.name, "group": still.group}
        for c, name in enumerate(CLASSES[1:], 1):
            a, b = labels == c, truth == c
            both, total = int((a & b).sum()), int(a.sum()) + int(b.sum())
            # A class that neither shows has no Dice; one that either shows alone has none of it right.
            row[name] = 2 * both / total if total else None
            row |= {f"{name}_both_px": both, f"{name}_found_px": int(a.sum()), f"{name}_true_px": int(b.sum())}
        rows.append(row)
        small = cv2.resize(truth, logits.shape[:0:-1], interpolation=cv2.INTER_NEAREST_EXACT)
        samples.append((logits[:, ::3, ::3].reshape(len(CLASSES), -1), small[::3, ::3].ravel().astype(np.int64)))
        if pictures:
            draw(pictures / f"{still.image.stem}.png", gray, truth, labels)
    return {"images": len(stills), "groups": len({s.group for s in stills}),
            "classes": {name: summary(rows, name) for name in CLASSES[1:]},
            "calibration": calibrated(stills, samples), "rows": rows}


def calibrated(stills: list[Still], samples: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """The temperature comes from every other group, and is tried on the rest."""
    groups = sorted({s.group for s in stills})

    def part(which: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = [sample for s, sample in zip(stills, samples) if groups.index(s.group) % 2 == which]
        return np.concatenate([x for x, _ in chosen], axis=1), np.concatenate([t for _, t in chosen])

    return calibration(part(0), part(1))


def summary(rows: list[dict], name: str) -> dict:
    """Dice of a class: mean over stills and of all pixels together, with 95 % intervals by bootstrap over groups."""
    groups = sorted({r["group"] for r in rows})
    index = {g: i for i, g in enumerate(groups)}
    # Sums of a group: Dice, stills with a Dice, pixels of both, found and true.
    sums = np.zeros((len(groups), 5))
    for r in rows:
        dice = r[name]
        sums[index[r["group"]]] += [dice or 0.0, dice is not None, r[f"{name}_both_px"], r[f"{name}_found_px"], r[f"{name}_true_px"]]

    def figures(total: np.ndarray) -> np.ndarray:
        dice, count, both, found, true = total
        return np.array([dice / count, 2 * both / (found + true), both / np.maximum(found, 1), both / np.maximum(true, 1)])

    picks = np.random.default_rng(1).integers(0, len(groups), (ROUNDS, len(groups)))
    low, high = np.percentile(figures(sums[picks].sum(1).T), [2.5, 97.5], axis=1)
    values = figures(sums.sum(0))
    out = {key: {"value": float(values[i]), "ci95": [float(low[i]), float(high[i])]}
           for i, key in enumerate(("dice", "dice_of_pixels", "precision", "recall"))}
    each = np.array([r[name] for r in rows if r[name] is not None])
    return out | {"stills": len(each), "median": float(np.median(each)), "missed": int((each < 0.05).sum())}


def draw(path: Path, gray: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> None:
    """The picture with the truth's outlines, and with those found: for looking only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tiles = []
    for of in (truth, labels):
        tile = np.repeat(gray[..., None], 3, axis=2)
        for c in range(1, len(CLASSES)):
            outlines, _ = cv2.findContours((of == c).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, outlines, -1, COLOURS[c].tolist(), 2, cv2.LINE_AA)
        tiles.append(tile)
    cv2.imwrite(str(path), np.concatenate(tiles, axis=1)[..., ::-1])


def describe(s: dict) -> str:
    lines = [f"{s['images']} stills of {s['groups']} groups"]
    for name, v in s["classes"].items():
        said = ", ".join(f"{key} {v[key]['value']:.3f} ({v[key]['ci95'][0]:.3f} to {v[key]['ci95'][1]:.3f})"
                         for key in ("dice", "dice_of_pixels", "precision", "recall"))
        lines.append(f"  {name}: {said}; median Dice {v['median']:.3f}, missed in {v['missed']} of {v['stills']}")
    c = s["calibration"]
    lines.append(f"  temperature {c['temperature']:.2f}, ECE {c['ece_before']:.4f} before and {c['ece_after']:.4f} after")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for scores.json and a table of the stills")
    parser.add_argument("--pictures", action="store_true", help="also draw every prediction into the folder")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    held = [s for s in read_stills(a.data) if s.validates]
    scores = score(Session(a.model), held, a.out / "pictures" if a.pictures else None)
    scores["one_thread_ms"] = Session(a.model, threads=1).milliseconds(tensor(held[0].read_image()))
    rows = scores.pop("rows")
    print(describe(scores))
    print("  one thread: {processor:.1f} ms of a processor, {clock:.1f} ms by the clock".format(**scores["one_thread_ms"]))
    with open(a.out / "stills.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: (r["nerve"] or 0) + (r["vessel"] or 0)))
    (a.out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Scores of a model.onnx on the frames kept out of training, at source size by the deployed path."""

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

from .augment import tensor
from .dataset import CLASSES, Frame, parse_patients, read_frames, split
from .scores import Counts, block_bootstrap

# Of the manifest, as in RGB; void is black.
COLOURS = np.array([[0, 0, 0], [0, 158, 115], [230, 159, 0], [86, 180, 233], [204, 121, 167], [213, 94, 0],
                    [240, 228, 66]], np.uint8)


def score(engine: Session, frames: list[Frame], pictures: Path | None = None) -> dict:
    """Everything that is told of a model on frames that it has not seen."""
    sequences: dict[str, list[Counts]] = {}
    logits_of: dict[str, list[np.ndarray]] = {}
    truth_of: dict[str, list[np.ndarray]] = {}
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    rows, pairs, last = [], [], None
    for frame in frames:
        picture, truth = frame.read_image(), frame.read_mask()
        logits = engine.run(tensor(picture))
        labels = label_source(softmax(logits), *truth.shape[::-1])
        if last and last[0] == frame.sequence:
            pairs.append((*last[1:], labels, truth))
        last = (frame.sequence, labels, truth)
        counts = Counts()
        counts.add(labels, truth)
        confusion += np.bincount(truth.ravel().astype(np.int64) * len(CLASSES) + labels.ravel(),
                                 minlength=confusion.size).reshape(confusion.shape)
        sequences.setdefault(frame.sequence, []).append(counts)
        # One of each four source pixels, and of those every third in both directions: neighbours say the same.
        logits_of.setdefault(frame.sequence, []).append(logits[:, ::3, ::3].reshape(len(CLASSES), -1))
        truth_of.setdefault(frame.sequence, []).append(truth[::2, ::2][::3, ::3].ravel().astype(np.int64))
        rows.append({"image": frame.name, "sequence": frame.sequence, "miou": counts.miou(),
                     **{name: iou for name, iou in zip(CLASSES[1:], counts.iou()[1:])}})
        if pictures:
            draw(pictures / f"{frame.sequence}-{frame.image.stem}.png", picture, truth, labels)
    every = Counts.sum([c for counts in sequences.values() for c in counts])
    resampled = block_bootstrap(sequences)
    low, high = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
    iou = every.iou()
    return {
        "images": len(frames),
        "sequences": len(sequences),
        "patients": len({f.patient for f in frames}),
        "miou": {"value": every.miou(), "ci95": [low[-1], high[-1]]},
        "iou": {name: {"value": iou[c], "ci95": [low[c], high[c]]} for c, name in enumerate(CLASSES) if every.union[c]},
        "by_sequence": {name: {"frames": len(counts), "miou": Counts.sum(counts).miou()}
                        for name, counts in sequences.items()},
        "confusion_px": confusion.tolist(),
        "calibration": calibrated(logits_of, truth_of),
        "flicker": flicker(pairs),
        "rows": rows,
    }


def calibrated(logits_of: dict[str, list[np.ndarray]], truth_of: dict[str, list[np.ndarray]]) -> dict:
    """A temperature from the first half of each block of frames, tried on the second."""
    def half(parts: dict[str, list[np.ndarray]], second: bool) -> np.ndarray:
        chosen = [p[len(p) // 2:] if second else p[:len(p) // 2] for p in parts.values()]
        return np.concatenate([x for part in chosen for x in part], axis=-1)

    return calibration((half(logits_of, False), half(truth_of, False)), (half(logits_of, True), half(truth_of, True)))


def flicker(pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> dict:
    """How steady labels are from frame to frame; each pair is (labels, truth) of a frame and those of the next.

    `still_changed`: of the pixels that the truth names the same in both frames, the share that is named differently.
    `appearances`: how often a class comes or goes (from none to 0.1 % of the picture or more) that in truth stays.
    """
    same = changed = appearances = 0
    for before, truth_before, after, truth_after in pairs:
        steady = (truth_before == truth_after) & (truth_before > 0)
        same += int(steady.sum())
        changed += int((steady & (before != after)).sum())
        for c in range(1, len(CLASSES)):
            if (truth_before == c).any() == (truth_after == c).any():
                least, most = sorted((int((before == c).sum()), int((after == c).sum())))
                appearances += least == 0 and most >= 0.001 * before.size
    return {"pairs": len(pairs), "still_changed": changed / max(same, 1), "appearances": int(appearances)}


def draw(path: Path, picture: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> None:
    """Picture, truth, prediction, and where they differ (white; grey where the truth is void): for looking only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wrong = np.where(truth == labels, 0, np.where(truth == 0, 110, 255)).astype(np.uint8)
    tiles = [picture, COLOURS[truth], COLOURS[labels], np.repeat(wrong[..., None], 3, axis=2)]
    cv2.imwrite(str(path), np.concatenate(tiles, axis=1)[..., ::-1])


def describe(s: dict) -> str:
    lines = [f"{s['images']} frames of {s['sequences']} sequences, mean IoU without void {s['miou']['value']:.4f} "
             f"({s['miou']['ci95'][0]:.4f} to {s['miou']['ci95'][1]:.4f})"]
    lines += [f"  {name:14} {v['value']:.4f} ({v['ci95'][0]:.4f} to {v['ci95'][1]:.4f})" for name, v in s["iou"].items()]
    lines += ["  " + ", ".join(f"{name} {v['miou']:.3f}" for name, v in s["by_sequence"].items())]
    c = s["calibration"]
    lines.append(f"  temperature {c['temperature']:.2f}, ECE {c['ece_before']:.4f} before and {c['ece_after']:.4f} after")
    f = s["flicker"]
    lines.append(f"  from frame to frame ({f['pairs']} pairs): {100 * f['still_changed']:.2f} % of steady pixels change their label, "
                 f"{f['appearances']} classes come or go")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--patients", type=parse_patients, default="patient1,patient2", help="as in training")
    parser.add_argument("--out", type=Path, required=True, help="folder for scores.json and a table of the frames")
    parser.add_argument("--pictures", action="store_true", help="also draw every prediction into the folder")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    engine = Session(a.model)
    _, held = split(read_frames(a.data), a.patients)
    scores = score(engine, held, a.out / "pictures" if a.pictures else None)
    scores["trained_on"] = list(a.patients)
    scores["one_thread_ms"] = Session(a.model, threads=1).milliseconds(tensor(held[0].read_image()))
    rows = scores.pop("rows")
    print(describe(scores))
    print("  one thread: {processor:.1f} ms of a processor, {clock:.1f} ms by the clock".format(**scores["one_thread_ms"]))
    with open(a.out / "frames.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: r["miou"]))
    (a.out / "scores.json").write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""The scores of labels at source size."""

from __future__ import annotations

import numpy as np

from .dataset import CLASSES


class Counts:
    """Intersections and unions of every class, summed over frames; void pixels count against a class named there."""

    def __init__(self, inter: np.ndarray | None = None, union: np.ndarray | None = None) -> None:
        self.inter = np.zeros(len(CLASSES), np.int64) if inter is None else inter
        self.union = np.zeros(len(CLASSES), np.int64) if union is None else union

    @staticmethod
    def sum(many: list["Counts"]) -> "Counts":
        return Counts(np.sum([c.inter for c in many], 0), np.sum([c.union for c in many], 0))

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        n = len(CLASSES)
        table = np.bincount(truth.ravel().astype(np.int64) * n + predicted.ravel(), minlength=n * n).reshape(n, n)
        self.inter += table.diagonal()
        self.union += table.sum(0) + table.sum(1) - table.diagonal()

    def iou(self) -> np.ndarray:
        """IoU of each class; NaN where neither truth nor prediction has it."""
        with np.errstate(invalid="ignore"):
            return self.inter / np.where(self.union > 0, self.union, np.nan)

    def miou(self) -> float:
        """Mean over the classes that there are, without void."""
        return float(np.nanmean(self.iou()[1:]))


def block_bootstrap(sequences: dict[str, list[Counts]], block: int = 5, rounds: int = 2000,
                    seed: int = 1) -> np.ndarray:
    """IoU of each class (columns; the last is their mean without void) in resampled sets of frames (rows).

    Frames next to each other are alike, so whole blocks of neighbours are drawn (`block` frames, and at most half of a
    sequence), out of each sequence as many frames as it has; blocks wrap around (D. N. Politis and J. P. Romano,
    A circular block-resampling procedure for stationary data, 1992). It tells of other frames of these sequences, not of other patients.
    """
    rng = np.random.default_rng(seed)
    inter = np.zeros((rounds, len(CLASSES)))
    union = np.zeros((rounds, len(CLASSES)))
    for frames in sequences.values():
        n = len(frames)
        length = min(block, max(n // 2, 1))
        starts = rng.integers(0, n, (rounds, -(-n // length)))
        picks = ((starts[..., None] + np.arange(length)) % n).reshape(rounds, -1)[:, :n]
        inter += np.array([c.inter for c in frames])[picks].sum(1)
        union += np.array([c.union for c in frames])[picks].sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = inter / np.where(union > 0, union, np.nan)
    return np.column_stack([iou, np.nanmean(iou[:, 1:], 1)])

"""INT8 beside f32 for engines that name several classes, on pictures that neither training nor calibration saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# A class that covers less of a picture than this in both is too small for its size to be compared.
SMALLEST_SHARE = 0.002


def parity(pictures: list[tuple[np.ndarray, np.ndarray, str]], one: Callable[[np.ndarray], np.ndarray],
           other: Callable[[np.ndarray], np.ndarray], classes: tuple[str, ...], seed: int = 1) -> dict[str, float]:
    """`pictures` are (picture, true labels, group); `one` (f32) and `other` (INT8) give labels at source size.

    Agreement is the Dice of all named pixels together, by picture. A class flips where one alone names more than
    SMALLEST_SHARE of the picture so, and the other nothing. Sizes are the areas of classes.
    """
    agreement, change, areas, flips, compared = [], [], [], 0, 0
    for picture, truth, _ in pictures:
        a, b = one(picture), other(picture)
        scores = []
        total = int((a > 0).sum()) + int((b > 0).sum())
        agreement.append(2 * int(((a == b) & (a > 0)).sum()) / total if total else 1.0)
        for c in range(1, len(classes)):
            before, after, true = (int((m == c).sum()) for m in (a, b, truth))
            least = SMALLEST_SHARE * truth.size
            if max(before, after) > least:
                compared += 1
                flips += min(before, after) == 0
                if min(before, after) > least:
                    areas.append(100 * (after / before - 1))
            if true:
                scores.append(2 * int(((b == c) & (truth == c)).sum()) / (after + true)
                              - 2 * int(((a == c) & (truth == c)).sum()) / (before + true))
        change.append(float(np.mean(scores)) if scores else 0.0)
    groups = sorted({group for _, _, group in pictures})
    by_group = [[d for d, (_, _, g) in zip(change, pictures) if g == group] for group in groups]
    picks = np.random.default_rng(seed).integers(0, len(groups), (5000, len(groups)))
    sums, counts = np.array([sum(g) for g in by_group]), np.array([len(g) for g in by_group])
    means = sums[picks].sum(1) / counts[picks].sum(1)
    return {
        "dice_median": float(np.median(agreement)),
        "dice_p1": float(np.percentile(agreement, 1)),
        "dice_worst": float(np.min(agreement)),
        "presence_flips": flips / max(compared, 1),
        "area_bias_percent": float(np.mean(areas)),
        "area_loa_percent": float(1.96 * np.std(areas, ddof=1)),
        "dice_change": float(np.mean(change)),
        "dice_change_low": float(np.percentile(means, 2.5)),
    }

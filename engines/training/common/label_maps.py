"""Pictures with a label map of several classes: soft targets, the loss, labels at source size. Void or background is label 0."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.nn import functional as F

# A pixel belongs to the most probable of the classes that reach it, else to none: as the manifests say.
THRESHOLD = 0.5


def shares(labels: np.ndarray, size: int, classes: int) -> np.ndarray:
    """The share of each class under each pixel of a size x size picture: borders as soft as the pixels mix."""
    one_hot = ((labels == c).astype(np.float32) for c in range(classes))
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in one_hot])


def border_weight(labels: np.ndarray, size: int) -> np.ndarray:
    """2 within three pixels of where classes meet, else 1 (float32, size x size)."""
    nearest = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST)
    square = np.ones((7, 7), np.uint8)
    return 1 + (cv2.dilate(nearest, square) != cv2.erode(nearest, square)).astype(np.float32)


def loss_of(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor,
            each_picture: float = 0.0) -> torch.Tensor:
    """Cross-entropy, heavier where classes meet, and soft Dice.

    Dice is taken over the batch as a whole, as a score over all frames is: a class that a frame lacks is no
    class of that frame's. `each_picture` of it is taken by picture instead, as a mean score over stills is.
    Label 0 counts in the cross-entropy alone.
    """
    logs = F.log_softmax(logits, 1)
    entropy = -(target * logs).sum(1)
    p, t = logs.exp()[:, 1:], target[:, 1:]
    inter, total = (p * t).sum((2, 3)), (p + t).sum((2, 3))
    dice = _lost(inter.sum(0), total.sum(0)).mean()
    if each_picture:
        dice = torch.lerp(dice, _lost(inter, total).mean(), each_picture)
    return (entropy * weight).mean() + dice


def _lost(inter: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    return 1 - (2 * inter + 50) / (total + 50)


def elastic(rng: np.random.Generator, inverse: np.ndarray, offset: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Look-up maps (n x n, float32) of target pixel = linear source + offset, given the inverse of the linear part,
    with a smooth random deformation of some pixels."""
    x, y = np.meshgrid(np.arange(n, dtype=np.float32) - np.float32(offset[0]),
                       np.arange(n, dtype=np.float32) - np.float32(offset[1]))
    maps = (np.float32(inverse[0, 0]) * x + np.float32(inverse[0, 1]) * y,
            np.float32(inverse[1, 0]) * x + np.float32(inverse[1, 1]) * y)
    cells, depth = int(rng.integers(3, 7)), rng.uniform(4, 16)
    for field in maps:
        coarse = rng.normal(0, depth, (cells, cells)).astype(np.float32)
        field += cv2.resize(coarse, (n, n), interpolation=cv2.INTER_CUBIC)
    return maps


def label_source(probability: np.ndarray, width: int, height: int, threshold: float = THRESHOLD) -> np.ndarray:
    """Labels (uint8, height x width) of probabilities (classes x h x w, label 0 first) over the whole picture.

    Written apart from the program and with other libraries, so that the two check each other. Each map is interpolated bilinearly between pixel centres and clamped at the border.
    """
    up = np.stack([cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in probability[1:]])
    best = up.argmax(0)
    reached = np.take_along_axis(up, best[None], 0)[0] >= threshold
    return np.where(reached, best + 1, 0).astype(np.uint8)

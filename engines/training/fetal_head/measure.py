"""From the network's output to a mask and a head circumference.

Written apart from the program and with other libraries, so that the two check each other.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from common.session import Session

from .geometry import (Ellipse, Letterbox, apply, direct_ellipse, invert, letterbox, polygon_moment_ellipse)

# The probability, before the temperature, from which a pixel is head: the training stills' masks are met best by it.
LEVEL = 0.44
# How far inside the mask's edge the head ends, in pixels of the model's picture: the masks hold the line that was drawn.
# The training stills' recorded circumferences are met best by it.
INSET_PX = 0.4
# Outline points this near to the picture's border (model pixels) follow the border, not the head.
BORDER_MARGIN = 1.5


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one picture gave; outline and ellipses in source pixels, circumference in mm."""

    mask: np.ndarray
    outline: np.ndarray | None
    touches_border: bool
    moments: Ellipse | None
    direct: Ellipse | None


class Engine(Session):
    """An ONNX model run as the program runs it."""

    def logits(self, model_picture: np.ndarray) -> np.ndarray:
        return self.run((model_picture.astype(np.float32) / 255)[None])[0]

    def measure(self, gray: np.ndarray) -> Measured:
        height, width = gray.shape
        box = letterbox(width, height)
        return measure_logits(self.logits(box.resize(gray)), box)


def measure_logits(logits: np.ndarray, box: Letterbox, level: float = LEVEL, inset_px: float = INSET_PX) -> Measured:
    # Shifted so that the level is a probability of one half.
    shifted = logits.astype(np.float64) - np.log(level / (1 - level))
    probability = 1 / (1 + np.exp(-np.clip(shifted, -40, 40)))
    content = largest_filled(box.content(probability))
    up = cv2.resize(content, (box.source_w, box.source_h), interpolation=cv2.INTER_LINEAR)
    mask = (up > 0.5).astype(np.uint8)
    # A frame of zeros closes the outline half a pixel beyond the last centres, which is the picture's edge.
    outlines = find_contours(np.pad(content, 1), 0.5)
    if not outlines:
        return Measured(mask, None, False, None, None)
    points = max(outlines, key=lambda c: abs(_area(c)))[:-1, ::-1] - 1
    free = ((points[:, 0] > BORDER_MARGIN) & (points[:, 0] < box.content_w - 1 - BORDER_MARGIN)
            & (points[:, 1] > BORDER_MARGIN) & (points[:, 1] < box.content_h - 1 - BORDER_MARGIN))
    source_from_content = invert(box.model_from_source())
    source = apply(source_from_content, points + [box.pad_left, box.pad_top])
    inset = inset_px * box.source_w / box.content_w
    moments, direct = (e and e.grown(-inset) for e in (polygon_moment_ellipse(source), direct_ellipse(source[free])))
    return Measured(mask, source, not free.all(), moments, direct)


def largest_filled(probability: np.ndarray) -> np.ndarray:
    """Only the largest region above 0.5 stays above it; its holes are filled. The rest keeps its values."""
    inside = probability > 0.5
    labels, count = ndimage.label(inside, np.ones((3, 3)))
    if count == 0:
        return probability
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == sizes.argmax()
    out = np.where(inside & ~largest, 0.0, probability)
    return np.where(ndimage.binary_fill_holes(largest) & ~largest, 1.0, out)


def circumference_mm(ellipse: Ellipse, mm_per_px: tuple[float, float]) -> float:
    """Ramanujan II of the ellipse in millimetre space."""
    return ellipse.mapped(np.array([[mm_per_px[0], 0, 0], [0, mm_per_px[1], 0]])).circumference()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)

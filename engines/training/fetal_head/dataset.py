"""HC18 stills and phantom stills: reading, split by subject, ellipse truth, pictures cached for training."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .geometry import (MODEL_HEIGHT, MODEL_WIDTH, Ellipse, Letterbox, direct_ellipse, letterbox,
                       mask_moment_ellipse)

VALIDATION_PERCENT = 20
# Training pictures are kept at twice the model size: warped there, then reduced 2:1, which stands for the
# antialiased reduction of the deployed path.
CACHE_FACTOR = 2


@dataclasses.dataclass(frozen=True)
class Still:
    """One labelled picture on disk."""

    image: Path
    mask: Path
    subject: str
    mm_per_px: tuple[float, float]
    circumference_mm: float

    def read_image(self) -> np.ndarray:
        return np.array(Image.open(self.image).convert("L"))

    def read_mask(self) -> np.ndarray:
        return (np.array(Image.open(self.mask)) > 0).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Cached:
    """A picture ready for augmentation, with its head outline in source pixels (None: no head in it)."""

    double: np.ndarray  # letterboxed at CACHE_FACTOR times the model size
    exact: np.ndarray  # letterboxed by the deployed path
    double_from_source: np.ndarray
    exact_from_source: np.ndarray
    ellipse: Ellipse | None


def read_hc18(folder: Path) -> list[Still]:
    with open(folder / "labels.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [
        Still(folder / r["image"], folder / r["mask"], r["subject"], (float(r["pixel_size_mm"]),) * 2,
              float(r["head_circumference_mm"]))
        for r in rows
    ]


def read_phantoms(folder: Path) -> list[Still]:
    with open(folder / "truth.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [
        Still(folder / r["image"], folder / r["mask"], "phantom-" + Path(r["image"]).stem,
              (float(r["mm_per_px_x"]), float(r["mm_per_px_y"])), float(r["head_circumference_mm"]))
        for r in rows
    ]


def is_validation(subject: str) -> bool:
    """The split: a fixed hash of the subject, so that it never depends on order or on what else is there."""
    digest = hashlib.sha256(f"vesalius fetal-head 1 {subject}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < VALIDATION_PERCENT


def write_split(stills: list[Still], path: Path) -> None:
    subjects = sorted({s.subject for s in stills})
    with open(path, "w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["subject", "part"])
        writer.writerows([s, "validation" if is_validation(s) else "train"] for s in subjects)


def fit_mask_ellipse(mask: np.ndarray) -> Ellipse:
    """The ellipse of a filled mask: by moments, or by its visible outline where the picture's border cuts it."""
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    if min(xs.min(), ys.min()) > 0 and xs.max() < width - 1 and ys.max() < height - 1:
        return mask_moment_ellipse(mask)
    outline = visible_outline(mask)
    fitted = direct_ellipse(outline)
    return fitted if fitted is not None else mask_moment_ellipse(mask)


def visible_outline(mask: np.ndarray, margin: float = 2.0) -> np.ndarray:
    """Sub-pixel outline points of a 0/1 mask farther than `margin` from the picture's border."""
    from skimage.measure import find_contours

    height, width = mask.shape
    points = max(find_contours(np.pad(mask.astype(np.float32), 1), 0.5), key=len)[:, ::-1] - 1
    inside = ((points[:, 0] > margin) & (points[:, 0] < width - 1 - margin)
              & (points[:, 1] > margin) & (points[:, 1] < height - 1 - margin))
    return points[inside]


def read_negatives(folder: Path) -> list[Cached]:
    """Every picture of a folder of stills in which there is no head."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".webp", ".png", ".jpg", ".jpeg", ".bmp"))
    return [_cache(np.array(Image.open(p).convert("L")), None) for p in paths]


def cached(gray: np.ndarray, mask: np.ndarray) -> Cached:
    """A picture and its filled 0/1 mask; an empty mask says that there is no head."""
    return _cache(gray, fit_mask_ellipse(mask) if mask.any() else None)


def _cache(gray: np.ndarray, ellipse: Ellipse | None) -> Cached:
    height, width = gray.shape
    double = Letterbox.fit(width, height, MODEL_WIDTH * CACHE_FACTOR, MODEL_HEIGHT * CACHE_FACTOR)
    exact = letterbox(width, height)
    return Cached(double.resize(gray), exact.resize(gray), double.model_from_source(), exact.model_from_source(), ellipse)


def cache_all(stills: list[Still]) -> list[Cached]:
    cv2.setNumThreads(0)
    return [cached(s.read_image(), s.read_mask()) for s in stills]

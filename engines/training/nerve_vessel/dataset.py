"""Stills of nerves and vessels: reading, and the split by groups of stills that look alike."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from common.letterbox import Letterbox

# Label values of the data set; its authors do not say which is which. See README.md for how it is known.
CLASSES = ("background", "nerve", "vessel")
MODEL_SIZE = 256
SPLIT = Path(__file__).parent / "split.csv"


@dataclasses.dataclass(frozen=True)
class Still:
    """One labelled picture on disk."""

    image: Path
    mask: Path
    name: str  # as in labels.csv
    group: str
    validates: bool

    def read_image(self) -> np.ndarray:
        return np.array(Image.open(self.image).convert("L"))

    def read_mask(self) -> np.ndarray:
        return np.array(Image.open(self.mask))


def read_names(folder: Path) -> list[tuple[str, str]]:
    """(image, mask) of each still in the order of labels.csv."""
    with open(folder / "labels.csv", newline="") as handle:
        return [(row["image"], row["mask"]) for row in csv.DictReader(handle)]


def read_stills(folder: Path, split: Path = SPLIT) -> list[Still]:
    with open(split, newline="") as handle:
        rows = {row["image"]: row for row in csv.DictReader(handle)}
    missing = [image for image, _ in read_names(folder) if image not in rows]
    if missing:
        raise SystemExit(f"{split} does not know {missing[0]}: make it anew with python -m nerve_vessel.split")
    return [Still(folder / image, folder / mask, image, rows[image]["group"], rows[image]["part"] == "validation")
            for image, mask in read_names(folder)]


def letterbox(picture: np.ndarray, size: int = MODEL_SIZE) -> Letterbox:
    """Where a picture lies in the model's, or in one of another size."""
    return Letterbox.fit(picture.shape[1], picture.shape[0], size, size)


def tensor(gray: np.ndarray) -> np.ndarray:
    """The model's input (float32, 1 x size x size, 0..1) of an 8-bit grey picture."""
    return letterbox(gray).resize(gray)[None].astype(np.float32) / 255

"""Groups of stills that look alike, and which groups validate.

The data set names no patient, and holds some stills twice (mirrored, shifted or with other gain) and others of one
scan. Each still's scanned area is reduced to 80x64 and freed of its slow brightness; two stills are neighbours where
the middle of one, upright or mirrored, is found in the other with a normalised correlation of ALIKE or more.
Neighbours of neighbours form a group; whole groups train or validate.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .dataset import SPLIT, read_names

# Copies reach 0.97 or more, stills of one scan 0.6 to 0.9; of all pairs 99.5 % stay below 0.55.
ALIKE = 0.55
VALIDATION_PERCENT = 22


def texture(gray: np.ndarray) -> np.ndarray:
    """The scanned area alone, small, without slow brightness."""
    scanned = cv2.blur(gray, (9, 9)) > 4
    rows, columns = (np.flatnonzero(scanned.mean(axis) > 0.25) for axis in (1, 0))
    area = gray[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].astype(np.float32)
    small = cv2.resize(np.sqrt(area), (80, 64), interpolation=cv2.INTER_AREA)
    return (cv2.GaussianBlur(small, (0, 0), 1) - cv2.GaussianBlur(small, (0, 0), 6))[3:-3, 3:-3]


def alikeness(a: np.ndarray, b: np.ndarray) -> float:
    """The best normalised correlation of the middle of `a` with a place of `b` or of its mirror image."""
    middle = np.ascontiguousarray(a[10:-10, 12:-12])
    return max(float(cv2.matchTemplate(np.ascontiguousarray(other), middle, cv2.TM_CCOEFF_NORMED).max())
               for other in (b, b[:, ::-1]))


def groups_of(textures: list[np.ndarray]) -> list[int]:
    """For each still the first still of its group."""
    parent = list(range(len(textures)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(textures):
        for j in range(i):
            if max(alikeness(a, textures[j]), alikeness(textures[j], a)) >= ALIKE:
                low, high = sorted((root(i), root(j)))
                parent[high] = low
    return [root(i) for i in range(len(textures))]


def validates(group: str) -> bool:
    return hashlib.sha256(f"nerve-vessel {group}".encode()).digest()[0] * 100 < VALIDATION_PERCENT * 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=SPLIT)
    a = parser.parse_args()
    names = [image for image, _ in read_names(a.data)]
    groups = groups_of([texture(np.array(Image.open(a.data / name).convert("L"))) for name in names])
    with open(a.out, "w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["image", "group", "part"])
        for name, group in zip(names, groups):
            first = Path(names[group]).stem
            writer.writerow([name, first, "validation" if validates(first) else "training"])


if __name__ == "__main__":
    main()

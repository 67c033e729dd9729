"""Pictures that an engine was not made for: the other data sets, video of other organs, test pictures, nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

# Of a data set at most so many pictures, spread over it; of each clip so many frames.
MOST = 120
OF_A_CLIP = 12


def data_set(folder: Path) -> Iterator[np.ndarray]:
    """RGB pictures (h x w x 3, 8 bits) of a folder with labels.csv."""
    with open(folder / "labels.csv", newline="") as handle:
        names = [row["image"] for row in csv.DictReader(handle)]
    for i in np.unique(np.linspace(0, len(names) - 1, MOST).round().astype(int)):
        yield np.array(Image.open(folder / names[i]).convert("RGB"))


def clips(folder: Path) -> Iterator[np.ndarray]:
    """Frames of every video that OpenCV reads."""
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in {".mp4", ".mov", ".avi", ".mpg", ".mpeg"}):
        video = cv2.VideoCapture(str(path))
        frames = []
        while True:
            ok, frame = video.read()
            if not ok:
                break
            frames.append(frame)
        for i in np.unique(np.linspace(0, len(frames) - 1, OF_A_CLIP).round().astype(int)) if frames else []:
            yield np.ascontiguousarray(frames[i][..., ::-1])


def colour_bars(size: tuple[int, int] = (1280, 720)) -> Iterator[np.ndarray]:
    """Bars of 75 % and 100 %, full and with a grey ramp below, clean and with some noise."""
    rng = np.random.default_rng(1)
    width, height = size
    for level in (0.75, 1.0):
        bars = np.array([[r, g, b] for g in (1, 0) for r in (1, 0) for b in (1, 0)], np.float32) * 255 * level
        row = bars[np.arange(width) * 8 // width]
        for split in (1.0, 0.67):
            picture = np.repeat(row[None], height, 0)
            picture[int(split * height):] = np.linspace(0, 255, width, dtype=np.float32)[None, :, None]
            for noise in (0, 3, 8):
                yield np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def black(size: tuple[int, int] = (1280, 720)) -> Iterator[np.ndarray]:
    """Black at both ranges' levels, clean and with some noise."""
    rng = np.random.default_rng(2)
    for level in (0, 16):
        for noise in (0, 1, 2, 4):
            yield np.clip(rng.normal(level, noise, (size[1], size[0], 3)), 0, 255).astype(np.uint8)


def noise(size: tuple[int, int] = (1280, 720)) -> Iterator[np.ndarray]:
    """Snow, fine and coarse."""
    rng = np.random.default_rng(3)
    for grain in (1, 1, 2, 2, 4, 4, 8, 8):
        small = rng.integers(0, 256, (size[1] // grain, size[0] // grain, 3), np.uint8)
        yield cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)


def sets(data: Path, own: str) -> dict[str, Iterator[np.ndarray]]:
    """All but the engine's own data set; what is not there is left out."""
    out = {name: data_set(data / name) for name in ("hc18", "vocalfolds", "usgra")
           if name != own and (data / name / "labels.csv").is_file()}
    if (data / "clips").is_dir():
        out["clips"] = clips(data / "clips")
    return out | {"colour_bars": colour_bars(), "black": black(), "noise": noise()}


def area_under_roc(own: np.ndarray, foreign: np.ndarray) -> float:
    """The chance that a foreign picture's value is above one of the engine's own (ties count half)."""
    above = (foreign[:, None] > own[None]).mean() + 0.5 * (foreign[:, None] == own[None]).mean()
    return float(above)

"""Makes the pictures that resizing is compared with: `tests/golden/<mode>_<source>_<target>.raw`, and
`tests/golden_linear/` for the filter that does not smooth.

Needs numpy, Pillow and OpenCV:  python src/engine/tests/make_golden.py
The source pictures are defined by a formula that the tests evaluate too; the targets are what Pillow's BILINEAR
or OpenCV's INTER_LINEAR makes of them, row by row, RGB interleaved.
"""

import pathlib

import cv2
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "golden"
LINEAR = pathlib.Path(__file__).parent / "golden_linear"

CASES = [
    # mode, source width and height, target width and height
    ("gray", 1920, 1080, 64, 36),
    ("gray", 640, 480, 72, 54),
    ("gray", 207, 141, 72, 49),
    ("gray", 50, 200, 80, 40),
    ("gray", 31, 21, 90, 61),
    ("gray", 2, 3, 7, 5),
    ("gray", 1, 1, 5, 4),
    ("rgb", 200, 150, 60, 45),
    ("rgb", 107, 33, 24, 48),
]


def picture(width, height, channels):
    """Byte at column x, row y, channel c: (3x² + 5y² + 2xy + 85c) / 8, rounded down, modulo 256."""
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(channels), indexing="xy")
    return ((3 * x * x + 5 * y * y + 2 * x * y + 85 * c) // 8 % 256).astype(np.uint8)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    LINEAR.mkdir(exist_ok=True)
    for mode, ws, hs, wt, ht in CASES:
        source = picture(ws, hs, 1 if mode == "gray" else 3)
        image = Image.fromarray(source[:, :, 0] if mode == "gray" else source)
        target = image.resize((wt, ht), Image.Resampling.BILINEAR)
        (HERE / f"{mode}_{ws}x{hs}_{wt}x{ht}.raw").write_bytes(np.asarray(target).tobytes())
    for mode, ws, hs, wt, ht in [CASES[0], CASES[2], CASES[4], CASES[7]]:
        source = picture(ws, hs, 1 if mode == "gray" else 3)
        target = cv2.resize(source, (wt, ht), interpolation=cv2.INTER_LINEAR)
        (LINEAR / f"{mode}_{ws}x{hs}_{wt}x{ht}.raw").write_bytes(target.tobytes())

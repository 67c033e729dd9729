"""Where a source picture lies inside a model picture, by the rule of the engine manifests.

Everywhere: pixel (i, j) covers [i-1/2, i+1/2] x [j-1/2, j+1/2], x to the right, y down.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Letterbox:
    """Sizes and place, in pixels."""

    source_w: int
    source_h: int
    content_w: int
    content_h: int
    pad_left: int
    pad_top: int
    model_w: int
    model_h: int

    @staticmethod
    def fit(source_w: int, source_h: int, model_w: int, model_h: int) -> "Letterbox":
        scale = min(model_w / source_w, model_h / source_h)
        content_w = min(max(int(np.floor(source_w * scale + 0.5)), 1), model_w)
        content_h = min(max(int(np.floor(source_h * scale + 0.5)), 1), model_h)
        return Letterbox(
            source_w, source_h, content_w, content_h,
            (model_w - content_w) // 2, (model_h - content_h) // 2, model_w, model_h,
        )

    def model_from_source(self) -> np.ndarray:
        """The affine map of pixel centres, source to model: x_m = (x_s + 0.5) * scale - 0.5 + pad."""
        sx, sy = self.content_w / self.source_w, self.content_h / self.source_h
        return np.array([
            [sx, 0.0, 0.5 * sx - 0.5 + self.pad_left],
            [0.0, sy, 0.5 * sy - 0.5 + self.pad_top],
        ])

    def resize(self, picture: np.ndarray) -> np.ndarray:
        """The 8-bit model picture of an 8-bit source, h x w or h x w x 3: Pillow's reducing BILINEAR filter, border 0."""
        model = np.zeros((self.model_h, self.model_w, *picture.shape[2:]), np.uint8)
        self.content(model)[:] = np.array(Image.fromarray(picture).resize((self.content_w, self.content_h), Image.BILINEAR))
        return model

    def content(self, model: np.ndarray) -> np.ndarray:
        """The part of a model-sized map (h x w first) that shows the source."""
        return model[self.pad_top:self.pad_top + self.content_h, self.pad_left:self.pad_left + self.content_w]


def gray_of(rgb: np.ndarray) -> np.ndarray:
    """The luma (BT.601) of an 8-bit RGB picture."""
    return np.array(Image.fromarray(rgb).convert("L"))

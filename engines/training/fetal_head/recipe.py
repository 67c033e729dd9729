"""This recipe, as the tools that serve every engine see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from common.letterbox import gray_of
from common.recipe import Recipe

from .dataset import Still, is_validation, read_hc18, read_phantoms
from .geometry import letterbox


def tensor(gray: np.ndarray) -> np.ndarray:
    """The model's input (float32, 1 x h x w, 0..1) of an 8-bit grey picture."""
    height, width = gray.shape
    return letterbox(width, height).resize(gray)[None].astype(np.float32) / 255


def _pictures(stills: list[Still], held_out: bool) -> Iterator[np.ndarray]:
    return (np.array(Image.open(s.image).convert("RGB")) for s in stills if is_validation(s.subject) == held_out)


RECIPE = Recipe("fetal-head", "hc18", lambda picture: tensor(gray_of(picture)),
                training=lambda data: _pictures(read_hc18(data), False),
                held_out=lambda data: _pictures(read_hc18(data), True), levels=(32, 16),
                others=lambda folder: _pictures(read_phantoms(folder), False), others_share=0.1)

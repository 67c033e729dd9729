"""This recipe, as the tools that serve every engine see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from common.letterbox import gray_of
from common.recipe import Recipe

from .dataset import read_stills, tensor


def _pictures(data: Path, held_out: bool) -> Iterator[np.ndarray]:
    return (np.array(Image.open(s.image).convert("RGB")) for s in read_stills(data) if s.validates == held_out)


RECIPE = Recipe("nerve-vessel", "usgra", lambda picture: tensor(gray_of(picture)),
                training=lambda data: _pictures(data, False), held_out=lambda data: _pictures(data, True), levels=(16, 8))

"""This recipe, as the tools that serve every engine see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.recipe import Recipe

from .augment import tensor
from .dataset import read_frames


def _pictures(data: Path, held_out: bool) -> Iterator[np.ndarray]:
    return (f.read_image() for f in read_frames(data) if f.validates == held_out)


RECIPE = Recipe("larynx", "vocalfolds", tensor,
                training=lambda data: _pictures(data, False), held_out=lambda data: _pictures(data, True), levels=(16, 8))

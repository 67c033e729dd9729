"""What the tools that serve every engine need to know of its recipe."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ENGINES = ("fetal-head", "larynx", "nerve-vessel")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Pictures are 8 bits, h x w x 3 RGB; tensors are the model's input, float32 inputs x h x w in 0..1."""

    engine: str
    data_set: str  # the folder among the data sets
    tensor: Callable[[np.ndarray], np.ndarray]  # of a picture, by the deployed path
    training: Callable[[Path], Iterator[np.ndarray]]  # pictures of the data set's folder
    held_out: Callable[[Path], Iterator[np.ndarray]]
    levels: tuple[int, ...]  # of the network, whose maps make `unlikeness`: a 16th of the picture's size and so on
    others: Callable[[Path], Iterator[np.ndarray]] | None = None  # more pictures of training, of a folder of their own
    others_share: float = 0.0  # what part of the pictures that `unlikeness` knows they are: that which they had in training


def recipe(engine: str) -> Recipe:
    if engine not in ENGINES:
        raise SystemExit(f"unknown engine '{engine}' (there are recipes for: {', '.join(ENGINES)})")
    return importlib.import_module(f"{engine.replace('-', '_')}.recipe").RECIPE

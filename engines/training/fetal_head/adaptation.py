"""What adapting needs to know of this engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from common.adapt import Adaptation, Labelled
from common.letterbox import gray_of
from common.session import Session

from .augment import training_pair
from .dataset import Cached, cached, is_validation, read_hc18
from .geometry import MODEL_HEIGHT, MODEL_WIDTH, letterbox
from .measure import measure_logits
from .net import head_net
from .recipe import tensor
from .train import loss_of

# As in the last stages of training; pictures of one's own are taken to be outlined the same way.
OUTLINE_OFFSET_PX = -0.5


def sample(item: Cached, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    picture, target = training_pair(item, rng, MODEL_WIDTH, MODEL_HEIGHT, OUTLINE_OFFSET_PX)
    return picture[None], target[None]


def labels(engine: Session, picture: np.ndarray) -> np.ndarray:
    gray = gray_of(picture)
    return measure_logits(engine.run(tensor(gray))[0], letterbox(gray.shape[1], gray.shape[0])).mask


def _labelled(data: Path, held_out: bool) -> list[Labelled]:
    return [(np.array(Image.open(s.image).convert("RGB")), s.read_mask()) for s in read_hc18(data)
            if is_validation(s.subject) == held_out]


ADAPTATION = Adaptation(
    ("background", "head"), (MODEL_WIDTH, MODEL_HEIGHT), head_net, lambda picture: tensor(gray_of(picture)),
    lambda picture, mask: cached(gray_of(picture), (mask > 0).astype(np.uint8)), sample,
    lambda logits, target: loss_of(logits, target, dice_weight=1.0, size_weight=0.0), labels,
    training=lambda data: _labelled(data, False), held_out=lambda data: _labelled(data, True))

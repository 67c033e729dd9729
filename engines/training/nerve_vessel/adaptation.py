"""What adapting needs to know of this engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from common.adapt import Adaptation, Labelled
from common.label_maps import loss_of
from common.letterbox import gray_of

from .augment import cached_pair, training_pair
from .dataset import CLASSES, MODEL_SIZE, read_stills, tensor
from .evaluate import predict
from .net import nerve_vessel_net


def _labelled(data: Path, held_out: bool) -> list[Labelled]:
    return [(np.array(Image.open(s.image).convert("RGB")), s.read_mask()) for s in read_stills(data)
            if s.validates == held_out]


ADAPTATION = Adaptation(
    CLASSES, (MODEL_SIZE, MODEL_SIZE), nerve_vessel_net, lambda picture: tensor(gray_of(picture)),
    lambda picture, mask: cached_pair(gray_of(picture), mask),
    lambda pair, rng: training_pair(*pair, rng, MODEL_SIZE), loss_of,
    lambda engine, picture: predict(engine, gray_of(picture))[0],
    training=lambda data: _labelled(data, False), held_out=lambda data: _labelled(data, True))

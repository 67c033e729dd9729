"""What adapting needs to know of this engine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from common.adapt import Adaptation, Labelled
from common.calibrate import softmax
from common.label_maps import label_source, loss_of
from common.letterbox import Letterbox
from common.session import Session

from .augment import tensor, training_pair
from .dataset import CLASSES, MODEL_SIZE, SOURCE_SIZE, read_frames
from .net import larynx_net


def item(picture: np.ndarray, mask: np.ndarray) -> Labelled:
    """Both letterboxed to the square that the augmentation works on."""
    box = Letterbox.fit(picture.shape[1], picture.shape[0], SOURCE_SIZE, SOURCE_SIZE)
    labels = np.zeros((SOURCE_SIZE, SOURCE_SIZE), np.uint8)
    box.content(labels)[:] = cv2.resize(mask, (box.content_w, box.content_h), interpolation=cv2.INTER_NEAREST_EXACT)
    return box.resize(picture), labels


def labels(engine: Session, picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    box = Letterbox.fit(width, height, MODEL_SIZE, MODEL_SIZE)
    probability = softmax(engine.run(tensor(picture)))
    return label_source(np.stack([box.content(plane) for plane in probability]), width, height)


def _labelled(data: Path, held_out: bool) -> list[Labelled]:
    return [(f.read_image(), f.read_mask()) for f in read_frames(data) if f.validates == held_out]


ADAPTATION = Adaptation(
    CLASSES, (MODEL_SIZE, MODEL_SIZE), larynx_net, tensor, item,
    lambda pair, rng: training_pair(*pair, rng, MODEL_SIZE), loss_of, labels,
    training=lambda data: _labelled(data, False), held_out=lambda data: _labelled(data, True))

"""Augmentation: one seeded call makes one training picture, its soft target and its weights.

Picture and labels are warped by the same map at twice the model's size, then reduced; grey values are changed last.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from common.label_maps import border_weight, elastic, shares
from common.ultrasound import compress, vary_gain, vary_gray

from .dataset import CLASSES, MODEL_SIZE, Still, letterbox

CACHE_SIZE = 2 * MODEL_SIZE


def cached(still: Still) -> tuple[np.ndarray, np.ndarray]:
    """Picture and labels, letterboxed to twice the model's size."""
    return cached_pair(still.read_image(), still.read_mask())


def cached_pair(gray: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    box = letterbox(gray, CACHE_SIZE)
    labels = np.zeros((CACHE_SIZE, CACHE_SIZE), np.uint8)
    box.content(labels)[:] = cv2.resize(mask, (box.content_w, box.content_h), interpolation=cv2.INTER_NEAREST_EXACT)
    return box.resize(gray), labels


def training_pair(picture: np.ndarray, labels: np.ndarray, rng: np.random.Generator, size: int,
                  light_share: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture (float32 0..1, 1 x size x size), target (float32, classes x size x size, adding up to 1) and weight.

    The weight (float32, size x size) is 2 within three pixels of where classes meet, else 1. `light_share` of the
    pictures are changed little.
    """
    light = light_share > 0 and rng.random() < light_share
    if rng.random() < 0.9:
        picture, labels = _warp(picture, labels, rng, 0.4 if light else 1.0)
    elif rng.random() < 0.5:
        picture, labels = picture[:, ::-1], labels[:, ::-1]
    picture, labels = np.ascontiguousarray(picture), np.ascontiguousarray(labels)
    if not light and rng.random() < 0.2:
        picture = compress(picture, rng)
    x = np.array(Image.fromarray(picture).resize((size, size), Image.BILINEAR)).astype(np.float32) / 255
    x = vary_gain(x, rng) if light else vary_gray(x, rng, frames=False)
    return x[None], shares(labels, size, len(CLASSES)), border_weight(labels, size)


def _warp(picture: np.ndarray, labels: np.ndarray, rng: np.random.Generator,
          wild: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Turn, mirror, scale, stretch, shear, shift, `wild` times as far; now and then a smooth deformation.

    Outside the picture it goes on mirrored, as tissue does, or black and background, as a recording's border is.
    """
    n = CACHE_SIZE
    middle = (n - 1) / 2
    angle = wild * rng.normal(0, 0.17)
    scale = np.exp(wild * rng.uniform(np.log(0.65), np.log(1.7)))
    stretch = np.exp(wild * rng.normal(0, 0.15))
    c, s = np.cos(angle), np.sin(angle)
    shear = np.array([[1, wild * rng.normal(0, 0.08)], [0, 1]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    linear = scale * np.array([[c, -s], [s, c]]) @ shear @ np.diag([np.sqrt(stretch), 1 / np.sqrt(stretch)]) @ flip
    shift = wild * rng.uniform(-0.2, 0.2, 2) * n
    offset = middle + shift - linear @ [middle, middle]
    border = cv2.BORDER_REFLECT_101 if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    if rng.random() >= 0.5 * wild:
        matrix = np.column_stack([linear, offset])
        return (cv2.warpAffine(picture, matrix, (n, n), flags=cv2.INTER_LINEAR, borderMode=border),
                cv2.warpAffine(labels, matrix, (n, n), flags=cv2.INTER_NEAREST, borderMode=border))
    maps = elastic(rng, np.linalg.inv(linear), offset, n)
    return (cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=border),
            cv2.remap(labels, *maps, cv2.INTER_NEAREST, borderMode=border))

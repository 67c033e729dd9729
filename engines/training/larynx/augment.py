"""Augmentation: one seeded call makes one training picture and its soft target.

Picture and labels are warped by the same map at source size. Then the picture is reduced by the deployed path, and
the labels become the share of each class under a model pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from common.label_maps import border_weight, elastic, shares
from common.letterbox import Letterbox

from .dataset import CLASSES, MODEL_SIZE, SOURCE_SIZE


def training_pair(picture: np.ndarray, labels: np.ndarray, rng: np.random.Generator, size: int,
                  light_share: float = 0.0, close_share: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture (float32 0..1, 3 x size x size), target (float32, classes x size x size, adding up to 1) and weight.

    The weight (float32, size x size) is 2 within three pixels of where classes meet, else 1. `light_share` of the
    pictures are changed little, and `close_share` are seen from nearer, often brightly lit.
    """
    light = light_share > 0 and rng.random() < light_share
    close = not light and close_share > 0 and rng.random() < close_share
    if rng.random() < 0.9:
        picture, labels = _warp(picture, labels, rng, 0.4 if light else 1.0, (1.4, 2.6) if close else (0.7, 1.6))
    elif rng.random() < 0.5:
        picture, labels = picture[:, ::-1], labels[:, ::-1]
    if rng.random() < 0.15:
        picture = _compress(picture, rng)
    x = reduce(np.ascontiguousarray(picture), size).astype(np.float32) / 255
    labels = np.ascontiguousarray(labels)
    target, weight = shares(labels, size, len(CLASSES)), border_weight(labels, size)
    if close and rng.random() < 0.5:
        x = 1 - (1 - np.clip(x, 0, 1)) ** np.float32(rng.uniform(1.2, 2.5))
    x = np.round(x * 255) / 255 if light else _photometric(x, rng)
    return np.ascontiguousarray(x.transpose(2, 0, 1)), target, weight


def reduce(picture: np.ndarray, size: int) -> np.ndarray:
    """The deployed path: Pillow's reducing BILINEAR filter, rounded to 8 bits."""
    return np.array(Image.fromarray(picture).resize((size, size), Image.BILINEAR))


def tensor(picture: np.ndarray) -> np.ndarray:
    """The model's input (float32, 3 x size x size, 0..1) of an 8-bit RGB picture."""
    box = Letterbox.fit(picture.shape[1], picture.shape[0], MODEL_SIZE, MODEL_SIZE)
    return box.resize(picture).transpose(2, 0, 1).astype(np.float32) / 255


# --- geometry -----------------------------------------------------------------------------------------------


def _warp(picture: np.ndarray, labels: np.ndarray, rng: np.random.Generator, wild: float = 1.0,
          scales: tuple[float, float] = (0.7, 1.6)) -> tuple[np.ndarray, np.ndarray]:
    """Turn, mirror, scale, stretch, shear, shift, `wild` times as far; now and then a smooth deformation.

    Outside the picture it goes on mirrored, as tissue does, or black and void, as a recording's border is.
    """
    n = SOURCE_SIZE
    middle = (n - 1) / 2
    angle = wild * rng.normal(0, 0.18)
    scale = np.exp(wild * rng.uniform(*np.log(scales)))
    stretch = np.exp(wild * rng.normal(0, 0.10))
    c, s = np.cos(angle), np.sin(angle)
    shear = np.array([[1, wild * rng.normal(0, 0.07)], [0, 1]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    linear = scale * np.array([[c, -s], [s, c]]) @ shear @ np.diag([np.sqrt(stretch), 1 / np.sqrt(stretch)]) @ flip
    shift = wild * rng.uniform(-0.18, 0.18, 2) * n
    offset = middle + shift - linear @ [middle, middle]
    border = cv2.BORDER_REFLECT_101 if rng.random() < 0.7 else cv2.BORDER_CONSTANT
    if rng.random() >= 0.4 * wild:
        matrix = np.column_stack([linear, offset])
        return (cv2.warpAffine(picture, matrix, (n, n), flags=cv2.INTER_LINEAR, borderMode=border),
                cv2.warpAffine(labels, matrix, (n, n), flags=cv2.INTER_NEAREST, borderMode=border))
    map_x, map_y = elastic(rng, np.linalg.inv(linear), offset, n)
    return (cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=border),
            cv2.remap(labels, map_x, map_y, cv2.INTER_NEAREST, borderMode=border))


# --- colours ------------------------------------------------------------------------------------------------


def _photometric(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = x.shape[0]
    if rng.random() < 0.10:
        return x
    if rng.random() < 0.5:  # white balance and exposure
        x = x * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    if rng.random() < 0.5:  # saturation, and a turn of the hue
        gray = x.mean(axis=2, keepdims=True)
        x = gray + np.float32(rng.uniform(0.4, 1.5)) * (x - gray)
        if rng.random() < 0.5:
            x = x @ _hue_turn(rng.normal(0, 0.12))
    if rng.random() < 0.6:
        x = np.power(np.clip(x, 0, 1), np.float32(rng.uniform(0.6, 1.6)))
    if rng.random() < 0.6:
        x = (x - 0.45) * np.float32(np.exp(rng.normal(0, 0.2))) + np.float32(0.45 + rng.normal(0, 0.05))
    if rng.random() < 0.35:  # the light's cone: bright where it points, dark beyond
        x = x * _light(size, rng)
    if rng.random() < 0.12:  # vapour
        haze = cv2.resize(rng.uniform(0, 0.6, (3, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        haze = np.clip(haze, 0, 0.8)[..., None]
        x = x * (1 - haze) + np.float32(rng.uniform(0.5, 0.9)) * haze
    if rng.random() < 0.3:
        x = _specular(x, rng)
    r = rng.random()
    if r < 0.25:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 2.0))
    elif r < 0.35:
        x = _motion_blur(x, rng)
    elif r < 0.45:
        x = x + np.float32(rng.uniform(0.3, 1.0)) * (x - cv2.GaussianBlur(x, (0, 0), rng.uniform(0.8, 1.6)))
    if rng.random() < 0.2:
        x = x + np.float32(rng.uniform(0.005, 0.04)) * rng.standard_normal(x.shape, np.float32)
    if rng.random() < 0.15:
        x = _cover(x, rng)
    x = np.clip(x, 0, 1)
    # The deployed picture is 8-bit.
    return (np.round(x * 255) / 255).astype(np.float32)


def _hue_turn(angle: float) -> np.ndarray:
    """A rotation of RGB about its grey axis."""
    c, s = np.cos(angle), np.sin(angle) / np.sqrt(3)
    a, b, d = c + (1 - c) / 3, (1 - c) / 3 - s, (1 - c) / 3 + s
    return np.array([[a, b, d], [d, a, b], [b, d, a]], np.float32)


def _light(size: int, rng: np.random.Generator) -> np.ndarray:
    centre, reach = rng.uniform(0.2, 0.8, 2) * size, rng.uniform(0.4, 1.0) * size
    x = np.arange(size, dtype=np.float32) - np.float32(centre[0])
    y = (np.arange(size, dtype=np.float32) - np.float32(centre[1]))[:, None]
    fall = np.exp(-(x * x + y * y) / np.float32(2 * reach * reach))
    floor = rng.uniform(0.3, 0.9)
    return ((floor + (1.25 - floor) * fall)[..., None]).astype(np.float32)


def _specular(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wet tissue's highlights: small saturated blots and streaks with a soft rim."""
    size = x.shape[0]
    spots = np.zeros((size, size), np.float32)
    about, spread = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(5, 50)
    for _ in range(rng.integers(1, 15)):
        at = rng.normal(about, spread).astype(int).tolist()
        axes = (int(rng.integers(1, 12)), int(rng.integers(1, 4)))
        cv2.ellipse(spots, at, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
    spots = cv2.GaussianBlur(spots, (0, 0), rng.uniform(0.5, 1.5))[..., None] * np.float32(rng.uniform(0.6, 1.2))
    return x + np.clip(spots, 0, 1) * (1 - x)


def _motion_blur(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    tip = half * np.array([np.cos(angle), np.sin(angle)])
    cv2.line(kernel, np.round(half - tip).astype(int).tolist(), np.round(half + tip).astype(int).tolist(), 1.0, 1)
    return cv2.filter2D(x, -1, kernel / kernel.sum())


def _cover(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three patches of flat colour or noise: what is beneath must be told from around it."""
    size = x.shape[0]
    x = x.copy()
    for _ in range(rng.integers(1, 4)):
        w, h = rng.integers(size // 16, size // 5, 2)
        left, top = rng.integers(0, size - w), rng.integers(0, size - h)
        x[top:top + h, left:left + w] = rng.uniform(0, 1, 3) * rng.uniform(0.2, 1)
    return x


def _compress(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The softness and blocks of lossy compression."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))])
    return cv2.imdecode(data, cv2.IMREAD_COLOR) if ok else picture

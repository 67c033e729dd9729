"""Augmentation: one seeded call makes one training picture and its soft target.

Geometry is drawn first and applied to the picture and, as the same affine map, to the outline's ellipse;
the target is then rendered from the ellipse, never warped. Grey values are changed afterwards.
"""

from __future__ import annotations

import cv2
import numpy as np

from common.ultrasound import compress, vary_gain, vary_gray

from .dataset import CACHE_FACTOR, Cached
from .geometry import MODEL_HEIGHT, MODEL_WIDTH, Ellipse, compose, invert

# Width in model pixels of the target's ramp from 0 to 1 across the outline.
TARGET_SOFTNESS = 1.5


def training_pair(item: Cached, rng: np.random.Generator, width: int, height: int, outline_offset_px: float,
                  filler: Cached | None = None, faint_share: float = 0.0,
                  light_share: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Picture (float32 0..1) and target (float32 0..1), each height x width.

    `outline_offset_px` moves the truth's outline outward, in source pixels. `filler`, a picture without a head,
    now and then replaces the head by other tissue, so that the surroundings alone do not pass for a head.
    `faint_share` of the heads are magnified and made hard to see; `light_share` are changed little.
    """
    kind, light = rng.random(), False
    pair: tuple[np.ndarray, Ellipse | None] | None = None
    if item.ellipse is None:
        pair = _warp(item, _draw_affine(None, rng), rng), None
    else:
        truth = item.ellipse.grown(outline_offset_px)
        if kind < 0.04:
            pair = _background(item, rng)
        elif kind < 0.06 and filler is not None:
            pair = _head_replaced(item, filler, rng)
        elif kind < 0.18:
            pair = _plain(item, truth, rng)
        elif kind >= 1 - faint_share:
            pair = _faint(item, truth, rng)
        elif kind >= 1 - faint_share - light_share:
            light = True
            model = _draw_affine(truth.mapped(item.exact_from_source), rng, wild=0.3)
            pair = _warp(item, model, rng), truth.mapped(item.exact_from_source).mapped(model)
        if pair is None:  # mostly; also where the drawn kind is not to be had from this still
            model = _draw_affine(truth.mapped(item.exact_from_source), rng)
            pair = _warp(item, model, rng), truth.mapped(item.exact_from_source).mapped(model)
    picture, ellipse = pair
    picture = picture.astype(np.float32) / 255
    picture = vary_gain(picture, rng) if light else vary_gray(picture, rng)
    to_size = np.array([[width / MODEL_WIDTH, 0, 0.5 * width / MODEL_WIDTH - 0.5],
                        [0, height / MODEL_HEIGHT, 0.5 * height / MODEL_HEIGHT - 0.5]])
    if (width, height) != (MODEL_WIDTH, MODEL_HEIGHT):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    if ellipse is None:
        target = np.zeros((height, width), np.float32)
    else:
        target = ellipse.mapped(to_size).coverage(width, height, TARGET_SOFTNESS).astype(np.float32)
    return picture, target


# --- geometry -----------------------------------------------------------------------------------------------


def _plain(item: Cached, truth: Ellipse, rng: np.random.Generator) -> tuple[np.ndarray, Ellipse]:
    """The deployed path itself, mirrored at most."""
    picture, ellipse = item.exact, truth.mapped(item.exact_from_source)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
        ellipse = ellipse.mapped(np.array([[-1.0, 0, MODEL_WIDTH - 1], [0, 1.0, 0]]))
    if rng.random() < 0.3:
        picture = picture[::-1]
        ellipse = ellipse.mapped(np.array([[1.0, 0, 0], [0, -1.0, MODEL_HEIGHT - 1]]))
    return np.ascontiguousarray(picture), ellipse


def _draw_affine(head: Ellipse | None, rng: np.random.Generator, wild: float = 1.0) -> np.ndarray:
    """A random map of the model picture onto itself: turn, mirror, scale, stretch, shear, shift; `wild` times as far."""
    centre = np.array([(MODEL_WIDTH - 1) / 2, (MODEL_HEIGHT - 1) / 2])
    angle = wild * rng.choice([0.0, rng.normal(0, 0.25), rng.uniform(-np.pi, np.pi)], p=[0.2, 0.6, 0.2])
    scale = np.exp(wild * rng.uniform(np.log(0.6), np.log(1.3) if head is not None else np.log(2.2)))
    stretch = np.exp(wild * rng.normal(0, 0.08))
    flip = np.diag([rng.choice([-1, 1]), rng.choice([-1, 1], p=[0.3, 0.7])])
    c, s = np.cos(angle), np.sin(angle)
    shear = np.array([[1, wild * rng.normal(0, 0.04)], [0, 1]])
    linear = scale * np.array([[c, -s], [s, c]]) @ shear @ np.diag([np.sqrt(stretch), 1 / np.sqrt(stretch)]) @ flip
    shift = wild * rng.uniform(-1, 1, 2) * np.array([0.12 * MODEL_WIDTH, 0.12 * MODEL_HEIGHT])
    # Half the time the head is brought into the middle first: that keeps it in the picture at any angle and scale.
    pivot = head.center if head is not None and rng.random() < 0.5 else centre
    if rng.random() < 0.12 * wild:
        shift *= 3.0  # cut by the border
    return np.column_stack([linear, centre + shift - linear @ pivot])


def _faint(item: Cached, truth: Ellipse, rng: np.random.Generator) -> tuple[np.ndarray, Ellipse]:
    """The head as large as a magnified small one, soft, of little contrast, and without parts of its skull."""
    head = truth.mapped(item.exact_from_source)
    radius = float(np.sqrt(np.prod(head.semi_axes())))
    scale = np.clip(rng.uniform(0.28, 0.46) * MODEL_HEIGHT / radius, 0.6, 3.2)
    angle = rng.normal(0, 0.4)
    c, s = np.cos(angle), np.sin(angle)
    linear = scale * np.array([[c, -s], [s, c]]) @ np.diag([rng.choice([-1, 1]), rng.choice([-1, 1], p=[0.2, 0.8])])
    middle = np.array([(MODEL_WIDTH - 1) / 2, (MODEL_HEIGHT - 1) / 2]) + rng.normal(0, 1, 2) * [22, 12]
    model = np.column_stack([linear, middle - linear @ head.center])
    head = head.mapped(model)
    picture = _warp(item, model, rng).astype(np.float32)
    local = cv2.GaussianBlur(picture, (0, 0), 12)
    x, y = np.arange(MODEL_WIDTH, dtype=np.float32), np.arange(MODEL_HEIGHT, dtype=np.float32)[:, None]
    for _ in range(rng.integers(1, 5)):
        turn = rng.uniform(0, 2 * np.pi)
        at = head.center + head.shape @ [np.cos(turn), np.sin(turn)]
        reach = rng.uniform(8, 30)
        gone = rng.uniform(0.5, 1.0) * np.exp(-((x - np.float32(at[0])) ** 2 + (y - np.float32(at[1])) ** 2) / np.float32(2 * reach ** 2))
        picture = picture + gone * (local - picture)
    wide = cv2.GaussianBlur(picture, (0, 0), 40)
    picture = wide + rng.uniform(0.3, 0.9) * (picture - wide)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 2.2))
    return np.clip(picture, 0, 255).astype(np.uint8), head


def _warp(item: Cached, model_from_exact: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    model_from_source = compose(model_from_exact, item.exact_from_source)
    model_from_double = compose(model_from_source, invert(item.double_from_source))
    f = CACHE_FACTOR
    canvas_from_model = np.array([[f, 0, f / 2 - 0.5], [0, f, f / 2 - 0.5]])
    matrix = compose(canvas_from_model, model_from_double)
    level = 0 if rng.random() < 0.8 else int(rng.integers(0, 40))  # mirrored borders would show unlabelled heads
    canvas = cv2.warpAffine(item.double, matrix, (MODEL_WIDTH * f, MODEL_HEIGHT * f), flags=cv2.INTER_LINEAR,
                            borderMode=cv2.BORDER_CONSTANT, borderValue=level)
    if rng.random() < 0.25:
        canvas = compress(canvas, rng)
    return cv2.resize(canvas, (MODEL_WIDTH, MODEL_HEIGHT), interpolation=cv2.INTER_AREA)


def _background(item: Cached, rng: np.random.Generator) -> tuple[np.ndarray, None] | None:
    """A picture without a head: noise and flat fields, or a magnified part of the tissue beside the head."""
    if rng.random() < 0.25:
        level, spread = rng.uniform(0, 120), rng.uniform(0, 40)
        coarse = rng.normal(level, spread, (MODEL_HEIGHT // 8, MODEL_WIDTH // 8)).astype(np.float32)
        field = cv2.resize(coarse, (MODEL_WIDTH, MODEL_HEIGHT), interpolation=cv2.INTER_CUBIC)
        return np.clip(field, 0, 255).astype(np.uint8), None
    head = item.ellipse.mapped(item.exact_from_source).grown(3.0)
    for _ in range(12):
        scale = rng.uniform(1.6, 3.0)
        w, h = MODEL_WIDTH / scale, MODEL_HEIGHT / scale
        x, y = rng.uniform(0, MODEL_WIDTH - w), rng.uniform(0, MODEL_HEIGHT - h)
        model = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
        if head.mapped(model).coverage(MODEL_WIDTH, MODEL_HEIGHT).max() == 0:
            picture = _warp(item, model, rng)
            if picture.std() > 4:
                return picture, None
    return None


def _head_replaced(item: Cached, filler: Cached, rng: np.random.Generator) -> tuple[np.ndarray, None] | None:
    """The picture with its head covered by other tissue, blended over a wide rim.

    Not for small heads: a patch of tissue in dark fluid is what a first-trimester head looks like.
    """
    head = item.ellipse.mapped(item.exact_from_source)
    if head.semi_axes()[1] < 45:
        return None
    model = _draw_affine(head, rng)
    picture = _warp(item, model, rng).astype(np.float32)
    head = head.mapped(model)
    cover = Ellipse(head.center, head.shape * 1.3).coverage(MODEL_WIDTH, MODEL_HEIGHT, rng.uniform(12, 24))
    over = rng.uniform(1.5, 2.5) * np.eye(2)
    middle = np.array([(MODEL_WIDTH - 1) / 2, (MODEL_HEIGHT - 1) / 2])
    other = _warp(filler, np.column_stack([over, head.center - over @ middle]), rng).astype(np.float32)
    return np.clip(picture * (1 - cover) + other * cover, 0, 255).astype(np.uint8), None

"""Augmentation: one seeded call makes one training picture and its soft target.

Geometry is drawn first and applied to the picture and, as the same affine map, to the outline's ellipse;
the target is then rendered from the ellipse, never warped. Grey values are changed afterwards.
"""

from __future__ import annotations

import cv2
import numpy as np

from .dataset import CACHE_FACTOR, Cached
from .geometry import MODEL_HEIGHT, MODEL_WIDTH, Ellipse, compose, invert

# Width in model pixels of the target's ramp from 0 to 1 across the outline.
TARGET_SOFTNESS = 1.5


def training_pair(item: Cached, rng: np.random.Generator, width: int, height: int, outline_offset_px: float,
                  filler: Cached | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Picture (float32 0..1) and target (float32 0..1), each height x width.

    `outline_offset_px` moves the truth's outline outward, in source pixels. `filler`, a picture without a head,
    now and then replaces the head by other tissue, so that the surroundings alone do not pass for a head.
    """
    kind = rng.random()
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
        if pair is None:  # mostly; also where the drawn kind is not to be had from this still
            model = _draw_affine(truth.mapped(item.exact_from_source), rng)
            pair = _warp(item, model, rng), truth.mapped(item.exact_from_source).mapped(model)
    picture, ellipse = pair
    picture = _photometric(picture.astype(np.float32) / 255, rng)
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


def _draw_affine(head: Ellipse | None, rng: np.random.Generator) -> np.ndarray:
    """A random map of the model picture onto itself: turn, mirror, scale, stretch, shear, shift."""
    centre = np.array([(MODEL_WIDTH - 1) / 2, (MODEL_HEIGHT - 1) / 2])
    angle = rng.choice([0.0, rng.normal(0, 0.25), rng.uniform(-np.pi, np.pi)], p=[0.2, 0.6, 0.2])
    scale = np.exp(rng.uniform(np.log(0.6), np.log(1.3) if head is not None else np.log(2.2)))
    stretch = np.exp(rng.normal(0, 0.08))
    flip = np.diag([rng.choice([-1, 1]), rng.choice([-1, 1], p=[0.3, 0.7])])
    c, s = np.cos(angle), np.sin(angle)
    shear = np.array([[1, rng.normal(0, 0.04)], [0, 1]])
    linear = scale * np.array([[c, -s], [s, c]]) @ shear @ np.diag([np.sqrt(stretch), 1 / np.sqrt(stretch)]) @ flip
    shift = rng.uniform(-1, 1, 2) * np.array([0.12 * MODEL_WIDTH, 0.12 * MODEL_HEIGHT])
    # Half the time the head is brought into the middle first: that keeps it in the picture at any angle and scale.
    pivot = head.center if head is not None and rng.random() < 0.5 else centre
    if rng.random() < 0.12:
        shift *= 3.0  # cut by the border
    return np.column_stack([linear, centre + shift - linear @ pivot])


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
        canvas = _compress(canvas, rng)
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


# --- grey values --------------------------------------------------------------------------------------------


def _photometric(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = x.shape
    if rng.random() < 0.10:
        return x
    if rng.random() < 0.35:  # speckle: multiplicative, a little wider than high or the reverse
        noise = rng.standard_normal((height, width), np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.6), sigmaY=rng.uniform(0.4, 1.2))
        x = x * np.clip(1 + rng.uniform(0.1, 0.45) * noise / (noise.std() + 1e-6), 0, 3)
    if rng.random() < 0.4:  # time-gain or lateral gain: a ramp in any direction
        angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.6)
        u = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(angle))
        v = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
        x = x * (1 + depth * (u + v))
    if rng.random() < 0.3:
        x = x * _shadow(width, height, rng)
    if rng.random() < 0.6:
        x = np.power(np.clip(x, 0, 1), rng.uniform(0.55, 1.6))
    if rng.random() < 0.7:
        x = x * np.exp(rng.normal(0, 0.3)) + rng.normal(0, 0.03)
    if rng.random() < 0.12:  # poor coupling: little contrast about the local grey, and soft
        local = cv2.GaussianBlur(x, (0, 0), 40)
        x = local + rng.uniform(0.25, 0.7) * (x - local)
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 2.0))
    r = rng.random()
    if r < 0.25:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6))
    elif r < 0.4:
        soft = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.8, 1.6))
        x = x + rng.uniform(0.3, 1.2) * (x - soft)
    if rng.random() < 0.2:
        x = x + rng.uniform(0.005, 0.05) * rng.standard_normal((height, width), np.float32)
    if rng.random() < 0.3:
        x = _screen_furniture(np.clip(x, 0, 1), rng)
    if rng.random() < 0.2:
        x = _frame(x, rng)
    r = rng.random()
    if r < 0.06:
        x = x * (219 / 255) + 16 / 255  # limited-range luma taken for full range
    elif r < 0.10:
        x = (x - 16 / 255) * (255 / 219)
    x = np.clip(x, 0, 1)
    # The deployed picture is 8-bit.
    return (np.round(x * 255) / 255).astype(np.float32)


def _shadow(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Acoustic shadow: a dark wedge from a point on or beyond an edge, with a soft rim."""
    ox, oy = rng.uniform(0, width), rng.choice([rng.uniform(-height, 0), rng.uniform(height, 2 * height)], p=[0.8, 0.2])
    x = np.arange(width, dtype=np.float32) - np.float32(ox)
    y = (np.arange(height, dtype=np.float32) - np.float32(oy))[:, None]
    angle = np.arctan2(x, y if oy <= 0 else -y)
    centre, half = rng.uniform(-0.8, 0.8), rng.uniform(0.03, 0.25)
    inside = 1 / (1 + np.exp(np.clip((np.abs(angle - centre) - half) / rng.uniform(0.01, 0.05), -40, 40)))
    start = rng.uniform(0, 0.6) * height
    depth = np.clip((np.hypot(x, y) - start) / 12, 0, 1) if rng.random() < 0.5 else 1.0
    return (1 - rng.uniform(0.4, 0.97) * inside * depth).astype(np.float32)


def _screen_furniture(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What scanners burn in: text, a ruler, caliper crosses, dotted lines, a grey wedge, blanked corners."""
    x = np.round(x * 255).astype(np.uint8)
    height, width = x.shape
    level = int(rng.integers(100, 256))
    for _ in range(rng.integers(0, 5)):
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVWXYZ0123456789.:/ cmHz%")) for _ in range(rng.integers(2, 14)))
        at = (int(rng.integers(0, width)), int(rng.integers(6, height)))
        cv2.putText(x, text, at, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.2, 0.45)), level, 1, cv2.LINE_AA)
    if rng.random() < 0.4:
        column, step = int(rng.integers(0, width)), int(rng.integers(6, 24))
        for row in range(int(rng.integers(0, step)), height, step):
            cv2.line(x, (column, row), (column + int(rng.integers(2, 5)), row), level, 1)
    for _ in range(rng.integers(0, 5) if rng.random() < 0.4 else 0):
        cx, cy, r = int(rng.integers(4, width - 4)), int(rng.integers(4, height - 4)), int(rng.integers(1, 4))
        cv2.line(x, (cx - r, cy), (cx + r, cy), level, 1)
        cv2.line(x, (cx, cy - r), (cx, cy + r), level, 1)
    if rng.random() < 0.2:
        p, q = rng.uniform(0, [width, height]), rng.uniform(0, [width, height])
        for t in np.linspace(0, 1, int(np.hypot(*(q - p)) / 4) + 2):
            cx, cy = (p + t * (q - p)).astype(int)
            x[min(cy, height - 1), min(cx, width - 1)] = level
    if rng.random() < 0.2:
        top, tall = int(rng.integers(0, height // 2)), int(rng.integers(20, 80))
        left = int(rng.choice([0, rng.integers(0, width - 6)]))
        rows = x[top:top + tall, left:left + 5]
        rows[:] = np.linspace(255, 0, rows.shape[0]).astype(np.uint8)[:, None]
    for _ in range(rng.integers(0, 3)):
        w, h = int(rng.integers(10, width // 4)), int(rng.integers(8, height // 5))
        left, top = int(rng.choice([0, width - w])), int(rng.choice([0, height - h]))
        x[top:top + h, left:left + w] = 0
    return x.astype(np.float32) / 255


def _frame(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Black bars as a capture card or another aspect ratio leaves them, or a sector's oblique edges."""
    height, width = x.shape
    x = x.copy()
    if rng.random() < 0.6:
        bars = rng.uniform(0, 0.14, 4) * (rng.random(4) < 0.6)
        left, right, top, bottom = (bars * [width, width, height, height]).astype(int)
        level = 0.0 if rng.random() < 0.8 else 16 / 255
        x[:top], x[height - bottom:] = level, level
        x[:, :left], x[:, width - right:] = level, level
        return x
    apex = np.array([width * rng.uniform(0.35, 0.65), -height * rng.uniform(0.05, 0.8)])
    half, reach = rng.uniform(0.45, 0.9), height * rng.uniform(0.95, 1.1) - apex[1]
    dx = np.arange(width, dtype=np.float32) - apex[0]
    dy = (np.arange(height, dtype=np.float32) - apex[1])[:, None]
    keep = (np.abs(np.arctan2(dx, dy)) < half) & (np.hypot(dx, dy) < reach)
    return x * keep


def _compress(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The softness and blocks of lossy compression."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 75))])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if ok else picture

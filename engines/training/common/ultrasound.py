"""Grey values of B-mode pictures, varied: speckle, gain, shadows, blur, what scanners burn in, compression."""

from __future__ import annotations

import cv2
import numpy as np


def vary_gray(x: np.ndarray, rng: np.random.Generator, frames: bool = True) -> np.ndarray:
    """A picture (float32 0..1, h x w) as another scanner, coupling or recorder might have given it.

    With `frames` now and then parts beside a frame or sector are blanked: for truths that may go on unseen there.
    """
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
    if frames and rng.random() < 0.2:
        x = _frame(x, rng)
    r = rng.random()
    if r < 0.06:
        x = x * (219 / 255) + 16 / 255  # limited-range luma taken for full range
    elif r < 0.10:
        x = (x - 16 / 255) * (255 / 219)
    x = np.clip(x, 0, 1)
    # The deployed picture is 8-bit.
    return (np.round(x * 255) / 255).astype(np.float32)


def vary_gain(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture (float32 0..1) with a little other gain and gamma."""
    x = np.power(np.clip(x, 0, 1), np.float32(np.exp(rng.normal(0, 0.12)))) * np.float32(np.exp(rng.normal(0, 0.1)))
    return (np.round(np.clip(x, 0, 1) * 255) / 255).astype(np.float32)


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


def compress(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The softness and blocks of lossy compression."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 75))])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if ok else picture

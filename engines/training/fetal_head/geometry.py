"""Ellipse geometry.

Everywhere: pixel (i, j) covers [i-1/2, i+1/2] x [j-1/2, j+1/2], x to the right, y down.
An affine map is a 2x3 float64 array acting on column points (x, y).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from common.letterbox import Letterbox

MODEL_WIDTH = 288
MODEL_HEIGHT = 192


def letterbox(width: int, height: int) -> Letterbox:
    """Where a picture of this size lies in the model's."""
    return Letterbox.fit(width, height, MODEL_WIDTH, MODEL_HEIGHT)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The affine map x -> outer(inner(x))."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(affine: np.ndarray) -> np.ndarray:
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map an (n, 2) array of points."""
    return points @ affine[:, :2].T + affine[:, 2]


@dataclasses.dataclass(frozen=True)
class Ellipse:
    """The set {center + shape @ u : |u| <= 1}; any invertible 2x2 `shape` describes an ellipse."""

    center: np.ndarray
    shape: np.ndarray

    @staticmethod
    def from_axes(cx: float, cy: float, semi_a: float, semi_b: float, angle_rad: float) -> "Ellipse":
        c, s = np.cos(angle_rad), np.sin(angle_rad)
        return Ellipse(np.array([cx, cy]), np.array([[c, -s], [s, c]]) @ np.diag([semi_a, semi_b]))

    def mapped(self, affine: np.ndarray) -> "Ellipse":
        """Its image under an affine map, which is an ellipse again."""
        return Ellipse(affine[:, :2] @ self.center + affine[:, 2], affine[:, :2] @ self.shape)

    def semi_axes(self) -> tuple[float, float]:
        """Semi-major and semi-minor axis."""
        a, b = np.linalg.svd(self.shape, compute_uv=False)
        return float(a), float(b)

    def grown(self, offset: float) -> "Ellipse":
        """Both semi-axes longer by `offset` (shorter where negative)."""
        u, s, vt = np.linalg.svd(self.shape)
        return Ellipse(self.center, u @ np.diag(np.maximum(s + offset, 0.1)) @ vt)

    def signed_distance(self, width: int, height: int) -> np.ndarray:
        """First-order distance of every pixel centre to the boundary, negative inside.

        f(p) = |shape^-1 (p - center)| is 1 on the boundary; (f - 1)/|grad f| is the distance near it
        (Taubin 1991, doi:10.1109/34.103273).
        """
        inverse = np.linalg.inv(self.shape)
        x = np.arange(width, dtype=np.float32) - np.float32(self.center[0])
        y = (np.arange(height, dtype=np.float32) - np.float32(self.center[1]))[:, None]
        i = inverse.astype(np.float32)
        u = i[0, 0] * x + i[0, 1] * y
        v = i[1, 0] * x + i[1, 1] * y
        f = np.sqrt(u * u + v * v) + np.float32(1e-6)
        gx, gy = (i[0, 0] * u + i[1, 0] * v) / f, (i[0, 1] * u + i[1, 1] * v) / f
        return (f - 1) / np.sqrt(gx * gx + gy * gy + np.float32(1e-12))

    def coverage(self, width: int, height: int, softness: float = 1.0) -> np.ndarray:
        """Coverage of every pixel in 0..1, a ramp `softness` pixels wide, 0.5 on the boundary."""
        return np.clip(0.5 - self.signed_distance(width, height) / softness, 0.0, 1.0)

    def circumference(self) -> float:
        return ramanujan_circumference(*self.semi_axes())


def ramanujan_circumference(a: float, b: float) -> float:
    """Ramanujan's second approximation (1914) of an ellipse's perimeter; relative error < 1e-6 for b/a > 0.3."""
    h = ((a - b) / (a + b)) ** 2
    return float(np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))


def polygon_moment_ellipse(points: np.ndarray) -> Ellipse:
    """The ellipse with the area centroid and second area moments of a closed polygon (Green's theorem)."""
    origin = points.mean(axis=0)
    x, y = (points - origin).T
    xn, yn = np.roll(x, -1), np.roll(y, -1)
    cross = x * yn - xn * y
    area = cross.sum() / 2
    cx, cy = ((x + xn) * cross).sum() / (6 * area), ((y + yn) * cross).sum() / (6 * area)
    xx = ((x * x + x * xn + xn * xn) * cross).sum() / (12 * area) - cx * cx
    yy = ((y * y + y * yn + yn * yn) * cross).sum() / (12 * area) - cy * cy
    xy = ((x * yn + 2 * x * y + 2 * xn * yn + xn * y) * cross).sum() / (24 * area) - cx * cy
    return _ellipse_from_covariance(origin + [cx, cy], np.array([[xx, xy], [xy, yy]]))


def mask_moment_ellipse(mask: np.ndarray) -> Ellipse:
    """The ellipse with the moments of a filled mask's pixel squares (each adds 1/12 of its own)."""
    ys, xs = np.nonzero(mask)
    cov = np.cov(np.stack([xs, ys]), bias=True) + np.eye(2) / 12
    return _ellipse_from_covariance(np.array([xs.mean(), ys.mean()]), cov)


def _ellipse_from_covariance(center: np.ndarray, cov: np.ndarray) -> Ellipse:
    # A filled ellipse has second central moments a^2/4 and b^2/4 along its axes.
    values, vectors = np.linalg.eigh(cov)
    return Ellipse(center, vectors[:, ::-1] @ np.diag(2 * np.sqrt(np.maximum(values[::-1], 1e-12))))


def direct_ellipse(points: np.ndarray) -> Ellipse | None:
    """Direct least-squares ellipse (Fitzgibbon 1999; stable form by Halir & Flusser, WSCG 1998)."""
    if len(points) < 6:
        return None
    mean = points.mean(axis=0)
    scale = np.abs(points - mean).max()
    if scale <= 0:
        return None
    x, y = ((points - mean) / scale).T
    quadratic = np.column_stack([x * x, x * y, y * y])
    linear = np.column_stack([x, y, np.ones_like(x)])
    s1, s2, s3 = quadratic.T @ quadratic, quadratic.T @ linear, linear.T @ linear
    try:
        t = -np.linalg.solve(s3, s2.T)
        m = s1 + s2 @ t
        m = np.array([m[2] / 2, -m[1], m[0] / 2])
        _, vectors = np.linalg.eig(m)
    except np.linalg.LinAlgError:
        return None
    vectors = np.real(vectors)
    condition = 4 * vectors[0] * vectors[2] - vectors[1] ** 2
    if not np.any(condition > 0):
        return None
    quad = vectors[:, np.argmax(condition)]
    a, b, c = quad
    d, e, f = t @ quad
    q = np.array([[a, b / 2], [b / 2, c]])
    center = -np.linalg.solve(2 * q, np.array([d, e]))
    k = center @ q @ center - f
    values, basis = np.linalg.eigh(q / k)
    if np.any(values <= 0):
        return None
    return Ellipse(mean + scale * center, basis @ np.diag(scale / np.sqrt(values)))

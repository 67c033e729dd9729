"""Masks and what OpenCV and scikit-image measure on them; writes shapes.json beside this file.

    python shapes.py

The masks are the same in every run. Each is drawn by its formula twice: on its own pixel grid (what is measured) and on
a fine square one, which stands for the shape itself (hull and perimeter; scikit-image has the latter for square pixels
alone).

What comes from where:
  pixels, holes      numpy; scipy.ndimage.binary_fill_holes
  covariance         cv2.moments of the pixels, plus 1/12 pixel for their own extent, scaled per axis
  fitted ellipse     cv2.fitEllipseDirect on the 0.5 iso-line of skimage.measure.find_contours, scaled per axis
  solidity           skimage.measure.regionprops (hull of the pixels' corners)
  hull, Feret        cv2.convexHull of the fine grid's iso-line: cv2.contourArea, all pairs, extents over 7200 directions
  perimeter          skimage.measure.perimeter_crofton, 4 directions, on the fine grid
"""

import json
import pathlib

import cv2
import numpy as np
import scipy
import skimage
from scipy.ndimage import binary_fill_holes
from skimage.measure import find_contours, perimeter_crofton, regionprops

FINE_MM = 0.04


def ellipse(x, y, p):
    c, s = np.cos(p["angle"]), np.sin(p["angle"])
    u, v = x * c + y * s, y * c - x * s
    return (u / p["a"]) ** 2 + (v / p["b"]) ** 2 <= 1


def ring(x, y, p):
    return ellipse(x, y, p) & ~ellipse(x - p["shift"], y, {**p, "a": 0.55 * p["a"], "b": 0.5 * p["b"]})


def ell(x, y, p):
    c, s = np.cos(p["angle"]), np.sin(p["angle"])
    u, v = x * c + y * s, y * c - x * s
    a, b = p["a"], p["b"]
    return (abs(u) <= a) & (abs(v) <= b) & ~((u > a - p["bar"]) & (v < b - p["bar"]))


def blob(x, y, p):
    t = np.arctan2(y, x)
    r = p["a"] * (1 + sum(k * np.cos(n * t + f) for n, k, f in p["waves"]))
    return np.hypot(x, y) <= r


KINDS = {"ellipse": ellipse, "ring": ring, "l-shape": ell, "blob": blob}


def draw(kind, p, spacing, size_mm, centre):
    """A mask over size_mm, the shape's origin at `centre` in mm; pixel (0, 0) has its centre at half its size."""
    w, h = (int(round(n / s)) for n, s in zip(size_mm, spacing))
    x = (np.arange(w) + 0.5) * spacing[0] - centre[0]
    y = (np.arange(h) + 0.5) * spacing[1] - centre[1]
    return KINDS[kind](*np.meshgrid(x, y), p)


def runs(mask):
    """Lengths of runs in reading order, the first of zeros."""
    flat = mask.ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [0]])))
    return [int(n) for n in np.diff(np.concatenate([[0], edges, [flat.size]]))]


def iso_line(mask, spacing):
    line = max(find_contours(np.pad(mask.astype(np.uint8), 2), 0.5), key=len)[:-1] - 2
    return np.ascontiguousarray(line[:, ::-1] * spacing, dtype=np.float32)


def measure(mask, spacing):
    sx, sy = spacing
    image = mask.astype(np.uint8)
    m = cv2.moments(image, binaryImage=True)
    covariance = [
        (m["mu20"] / m["m00"] + 1 / 12) * sx * sx,
        m["mu11"] / m["m00"] * sx * sy,
        (m["mu02"] / m["m00"] + 1 / 12) * sy * sy,
    ]
    fit = cv2.fitEllipseDirect(iso_line(mask, spacing))
    region = regionprops(image)[0]
    filled = binary_fill_holes(mask)
    return {
        "pixels": int(mask.sum()),
        "holes": int(1 - region.euler_number),
        "hole_pixels": int(filled.sum() - mask.sum()),
        "centroid_mm": [m["m10"] / m["m00"] * sx, m["m01"] / m["m00"] * sy],
        "covariance_mm2": covariance,
        "fitted_centre_mm": list(fit[0]),
        "fitted_axes_mm": [max(fit[1]), min(fit[1])],
        "solidity": float(region.solidity),
    }


def measure_fine(mask):
    """What a hull says of the shape itself: on the fine grid the steps are a tenth of a pixel."""
    hull = cv2.convexHull(iso_line(mask, (FINE_MM, FINE_MM)))
    points = hull[:, 0].astype(float)
    t = np.arange(7200) * np.pi / 7200
    return {
        "perimeter_mm": perimeter_crofton(binary_fill_holes(mask), directions=4) * FINE_MM,
        "max_feret_mm": float(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)).max()),
        "min_feret_mm": float(np.ptp(points @ np.stack([np.cos(t), np.sin(t)]), axis=0).min()),
        "hull_mm2": cv2.contourArea(hull),
    }


def main():
    rng = np.random.default_rng(20240611)
    cases = []
    for i in range(24):
        kind = list(KINDS)[i % 4]
        spacing = [(0.2, 0.2), (0.3, 0.15)][i // 4 % 2]
        a = rng.uniform(5, 10)
        p = {"a": a, "b": a * rng.uniform(0.5, 0.9), "angle": rng.uniform(-1.5, 1.5)}
        p["shift"], p["bar"] = 0.1 * a, rng.uniform(0.5, 0.8) * a
        p["waves"] = [(n, rng.uniform(-0.25, 0.25) / n, rng.uniform(0, 6.28)) for n in (2, 3, 5)]
        side = 2 * a * (1.45 if kind in ("l-shape", "blob") else 1.0) + 2.4
        # A whole number of pixels of either grid, so that both show the same field.
        side = round(side / 0.6) * 0.6
        centre = side / 2 + rng.uniform(-0.15, 0.15, 2)
        mask = draw(kind, p, spacing, (side, side), centre)
        fine = draw(kind, p, (FINE_MM, FINE_MM), (side, side), centre)
        cases.append({
            "name": f"{kind} {i}",
            "mm_per_px": spacing,
            "width": mask.shape[1],
            "runs": runs(mask),
            **measure(mask, spacing),
            **measure_fine(fine),
        })
    versions = {m.__name__: m.__version__ for m in (cv2, skimage, scipy, np)}
    text = json.dumps({"made_by": "shapes.py", "versions": versions, "cases": cases}, separators=(",", ":"))
    path = pathlib.Path(__file__).with_name("shapes.json")
    path.write_text(text.replace('{"name"', '\n{"name"') + "\n")
    print(f"{len(cases)} masks, {path.stat().st_size} bytes, {versions}")


if __name__ == "__main__":
    main()

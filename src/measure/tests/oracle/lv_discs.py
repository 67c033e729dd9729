"""Independent values for the method of discs.

Run: python lv_discs.py (needs numpy). Nothing here shares code or method with the crate: volumes of bodies of revolution
are integrated numerically, and the method of discs is done the way published scripts do it on a mask: turn the
mask so that the long axis is vertical, count the pixels of each row, group the rows into twenty discs.

The ventricle is a prolate ellipsoid (semi-axes a along, b across, millimetres) cut at z = cut * a beyond its equator.
"""
import numpy as np


def integrated_ml(a, b, cut, n=2_000_000):
    z = np.linspace(-a, cut * a, n)
    radius2 = b * b * (1 - (z / a) ** 2)
    return np.pi * np.trapezoid(radius2, z) / 1000


def discs_of_a_mask_ml(a, b, cut, mm=0.01, discs=20):
    """Rows of a mask with its axis upright, 0.01 mm a pixel."""
    y = (np.arange(int(2 * a / mm) + 2) + 0.5) * mm - a
    x = (np.arange(int(2 * b / mm) + 2) + 0.5) * mm - b
    mask = (x[None, :] / b) ** 2 + (y[:, None] / a) ** 2 <= 1
    mask &= (y <= cut * a)[:, None]
    rows = np.flatnonzero(mask.any(axis=1))
    length = len(rows) * mm
    widths = mask[rows].sum(axis=1) * mm
    centres = ((np.arange(discs) + 0.5) * len(rows) / discs).astype(int)
    return np.pi / 4 * np.sum(widths[centres] ** 2) * length / discs / 1000


def area_mm2(a, b, cut, n=2_000_000):
    z = np.linspace(-a, cut * a, n)
    return np.trapezoid(2 * b * np.sqrt(1 - (z / a) ** 2), z)


print("a b cut | integrated mL | discs of a mask mL | area mm2 | area-length mL")
for a, b, cut in [(52, 25, 0.5), (50, 25, 0.7), (47, 24, 0.85), (40, 17, 0.6), (45, 25, 1.0)]:
    area, length = area_mm2(a, b, cut), (1 + cut) * a
    print(f"{a} {b} {cut} | {integrated_ml(a, b, cut):.4f} | {discs_of_a_mask_ml(a, b, cut):.4f} | {area:.3f} | "
          f"{8 * area * area / (3 * np.pi * length) / 1000:.4f}")

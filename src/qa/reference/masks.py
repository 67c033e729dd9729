"""The masks that every tool measures: pairs by a seed, with islands, holes, empties, touched borders, anisotropic pixels."""
import numpy as np


def ellipse(shape, centre, axes, angle):
    """A filled ellipse; centre and semi-axes in pixels as (x, y), angle in radians."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    x, y = x - centre[0], y - centre[1]
    c, s = np.cos(angle), np.sin(angle)
    return ((x * c + y * s) / axes[0]) ** 2 + ((y * c - x * s) / axes[1]) ** 2 <= 1


def blob(rng, shape, scale):
    """A smooth irregular shape: an ellipse whose radius wavers."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    cx, cy = shape[1] * rng.uniform(0.3, 0.7), shape[0] * rng.uniform(0.3, 0.7)
    theta = np.arctan2(y - cy, x - cx)
    radius = scale * min(shape) * (1 + sum(rng.uniform(-0.12, 0.12) * np.cos(k * theta + rng.uniform(0, 6)) for k in range(2, 7)))
    return np.hypot(x - cx, y - cy) <= radius


def pairs(seed):
    """(name, truth, prediction, (size_x, size_y), tolerance); masks are bool."""
    rng = np.random.default_rng(seed)
    out = []

    def add(name, truth, prediction, size=(1.0, 1.0), tolerance=1.0):
        out.append((name, truth.astype(bool), prediction.astype(bool), size, tolerance))

    base = ellipse((96, 128), (60, 48), (40, 28), 0.3)
    moved = ellipse((96, 128), (63, 47), (38, 29), 0.35)
    add("ellipses", base, moved, (0.2, 0.2), 0.4)
    island = moved.copy()
    island[2:5, 120:123] = True
    add("island", base, island, (0.2, 0.2), 0.4)
    add("anisotropic", base, moved, (0.31, 0.17), 0.5)
    add("anisotropic tall", base, island, (0.12, 0.45), 0.3)
    ring = base & ~ellipse((96, 128), (60, 48), (30, 20), 0.3)
    add("ring in disc", base, ring, (0.25, 0.4), 0.6)
    hole = base.copy()
    hole[40:52, 55:70] = False
    add("hole", hole, moved, (1.0, 1.0), 2.0)
    touching = ellipse((96, 128), (5, 90), (40, 30), 0.0)
    touched = ellipse((96, 128), (9, 92), (42, 28), 0.1)
    add("two borders touched", touching, touched, (0.2, 0.3), 0.5)
    add("all and a part", np.ones((40, 50)), ellipse((40, 50), (25, 20), (15, 12), 0), (0.5, 0.5), 1.0)
    add("all and all", np.ones((9, 7)), np.ones((9, 7)), (0.5, 0.25), 0.1)
    point, other = np.zeros((33, 47)), np.zeros((33, 47))
    point[3, 4] = other[30, 41] = 1
    add("two single pixels", point, other, (0.7, 0.3), 5.0)
    row, column = np.zeros((33, 47)), np.zeros((33, 47))
    row[16, 5:40] = column[3:30, 20] = 1
    add("line and line", row, column, (0.4, 0.9), 1.5)
    diagonal = np.eye(40, 56)
    add("diagonal of single pixels", diagonal, np.roll(diagonal, 3, axis=1), (0.6, 1.1), 1.2)
    add("disjoint", ellipse((64, 64), (14, 14), (9, 9), 0), ellipse((64, 64), (50, 50), (9, 7), 0.5), (0.3, 0.3), 1.0)
    board = np.indices((48, 60)).sum(axis=0) % 2
    add("checkerboard and rectangle", board, np.pad(np.ones((20, 30)), ((10, 18), (12, 18))), (0.2, 0.5), 0.4)
    add("same", base, base, (0.2, 0.3), 0.4)
    empty = np.zeros((96, 128))
    add("truth empty", empty, moved, (0.2, 0.3), 0.4)
    add("prediction empty", base, empty, (0.2, 0.3), 0.4)
    add("both empty", empty, empty, (0.2, 0.3), 0.4)
    for i in range(12):
        shape = (int(rng.integers(40, 160)), int(rng.integers(40, 160)))
        size = tuple(float(v) for v in np.round(rng.uniform(0.05, 1.2, 2), 4))
        truth = blob(rng, shape, rng.uniform(0.15, 0.4))
        prediction = blob(rng, shape, rng.uniform(0.15, 0.4)) if i % 3 == 0 else np.roll(truth, rng.integers(-4, 5, 2), (0, 1))
        add(f"blob {i}", truth, prediction, size, float(np.round(rng.uniform(0.1, 2), 3)))
    for i, density in enumerate((0.02, 0.3, 0.9)):
        size = tuple(float(v) for v in np.round(rng.uniform(0.05, 1.2, 2), 4))
        add(f"noise {i}", rng.random((50, 70)) < density, rng.random((50, 70)) < density, size, 0.5)
    return out


def objects(seed):
    """(name, truth, prediction) of many small objects."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(4):
        truth, prediction = np.zeros((80, 100), bool), np.zeros((80, 100), bool)
        for _ in range(10):
            centre, axes = rng.uniform((5, 5), (95, 75)), rng.uniform(2, 8, 2)
            if rng.random() < 0.8:
                truth |= ellipse(truth.shape, centre, axes, 0.4)
            if rng.random() < 0.8:
                prediction |= ellipse(truth.shape, centre + rng.normal(0, 1.2, 2), axes * rng.uniform(0.8, 1.2), 0.4)
        out.append((f"objects {i}", truth, prediction))
    return out


def runs(mask):
    """Lengths of alternating runs, row by row, the first of zeros."""
    flat = mask.astype(np.uint8).ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return ([0] if flat.size and flat[0] else []) + lengths

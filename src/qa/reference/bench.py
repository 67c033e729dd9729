"""Time of all metrics of 512×512 two-class pairs, ours and MONAI's, on the same masks in one run, a thread each.

    bench.py PROGRAM      (target/release/examples/pairs)
"""
import json
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import masks
import tools  # noqa: F401  (silences warnings)
from monai.metrics import (compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_iou,
                           compute_surface_dice)

SIDE, CLASSES, SPACING, TOLERANCE = 512, 2, (0.3, 0.2), 1.0


def label(a, b):
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[a] = 1
    out[b] = 2
    return out


def pairs(seed, n):
    """Two classes a mask, one of the size of a head and one of a ventricle or tool; each third pair differs grossly."""
    rng = np.random.default_rng(seed)
    shape = (SIDE, SIDE)
    for i in range(n):
        first, second = masks.blob(rng, shape, rng.uniform(0.25, 0.42)), masks.blob(rng, shape, rng.uniform(0.06, 0.2))
        truth = label(first, second)
        if i % 3 == 2:
            yield truth, label(masks.blob(rng, shape, 0.35), masks.blob(rng, shape, 0.15))
        else:
            move = lambda m: np.roll(m, rng.integers(-6, 7, 2), (0, 1))
            yield truth, label(move(first), move(second))


def everything(truth, prediction):
    one_hot = lambda m: torch.from_numpy(np.stack([m == c for c in range(CLASSES + 1)])[None].astype(np.float32))
    y, p = one_hot(truth), one_hot(prediction)
    dice = compute_dice(p, y, include_background=False)
    compute_iou(p, y, include_background=False)
    compute_hausdorff_distance(p, y, spacing=SPACING)
    hd95 = compute_hausdorff_distance(p, y, percentile=95, spacing=SPACING)
    assd = compute_average_surface_distance(p, y, symmetric=True, spacing=SPACING)
    nsd = compute_surface_dice(p, y, [TOLERANCE] * CLASSES, spacing=SPACING, use_subvoxels=True)
    return float(sum(v.sum() for v in (dice, hd95, assd, nsd)))


def main():
    torch.set_num_threads(1)
    data = list(pairs(3, 30))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(m.tobytes() for pair in data for m in pair))
        file.flush()
        ours = json.loads(subprocess.check_output([sys.argv[1], file.name, str(SIDE), str(SIDE), str(CLASSES), "10"]))
    everything(*data[0])
    times, cpu, total = [], [], 0.0
    for truth, prediction in data:
        start, busy = time.perf_counter(), time.thread_time()
        total += everything(truth, prediction)
        times.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.thread_time() - busy))
    # On a machine that does other things too, time on a core is what compares.
    print(f"ours   {ours['cpu_ms']:.2f} ms on a core a pair; on the clock {ours['mean_ms']:.2f}, median {ours['p50_ms']:.2f}, 95 % {ours['p95_ms']:.2f}")
    print(f"MONAI  {np.mean(cpu):.2f} ms on a core a pair; on the clock {np.mean(times):.2f}, median {np.median(times):.2f}")
    print(f"ratio  {np.mean(cpu) / ours['cpu_ms']:.1f} on a core, {np.median(times) / ours['p50_ms']:.1f} of medians; checksums {ours['sum']:.4f} and {total:.4f}")


main()

"""Overlap of neighbouring masks after motion by OpenCV's dense flow, to be held beside what `vesalius score --pictures` says.

    python flow_opencv.py TRUTH.csv DATA RUNS RATE     (packages: numpy, opencv-python-headless, pillow)

TRUTH.csv has the columns image, mask, sequence and frame; DATA is the folder that images are seen from; RUNS holds a run a
sequence with its masks. Flow: DIS (Kroeger et al. 2016), preset medium, on pictures of 192 pixels. Prints the means of every
sequence and class, and their mean.
"""

import csv
import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

SIDE = 192
MOST_GAP_S = 0.2


def gray(path):
    picture = Image.open(path).convert("L")
    scale = min(1.0, SIDE / max(picture.size))
    size = tuple(max(1, round(s * scale)) for s in picture.size)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def moved(mask, flow):
    height, width = mask.shape
    large = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    large = large * np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return cv2.remap(mask, x + large[..., 0], y + large[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def main():
    table, data, runs, rate = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), float(sys.argv[4])
    sequences = {}
    for row in csv.DictReader(open(table)):
        digits = "".join(c for c in row["frame"] if c.isdigit())
        sequences.setdefault(row["sequence"], []).append((int(digits), row))
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    total = {"predicted": [], "true": []}
    for name, frames in sorted(sequences.items()):
        frames.sort(key=lambda f: f[0])
        sums = {}
        before = None
        for number, row in frames:
            stem = pathlib.Path(row["image"]).stem
            masks = {
                "true": np.asarray(Image.open(row["mask"])),
                "predicted": np.asarray(Image.open(runs / name / "masks" / f"{stem}.png")),
            }
            picture = gray(data / row["image"])
            if before is not None and (number - before[0]) / rate <= MOST_GAP_S + 1e-9:
                # From the later to the earlier: where each of its pixels was.
                flow = dis.calc(picture, before[1], None)
                for kind, mask in masks.items():
                    then = moved(before[2][kind], flow)
                    for label in range(1, 7):
                        both = np.logical_and(then == label, mask == label).sum()
                        either = np.logical_or(then == label, mask == label).sum()
                        if either:
                            sums.setdefault((kind, label), []).append(both / either)
            before = (number, picture, masks)
        for label in range(1, 7):
            line = {k: np.mean(sums[k, label]) for k in total if (k, label) in sums}
            for kind, value in line.items():
                total[kind].append(value)
            print(name, label, *(f"{k} {v:.4f}" for k, v in line.items()))
    print("mean", *(f"{k} {np.mean(v):.4f}" for k, v in total.items()))


if __name__ == "__main__":
    main()

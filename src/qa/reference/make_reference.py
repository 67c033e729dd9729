"""Writes tests/data/reference.json: the same masks and samples as the named tools measure them.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make_reference.py

The test `reference` compares what this crate says with it. Nothing in the file is ours but the masks' shapes.
"""
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np

import masks
import statistics_tools
import tools

SEED = 20240614
PACKAGES = ["monai", "surface-distance", "MedPy", "SimpleITK", "scipy", "pingouin", "statsmodels", "numpy", "torch"]


def main():
    pairs = []
    for name, truth, prediction, size, tolerance in masks.pairs(SEED):
        pairs.append({
            "name": name,
            "width": truth.shape[1],
            "height": truth.shape[0],
            "size": size,
            "tolerance": tolerance,
            "truth": masks.runs(truth),
            "prediction": masks.runs(prediction),
            "monai": tools.monai(truth, prediction, size),
            "deepmind": tools.deepmind(truth, prediction, size, tolerance),
            "simpleitk": tools.simple_itk(truth, prediction, size),
            "medpy": tools.med_py(truth, prediction, size),
        })
    objects = [
        {"name": name, "width": t.shape[1], "height": t.shape[0], "truth": masks.runs(t), "prediction": masks.runs(p),
         "monai": tools.panoptic(t, p)}
        for name, t, p in masks.objects(SEED)
    ]
    out = {
        "versions": {p: importlib.metadata.version(p) for p in PACKAGES} | {"python": sys.version.split()[0]},
        "seed": SEED,
        "pairs": pairs,
        "objects": objects,
        "statistics": statistics_tools.samples(SEED),
    }
    text = json.dumps(out, indent=1)
    # Lists of numbers on one line: a file that can be looked through.
    import re
    text = re.sub(r"\[\s+([-\d.,e\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    path = Path(__file__).parent.parent / "tests" / "data" / "reference.json"
    path.write_text(text + "\n")
    print(f"{len(pairs)} pairs, {len(objects)} sets of objects, {path.stat().st_size} bytes")


main()

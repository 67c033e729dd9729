"""Writes where each sequence's validation block begins."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from .dataset import Frame, read_frames


def write_split(frames: list[Frame], path: Path) -> None:
    sequences = sorted({f.sequence for f in frames})
    with open(path, "w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["sequence", "patient", "training", "validation", "first_validation_image"])
        for sequence in sequences:
            of_it = [f for f in frames if f.sequence == sequence]
            held = [f for f in of_it if f.validates]
            writer.writerow([sequence, of_it[0].patient, len(of_it) - len(held), len(held), held[0].name])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    write_split(read_frames(a.data), a.out)

"""Labelled frames of larynx endoscopy: reading, and the split by contiguous blocks or by patient."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

# Label values of the data set. Void is what the annotators left out: it is the engine's background.
CLASSES = ("void", "vocal_folds", "other_tissue", "glottal_space", "pathology", "surgical_tool", "intubation")
PATHOLOGY = CLASSES.index("pathology")
PATIENTS = ("patient1", "patient2")
SOURCE_SIZE = 512
MODEL_SIZE = 256
# The last part of each sequence validates.
VALIDATION_SHARE = 1 / 5


@dataclasses.dataclass(frozen=True)
class Frame:
    """One labelled frame on disk."""

    image: Path
    mask: Path
    name: str  # as in labels.csv
    patient: str
    sequence: str
    validates: bool  # in the last part of its sequence

    def read_image(self) -> np.ndarray:
        return np.array(Image.open(self.image).convert("RGB"))

    def read_mask(self) -> np.ndarray:
        return np.array(Image.open(self.mask))


def read_frames(folder: Path) -> list[Frame]:
    """All frames in the order of labels.csv, in which the frames of a sequence stand in order of time."""
    with open(folder / "labels.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    length: dict[str, int] = {}
    for row in rows:
        length[row["sequence"]] = length.get(row["sequence"], 0) + 1
    seen: dict[str, int] = {}
    frames = []
    for row in rows:
        sequence = row["sequence"]
        position = seen.get(sequence, 0)
        seen[sequence] = position + 1
        first = length[sequence] - round(length[sequence] * VALIDATION_SHARE)
        frames.append(Frame(folder / row["image"], folder / row["mask"], row["image"], row["patient"], sequence,
                            position >= first))
    return frames


def split(frames: list[Frame], patients: tuple[str, ...]) -> tuple[list[Frame], list[Frame]]:
    """(training, validation) frames.

    With all patients the blocks decide. With some, all of their frames train and those of the others validate.
    """
    if set(patients) == set(PATIENTS):
        return [f for f in frames if not f.validates], [f for f in frames if f.validates]
    return [f for f in frames if f.patient in patients], [f for f in frames if f.patient not in patients]


def parse_patients(text: str) -> tuple[str, ...]:
    chosen = tuple(sorted(set(text.split(","))))
    if not chosen or not set(chosen) <= set(PATIENTS):
        raise SystemExit(f"--patients {text}: name some of {', '.join(PATIENTS)}, with commas between them")
    return chosen

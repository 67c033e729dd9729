"""Writes the list of training and validation subjects."""

from __future__ import annotations

import argparse
from pathlib import Path

from .dataset import read_hc18, write_split

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    write_split(read_hc18(a.data), a.out)

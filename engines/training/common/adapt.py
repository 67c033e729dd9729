"""Adapts a shipped engine to a few labelled pictures of one's own.

    run.sh adapt larynx --frames mine.csv [--rest others.csv] --out my-larynx

`mine.csv` has the header `image,mask` and paths beside it; masks have the label values of the engine's data set. Training
goes on from the shipped weights; each batch is half of those pictures and half of the original training pictures, so that
what the engine knew is not forgotten. Scored before and after on the pictures of `others.csv`, which take no part,
and on the original held-out ones. Writes model.onnx, manifest.toml and adapted.json.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import importlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from .export import export
from .loop import start_from, train
from .net import UNet
from .recipe import ENGINES
from .session import Session
from .unlikeness import NAME

Labelled = tuple[np.ndarray, np.ndarray]
# Of the original held-out pictures so many are scored, spread over them.
ORIGINAL_MOST = 60


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """What adapting needs to know of an engine. Labelled pictures are RGB and label map, both 8 bits at source size."""

    classes: tuple[str, ...]  # the background first
    size: tuple[int, int]  # width, height of the model's picture
    net: Callable[[], UNet]
    tensor: Callable[[np.ndarray], np.ndarray]
    item: Callable[[np.ndarray, np.ndarray], Any]  # a labelled picture made ready for `sample`
    sample: Callable[[Any, np.random.Generator], tuple[np.ndarray, ...]]  # a training picture and its targets
    loss: Callable[..., torch.Tensor]
    labels: Callable[[Session, np.ndarray], np.ndarray]  # of an RGB picture, at source size
    training: Callable[[Path], list[Labelled]]  # the original ones, of the data set's folder
    held_out: Callable[[Path], list[Labelled]]


class Mixed(Dataset):
    """Steps' worth of batches, alternately a picture of one's own and an original one."""

    def __init__(self, a: Adaptation, own: list, original: list, count: int, seed: int):
        self.a, self.own, self.original, self.count, self.seed = a, own, original, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng([self.seed, index])
        of = self.own if index % 2 == 0 or not self.original else self.original
        return tuple(torch.from_numpy(part) for part in self.a.sample(of[rng.integers(len(of))], rng))


def read_list(path: Path) -> list[Labelled]:
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or not {"image", "mask"} <= set(rows[0]):
        raise SystemExit(f"{path}: needs the header image,mask and at least one line")
    out = []
    for row in rows:
        picture = np.array(Image.open(path.parent / row["image"]).convert("RGB"))
        mask = np.array(Image.open(path.parent / row["mask"]))
        if mask.shape != picture.shape[:2]:
            raise SystemExit(f"{path}: the mask {row['mask']} is {mask.shape[::-1]}, its picture {picture.shape[1::-1]}; "
                             "it must be one channel of label values, of the same size")
        out.append((picture, mask))
    return out


def scores(a: Adaptation, model: Path, pictures: list[Labelled], threads: int) -> dict[str, float]:
    """IoU of each class that truth or engine names, of all pixels together, and their mean."""
    engine, n = Session(model, threads), len(a.classes)
    table = np.zeros((n, n), np.int64)
    for picture, truth in pictures:
        pair = truth.ravel().astype(np.int64) * n + a.labels(engine, picture).ravel()
        table += np.bincount(pair, minlength=n * n).reshape(n, n)
    union = table.sum(0) + table.sum(1) - table.diagonal()
    iou = {name: table[c, c] / union[c] for c, name in enumerate(a.classes) if c and union[c]}
    there = [iou[name] for c, name in enumerate(a.classes) if c and table[c].any()]
    return {"mean": float(np.mean(list(iou.values()))), "mean_of_true_classes": float(np.mean(there)),
            **{name: float(value) for name, value in iou.items()}}


def adapted_manifest(text: str, engine: str, name: str, model: Path) -> str:
    """The shipped manifest with another name and hash, without what was measured of the shipped weights."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    text = re.sub(r'(?m)^sha256 = "[0-9a-f]{64}"', f'sha256 = "{digest}"', text, count=1)
    text = text.replace(f'name = "{engine}"', f'name = "{name}"', 1)
    text = re.sub(r"(?m)^temperature = .*\n", "", text)
    sections = re.split(r"(?m)^(?=\[)", re.sub(r"(?m)^#.*\n", "", text))
    kept = [s for s in sections if not s.startswith(("[scores]", f"[output.{NAME}]"))
            and not (s.startswith("[[precisions]]") and 'name = "f32"' not in s)]
    return "".join(kept).rstrip() + "\n"


def adapt(a: Adaptation, args: argparse.Namespace) -> dict:
    own, rest = read_list(args.frames), read_list(args.rest) if args.rest else []
    original = a.training(args.data) if args.data else []
    held = a.held_out(args.data) if args.data else []
    held = held[::max(len(held) // ORIGINAL_MOST, 1)]
    report: dict = {"engine": args.engine, "learned_pictures": len(own), "rest_pictures": len(rest),
                    "original_pictures": len(original), "steps": args.steps}

    def score(when: str, model: Path) -> None:
        for of, pictures in (("rest", rest), ("original", held)):
            if pictures:
                report.setdefault(of, {})[when] = scores(a, model, pictures, args.threads)
                print(f"{when}, {of}: " + ", ".join(f"{k} {v:.3f}" for k, v in report[of][when].items()), flush=True)

    score("before", args.model)
    items, others = ([a.item(*pair) for pair in pairs] for pairs in (own, original))
    net = a.net().to(memory_format=torch.channels_last)
    some = [a.tensor(picture) for picture, _ in (own + original[::max(len(original) // 20, 1)])[:30]]
    start_from(net, args.model, lambda: np.stack(some))
    data = Mixed(a, items, others, args.steps * args.batch, args.seed)
    began = time.time()
    train(net, args, lambda _epoch: data, a.loss, lambda _average: {}, warm=max(args.steps // 20, 1))
    report["minutes"] = round((time.time() - began) / 60, 1)
    model = args.out / "model.onnx"
    export(a.net(), args.out / "final.pt", model, args.name, a.size[1], a.size[0])
    score("after", model)
    manifest = adapted_manifest((args.model.parent / "manifest.toml").read_text(), args.engine, args.name, model)
    (args.out / "manifest.toml").write_text(manifest)
    for checkpoint in ("last.pt", "final.pt"):
        (args.out / checkpoint).unlink()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, choices=ENGINES)
    parser.add_argument("--model", type=Path, required=True, help="the shipped model.onnx, its manifest beside it")
    parser.add_argument("--frames", type=Path, required=True, help="the labelled pictures to learn")
    parser.add_argument("--rest", type=Path, help="further labelled pictures, for the scores alone")
    parser.add_argument("--data", type=Path, help="the engine's data set; without it what it knew may be forgotten")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", help="of the new engine (default: ENGINE-adapted)")
    parser.add_argument("--steps", type=int, default=200, help="batches")
    parser.add_argument("--peak", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    # The shared loop's: one long epoch, a cosine fall from a tenth of it on.
    a.epochs, a.decay_from, a.watch_every, a.resume = 1, 0.1, 1, False
    a.name = a.name or f"{a.engine}-adapted"
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    recipe = importlib.import_module(f"{a.engine.replace('-', '_')}.adaptation").ADAPTATION
    report = adapt(recipe, a)
    (a.out / "adapted.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"adapted engine written to {a.out}")


if __name__ == "__main__":
    main()

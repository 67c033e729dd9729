"""Training; see README.md. Every random draw is seeded by (seed, epoch, position)."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from common.label_maps import loss_of
from common.loop import add_arguments, start_from, train

from .augment import cached, training_pair
from .dataset import CLASSES, MODEL_SIZE, read_stills, tensor
from .net import nerve_vessel_net

SMALL_SIZE = 160


class Epoch(Dataset):
    """One epoch: every training still once, in an order of its own."""

    def __init__(self, pairs: list[tuple[np.ndarray, np.ndarray]], a: argparse.Namespace, epoch: int):
        order = np.random.default_rng([a.seed, epoch]).permutation(len(pairs))
        self.items = [pairs[i] for i in order[:len(pairs) // a.batch * a.batch]]
        self.seed, self.epoch, self.light_share = a.seed, epoch, a.light_share
        self.size = SMALL_SIZE if epoch < a.small_epochs else MODEL_SIZE

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return tuple(torch.from_numpy(part) for part in training_pair(*self.items[index], rng, self.size, self.light_share))


def quick_dice(net: torch.nn.Module, held: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Mean Dice of each class over the stills that show it, at model size: only to watch a training run."""
    found: list[list[float]] = [[] for _ in CLASSES]
    for picture, truth in held:
        x = torch.from_numpy(picture)[None]
        label = net(x)[0].argmax(0).numpy()
        for c in range(1, len(CLASSES)):
            if (truth == c).any():
                found[c].append(2 * ((label == c) & (truth == c)).sum() / ((label == c).sum() + (truth == c).sum()))
    return [round(float(np.mean(f)), 4) for f in found[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set with labels.csv")
    parser.add_argument("--other-head", action="store_true", help="--start is another engine: do not take its last layer")
    parser.add_argument("--light-share", type=float, default=0.0, help="share of pictures hardly changed")
    parser.add_argument("--each-picture", type=float, default=0.0, help="share of the loss's Dice taken by picture")
    add_arguments(parser, peak=2.5e-3, decay_from=0.3)
    a = parser.parse_args()

    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    stills = read_stills(a.data)
    training, held_stills = [s for s in stills if not s.validates], [s for s in stills if s.validates]
    pairs = [cached(s) for s in training]
    held = [(tensor(s.read_image()), cached(s)[1][::2, ::2]) for s in held_stills]
    print(f"{len(pairs)} training stills, {len(held)} validation stills", flush=True)

    net = nerve_vessel_net().to(memory_format=torch.channels_last)
    start_from(net, a.start, lambda: np.stack([tensor(s.read_image()) for s in training[::4]]), a.other_head)
    train(net, a, lambda epoch: Epoch(pairs, a, epoch), functools.partial(loss_of, each_picture=a.each_picture),
          lambda average: {"dice": quick_dice(average, held)}, warm=100)


if __name__ == "__main__":
    main()

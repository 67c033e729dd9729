"""Training; see README.md. Every random draw is seeded by (seed, epoch, position)."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from common.label_maps import label_source, loss_of
from common.loop import add_arguments, start_from, train

from .augment import tensor, training_pair
from .dataset import CLASSES, MODEL_SIZE, PATHOLOGY, parse_patients, read_frames, split
from .net import larynx_net
from .scores import Counts

SMALL_SIZE = 160


class Epoch(Dataset):
    """One epoch: every training frame as often as it is listed, in an order of its own."""

    def __init__(self, pairs: list[tuple[np.ndarray, np.ndarray]], a: argparse.Namespace, epoch: int):
        order = np.random.default_rng([a.seed, epoch]).permutation(len(pairs))
        self.items = [pairs[i] for i in order[:len(pairs) // a.batch * a.batch]]
        self.seed, self.epoch = a.seed, epoch
        self.light_share, self.close_share = a.light_share, a.close_share
        self.size = SMALL_SIZE if epoch < a.small_epochs else MODEL_SIZE

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return tuple(torch.from_numpy(part) for part in training_pair(*self.items[index], rng, self.size, self.light_share, self.close_share))


def quick_miou(net: torch.nn.Module, held: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean IoU without void at source size: only to watch a training run."""
    counts = Counts()
    for picture, truth in held:
        probability = net(torch.from_numpy(picture)[None]).softmax(1)[0].numpy()
        counts.add(label_source(probability, *truth.shape[::-1]), truth)
    return counts.miou()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set with labels.csv")
    parser.add_argument("--patients", type=parse_patients, default="patient1,patient2",
                        help="both: the last part of each sequence validates; one: it trains and the other validates")
    parser.add_argument("--repeat-pathology", type=int, default=2, help="how often such frames come in an epoch")
    parser.add_argument("--light-share", type=float, default=0.0, help="share of pictures hardly changed")
    parser.add_argument("--close-share", type=float, default=0.0, help="share of pictures seen from nearer")
    add_arguments(parser, peak=3e-3, decay_from=0.4)
    a = parser.parse_args()

    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    training, held_frames = split(read_frames(a.data), a.patients)
    pairs = [(f.read_image(), f.read_mask()) for f in training]
    pairs += [p for p in pairs if (p[1] == PATHOLOGY).any()] * (a.repeat_pathology - 1)
    held = [(tensor(f.read_image()), f.read_mask()) for f in held_frames]
    print(f"{len(pairs)} training frames an epoch ({len(training)} different), {len(held)} validation frames", flush=True)

    net = larynx_net().to(memory_format=torch.channels_last)
    start_from(net, a.start, lambda: np.stack([tensor(f.read_image()) for f in training[::10]]))
    train(net, a, lambda epoch: Epoch(pairs, a, epoch), loss_of,
          lambda average: {"miou": round(quick_miou(average, held), 5)}, warm=100)


if __name__ == "__main__":
    main()

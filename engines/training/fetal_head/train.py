"""Training in two stages; see README.md. Every random draw is seeded by (seed, epoch, position)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import Dataset

from common.loop import add_arguments, start_from, train

from .augment import training_pair
from .dataset import Cached, cache_all, is_validation, read_hc18, read_negatives, read_phantoms
from .net import head_net


class Epoch(Dataset):
    """One epoch: every HC18 training still once, and phantoms and negatives as the given shares of the whole."""

    def __init__(self, stills: list[Cached], phantoms: list[Cached], negatives: list[Cached], a: argparse.Namespace,
                 epoch: int):
        rng = np.random.default_rng([a.seed, epoch])
        self.negatives = negatives
        shares = [(phantoms, a.phantom_share if phantoms else 0.0), (negatives, a.negative_share if negatives else 0.0)]
        whole = len(stills) / (1 - sum(share for _, share in shares))
        # The drawn outline that HC18 masks include is no part of a phantom's truth, hence no offset there.
        items = [(still, a.outline_offset_px) for still in stills]
        for extra, share in shares:
            count = round(whole * share)
            picks = rng.choice(len(extra), count, replace=count > len(extra)) if count else []
            items += [(extra[i], 0.0) for i in picks]
        order = rng.permutation(len(items))
        self.items = [items[i] for i in order[:len(items) // a.batch * a.batch]]
        self.seed, self.epoch = a.seed, epoch
        self.faint_share, self.light_share = a.faint_share, a.light_share
        self.size = (192, 128) if epoch < a.small_epochs else (288, 192)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        cv2.setNumThreads(0)
        item, offset = self.items[index]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        filler = self.negatives[rng.integers(len(self.negatives))] if self.negatives else None
        picture, target = training_pair(item, rng, *self.size, offset, filler, self.faint_share, self.light_share)
        return torch.from_numpy(picture)[None], torch.from_numpy(target)[None]


def loss_of(logits: torch.Tensor, target: torch.Tensor, dice_weight: float, size_weight: float) -> torch.Tensor:
    """Cross-entropy, three times heavier on the outline, soft Dice per picture, and the error of the circumference.

    Cross-entropy alone puts the 0.5 iso-line at the median position of an uncertain outline, where a
    circumference is unbiased; Dice helps small heads and the first epochs.
    """
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    rim = F.max_pool2d(target, 9, 1, 4) + F.max_pool2d(-target, 9, 1, 4)
    bce = (bce * (1 + 2 * rim)).mean()
    p = torch.sigmoid(logits)
    inter, total = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    loss = bce + dice_weight * (1 - (2 * inter + 20) / (total + 20)).mean()
    return loss + size_weight * size_error(p, target) if size_weight else loss


def size_error(p: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute logarithm of the ratio of circumferences, over heads that lie within the picture.

    Both are those of the ellipse that has the map's area and second moments; the logarithm is held below 0.2.
    """
    edge = torch.cat([target[..., 0, :], target[..., -1, :], target[..., 0], target[..., -1]], -1).amax((1, 2))
    whole = (edge < 0.02) & (target.sum((1, 2, 3)) > 150)
    if not whole.any():
        return p.new_zeros(())
    ratio = torch.log(circumference(p[whole]) / circumference(target[whole]))
    return ratio.abs().clamp(max=0.2).mean()


def circumference(p: torch.Tensor) -> torch.Tensor:
    """By Ramanujan's second formula, in pixels, of the ellipse of the second moments of maps n x 1 x h x w."""
    height, width = p.shape[-2:]
    x = torch.arange(width, dtype=p.dtype) - (width - 1) / 2
    y = (torch.arange(height, dtype=p.dtype) - (height - 1) / 2)[:, None]

    def mean(values: torch.Tensor) -> torch.Tensor:
        return (p * values).sum((1, 2, 3)) / (p.sum((1, 2, 3)) + 1e-3)

    mx, my = mean(x), mean(y)
    xx, yy, xy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    half, gap = (xx + yy) / 2, torch.sqrt(((xx - yy) / 2) ** 2 + xy ** 2 + 1e-6)
    a, b = 2 * torch.sqrt(half + gap), 2 * torch.sqrt((half - gap).clamp(min=1e-3))
    h = ((a - b) / (a + b)) ** 2
    return torch.pi * (a + b) * (1 + 3 * h / (10 + torch.sqrt(4 - 3 * h)))


def quick_dice(net: torch.nn.Module, items: list[Cached]) -> float:
    """Mean Dice at model size, through the deployed path: only to watch a training run."""
    total = 0.0
    for item in items:
        x = torch.from_numpy(item.exact.astype(np.float32) / 255)[None, None]
        predicted = net(x)[0, 0].numpy() > 0
        truth = item.ellipse.mapped(item.exact_from_source).coverage(predicted.shape[1], predicted.shape[0]) > 0.5
        total += 2 * (predicted & truth).sum() / max(predicted.sum() + truth.sum(), 1)
    return total / max(len(items), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of HC18 with labels.csv")
    parser.add_argument("--phantoms", type=Path, help="folder of phantom stills with truth.csv")
    parser.add_argument("--phantom-share", type=float, default=0.15)
    parser.add_argument("--negatives", type=Path, help="folder of ultrasound stills without a head")
    parser.add_argument("--negative-share", type=float, default=0.08)
    parser.add_argument("--dice-weight", type=float, default=0.5)
    parser.add_argument("--outline-offset-px", type=float, default=0.0, help="moves HC18 outlines, source pixels")
    parser.add_argument("--repeat-below-mm", type=float, default=0.0,
                        help="show stills of heads of a smaller circumference twice an epoch")
    parser.add_argument("--faint-share", type=float, default=0.0, help="share of heads made hard to see")
    parser.add_argument("--light-share", type=float, default=0.0, help="share of heads hardly changed")
    parser.add_argument("--size-weight", type=float, default=0.0, help="weight of the error of the circumference")
    add_arguments(parser, peak=3e-3, decay_from=0.5)
    a = parser.parse_args()

    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    everything = read_hc18(a.data)
    training = [s for s in everything if not is_validation(s.subject)]
    stills = cache_all(training)
    stills += [c for c, s in zip(stills, training) if s.circumference_mm < a.repeat_below_mm]
    held = cache_all([s for s in everything if is_validation(s.subject)])
    negatives = read_negatives(a.negatives) if a.negatives else []
    phantoms, held_phantoms = [], []
    if a.phantoms:
        every = read_phantoms(a.phantoms)
        phantoms = cache_all([s for s in every if not is_validation(s.subject)])
        held_phantoms = cache_all([s for s in every if is_validation(s.subject)])
    print(f"{len(stills)} training pictures an epoch and {len(held)} validation stills, "
          f"{len(phantoms)} + {len(held_phantoms)} phantoms, {len(negatives)} negatives, "
          f"read in {time.time() - began:.0f} s", flush=True)

    def watch(average: torch.nn.Module) -> dict:
        figures = {"dice": round(quick_dice(average, held), 5)}
        if held_phantoms:
            figures["phantom_dice"] = round(quick_dice(average, held_phantoms), 5)
        return figures

    net = head_net().to(memory_format=torch.channels_last)
    start_from(net, a.start, lambda: np.stack([c.exact for c in stills[::12]])[:, None].astype(np.float32) / 255)
    train(net, a, lambda epoch: Epoch(stills, phantoms, negatives, a, epoch),
          lambda logits, target: loss_of(logits, target, a.dice_weight, a.size_weight), watch, warm=200)


if __name__ == "__main__":
    main()

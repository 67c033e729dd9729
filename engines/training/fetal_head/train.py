"""Training in two stages; see README.md. Every random draw is seeded by (seed, epoch, position)."""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from common.schedule import follow, learning_rate, optimiser_for, save

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
        self.size = (192, 128) if epoch < a.small_epochs else (288, 192)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        cv2.setNumThreads(0)
        item, offset = self.items[index]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        filler = self.negatives[rng.integers(len(self.negatives))] if self.negatives else None
        picture, target = training_pair(item, rng, *self.size, offset, filler)
        return torch.from_numpy(picture)[None], torch.from_numpy(target)[None]


def loss_of(logits: torch.Tensor, target: torch.Tensor, dice_weight: float) -> torch.Tensor:
    """Cross-entropy, three times heavier on the outline, and soft Dice per picture.

    Cross-entropy alone puts the 0.5 iso-line at the median position of an uncertain outline, where a
    circumference is unbiased; Dice helps small heads and the first epochs.
    """
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    rim = F.max_pool2d(target, 9, 1, 4) + F.max_pool2d(-target, 9, 1, 4)
    bce = (bce * (1 + 2 * rim)).mean()
    p = torch.sigmoid(logits)
    inter, total = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    return bce + dice_weight * (1 - (2 * inter + 20) / (total + 20)).mean()


@torch.no_grad()
def quick_dice(net: torch.nn.Module, items: list[Cached]) -> float:
    """Mean Dice at model size, through the deployed path: only to watch a training run."""
    net.eval()
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
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the log")
    parser.add_argument("--start", type=Path, help="weights of an earlier stage")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--small-epochs", type=int, default=0, help="first epochs at two thirds of the size")
    parser.add_argument("--peak", type=float, default=3e-3)
    parser.add_argument("--decay-from", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dice-weight", type=float, default=0.5)
    parser.add_argument("--outline-offset-px", type=float, default=0.0, help="moves HC18 outlines, source pixels")
    parser.add_argument("--repeat-below-mm", type=float, default=0.0,
                        help="show stills of heads of a smaller circumference twice an epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch in --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
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

    net = head_net().to(memory_format=torch.channels_last)
    if a.start:
        net.load_state_dict(torch.load(a.start, weights_only=True)["weights"])
    average = copy.deepcopy(net)
    optimiser = optimiser_for(net, a.peak)
    step, first = 0, 0
    if a.resume and (a.out / "last.pt").exists():
        last = torch.load(a.out / "last.pt", weights_only=True)
        net.load_state_dict(last["net"])
        average.load_state_dict(last["weights"])
        optimiser.load_state_dict(last["optimiser"])
        step, first = last["step"], last["epoch"]
    for epoch in range(first, a.epochs):
        data = Epoch(stills, phantoms, negatives, a, epoch)
        steps = len(data) // a.batch * a.epochs
        began, losses = time.time(), []
        net.train()
        for x, y in DataLoader(data, a.batch, num_workers=1, prefetch_factor=4):
            rate = learning_rate(step, steps, a.peak, 200, a.decay_from)
            for group in optimiser.param_groups:
                group["lr"] = rate
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = loss_of(logits.float(), y, a.dice_weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            step += 1
            losses.append(loss.item())
            follow(average, net, step)
        entry = {"epoch": epoch + 1, "size": data.size[0], "loss": round(float(np.mean(losses)), 5), "lr": round(rate, 6),
                 "seconds": round(time.time() - began, 1)}
        if (epoch + 1) % 8 == 0 or epoch + 1 == a.epochs:
            entry["dice"] = round(quick_dice(average, held), 5)
            if held_phantoms:
                entry["phantom_dice"] = round(quick_dice(average, held_phantoms), 5)
        save(a.out / "last.pt", {"net": net.state_dict(), "weights": average.state_dict(),
                                 "optimiser": optimiser.state_dict(), "step": step, "epoch": epoch + 1})
        print(json.dumps(entry), flush=True)
    torch.save({"weights": average.state_dict(), "epoch": a.epochs}, a.out / "final.pt")


if __name__ == "__main__":
    main()

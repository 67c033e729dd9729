"""Training; see README.md. Every random draw is seeded by (seed, epoch, position)."""

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

from .augment import reduce, training_pair
from .dataset import CLASSES, MODEL_SIZE, PATHOLOGY, parse_patients, read_frames, split
from .net import larynx_net
from .scores import Counts, label_source

SMALL_SIZE = 160


class Epoch(Dataset):
    """One epoch: every training frame as often as it is listed, in an order of its own."""

    def __init__(self, pairs: list[tuple[np.ndarray, np.ndarray]], a: argparse.Namespace, epoch: int):
        order = np.random.default_rng([a.seed, epoch]).permutation(len(pairs))
        self.items = [pairs[i] for i in order[:len(pairs) // a.batch * a.batch]]
        self.seed, self.epoch = a.seed, epoch
        self.size = SMALL_SIZE if epoch < a.small_epochs else MODEL_SIZE

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return tuple(torch.from_numpy(part) for part in training_pair(*self.items[index], rng, self.size))


def loss_of(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, heavier where classes meet, and soft Dice.

    Dice is taken over the batch as a whole, as the score is over all frames: a class that a frame lacks is no
    class of that frame's. Void counts in the cross-entropy alone.
    """
    logs = F.log_softmax(logits, 1)
    entropy = -(target * logs).sum(1)
    p, t = logs.exp()[:, 1:], target[:, 1:]
    inter, total = (p * t).sum((0, 2, 3)), (p + t).sum((0, 2, 3))
    dice = 1 - (2 * inter + 50) / (total + 50)
    return (entropy * weight).mean() + dice.mean()


@torch.no_grad()
def quick_miou(net: torch.nn.Module, held: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean IoU without void at source size: only to watch a training run."""
    net.eval()
    counts = Counts()
    for picture, truth in held:
        x = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32) / 255)[None]
        probability = net(x).softmax(1)[0].numpy()
        counts.add(label_source(probability, *truth.shape[::-1]), truth)
    return counts.miou()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set with labels.csv")
    parser.add_argument("--patients", type=parse_patients, default="patient1,patient2",
                        help="both: the last part of each sequence validates; one: it trains and the other validates")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the log")
    parser.add_argument("--start", type=Path, help="weights of an earlier run")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--small-epochs", type=int, default=0, help=f"first epochs at {SMALL_SIZE} x {SMALL_SIZE}")
    parser.add_argument("--peak", type=float, default=3e-3)
    parser.add_argument("--decay-from", type=float, default=0.4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat-pathology", type=int, default=2, help="how often such frames come in an epoch")
    parser.add_argument("--watch-every", type=int, default=8, help="epochs between looks at the validation frames")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch in --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()

    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    training, held_frames = split(read_frames(a.data), a.patients)
    pairs = [(f.read_image(), f.read_mask()) for f in training]
    pairs += [p for p in pairs if (p[1] == PATHOLOGY).any()] * (a.repeat_pathology - 1)
    held = [(reduce(f.read_image(), MODEL_SIZE), f.read_mask()) for f in held_frames]
    print(f"{len(pairs)} training frames an epoch ({len(training)} different), {len(held)} validation frames", flush=True)

    net = larynx_net().to(memory_format=torch.channels_last)
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
        data = Epoch(pairs, a, epoch)
        steps = len(data) // a.batch * a.epochs
        began, losses = time.time(), []
        net.train()
        for x, y, weight in DataLoader(data, a.batch, num_workers=1, prefetch_factor=4):
            rate = learning_rate(step, steps, a.peak, 100, a.decay_from)
            for group in optimiser.param_groups:
                group["lr"] = rate
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = loss_of(logits.float(), y, weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            step += 1
            losses.append(loss.item())
            follow(average, net, step)
        entry = {"epoch": epoch + 1, "size": data.size, "loss": round(float(np.mean(losses)), 5), "lr": round(rate, 6),
                 "seconds": round(time.time() - began, 1)}
        if (epoch + 1) % a.watch_every == 0 or epoch + 1 == a.epochs:
            entry["miou"] = round(quick_miou(average, held), 5)
        save(a.out / "last.pt", {"net": net.state_dict(), "weights": average.state_dict(),
                                 "optimiser": optimiser.state_dict(), "step": step, "epoch": epoch + 1})
        print(json.dumps(entry), flush=True)
    torch.save({"weights": average.state_dict(), "epoch": a.epochs}, a.out / "final.pt")


if __name__ == "__main__":
    main()

"""The training loop that the recipes share; each gives its pictures, its loss and what to watch."""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .net import UNet
from .schedule import follow, learning_rate, optimiser_for, save
from .shipped import load_shipped


def add_arguments(parser: argparse.ArgumentParser, peak: float, decay_from: float) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the log")
    parser.add_argument("--start", type=Path, help="weights of an earlier run, or a shipped model.onnx")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--small-epochs", type=int, default=0, help="first epochs at about two thirds of the size")
    parser.add_argument("--peak", type=float, default=peak, help="highest learning rate")
    parser.add_argument("--decay-from", type=float, default=decay_from, help="share of the steps before the cosine fall")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--watch-every", type=int, default=8, help="epochs between looks at what validates")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch in --out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)


def start_from(net: UNet, start: Path | None, pictures: Callable[[], np.ndarray], other_head: bool = False) -> None:
    """Weights of an earlier run, or those of a shipped model.onnx (see `load_shipped`), into `net`."""
    if start is None:
        return
    if start.suffix == ".onnx":
        load_shipped(net, start, pictures(), other_head)
    else:
        net.load_state_dict(torch.load(start, weights_only=True)["weights"])


def train(net: UNet, a: argparse.Namespace, data_of: Callable[[int], Dataset], loss_of: Callable[..., torch.Tensor],
          watch: Callable[[UNet], dict], warm: int) -> UNet:
    """Trains `net` and returns the moving average of its weights, which also lies in `a.out`/final.pt.

    `data_of(epoch)` gives items (picture, targets …), whose batches go to `loss_of(logits, targets …)`;
    `watch(average)` gives figures for the log. The warm-up lasts `warm` steps, in a short run a twentieth of all.
    """
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
        data = data_of(epoch)
        steps = len(data) // a.batch * a.epochs
        began, losses = time.time(), []
        net.train()
        for x, *targets in DataLoader(data, a.batch, num_workers=1, prefetch_factor=4):
            rate = learning_rate(step, steps, a.peak, min(warm, steps // 20), a.decay_from)
            for group in optimiser.param_groups:
                group["lr"] = rate
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = loss_of(logits.float(), *targets)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
            step += 1
            losses.append(loss.item())
            follow(average, net, step)
        entry = {"epoch": epoch + 1, "size": x.shape[-1], "loss": round(float(np.mean(losses)), 5), "lr": round(rate, 6),
                 "seconds": round(time.time() - began, 1)}
        if (epoch + 1) % a.watch_every == 0 or epoch + 1 == a.epochs:
            average.eval()
            with torch.no_grad():
                entry |= watch(average)
        save(a.out / "last.pt", {"net": net.state_dict(), "weights": average.state_dict(),
                                 "optimiser": optimiser.state_dict(), "step": step, "epoch": epoch + 1})
        print(json.dumps(entry), flush=True)
    save(a.out / "final.pt", {"weights": average.state_dict(), "epoch": a.epochs})
    return average

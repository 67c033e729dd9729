"""Learning rate, optimiser, averaged weights and checkpoints: the parts of a training loop that know no data."""

from __future__ import annotations

import math
from pathlib import Path

import torch


def learning_rate(step: int, steps: int, peak: float, warm: int, decay_from: float) -> float:
    """Warm-up, plateau, then a cosine fall to nothing from the share `decay_from` of all steps on."""
    if step < warm:
        return peak * (step + 1) / warm
    start = decay_from * steps
    if step < start:
        return peak
    return peak * 0.5 * (1 + math.cos(math.pi * (step - start) / max(steps - start, 1)))


def optimiser_for(net: torch.nn.Module, peak: float) -> torch.optim.Optimizer:
    """AdamW; the weights of convolutions decay, biases and batch norms do not."""
    matrices = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 2e-2}, {"params": others, "weight_decay": 0.0}],
                             lr=peak, betas=(0.9, 0.99))


@torch.no_grad()
def follow(average: torch.nn.Module, net: torch.nn.Module, step: int, most: float = 0.998) -> None:
    """Moves the exponential moving average of the weights one step on; `step` counts from 1."""
    keep = min(most, (step + 1) / (step + 10))
    for mine, theirs in zip(average.state_dict().values(), net.state_dict().values()):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - keep)


def save(path: Path, content: dict) -> None:
    """Whole or not at all, so that an interrupted run can go on."""
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)

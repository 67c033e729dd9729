"""A shipped model.onnx back into the network, so that training goes on from it.

The export folds every batch norm into the convolution before it. Here each gets one again: its statistics are those of
its convolution's sums over some pictures, and its scale and shift undo them, so that the network computes what
the file does, and trains as well as one whose batch norms were never folded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .net import UNet
from .session import Session

# Two f32 implementations of the same sums differ by rounding alone; logits reach about 20.
TOLERANCE = 2e-3


def folded_weights(model: Path) -> dict[str, torch.Tensor]:
    """The weights in a model.onnx that the recipes exported, by the names of the network's parameters."""
    return {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(str(model)).graph.initializer}


def load_shipped(net: UNet, model: Path, pictures: np.ndarray, other_head: bool = False) -> None:
    """Gives `net` the weights of `model`; `pictures` (float32, n x inputs x h x w, 0..1) set the statistics.

    With `other_head` the last convolution keeps its own weights: the start of an engine with other classes.
    """
    weights = folded_weights(model)
    pairs = [(name, m) for name, m in net.named_modules()
             if isinstance(m, nn.Sequential) and len(m) >= 2 and isinstance(m[1], nn.BatchNorm2d)]
    handles = []
    with torch.no_grad():
        for name, pair in pairs:
            weight, bias = weights.pop(f"{name}.0.weight"), weights.pop(f"{name}.0.bias")
            if weight.shape != pair[0].weight.shape:
                raise SystemExit(f"{model}: {name} has the shape {tuple(weight.shape)}, "
                                 f"the recipe's network {tuple(pair[0].weight.shape)}")
            pair[0].weight.copy_(weight)
            handles.append(pair[0].register_forward_hook(lambda _m, _i, sums, norm=pair[1], b=bias: _measure(norm, b, sums)))
        if other_head:
            net.head.weight.mul_(0.1)  # else the first steps would only undo large random logits
        else:
            net.head.weight.copy_(weights.pop("head.weight"))
            net.head.bias.copy_(weights.pop("head.bias"))
        net.eval()
        net(torch.from_numpy(pictures))
        for handle in handles:
            handle.remove()
        if not other_head:
            expected = Session(model, 1).run(pictures[0])
            difference = float(np.abs(net(torch.from_numpy(pictures[:1]))[0].numpy() - expected).max())
            print(f"{model}: largest difference of the loaded network to ONNX Runtime {difference:.1e}", flush=True)
            if not difference < TOLERANCE:
                raise SystemExit(f"{model}: the loaded network differs by {difference} (allowed: {TOLERANCE})")


def _measure(norm: nn.BatchNorm2d, bias: torch.Tensor, sums: torch.Tensor) -> None:
    """Sets one batch norm from its convolution's sums, before it sees them: out of it comes sums + bias."""
    variance, mean = torch.var_mean(sums, (0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(torch.sqrt(variance + norm.eps))
    norm.bias.copy_(bias + mean)

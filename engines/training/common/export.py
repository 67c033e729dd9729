"""Weights to model.onnx: batch norm folded, fixed batch of one, checked against PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from .net import UNet, count_macs, fuse_batch_norm
from .session import Session

OPSET = 17
# Two f32 implementations of the same sums differ by rounding alone; logits reach about 20.
TOLERANCE = 2e-3


def export(net: UNet, weights: Path, model: Path, engine: str, height: int, width: int) -> None:
    net.load_state_dict(torch.load(weights, weights_only=True)["weights"])
    net.eval()
    probe = torch.rand(1, net.inputs, height, width, generator=torch.Generator().manual_seed(1))
    probe = torch.round(probe * 255) / 255
    with torch.no_grad():
        expected = net(probe).numpy()[0]
    macs, parameters = count_macs(net, height, width), sum(p.numel() for p in net.parameters())
    fuse_batch_norm(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The TorchScript exporter writes opset 17 directly; the newer one writes 18 and converts down.
        torch.onnx.export(net, (probe,), str(model), opset_version=OPSET, dynamo=False,
                          input_names=["image"], output_names=["logits"])
    graph = onnx.load(str(model))
    graph.doc_string = f"Vesalius engine {engine}. Not for clinical use."
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, str(model))
    assert graph.opset_import[0].version == OPSET
    difference = np.abs(Session(model).run(probe.numpy()[0]) - expected).max()
    print(f"{parameters / 1e6:.2f} M parameters, {macs / 1e9:.3f} GMAC, {model.stat().st_size / 1e6:.2f} MB, "
          f"largest difference to PyTorch {difference:.1e}")
    if not difference < TOLERANCE:
        raise SystemExit(f"{model}: ONNX Runtime differs from PyTorch by {difference} (allowed: {TOLERANCE})")

"""The network: a U-Net of inverted residual blocks (Sandler et al. 2018, arXiv 1801.04381).

Plain convolutions, ReLU, sums and bilinear doublings only: every one of them is fast, and can be fused and
quantised, in each runtime an engine may run on. The deepest level (stride 32) sees the whole picture, which
closes an outline where a part of it cannot be seen. Logits are computed at half size and doubled bilinearly:
a smooth map whose 0.5 iso-line is good to a fraction of a pixel.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution that stays in f32 under bf16 autocast.

    PyTorch's bf16 gradients of depthwise convolutions are up to five times slower on the CPU than the f32 ones;
    this alone nearly halves the time of an epoch.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def conv_bn(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True) -> nn.Sequential:
    convolution = DepthwiseConv if groups > 1 else nn.Conv2d
    layers: list[nn.Module] = [
        convolution(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(cout, momentum=0.03),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """1x1 widen, k x k depthwise, 1x1 narrow; the input is added where the shapes allow."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expand: int):
        super().__init__()
        hidden = cin * expand
        self.body = nn.Sequential(
            conv_bn(cin, hidden, 1),
            conv_bn(hidden, hidden, kernel, stride, groups=hidden),
            conv_bn(hidden, cout, 1, relu=False),
        )
        self.residual = stride == 1 and cin == cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class Merge(nn.Module):
    """Decoder step: narrow the deep map, double it, add the narrowed skip, then one separable convolution.

    Narrowing first costs a quarter and gives the same as narrowing after the doubling (both are linear).
    """

    def __init__(self, deep: int, skip: int, cout: int, kernel: int):
        super().__init__()
        self.deep = conv_bn(deep, cout, 1, relu=False)
        self.skip = conv_bn(skip, cout, 1, relu=False)
        self.spread = conv_bn(cout, cout, kernel, groups=cout)
        self.mix = conv_bn(cout, cout, 1)

    def forward(self, deep: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        up = F.interpolate(self.deep(deep), scale_factor=2, mode="bilinear", align_corners=False)
        return self.mix(self.spread(F.relu(up + self.skip(skip))))


class UNet(nn.Module):
    """Picture [n, inputs, h, w] in 0..1 (h and w multiples of 32) to logits [n, outputs, h, w]."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...] = (16, 32, 64, 112, 160),
                 blocks: tuple[int, ...] = (1, 3, 4, 4, 3), kernels: tuple[int, ...] = (3, 3, 5, 5, 5), expand: int = 4):
        super().__init__()
        self.inputs = inputs
        w0 = widths[0]
        self.stem = nn.Sequential(conv_bn(inputs, w0, 3, stride=2), conv_bn(w0, w0, 3, groups=w0),
                                  conv_bn(w0, w0, 1, relu=False))
        stages = []
        for level in range(1, len(widths)):
            stage = [InvertedResidual(widths[level - 1], widths[level], kernels[level], 2, expand)]
            stage += [InvertedResidual(widths[level], widths[level], kernels[level], 1, expand) for _ in range(blocks[level] - 1)]
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)
        decoder = []
        deep = widths[-1]
        for level in range(len(widths) - 2, -1, -1):
            cout = widths[level] if level else 24
            decoder.append(Merge(deep, widths[level], cout, 5 if level >= 2 else 3))
            deep = cout
        self.decoder = nn.ModuleList(decoder)
        self.head = nn.Conv2d(deep, outputs, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, InvertedResidual) and module.residual:
                nn.init.zeros_(module.body[2][1].weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.stem(image)
        skips = [x]
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        x = skips.pop()
        for merge in self.decoder:
            x = merge(x, skips.pop())
        return F.interpolate(self.head(x), scale_factor=2, mode="bilinear", align_corners=False)


def fuse_batch_norm(net: nn.Module) -> nn.Module:
    """Fold every BatchNorm into the convolution before it (in place, evaluation mode)."""
    net.eval()
    for module in net.modules():
        if isinstance(module, nn.Sequential) and len(module) >= 2:
            if isinstance(module[0], nn.Conv2d) and isinstance(module[1], nn.BatchNorm2d):
                module[0] = nn.utils.fuse_conv_bn_eval(module[0], module[1])
                module[1] = nn.Identity()
    return net


def count_macs(net: UNet, height: int, width: int) -> int:
    """Multiply-accumulates of the convolutions for one picture."""
    total = 0

    def hook(module: nn.Conv2d, _args, output: torch.Tensor) -> None:
        nonlocal total
        per_output = module.weight[0].numel()
        total += per_output * output.shape[1] * output.shape[2] * output.shape[3]

    handles = [m.register_forward_hook(hook) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net.eval()(torch.zeros(1, net.inputs, height, width))
    for handle in handles:
        handle.remove()
    return total

"""The network: red, green, blue in; a logit for void and one for each class out."""

from __future__ import annotations

from common.net import UNet

from .dataset import CLASSES


def larynx_net() -> UNet:
    return UNet(inputs=3, outputs=len(CLASSES), widths=(16, 24, 48, 80, 112))

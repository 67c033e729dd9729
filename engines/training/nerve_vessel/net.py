"""The network: one grey channel in; a logit for background, nerve and vessel out."""

from __future__ import annotations

from common.net import UNet

from .dataset import CLASSES


def nerve_vessel_net() -> UNet:
    return UNet(inputs=1, outputs=len(CLASSES))

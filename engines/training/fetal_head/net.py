"""The network: one channel in, one out; > 0 is head."""

from __future__ import annotations

from common.net import UNet


def head_net() -> UNet:
    return UNet(inputs=1, outputs=1)

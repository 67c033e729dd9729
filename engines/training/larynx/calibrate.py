"""How far the probabilities can be believed, and the one temperature that mends them.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017, arXiv 1706.04599.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

BINS = 15


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Over the first axis."""
    x = logits / temperature
    e = np.exp(x - x.max(0, keepdims=True))
    return e / e.sum(0, keepdims=True)


def expected_calibration_error(logits: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> float:
    """Mean distance between confidence and accuracy over equal bins of confidence; logits classes x n, truth n."""
    probability = softmax(logits, temperature)
    confidence, right = probability.max(0), probability.argmax(0) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    gap = np.bincount(bins, confidence, BINS) - np.bincount(bins, right, BINS)
    return float(np.abs(gap).sum() / count.sum())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature of least negative log-likelihood."""
    def loss(log_temperature: float) -> float:
        x = logits / np.exp(log_temperature)
        top = x.max(0)
        return float((top + np.log(np.exp(x - top).sum(0)) - np.take_along_axis(x, truth[None], 0)[0]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.3), np.log(5.0)), method="bounded").x))

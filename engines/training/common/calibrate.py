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


def as_two(logits: np.ndarray) -> np.ndarray:
    """A sigmoid's logits (any shape) as those of a softmax over (absent, present), on a new first axis."""
    return np.stack([np.zeros_like(logits), logits])


# Edges of the rows of a reliability table.
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)


def reliability(logits: np.ndarray, truth: np.ndarray, temperature: float) -> list[dict]:
    """For each range of confidence, after the temperature: share of pixels, mean confidence, share of right ones."""
    probability = softmax(logits, temperature)
    confidence, right = probability.max(0), probability.argmax(0) == truth
    rows = []
    for low, high in zip(EDGES[:-1], EDGES[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            rows.append({"from": low, "to": high, "share": float(inside.mean()),
                         "confidence": float(confidence[inside].mean()), "right": float(right[inside].mean())})
    return rows


def calibration(fitted: tuple[np.ndarray, np.ndarray], tried: tuple[np.ndarray, np.ndarray]) -> dict:
    """A temperature from one part of the held-out pixels, tried on the other; each part is (logits, truth).

    The temperature is rounded to two places, as the manifest has it.
    """
    temperature = round(fit_temperature(*fitted), 2)
    return {"temperature": temperature, "ece_before": expected_calibration_error(*tried),
            "ece_after": expected_calibration_error(*tried, temperature), "pixels": int(tried[1].size),
            "reliability": reliability(*tried, temperature)}


def reliability_table(c: dict) -> str:
    """Markdown."""
    lines = ["| confidence | pixels | mean confidence | right |", "|---|---|---|---|"]
    for r in c["reliability"]:
        lines.append(f"| {r['from']:g}–{r['to']:g} | {100 * r['share']:.1f} % | {r['confidence']:.3f} | {r['right']:.3f} |")
    return "\n".join(lines)

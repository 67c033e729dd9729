"""ONNX Runtime as the program uses it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime


class Session:
    """An ONNX model run as the program runs it: f32 on the CPU provider, one picture at a time."""

    def __init__(self, model: Path, threads: int = 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def run(self, x: np.ndarray) -> np.ndarray:
        """Logits [outputs, h, w] of a picture [inputs, h, w] in 0..1."""
        return self.session.run(None, {self.input: x[None]})[0][0]

    def milliseconds(self, x: np.ndarray, rounds: int = 200) -> dict[str, float]:
        """Time of one run, after a tenth of the rounds to warm up."""
        took = []
        for _ in range(rounds + rounds // 10):
            began = time.perf_counter()
            self.run(x)
            took.append((time.perf_counter() - began) * 1e3)
        took = took[rounds // 10:]
        return {"p5": float(np.percentile(took, 5)), "median": float(np.median(took)), "p95": float(np.percentile(took, 95))}

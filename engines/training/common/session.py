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
        return self.session.run(["logits"], {self.input: x[None]})[0][0]

    def outputs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every output of a picture, by name, as the model gives it."""
        names = [o.name for o in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, {self.input: x[None]})))

    def milliseconds(self, x: np.ndarray, rounds: int = 200) -> dict[str, float]:
        """Medians of one run, after a tenth of the rounds to warm up: by the clock, and the processors' own time.

        The second does not depend on what else runs on the machine; threads that wait without working add to it.
        """
        clock, processor = [], []
        for _ in range(rounds + rounds // 10):
            began = time.perf_counter(), time.process_time()
            self.outputs(x)
            clock.append((time.perf_counter() - began[0]) * 1e3)
            processor.append((time.process_time() - began[1]) * 1e3)
        return {"clock": float(np.median(clock[rounds // 10:])), "processor": float(np.median(processor[rounds // 10:]))}

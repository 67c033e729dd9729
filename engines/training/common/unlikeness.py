"""A second output of an engine: how unlike its training pictures the picture is.

K. Lee, K. Lee, H. Lee, J. Shin, A simple unified framework for detecting out-of-distribution samples and adversarial
attacks, NeurIPS 2018, arXiv 1807.03888: the Mahalanobis distance of deep features to those of training. Here the
features are the means over the picture of the maps of two levels, with one Gaussian for all of training (there are no classes of
pictures), and a covariance shrunk by the rule of O. Ledoit and M. Wolf (2004). The distance is divided by the
square root of the number of features, so that training pictures lie about 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.covariance import LedoitWolf

NAME = "unlikeness"
# The levels whose maps can be pooled, by the part of the picture's size that they have, and the convolutions that read them.
READERS = {32: "decoder.0.deep.0.weight", 16: "decoder.0.skip.0.weight", 8: "decoder.1.skip.0.weight"}


def add_unlikeness(source: Path, out: Path, pictures: Iterable[np.ndarray], levels: tuple[int, ...]) -> None:
    """Writes the model `source` with the output; `pictures` (inputs x h x w, 0..1) are those of training."""
    bare = onnx.load(str(source))
    features = np.stack(list(pooled_features(bare, pictures, levels)))
    estimate = LedoitWolf().fit(features.astype(np.float64))
    # distance² = |(features - mean) whitening|²
    whitening = np.linalg.cholesky(estimate.precision_) / np.sqrt(features.shape[1])
    model = with_distance(bare, estimate.location_.astype(np.float32), whitening.astype(np.float32), levels)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(out))


def _pool(model: onnx.ModelProto, levels: tuple[int, ...]) -> str:
    """Adds nodes that pool the levels to one row of features, and names it."""
    graph = model.graph
    rows = []
    for level in levels:
        # In INT8 the weights' name has an ending.
        tensor = next(node.input[0] for node in graph.node
                      if node.op_type == "Conv" and node.input[1].startswith(READERS[level]))
        pooled, row = f"/{NAME}/pooled{len(rows)}", f"/{NAME}/row{len(rows)}"
        graph.node.append(helper.make_node("GlobalAveragePool", [tensor], [pooled], name=pooled))
        graph.node.append(helper.make_node("Flatten", [pooled], [row], name=row, axis=1))
        rows.append(row)
    features = f"/{NAME}/features"
    graph.node.append(helper.make_node("Concat", rows, [features], name=features, axis=1))
    return features


def pooled_features(model: onnx.ModelProto, pictures: Iterable[np.ndarray], levels: tuple[int, ...]) -> Iterable[np.ndarray]:
    """The pooled features of each picture."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    features = _pool(probe, levels)
    del probe.graph.output[:]
    probe.graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for picture in pictures:
        yield session.run(None, {name: picture[None]})[0][0]


def with_distance(model: onnx.ModelProto, mean: np.ndarray, whitening: np.ndarray, levels: tuple[int, ...]) -> onnx.ModelProto:
    """The model with the output `unlikeness`, f32 [1]; the nodes before it are untouched."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    features = _pool(out, levels)
    graph.initializer.append(numpy_helper.from_array(mean[None], f"{NAME}.mean"))
    graph.initializer.append(numpy_helper.from_array(whitening, f"{NAME}.whitening"))
    centred, white = f"/{NAME}/centred", f"/{NAME}/white"
    graph.node.append(helper.make_node("Sub", [features, f"{NAME}.mean"], [centred], name=centred))
    graph.node.append(helper.make_node("MatMul", [centred, f"{NAME}.whitening"], [white], name=white))
    graph.node.append(helper.make_node("ReduceL2", [white], [NAME], name=f"/{NAME}/length", axes=[1], keepdims=0))
    graph.output.append(helper.make_tensor_value_info(NAME, TensorProto.FLOAT, [1]))
    return out


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the output `unlikeness` and what computes it."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    for field in (graph.node, graph.initializer, graph.output):
        keep = [item for item in field if not item.name.startswith((f"/{NAME}/", f"{NAME}.")) and item.name != NAME]
        del field[:]
        field.extend(keep)
    return out


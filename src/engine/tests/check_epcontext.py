#!/usr/bin/env python3
"""Reads a model that `vesalius engine import-plan --out` wrote with the Python package `onnx`, which this project does not
use, and compares it with the plan and the manifest it was made of.

    vesalius engine import-plan ENGINE my.plan --precision f16 --out model.onnx
    python3 check_epcontext.py model.onnx my.plan ENGINE_FOLDER/manifest.toml

Needs `onnx` and Python 3.11. It said "right" with onnx 1.23.2.
"""

import pathlib
import sys
import tomllib

import onnx
from onnx import TensorProto, helper


def main(model_path: str, plan_path: str, manifest_path: str) -> None:
    model = onnx.load(model_path)
    plan = pathlib.Path(plan_path).read_bytes()
    manifest = tomllib.loads(pathlib.Path(manifest_path).read_text())

    assert {(o.domain, o.version) for o in model.opset_import} == {("", 17), ("com.microsoft", 1)}
    (node,) = model.graph.node
    assert (node.op_type, node.domain) == ("EPContext", "com.microsoft")
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    assert attributes.pop("ep_cache_context") == plan
    architecture = attributes.pop("hardware_architecture", None)
    assert architecture is None or architecture.isdigit(), architecture
    assert attributes == {"main_context": 1, "embed_mode": 1, "source": b"TensorrtExecutionProvider"}, attributes

    tensors = manifest["input"]
    channels = 1 if tensors["color"] == "gray" else 3
    outputs = 1 if manifest["output"]["activation"] != "softmax" else len(manifest["classes"]) + 1

    def shape(count: int) -> list[int]:
        height, width = tensors["height"], tensors["width"]
        return [1, count, height, width] if tensors["layout"] == "nchw" else [1, height, width, count]

    kind = TensorProto.INT64 if manifest["output"]["kind"] == "labels" else TensorProto.FLOAT
    (image,), (answer,) = model.graph.input, model.graph.output
    for value, name, element, axes in [
        (image, tensors["name"], TensorProto.FLOAT, shape(channels)),
        (answer, manifest["output"]["name"], kind, shape(outputs)),
    ]:
        assert value.name == name, value.name
        assert value == helper.make_tensor_value_info(name, element, axes), value
    assert (list(node.input), list(node.output)) == ([image.name], [answer.name])

    # The checker knows ONNX's own operators; that this one is Microsoft's is no error to it.
    onnx.checker.check_model(model)
    # Written again by the package it is the same model.
    again = onnx.load_from_string(model.SerializeToString())
    assert again == model
    print(f"right: {len(plan)} bytes of plan for {image.name} {shape(channels)} -> {answer.name} {shape(outputs)}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Makes the small engines that the tests run: `tests/models/<name>/{manifest.toml, model.onnx}`.

and the models that the tests of the import start from: `tests/import_models/*.onnx`, which have no manifest.

Needs numpy and onnx:  python src/engine/tests/make_models.py
Each model is a few hundred bytes and its answer can be computed by hand; the tests do so.
"""

import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent / "models"
IMPORTS = pathlib.Path(__file__).parent / "import_models"
OPSET = 17


def save(graph, name):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    model.producer_name = "vesalius tests"
    onnx.checker.check_model(model)
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def f32(name, values):
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)


def i64(name, values):
    return numpy_helper.from_array(np.asarray(values, dtype=np.int64), name)


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs, constants):
    return helper.make_graph(nodes, "g", inputs, outputs, constants)


MANIFEST = """\
schema = 1

[engine]
name = "{name}"
version = "1.0.0"
description = "{description}"
task = "segmentation"
modality = "{modality}"
licence = "MIT OR Apache-2.0"
protocol = "generic"

[model]
file = "model.onnx"
sha256 = "{sha256}"
opset = 17

[input]
name = "{input}"
layout = "{layout}"
width = {width}
height = {height}
color = "{color}"
range = [{range}]
mean = [{mean}]
std = [{std}]
resize = "{resize}"
filter = "linear-antialias"
pad = {pad}
{element}
[output]
name = "{output}"
kind = "{kind}"
activation = "{activation}"
{output_layout}{more}{classes}
[[precisions]]
name = "f32"
"""

CLASS = """
[[classes]]
index = {index}
name = "{name}"
label = "{label}"
color = "{color}"
threshold = 0.5
components = "{components}"
fill_holes = {fill_holes}
"""


def classes(*rows):
    return "".join(CLASS.format(index=i + 1, **row) for i, row in enumerate(rows))


BRIGHT = dict(name="bright", label="Bright", color="#56B4E9", components="all", fill_holes="false")


def manifest(name, description, **changes):
    values = dict(
        name=name, description=description, modality="ultrasound", input="image", layout="nchw", width=64, height=48,
        color="gray", mean="0.0", std="1.0", resize="letterbox", pad=0, output="logits", kind="logits",
        activation="sigmoid", classes=classes(BRIGHT), element="", output_layout="", more="", range="0.0, 1.0",
        sha256=hashlib.sha256((HERE / name / "model.onnx").read_bytes()).hexdigest(),
    )
    values.update(changes)
    (HERE / name / "manifest.toml").write_text(MANIFEST.format(**values))


def brightness(source, target):
    """(source - 0.5) * 20"""
    return (
        [helper.make_node("Sub", [source, "half"], ["centred"]), helper.make_node("Mul", ["centred", "gain"], [target])],
        [f32("half", 0.5), f32("gain", 20.0)],
    )


def threshold():
    nodes, constants = brightness("image", "logits")
    shape = [1, 1, 48, 64]
    save(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)], constants), "threshold")
    manifest("threshold", "What is brighter than half, for tests")


def slow():
    """`threshold` after a loop of convolutions that leave the picture as it is, a second output of no use."""
    convolutions("slow", "As threshold, and takes its time, for tests", [], i64("rounds", 160))


def hang():
    """`threshold`; but of pictures that are brighter than 0.8 on average, the loop does not end within hours."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["brightness"], keepdims=0),
        helper.make_node("Greater", ["brightness", "limit"], ["is_bright"]),
        helper.make_node("Where", ["is_bright", "for_ever", "once"], ["rounds"]),
    ]
    convolutions("hang", "As threshold, and hangs on bright pictures, for tests", nodes, f32("limit", 0.8),
                 i64("for_ever", 1 << 40), i64("once", 1))


def convolutions(name, description, before, *values):
    channels, shape = 16, [1, 1, 48, 64]
    nodes, constants = brightness("image", "logits_alone")
    nodes = before + nodes + [
        helper.make_node("Expand", ["image", "wide_shape"], ["wide"]),
        helper.make_node("ConstantOfShape", ["weight_shape"], ["weight"],
                         value=numpy_helper.from_array(np.full(1, 1e-3, np.float32))),
    ]
    body = helper.make_graph(
        [
            helper.make_node("Conv", ["state", "weight"], ["next_state"], pads=[1, 1, 1, 1]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [tensor("round", [], TensorProto.INT64), tensor("go", [], TensorProto.BOOL),
         tensor("state", [1, channels, 48, 64])],
        [tensor("go_on", [], TensorProto.BOOL), tensor("next_state", [1, channels, 48, 64])],
    )
    nodes += [
        helper.make_node("Loop", ["rounds", "", "wide"], ["spent"], body=body),
        helper.make_node("ReduceMean", ["spent"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "nothing"], ["no_part"]),
        helper.make_node("Add", ["logits_alone", "no_part"], ["logits"]),
    ]
    constants += [i64("wide_shape", [1, channels, 48, 64]), i64("weight_shape", [channels, channels, 3, 3]),
                  *values, f32("nothing", 0.0)]
    save(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)], constants), name)
    manifest(name, description)


def nan():
    shape = [1, 1, 48, 64]
    nodes = [
        helper.make_node("Mul", ["image", "nothing"], ["zero"]),
        helper.make_node("Div", ["zero", "nothing"], ["logits"]),
    ]
    save(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)], [f32("nothing", 0.0)]), "nan")
    manifest("nan", "Gives NaN at every pixel, for tests")


def rgb_softmax():
    """Scores 0 (background), 8·(red − blue), 8·(blue − red), of an input in −1 to 1."""
    size = [1, 3, 32, 32]
    weight = np.zeros((3, 3, 1, 1), np.float32)
    weight[1, 0], weight[1, 2], weight[2, 2], weight[2, 0] = 8, -8, 8, -8
    nodes = [helper.make_node("Conv", ["pixels", "weight"], ["scores"])]
    save(graph(nodes, [tensor("pixels", size)], [tensor("scores", size)], [f32("weight", weight)]), "rgb-softmax")
    manifest(
        "rgb-softmax", "Red or blue, for tests", modality="endoscopy", input="pixels", output="scores", width=32,
        height=32, color="rgb", mean="0.5, 0.5, 0.5", std="0.5, 0.5, 0.5", pad=128, activation="softmax",
        classes=classes(
            dict(name="red", label="Red", color="#D55E00", components="largest", fill_holes="true"),
            dict(name="blue", label="Blue", color="#0072B2", components="all", fill_holes="false"),
        ),
    )


def nhwc():
    """Probability = the blue channel; the batch axis has a name, the rest is fixed; an NHWC input in BGR."""
    nodes = [helper.make_node("Slice", ["image", "zero", "one", "last_axis"], ["blue"])]
    constants = [i64("zero", [0]), i64("one", [1]), i64("last_axis", [3])]
    save(graph(nodes, [tensor("image", ["batch", 24, 40, 3])], [tensor("blue", ["batch", 24, 40, 1])], constants),
         "nhwc-probabilities")
    manifest("nhwc-probabilities", "The blue channel as a probability, for tests", modality="endoscopy",
             layout="nhwc", width=40, height=24, color="bgr", mean="0.0, 0.0, 0.0", std="1.0, 1.0, 1.0",
             resize="stretch", output="blue", kind="probabilities")


def labels():
    """0 below a third, 1 up to two thirds, 2 above; int64 without a channel axis, as ArgMax gives."""
    nodes = [
        helper.make_node("Mul", ["image", "three"], ["scaled"]),
        helper.make_node("Floor", ["scaled"], ["floor"]),
        helper.make_node("Min", ["floor", "two"], ["capped"]),
        helper.make_node("Cast", ["capped"], ["cast"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["cast", "channel_axis"], ["labels"]),
    ]
    constants = [f32("three", 3.0), f32("two", 2.0), i64("channel_axis", [1])]
    save(graph(nodes, [tensor("image", [1, 1, 16, 16])], [tensor("labels", [1, 16, 16], TensorProto.INT64)], constants),
         "labels")
    manifest("labels", "Three levels of brightness, for tests", width=16, height=16, resize="stretch",
             output="labels", kind="labels", activation="none",
             classes=classes(dict(BRIGHT, name="medium", label="Medium"), dict(BRIGHT, color="#E69F00")))


def wrong_shape():
    """The manifest says 64×48 and the model takes 32×32."""
    nodes, constants = brightness("image", "logits")
    shape = [1, 1, 32, 32]
    save(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)], constants), "wrong-shape")
    manifest("wrong-shape", "Its manifest and its model disagree, for tests")


def corrupt():
    """The first part of a good model."""
    (HERE / "corrupt").mkdir(parents=True, exist_ok=True)
    whole = (HERE / "threshold" / "model.onnx").read_bytes()
    (HERE / "corrupt" / "model.onnx").write_bytes(whole[: len(whole) // 2])
    manifest("corrupt", "Half a model, for tests")


def planes():
    """Red, green and blue are the probabilities of three classes: pictures of true masks go through it unchanged."""
    nodes = [
        helper.make_node("ReduceSum", ["image", "channel_axis"], ["any"], keepdims=1),
        helper.make_node("Sub", ["one", "any"], ["rest"]),
        helper.make_node("Clip", ["rest", "zero", "one"], ["background"]),
        helper.make_node("Concat", ["background", "image"], ["probabilities"], axis=1),
    ]
    constants = [i64("channel_axis", [1]), f32("zero", 0.0), f32("one", 1.0)]
    save(graph(nodes, [tensor("image", [1, 3, 256, 320])], [tensor("probabilities", [1, 4, 256, 320])], constants),
         "planes")
    names = [("first", "#56B4E9"), ("second", "#E69F00"), ("third", "#009E73")]
    manifest("planes", "Masks as they are, for tests", width=320, height=256, color="rgb", mean="0.0, 0.0, 0.0",
             std="1.0, 1.0, 1.0", output="probabilities", kind="probabilities", activation="softmax",
             classes=classes(*(dict(BRIGHT, name=name, label=name.title(), color=color) for name, color in names)))


def unlike():
    """`threshold` at a temperature of 2, with a second output: the mean brightness, of which more than 0.6 is unlike."""
    nodes, constants = brightness("image", "logits")
    nodes.append(helper.make_node("ReduceMean", ["image"], ["unlikeness"], axes=[1, 2, 3], keepdims=0))
    shape = [1, 1, 48, 64]
    save(graph(nodes, [tensor("image", shape)], [tensor("logits", shape), tensor("unlikeness", [1])], constants), "unlike")
    manifest("unlike", "What is brighter than half, and whether the picture is too bright, for tests",
             more='temperature = 2.0\n\n[output.unlikeness]\nname = "unlikeness"\nthreshold = 0.6\n'
                  'auroc = { white = 1.0 }\n')


def unlike_rgb():
    """Red or blue at a temperature of 1.5; unlike, of shape [1, 1], is the largest mean of a colour in 0 to 1."""
    weight = np.zeros((3, 3, 1, 1), np.float32)
    weight[1, 0], weight[1, 2], weight[2, 2], weight[2, 0] = 8, -8, 8, -8
    nodes = [
        helper.make_node("Conv", ["pixels", "weight"], ["scores"]),
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMax", ["means"], ["off"], axes=[1], keepdims=1),
    ]
    size = [1, 3, 32, 32]
    save(graph(nodes, [tensor("pixels", size)], [tensor("off", [1, 1]), tensor("scores", size)], [f32("weight", weight)]),
         "unlike-rgb")
    manifest(
        "unlike-rgb", "Red or blue, and whether one colour is everywhere, for tests", modality="endoscopy",
        input="pixels", output="scores", width=32, height=32, color="rgb", mean="0.0, 0.0, 0.0", std="1.0, 1.0, 1.0",
        activation="softmax", more='temperature = 1.5\n\n[output.unlikeness]\nname = "off"\nthreshold = 0.75\n',
        classes=classes(dict(BRIGHT, name="red", label="Red"), dict(BRIGHT, name="blue", label="Blue", color="#0072B2")),
    )


def u8_labels():
    """Bytes in, channels last; 1 where red is above 100, 2 where blue is: int64 labels with a channel's axis."""
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Split", ["numbers"], ["red", "green", "blue"], axis=3),
        helper.make_node("Greater", ["red", "hundred"], ["is_red"]),
        helper.make_node("Greater", ["blue", "hundred"], ["is_blue"]),
        helper.make_node("Where", ["is_blue", "two", "zero"], ["blues"]),
        helper.make_node("Where", ["is_red", "one", "blues"], ["labels"]),
    ]
    constants = [f32("hundred", 100.0), i64("zero", 0), i64("one", 1), i64("two", 2)]
    save(graph(nodes, [tensor("image", [1, 20, 30, 3], TensorProto.UINT8)],
               [tensor("labels", [1, 20, 30, 1], TensorProto.INT64)], constants), "u8-labels")
    manifest("u8-labels", "Red or blue by the bytes, for tests", modality="endoscopy", layout="nhwc", width=30, height=20,
             color="rgb", range="0.0, 255.0", mean="0.0, 0.0, 0.0", std="1.0, 1.0, 1.0", resize="stretch",
             element='element = "u8"\n', output="labels", kind="labels", activation="none",
             classes=classes(dict(BRIGHT, name="red", label="Red"), dict(BRIGHT, name="blue", label="Blue")))


def f16():
    """`threshold` in 16 bits, its channel squeezed away."""
    half = lambda name, value: numpy_helper.from_array(np.asarray(value, np.float16), name)
    nodes = [helper.make_node("Sub", ["image", "half"], ["centred"]), helper.make_node("Mul", ["centred", "gain"], ["wide"]),
             helper.make_node("Squeeze", ["wide", "channel_axis"], ["logits"])]
    save(graph(nodes, [tensor("image", [1, 1, 48, 64], TensorProto.FLOAT16)],
               [tensor("logits", [1, 48, 64], TensorProto.FLOAT16)],
               [half("half", 0.5), half("gain", 20.0), i64("channel_axis", [1])]), "f16")
    manifest("f16", "What is brighter than half, in 16 bits, for tests", element='element = "f16"\n')


def colour(expects, channels_last, softmax, shape_in, shape_out):
    """Nodes and constants of a network that finds red and blue in a picture prepared as `expects` says: (order, mean, std,
    top), bytes becoming (byte / 255 * top - mean) / std."""
    order, mean, std, top = expects
    nodes = []
    first = "image"
    if channels_last:
        nodes.append(helper.make_node("Transpose", ["image"], ["first"], perm=[0, 3, 1, 2]))
        first = "first"
    # Back to 0 to 1, then 12 (red - blue) - 3 and the reverse; the rest is background.
    weight = np.zeros((3, 3, 1, 1), np.float32)
    red, blue = (0, 2) if order == "rgb" else (2, 0)
    mean, std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
    weight[1, red], weight[1, blue], weight[2, blue], weight[2, red] = 12, -12, 12, -12
    bias = np.array([0, -3, -3], np.float32) + (weight[:, :, 0, 0] @ mean) / top
    weight = weight * std.reshape(1, 3, 1, 1) / top
    nodes.append(helper.make_node("Conv", [first, "weight", "bias"], ["scores"]))
    last = "scores"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["scores"], ["shares"], axis=1))
        last = "shares"
    if channels_last == "both":
        nodes.append(helper.make_node("Transpose", [last], ["output"], perm=[0, 2, 3, 1]))
    else:
        nodes.append(helper.make_node("Identity", [last], ["output"]))
    return graph(nodes, [tensor("image", shape_in)], [tensor("output", shape_out)], [f32("weight", weight), f32("bias", bias)])


def save_plain(graph, name, opset=OPSET, domains=(), ir_version=8, **external):
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir_version)
    model.producer_name = "vesalius tests"
    IMPORTS.mkdir(exist_ok=True)
    onnx.save_model(model, str(IMPORTS / f"{name}.onnx"), **external)


def imports():
    imagenet = ("bgr", [0.406, 0.456, 0.485], [0.225, 0.224, 0.229], 1.0)
    # Free batch, channels last in and out, probabilities: what Keras and tf2onnx give.
    save_plain(colour(imagenet, "both", True, ["n", 48, 64, 3], ["n", 48, 64, 3]), "bgr-imagenet-nhwc")
    # Free size, channels last in and first out, scores.
    signed = ("rgb", [0.5] * 3, [0.5] * 3, 1.0)
    save_plain(colour(signed, True, False, ["n", "h", "w", 3], ["n", 3, "h", "w"]), "rgb-signed-free")
    # Two maps of the picture's size, and a third output that is none.
    nodes, constants = brightness("image", "main")
    nodes += [helper.make_node("Neg", ["main"], ["aux"]), helper.make_node("GlobalAveragePool", ["image"], ["mean"])]
    shape = [1, 1, 48, 64]
    save_plain(graph(nodes, [tensor("image", shape)],
                     [tensor("mean", [1, 1, 1, 1]), tensor("main", shape), tensor("aux", shape)], constants), "three-outputs")
    # Three channels, each a sigmoid of its own.
    nodes = [helper.make_node("Sigmoid", ["image"], ["masks"])]
    save_plain(graph(nodes, [tensor("image", [1, 3, 8, 8])], [tensor("masks", [1, 3, 8, 8])], []), "sigmoids")
    # Half the picture's size.
    nodes = [helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[2, 2], strides=[2, 2])]
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("small", [1, 1, 24, 32])], []), "half-size")
    # What no ONNX Runtime has.
    nodes = [helper.make_node("Sharpen", ["image"], ["mid"], domain="com.example"),
             helper.make_node("Outline", ["mid"], ["masks"], domain="com.example")]
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("masks", shape)], []), "custom-operators",
               domains=["com.example"])
    nodes = [helper.make_node("Sigmoid", ["image"], ["masks"])]
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("masks", shape)], []), "opset-99", opset=99)
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("masks", shape)], []), "ir-99", ir_version=99)
    # Weights in a file beside it.
    nodes = [helper.make_node("Conv", ["image", "weight"], ["logits"], pads=[1, 1, 1, 1])]
    weight = numpy_helper.from_array(np.full((1, 1, 3, 3), 1 / 9, np.float32), "weight")
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)], [weight]), "external",
               save_as_external_data=True, location="external.weights", size_threshold=0)
    # Quantised: a scale and a zero point around a convolution by one.
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("Sub", ["d", "half"], ["logits"]),
    ]
    zero = numpy_helper.from_array(np.asarray(0, np.uint8), "zero")
    save_plain(graph(nodes, [tensor("image", shape)], [tensor("logits", shape)],
                     [f32("scale", 1 / 255), zero, f32("half", 0.5)]), "quantised")
    nodes = [helper.make_node("Add", ["image", "other"], ["logits"])]
    save_plain(graph(nodes, [tensor("image", shape), tensor("other", shape)], [tensor("logits", shape)], []), "two-inputs")


if __name__ == "__main__":
    for make in (threshold, slow, hang, nan, rgb_softmax, nhwc, labels, wrong_shape, corrupt, planes, unlike, unlike_rgb, u8_labels, f16, imports):
        make()
    for path in sorted([*HERE.glob("*/model.onnx"), *IMPORTS.glob("*")]):
        print(f"{str(path.relative_to(HERE.parent)):50} {path.stat().st_size:5} bytes")

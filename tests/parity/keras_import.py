"""A small network of Keras on the larynx pictures, exported by tf2onnx: NHWC, a softmax inside, a free batch.

    python keras_import.py DATA OUT

DATA holds `vocalfolds/`; OUT gets `keras-larynx.onnx`, `picture.png` (one that was not trained on, in its full size), and
what Keras itself says of it: `reference.npy` (resized by Pillow) and `reference-tf.npy` (by `tf.image.resize`).
"""

import csv
import pathlib
import sys

import numpy as np
import tensorflow as tf
import tf2onnx
from PIL import Image

SIZE = 128
CLASSES = 7
EPOCHS = 8

data, out = pathlib.Path(sys.argv[1]) / "vocalfolds", pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
tf.keras.utils.set_random_seed(1)


def prepare(picture):
    """What this network's makers chose: RGB, stretched, -1 to 1 (Keras' mode "tf")."""
    return np.asarray(picture.convert("RGB").resize((SIZE, SIZE), Image.BILINEAR), np.float32) / 127.5 - 1


rows = list(csv.DictReader(open(data / "labels.csv")))
held_out = rows[::10]
train = [row for row in rows if row not in held_out]
x = np.stack([prepare(Image.open(data / row["image"])) for row in train])
y = np.stack([np.asarray(Image.open(data / row["mask"]).resize((SIZE, SIZE), Image.NEAREST)) for row in train])


def block(tensor, filters, stride=1):
    tensor = tf.keras.layers.SeparableConv2D(filters, 3, strides=stride, padding="same", use_bias=False)(tensor)
    # So few steps would leave the usual averages behind.
    return tf.keras.layers.ReLU()(tf.keras.layers.BatchNormalization(momentum=0.9)(tensor))


picture = tf.keras.Input((SIZE, SIZE, 3), name="picture")
first = block(tf.keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(picture), 24)
second = block(block(first, 48, 2), 48)
third = block(block(second, 96, 2), 96)
up = lambda tensor: tf.keras.layers.UpSampling2D(interpolation="bilinear")(tensor)
merged = block(tf.keras.layers.Concatenate()([up(third), second]), 48)
merged = block(tf.keras.layers.Concatenate()([up(merged), first]), 32)
tissue = tf.keras.layers.Conv2D(CLASSES, 1, activation="softmax", name="tissue")(up(merged))
model = tf.keras.Model(picture, tissue)
model.compile(tf.keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=16, epochs=EPOCHS, verbose=2)

signature = [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32, name="picture")]
function = tf.function(lambda tensor: {"tissue": model(tensor, training=False)}, input_signature=signature)
tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(out / "keras-larynx.onnx"))

# Wide, as video is: a square picture would not show the resize rule.
whole = Image.open(data / held_out[len(held_out) // 2]["image"]).convert("RGB")
width, height = whole.size
shown = whole.crop((0, height // 8, width, height - height // 8))
shown.save(out / "picture.png")
np.save(out / "reference.npy", model.predict(prepare(shown)[None], verbose=0))
by_tf = tf.image.resize(np.asarray(shown, np.float32), (SIZE, SIZE)) / 127.5 - 1
np.save(out / "reference-tf.npy", model.predict(by_tf[None], verbose=0))
print("wrote", *sorted(path.name for path in out.iterdir()))

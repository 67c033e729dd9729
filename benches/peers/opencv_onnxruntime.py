"""What a user would write instead: decode, resize, infer, threshold, contour, ellipse, values to a CSV.

    opencv_onnxruntime.py MODEL CLIP OUT_CSV WIDTH HEIGHT

Two threads, gray engines with one output channel.
"""
import csv
import sys

import cv2
import numpy as np
import onnxruntime

model, clip, out, width, height = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
cv2.setNumThreads(2)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
capture = cv2.VideoCapture(clip)
with open(out, "w", newline="") as file:
    table = csv.writer(file)
    frame = 0
    while True:
        there, picture = capture.read()
        if not there:
            break
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        tensor = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        logits = session.run(None, {name: tensor[None, None]})[0]
        mask = (logits[0, 0] > 0).astype(np.uint8)
        mask = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if outlines:
            largest = max(outlines, key=cv2.contourArea)
            if len(largest) >= 5:
                (_, axes, angle) = cv2.fitEllipse(largest)
                table.writerow([frame, cv2.contourArea(largest), cv2.arcLength(largest, True), *axes, angle])
        frame += 1

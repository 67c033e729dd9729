"""What the training recipes share: the network, the schedule, the export to ONNX."""

import os

# Microsoft's builds of ONNX Runtime record and send what they do unless this is seen when they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""What the training recipes share: the network, the schedule, the export to ONNX."""

"""Runs to take home: folders, capsules, reports, ONNX, CSV and JSON."""

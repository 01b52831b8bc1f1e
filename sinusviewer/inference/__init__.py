"""Trained networks through ONNX Runtime: cards, registry, sessions."""

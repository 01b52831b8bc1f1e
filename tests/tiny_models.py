"""Hand-made ONNX models whose answers are known: what is bright is diseased. They prove sides, boxes and plumbing."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sinusviewer.imaging.preprocess import WATERS_FILM, WATERS_PATCH
from sinusviewer.inference.model_card import (
    Calibration,
    InputSpec,
    ModelCard,
    ModelTask,
    OutputSpec,
    save_card,
    sha256_of,
)

SIZE = 64
STEEPNESS = 20.0


def save_model(folder: Path, nodes: list[Any], weights: dict[str, Any], input_shape: list[Any], outputs: dict[str, Any],
               input_name: str = "image") -> Path:  # fmt: skip
    """Write ``folder/model.onnx`` of the given nodes."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def save_tiny_card(folder: Path, task: ModelTask, outputs: dict[str, Any], input_shape: tuple[int | None, ...],
                   preprocessing: dict[str, Any], **more: Any) -> ModelCard:  # fmt: skip
    """Write ``folder/card.json`` for the model that lies there."""
    settings = {"name": folder.name, "version": "1.0", "threshold": 0.5, "trained_on": "Made by hand for tests."} | more
    card = ModelCard(
        task=task,
        sha256=sha256_of(folder / "model.onnx"),
        input=InputSpec(
            name="image", shape=input_shape, preprocessing=preprocessing, spacing_mm=settings.pop("spacing_mm", None)
        ),
        outputs=tuple(OutputSpec(name=n, meaning=n, shape=tuple(s)) for n, s in outputs.items()),
        **settings,
    )
    save_card(card, folder)
    return card


def patch_model(folder: Path, **more: Any) -> ModelCard:
    """A face detector: one box over 80 % of the canvas, sure where the upper half is brighter than the lower."""
    anchors, channels = [[0.8, 0.8]], 6
    kernel = np.zeros((channels, 1, 2, 1), np.float32)
    kernel[4, 0, :, 0] = STEEPNESS, -STEEPNESS
    bias = np.zeros(channels, np.float32)
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["halves"], kernel_shape=[SIZE // 2, SIZE], strides=[SIZE // 2, SIZE]
        ),
        helper.make_node("Conv", ["halves", "kernel", "bias"], ["raw"], kernel_shape=[2, 1]),
    ]
    outputs = {"raw": [None, channels, 1, 1]}
    save_model(folder, nodes, {"kernel": kernel, "bias": bias}, ["n", 1, SIZE, SIZE], {"raw": ["n", channels, 1, 1]})
    return save_tiny_card(
        folder, ModelTask.WATERS_PATCH, outputs, (None, 1, SIZE, SIZE),
        {"name": WATERS_FILM, "size": SIZE, "low": 0.0, "high": 100.0, "center": 1.0},
        labels=("face",), parameters={"anchors": anchors}, **more,
    )  # fmt: skip


def antra_model(folder: Path, *, parameters: dict[str, Any] | None = None, calibrated: bool = True,
                **more: Any) -> ModelCard:  # fmt: skip
    """An antrum detector: one box in each half of the patch, diseased where that half's mean is above 0.5."""
    anchors, channels = [[0.3, 0.4]], 7
    kernel = np.zeros((channels, 1, 1, 1), np.float32)
    kernel[5, 0], kernel[6, 0] = -STEEPNESS, STEEPNESS
    bias = np.array([0, 0, 0, 0, 3.0, STEEPNESS / 2, -STEEPNESS / 2], np.float32)
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["halves"], kernel_shape=[SIZE, SIZE // 2], strides=[SIZE, SIZE // 2]
        ),
        helper.make_node("Conv", ["halves", "kernel", "bias"], ["raw"], kernel_shape=[1, 1]),
    ]
    save_model(folder, nodes, {"kernel": kernel, "bias": bias}, ["n", 1, SIZE, SIZE], {"raw": ["n", channels, 1, 2]})
    return save_tiny_card(
        folder, ModelTask.WATERS_SINUSITIS, {"raw": [None, channels, 1, 2]}, (None, 1, SIZE, SIZE),
        {"name": WATERS_PATCH, "size": SIZE, "low": 0.0, "high": 100.0, "center": 1.0, "margin": 1.0},
        labels=("normal", "full_opacification"), parameters={"anchors": anchors} | (parameters or {}),
        calibration=Calibration(temperature=2.0, fitted_on="nothing") if calibrated else None, **more,
    )  # fmt: skip


def waters_models(folder: Path) -> Path:
    """A models folder with both detectors."""
    patch_model(folder / "waters_patch")
    antra_model(folder / "waters_sinusitis")
    return folder

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


CT_SIZE = 96
CT_MM = 2.0
WINDOWS = ((40.0, 350.0), (300.0, 2000.0))


def segmentation_model(folder: Path, **more: Any) -> ModelCard:
    """Finds the phantom head's antra: air or fluid of 20 HU, in a box on each side, where the bone between them is."""
    boxes = np.zeros((2, CT_SIZE, CT_SIZE), np.float32)
    rows, middle = slice(12, 36), CT_SIZE // 2
    boxes[0, rows, middle - 22 : middle - 5] = 1
    boxes[1, rows, middle + 5 : middle + 22] = 1
    bone = np.zeros((1, 1, CT_SIZE, CT_SIZE), np.float32)
    bone[0, 0, 20:26, middle - 2 : middle + 2] = 1 / 24

    def between(name: str, value: str, low: float, high: float) -> list[Any]:
        weights[f"{name}_low"], weights[f"{name}_high"] = np.float32(low), np.float32(high)
        return [
            helper.make_node("Greater", [value, f"{name}_low"], [f"{name}_above"]),
            helper.make_node("Less", [value, f"{name}_high"], [f"{name}_below"]),
            helper.make_node("And", [f"{name}_above", f"{name}_below"], [name]),
        ]

    weights: dict[str, Any] = {
        "zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "axis": np.array([1]),
        "boxes": boxes[None], "bone_at": bone, "unit": np.float32(1.0), "plane": np.array([2, 3]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "axis"], ["soft"]),
        helper.make_node("Slice", ["image", "one", "two", "axis"], ["hard"]),
        helper.make_node("Mul", ["hard", "bone_at"], ["bone_pixels"]),
        helper.make_node("ReduceSum", ["bone_pixels", "plane"], ["bone"], keepdims=1),
        *between("level", "bone", 0.47, 0.53),
        *between("air", "soft", -1.0, 0.05),
        *between("fluid", "soft", 0.43, 0.455),
        helper.make_node("Or", ["air", "fluid"], ["content"]),
        helper.make_node("And", ["content", "level"], ["found"]),
        helper.make_node("Cast", ["found"], ["found_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["found_float", "boxes"], ["sinuses"]),
        helper.make_node("ReduceSum", ["sinuses", "axis"], ["any"], keepdims=1),
        helper.make_node("Sub", ["unit", "any"], ["background"]),
        helper.make_node("Concat", ["background", "sinuses"], ["probabilities"], axis=1),
    ]
    save_model(folder, nodes, weights, ["n", 2, CT_SIZE, CT_SIZE], {"probabilities": ["n", 3, CT_SIZE, CT_SIZE]})
    return save_tiny_card(
        folder, ModelTask.SINUS_SEGMENTATION, {"probabilities": [None, 3, CT_SIZE, CT_SIZE]},
        (None, 2, CT_SIZE, CT_SIZE), _axial(), labels=("background", "right_maxillary", "left_maxillary"),
        parameters={"target": "sinuses"}, **more,
    )  # fmt: skip


def recurrence_model(folder: Path, **more: Any) -> ModelCard:
    """The score is the mean of the bone window over the box."""
    shape = (16, 24, 24)
    nodes = [
        helper.make_node("Slice", ["image", "one", "two", "axis"], ["bone"]),
        helper.make_node("ReduceMean", ["bone"], ["mean"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Identity", ["mean"], ["score"]),
    ]
    weights = {"one": np.array([1]), "two": np.array([2]), "axis": np.array([1])}
    save_model(folder, nodes, weights, ["n", 2, *shape], {"score": ["n", 1]})
    preprocessing = {
        "name": "ct_box_v1",
        "spacing_mm": 5.0,
        "shape": list(shape),
        "windows": [list(w) for w in WINDOWS],
    }
    return save_tiny_card(folder, ModelTask.RECURRENCE, {"score": [None, 1]}, (None, 2, *shape), preprocessing, **more)


def ecrs_model(folder: Path, *, shift: float = 0.0, parameters: dict[str, Any] | None = None, **more: Any) -> ModelCard:
    """The logit of a slice is ten times the mean of its window within the rectangle, plus ``shift``."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["coarse"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Concat", ["coarse", "coarse"], ["features"], axis=1),
        helper.make_node("GlobalAveragePool", ["coarse"], ["mean"]),
        helper.make_node("Reshape", ["mean", "flat"], ["flat_mean"]),
        helper.make_node("Mul", ["flat_mean", "ten"], ["ten_times"]),
        helper.make_node("Add", ["ten_times", "shift"], ["logit"]),
        helper.make_node("Identity", ["logit"], ["evidence"]),
        helper.make_node("Mul", ["flat_mean", "ten"], ["attention"]),
    ]
    weights = {"flat": np.array([-1, 1]), "ten": np.float32(10.0), "shift": np.float32(shift)}
    outputs = {"logit": ["n", 1], "attention": ["n", 1], "evidence": ["n", 1], "features": ["n", 2, 6, 6]}
    save_model(folder, nodes, weights, ["n", 1, CT_SIZE, CT_SIZE], outputs)
    return save_tiny_card(
        folder, ModelTask.ECRS, {k: [None, *v[1:]] for k, v in outputs.items()}, (None, 1, CT_SIZE, CT_SIZE),
        _axial(rectangle=True, each_window_alone=True), labels=("necrs", "ecrs"),
        parameters={"class_weights": [1.0, 0.0], "lesion_share": 0.1, "slice_step_mm": 3.0} | (parameters or {}), **more,
    )  # fmt: skip


def ct_models(folder: Path) -> Path:
    """A models folder with segmentation, endotype and recurrence."""
    segmentation_model(folder / "sinus_segmentation")
    ecrs_model(folder / "ecrs_tiny")
    recurrence_model(folder / "recurrence")
    return folder


def _axial(**more: Any) -> dict[str, Any]:
    windows = [list(w) for w in WINDOWS]
    return {"name": "ct_axial_v1", "spacing_mm": CT_MM, "size": CT_SIZE, "front_mm": 8.0, "windows": windows} | more

"""One network as float32 and int8 in ONNX Runtime and as torch eager: each a function from images to outputs."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinusviewer.inference.model_card import ModelCard

FloatArray = npt.NDArray[np.float32]
Engine = Callable[[FloatArray], list[FloatArray]]
QUANTIZED = ("Conv", "Add", "MaxPool", "Resize", "Relu", "LeakyRelu", "Clip")
"""The convolutions and what stands between them. Heads of few weights stay float32: with them in int8 a radiomic score of 0.31
became 0.44, and ONNX Runtime fails on weights per channel of a Gemm."""


def session(path: Path) -> Engine:
    """On all cores, as reading does it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = os.cpu_count() or 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = opened.get_inputs()[0].name
    return lambda images: [np.asarray(output) for output in opened.run(None, {name: images})]


def quantized(path: Path, target: Path, input_name: str, images: FloatArray) -> Path:
    """Static int8: activations by the smallest and largest values on ``images``, weights by channel; heads stay float32."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._items = iter([{input_name: image[None]} for image in images])

        def get_next(self) -> dict[str, FloatArray] | None:
            return next(self._items, None)

    folded = target.with_suffix(".folded.onnx")
    logging.getLogger().setLevel(logging.ERROR)  # it advises what is done here
    quant_pre_process(path, folded, skip_symbolic_shape=True)
    quantize_static(
        folded, target, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8, op_types_to_quantize=list(QUANTIZED),
    )  # fmt: skip
    return target


def eager(card: ModelCard) -> Callable[[FloatArray], object]:
    """The same network in torch, to be timed: its weights are left at random, which changes no time."""
    import torch

    from sinustrainer.networks.classifiers import ExportedClassifier, SliceClassifier
    from sinustrainer.networks.multitask_unet_3d import MultiTaskUNet3D
    from sinustrainer.networks.segmentation_2d import build_segmenter

    options = card.training["recipe"]["options"]
    channels = int(card.input.shape[1] or 1)
    match card.task.value:
        case "sinus_segmentation":
            outputs = len(card.labels) + int(bool(options.get("opacity")))
            network: Any = build_segmenter(options["architecture"], channels, outputs, base=options["base"])
        case "ecrs":
            network = ExportedClassifier(SliceClassifier(options["network"], channels))
        case _:
            network = MultiTaskUNet3D(channels, len(card.labels), options["base"], options["depth"],
                                      pool=options.get("pool", 1), norm=options.get("norm", "instance"))  # fmt: skip
    network = network.eval()
    torch.set_num_threads(os.cpu_count() or 1)
    torch.set_flush_denormal(True)  # random weights make them, trained ones do not

    def forward(images: FloatArray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(images))

    return forward

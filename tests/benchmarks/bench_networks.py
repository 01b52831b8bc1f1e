"""The CT networks alone: batch sizes, float32 against static int8 and against torch eager, in one run; accuracy of int8.

Speed needs no data. Accuracy is measured where ``SINUSVIEWER_BENCH_DATA`` names a folder of labelled CTs (a manifest): Dice of
slices for the segmentation, AUC of patients for the endotype. Without it int8 is held against float32 on the phantom.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from phantom_head import phantom_head

from sinusviewer.domain.image import Identity, Volume
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    AxialStack,
    BoxPreprocessing,
    axial_input,
    axial_stack,
    box_input,
    labels_on_stack,
    settings_from_card,
    sinus_box,
)
from sinusviewer.imaging.resample import canonical, reorient_array
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import ModelCard, load_card, verify_weights
from sinusviewer.inference.segmenter import label_codes
from sinusviewer.paths import bundled_models_dir

FloatArray = npt.NDArray[np.float32]
BATCHES = (1, 2, 4, 8, 16, 32)
REPEATS = 5
CASES = int(os.environ.get("SINUSVIEWER_BENCH_CASES", "12"))
CALIBRATION_SLICES = 24
NETWORKS = {"sinus_segmentation": 8, "ecrs_efficientnet_b0": 16, "recurrence": 1}
"""Model and the batch that reading uses."""


def run() -> list[dict[str, Any]]:
    """All figures of the networks that are here."""
    rows: list[dict[str, Any]] = []
    cases = list(_labelled(CASES))
    with tempfile.TemporaryDirectory() as folder:
        for name, batch in NETWORKS.items():
            place = bundled_models_dir() / name
            if (place / "card.json").is_file():
                rows += _network(load_card(place), place, batch, Path(folder), cases)
    return rows


def _row(name: str, value: float, unit: str, compared: str | None = None, ratio: float | None = None, n: int = REPEATS
         ) -> dict[str, Any]:  # fmt: skip
    return {"name": name, "value": round(value, 5), "unit": unit, "compared_with": compared,
            "ratio": None if ratio is None else round(ratio, 4), "n": n}  # fmt: skip


def _network(
    card: ModelCard,
    place: Path,
    batch: int,
    folder: Path,
    cases: list[tuple[Volume, npt.NDArray[np.uint8], bool | None]],
) -> list[dict[str, Any]]:
    inputs = _inputs(card, [volume for volume, _, _ in cases[:3]] or [_phantom()])
    path = verify_weights(card, place)
    small = folder / f"{card.name}.int8.onnx"
    _quantize(path, small, card.input.name, inputs)
    plain, quantized = _session(path), _session(small)
    rows: list[dict[str, Any]] = []
    if batch > 1:
        first = 0.0
        for size in BATCHES:
            taken = _per_item(lambda x: plain.run(None, {card.input.name: x}), inputs, size)
            first = first or taken
            rows.append(_row(f"{card.name}: ms an image, batch {size}", taken, "ms", "batch 1", taken / first))
    fp32 = _per_item(lambda x: plain.run(None, {card.input.name: x}), inputs, batch)
    int8 = _per_item(lambda x: quantized.run(None, {card.input.name: x}), inputs, batch)
    rows.append(_row(f"{card.name}: ms an image, float32, batch {batch}", fp32, "ms"))
    rows.append(_row(f"{card.name}: ms an image, static int8, batch {batch}", int8, "ms", "float32", int8 / fp32))
    eager = _eager(card)
    if eager is not None:
        taken = _per_item(eager, inputs, batch)
        rows.append(
            _row(f"{card.name}: ms an image, torch eager, same network", taken, "ms", "ONNX Runtime", taken / fp32)
        )
    size = small.stat().st_size / path.stat().st_size
    rows.append(_row(f"{card.name}: size of int8", small.stat().st_size / 2**20, "MiB", "float32", size, 1))
    if card.name == "sinus_segmentation":
        rows += _segmentation_accuracy(card, plain, quantized, inputs, cases)
    elif card.name.startswith("ecrs"):
        rows += _endotype_accuracy(card, plain, quantized, cases)
    return rows


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = os.cpu_count() or 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _per_item(function: Callable[[FloatArray], object], inputs: FloatArray, batch: int) -> float:
    """Median milliseconds an image."""
    given = np.resize(inputs, (batch, *inputs.shape[1:]))
    function(given)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(given)
        taken.append((time.perf_counter() - start) * 1000 / batch)
    return float(np.median(taken))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, inputs: FloatArray) -> None:
        self._items = iter([{name: x[None]} for x in inputs])

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._items, None)


def _quantize(path: Path, target: Path, name: str, inputs: FloatArray) -> None:
    quantize_static(
        path, target, _Reader(name, inputs), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def _phantom() -> Volume:
    head = phantom_head(1.5)
    return Volume(head.hu, head.affine, Identity(modality="CT"))


def _inputs(card: ModelCard, volumes: list[Volume]) -> FloatArray:
    """What the network is given, of some volumes."""
    found: list[FloatArray] = []
    for volume in volumes:
        if card.task.value == "recurrence":
            box = settings_from_card(BoxPreprocessing, card.input.preprocessing)
            z, y, x = canonical(volume).voxels.shape
            found.append(box_input(sinus_box(volume, (z / 2, y / 3, x / 2), box).hu, box))
            continue
        settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
        stack = axial_stack(volume, settings)
        windows = range(len(settings.windows)) if settings.each_window_alone else [None]
        step = max(1, len(stack.hu) * len(windows) * len(volumes) // CALIBRATION_SLICES)
        found += [axial_input(stack, i, settings, window=w) for i in range(0, len(stack.hu), step) for w in windows]
    return np.stack(found[:CALIBRATION_SLICES])


def _eager(card: ModelCard) -> Callable[[FloatArray], object] | None:
    """The same network in torch, its weights left at random: they change no time."""
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

    def forward(x: FloatArray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(x))

    return forward


def _labelled(limit: int) -> Iterator[tuple[Volume, npt.NDArray[np.uint8], bool | None]]:
    """Volume, labels on its canonical grid and whether it is ECRS, of the cases that no training saw."""
    named = os.environ.get("SINUSVIEWER_BENCH_DATA")
    if not named:
        return
    from sinustrainer.data.ct_cases import load_case_labels, load_case_volume
    from sinustrainer.data.manifest import TRAIN, load_manifest

    cases = [c for c in load_manifest(Path(named)).cases if c.split != TRAIN and "labels" in c.files]
    for case in cases[:: max(1, len(cases) // limit)][:limit]:
        volume = load_case_volume(case)
        labels = reorient_array(load_case_labels(case, volume), volume.affine)
        yield volume, labels, {"ecrs": True, "necrs": False}.get(str(case.labels.get("endotype")))


def _segmentation_accuracy(
    card: ModelCard,
    plain: Any,
    quantized: Any,
    inputs: FloatArray,
    cases: list[tuple[Volume, npt.NDArray[np.uint8], bool | None]],
) -> list[dict[str, Any]]:
    codes = label_codes(card.labels)

    def found(session: Any, images: FloatArray) -> npt.NDArray[np.uint8]:
        output = np.asarray(session.run(None, {card.input.name: images})[0])
        return codes[output[:, : len(codes)].argmax(axis=1)]

    a, b = found(plain, inputs), found(quantized, inputs)
    rows = [_row(f"{card.name}: Dice of int8's region with float32's", _dice(a > 0, b > 0), "", n=len(inputs))]
    if not cases:
        return rows
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    truth: list[npt.NDArray[np.uint8]] = []
    both: dict[str, list[npt.NDArray[np.uint8]]] = {"float32": [], "int8": []}
    for volume, labels, _ in cases:
        stack = axial_stack(volume, settings)
        on_stack = labels_on_stack(labels, stack)
        held = np.flatnonzero((on_stack > 0).any(axis=(1, 2)))[::4]
        images = np.stack([axial_input(stack, int(i), settings) for i in held])
        truth.append(on_stack[held])
        both["float32"].append(found(plain, images))
        both["int8"].append(found(quantized, images))
    true = np.concatenate(truth)
    for name, parts in both.items():
        whole = np.concatenate(parts)
        sinuses = [_dice(true == c, whole == c) for c in range(1, 11)]
        rows.append(_row(f"{card.name}: region Dice of slices, {name}", _dice(true > 0, whole > 0), "", n=len(true)))
        rows.append(_row(f"{card.name}: mean Dice of ten sinuses, {name}", float(np.mean(sinuses)), "", n=len(true)))
    return rows


def _endotype_accuracy(
    card: ModelCard, plain: Any, quantized: Any, cases: list[tuple[Volume, npt.NDArray[np.uint8], bool | None]]
) -> list[dict[str, Any]]:
    from sinusviewer.statistics.delong import auc

    known = [(v, labels, ecrs) for v, labels, ecrs in cases if ecrs is not None]
    if len({ecrs for _, _, ecrs in known}) < 2:
        return []
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    stacks: list[tuple[AxialStack, npt.NDArray[np.uint8], bool]] = []
    for volume, labels, ecrs in known:
        stack = axial_stack(volume, settings)
        stacks.append((stack, labels_on_stack(labels, stack), ecrs))
    names = [output.name for output in card.outputs]
    rows = []
    for name, session in (("float32", plain), ("int8", quantized)):

        def read(images: FloatArray, session: Any = session) -> dict[str, FloatArray]:
            return dict(zip(names, session.run(names, {card.input.name: images}), strict=True))

        scores = [classify(read, stack, labels, card).probability for stack, labels, _ in stacks]
        pairs = [(ecrs, s) for (_, _, ecrs), s in zip(stacks, scores, strict=True) if s is not None]
        area = auc([y for y, _ in pairs], [s for _, s in pairs])
        if area is not None:
            rows.append(_row(f"{card.name}: patient AUC, {name}", area, "", n=len(pairs)))
    return rows


def _dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(run(), indent=1) + "\n")

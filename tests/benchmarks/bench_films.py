"""One film of 2500 x 2048, file to reading, with the bundled networks and with the same networks in torch eager, in turns.

Twice the same pipeline, file, preprocessing and input check; only what runs the two networks differs. Torch's weights are
random: speed does not depend on them, and the readings of that half are thrown away.
"""

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from made_dicom import write_film

from sinusviewer import paths
from sinusviewer.analysis.read import read_series
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.imaging import load, scan
from sinusviewer.inference.model_card import ModelCard, ModelTask
from sinusviewer.inference.registry import LoadedModel, ModelRegistry

ROUNDS, TARGET_S = 12, 0.6
TASKS = (ModelTask.WATERS_PATCH, ModelTask.WATERS_SINUSITIS)


def run() -> list[dict[str, Any]]:
    """Medians, and how much faster than torch."""
    registry = ModelRegistry()
    try:
        if any(registry.active(task) is None for task in TASKS):
            return []
        return _compare(registry)
    finally:
        registry.close()


def _compare(registry: ModelRegistry) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.dcm", _film_pixels())
        ways: dict[str, Any] = {"bundled": registry}
        if importlib.util.find_spec("torch") is not None:
            ways["torch"] = _TorchRegistry({task: _in_torch(registry, task) for task in TASKS})
        times: dict[str, list[float]] = {name: [] for name in ways}
        networks: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 2):
            for name, models in ways.items():
                seconds, inside = _read(path, models)
                if number >= 2:  # the first two are warm-up
                    times[name].append(seconds)
                    networks[name].append(inside)
    median = {name: statistics.median(values) for name, values in times.items()}
    inside = {name: statistics.median(values) for name, values in networks.items()}
    rows = [_row("film 2500 x 2048, file to reading, warm", median["bundled"], f"target {TARGET_S} s", TARGET_S)]
    rows.append(_row("film: finding the face, its checks and both antra", inside["bundled"], None, None))
    if "torch" in ways:
        rows.append(_row("the same film, the same networks in torch eager", median["torch"], None, None))
        rows.append(_row("film, against torch eager", median["bundled"], "torch eager", median["torch"]))
        rows.append(
            _row("face, checks and antra, against torch eager", inside["bundled"], "torch eager", inside["torch"])
        )
    return rows


def _row(name: str, value: float, compared_with: str | None, other: float | None) -> dict[str, Any]:
    ratio = None if other is None else round(value / other, 4)
    return {
        "name": name,
        "value": round(value, 4),
        "unit": "s",
        "compared_with": compared_with,
        "ratio": ratio,
        "n": ROUNDS,
    }


def _film_pixels() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The sample film, enlarged: the input check takes it for what it is, so nothing is skipped."""
    from PIL import Image

    sample = _opened(paths.resources_dir() / "sample" / "waters.dcm")
    values = sample.pixels.astype(np.float32)
    if sample.inverted:
        values = values.max() - values
    large = Image.fromarray(values).resize((2048, 2500), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(large), 0, 65535).astype(np.uint16)


def _opened(path: Path) -> Radiograph:
    loaded = load.load_series(scan.scan([path]).studies[0].series[0])
    if isinstance(loaded, Volume):
        raise TypeError("the sample film is no film")
    return loaded[0]


def _read(path: Path, models: Any) -> tuple[float, float]:
    start = time.perf_counter()
    reading = read_series(_opened(path), ("waters",), models, override_reason="benchmark")
    seconds = time.perf_counter() - start
    steps = reading.provenance.seconds
    return seconds, sum(value for name, value in steps.items() if not name.startswith("Preparing"))


class _TorchSession:
    """Stands where an ONNX session stands."""

    device = "CPU"

    def __init__(self, card: ModelCard) -> None:
        import torch

        from sinustrainer.networks.backbones import Backbone
        from sinustrainer.networks.yolo_v2 import YoloV2

        options = card.training["recipe"]["options"]
        backbone = Backbone(options["backbone"], tuple(options.get("strides", (8, 16))), "none")
        self._torch, self._card = torch, card
        self._network = YoloV2(backbone, card.parameters["anchors"], len(card.labels), options.get("width", 128)).eval()

    def run(self, inputs: Mapping[str, Any], *_more: object) -> dict[str, Any]:
        with self._torch.inference_mode():
            image = self._torch.from_numpy(inputs[self._card.input.name]).contiguous(
                memory_format=self._torch.channels_last
            )
            return {self._card.outputs[0].name: self._network(image).numpy()}


def _in_torch(registry: ModelRegistry, task: ModelTask) -> LoadedModel:
    model = registry.load_active(task)
    if model is None:
        raise LookupError(task)
    return replace(model, session=_TorchSession(model.card))  # type: ignore[arg-type]


class _TorchRegistry:
    def __init__(self, models: dict[ModelTask, LoadedModel]) -> None:
        self._models = models

    def load_active(self, task: ModelTask) -> LoadedModel:
        return self._models[task]


if __name__ == "__main__":
    for line in run():
        sys.stdout.write(f"{line}\n")

"""The CT networks alone: batch sizes, float32 against static int8 and against torch eager, in one run; what int8 costs.

Int8 is calibrated on the sample study and two labelled CTs; six other ones say how far its masks and scores are from float32's and
from the truth. They are simulated on the spot, or come from the folder of labelled CTs that ``SINUSVIEWER_BENCH_DATA`` names.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import network_accuracy as accuracy
import numpy as np
from network_accuracy import row
from network_cases import labelled_cts, sample_ct
from network_engines import Engine, FloatArray, eager, quantized, session
from peak_memory import in_child

from sinusviewer.domain.image import Volume
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    BoxPreprocessing,
    axial_input,
    axial_stack,
    box_center,
    box_input,
    labels_on_stack,
    settings_from_card,
    sinus_box,
)
from sinusviewer.imaging.resample import canonical
from sinusviewer.inference.model_card import CARD_FILE, ModelCard, load_card, verify_weights
from sinusviewer.paths import bundled_models_dir

BATCHES = (1, 2, 4, 8, 16, 32)
ROUNDS, BATCH_ROUNDS = 5, 3
CALIBRATION_CTS, TEST_CTS = 2, 6
SLICES_OF_A_CT = 8
"""Used to calibrate."""
BOX_MOVES_MM = ((0, 0, 0), (8, 0, 0), (-8, 0, 0), (0, 8, 0), (0, -8, 0), (0, 0, 8), (0, 0, -8))
SEGMENTATION = "sinus_segmentation"
NETWORKS = {SEGMENTATION: 8, "ecrs_efficientnet_b0": 16, "recurrence": 1}
"""Model and the batch that reading uses."""
Labels = accuracy.Labels
Timed = Callable[[FloatArray], object]


def run() -> Iterator[dict[str, Any]]:
    """All figures of the networks that are here."""
    cards = {name: load_card(bundled_models_dir() / name) for name in NETWORKS}
    paths = {name: verify_weights(card, bundled_models_dir() / name) for name, card in cards.items()}
    plain = {name: session(path) for name, path in paths.items()}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cases = list(labelled_cts(CALIBRATION_CTS + TEST_CTS, folder / "cts"))
        tested = cases[CALIBRATION_CTS:]
        known = [(case.volume, case.labels) for case in cases[:CALIBRATION_CTS]]
        sample = accuracy.BenchCase(sample_ct(), *([np.zeros(0)] * 2))  # nobody labelled it
        known.append((sample.volume, accuracy.canonical_masks(cards[SEGMENTATION], plain[SEGMENTATION], sample)))
        small = {}
        for name, card in cards.items():
            images = network_inputs(card, known)
            path = quantized(paths[name], folder / f"{name}.int8.onnx", card.input.name, images)
            small[name] = session(path)
            engines: dict[str, Timed] = {"float32": plain[name], "int8": small[name], "torch eager": eager(card)}
            yield from _speeds(name, engines, images)
            yield from _memory(card, {"float32": paths[name], "int8": path, "torch eager": path}, images)
            sizes = [file.stat().st_size / 2**20 for file in (path, paths[name])]
            yield row(f"{name}: size of int8", sizes[0], "MiB", ("float32", sizes[1]))
        del known, sample
        yield from _accuracies(cards, plain, small, tested)


def network_inputs(card: ModelCard, known: list[tuple[Volume, Labels]]) -> FloatArray:
    """What the network is given of some volumes whose sinuses are known."""
    found: list[FloatArray] = []
    for volume, labels in known:
        if card.task.value == "recurrence":
            box = settings_from_card(BoxPreprocessing, card.input.preprocessing)
            center = box_center(labels)
            for moved in BOX_MOVES_MM:  # one box of each CT would be too few to find the ranges of activations
                z, y, x = (c + mm / step for c, mm, step in zip(center, moved, canonical(volume).spacing, strict=True))
                found.append(box_input(sinus_box(volume, (z, y, x), box).hu, box))
            continue
        settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
        stack = axial_stack(volume, settings)
        regions = labels_on_stack(labels, stack) > 0
        windows = range(len(settings.windows)) if settings.each_window_alone else [None]
        held = np.flatnonzero(regions.any(axis=(1, 2)))
        for i in held[np.linspace(0, len(held) - 1, SLICES_OF_A_CT).astype(int)]:
            found += [axial_input(stack, int(i), settings, region=regions[i], window=w) for w in windows]
    return np.stack(found)


def _speeds(name: str, engines: Mapping[str, Timed], images: FloatArray) -> Iterator[dict[str, Any]]:
    batch = NETWORKS[name]
    if batch > 1:
        first: tuple[str, float] | None = None
        for size in BATCHES:
            taken = _milliseconds({"float32": engines["float32"]}, images, size, BATCH_ROUNDS)["float32"]
            yield row(f"{name}: an image, float32, batch {size}", taken, "ms", first, BATCH_ROUNDS)
            first = first or ("batch 1", taken)
    times = _milliseconds(engines, images, batch, ROUNDS)
    for engine, taken in times.items():
        against = None if engine == "float32" else ("float32", times["float32"])
        yield row(f"{name}: an image, {engine}, batch {batch}", taken, "ms", against, ROUNDS)


def _milliseconds(engines: Mapping[str, Timed], images: FloatArray, batch: int, rounds: int) -> dict[str, float]:
    """Median for one image, the engines in turns, so that what else the machine does meets all alike."""
    given = np.resize(images, (batch, *images.shape[1:]))
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds + 1):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine(given)
            if number:  # the first is warm-up
                taken[name].append((time.perf_counter() - start) * 1000 / batch)
    return {name: float(np.median(values)) for name, values in taken.items()}


def _memory(card: ModelCard, files: Mapping[str, Path], images: FloatArray) -> Iterator[dict[str, Any]]:
    """Peaks in processes that do nothing else."""
    batch = NETWORKS[card.name]
    place = bundled_models_dir() / card.name / CARD_FILE
    plain: tuple[str, float] | None = None
    for engine, path in files.items():
        shape = json.dumps([batch, *images.shape[1:]])
        peak = in_child([engine, str(path), str(place), shape])
        yield row(f"{card.name}: peak memory of weights and running, {engine}, batch {batch}", peak, "MiB", plain)
        plain = plain or ("float32", peak)


def _accuracies(
    cards: Mapping[str, ModelCard],
    plain: Mapping[str, Engine],
    small: Mapping[str, Engine],
    tested: list[accuracy.BenchCase],
) -> Iterator[dict[str, Any]]:
    rows, masks = accuracy.segmentation(cards[SEGMENTATION], plain[SEGMENTATION], small[SEGMENTATION], tested)
    yield from rows
    for name, compare in (("ecrs_efficientnet_b0", accuracy.endotype), ("recurrence", accuracy.recurrence)):
        yield from compare(cards[name], plain[name], small[name], tested, masks)


if __name__ == "__main__":
    for line in run():
        sys.stdout.write(json.dumps(line) + "\n")

"""File to reading: one film, many films, a CT of 512 x 512 x 300 with its stages and memory, and how fast a cancel takes hold.

Bundled networks are used where they are; without them the rows say "no networks" and time all the rest.
"""

import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from made_dicom import write_film
from phantom_head import phantom_head

from sinusviewer.analysis.read import read_series
from sinusviewer.domain.image import Identity, Radiograph, Volume
from sinusviewer.errors import CancelledError
from sinusviewer.imaging import load, scan
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, silent_progress

FILMS = 200
CT_TASKS = ("opacification", "endotype", "recurrence")
FILM_TARGET_S, CT_TARGET_S, CT_MEMORY_TARGET_GIB, CANCEL_TARGET_S = 0.6, 60.0, 2.5, 0.5


def run() -> list[dict[str, Any]]:
    """All figures of reading."""
    registry = ModelRegistry()
    try:
        return _films(registry) + _ct(registry)
    finally:
        registry.close()


def _row(name: str, value: float, unit: str, target: float | None = None, n: int = 1) -> dict[str, Any]:
    compared = None if target is None else f"target {target:g} {unit}"
    return {"name": name, "value": round(value, 4), "unit": unit, "compared_with": compared,
            "ratio": None if target is None else round(value / target, 4), "n": n}  # fmt: skip


def _film_pixels(rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    rng = np.random.default_rng(0)
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    head = 2500 * np.exp(-(x**2 + y**2)) + 400 * np.exp(-((np.abs(x) - 0.3) ** 2 + (y - 0.1) ** 2) * 30)
    return np.clip(head + rng.normal(0, 20, (rows, columns)), 0, 4095).astype(np.uint16)


def _films(registry: ModelRegistry) -> list[dict[str, Any]]:
    networks = "" if registry.active(ModelTask.WATERS_SINUSITIS) else ", no networks"
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.dcm", _film_pixels(2500, 2048))

        def read_file() -> float:
            start = time.perf_counter()
            (study,) = scan.scan([path]).studies
            for image in load.load_series(study.series[0]):  # type: ignore[union-attr]
                read_series(image, ("waters",), registry, override_reason="benchmark")
            return time.perf_counter() - start

        read_file()
        times = [read_file() for _ in range(10)]
        film = load.load_series(scan.scan([path]).studies[0].series[0])[0]  # type: ignore[index]
        stages = read_series(film, ("waters",), registry, override_reason="benchmark").provenance.seconds
        rows = [
            _row(f"film 2500 x 2048, file to reading, warm{networks}", float(np.median(times)), "s", FILM_TARGET_S, 10)
        ]
        rows += [_row(f"film stage: {name}", seconds, "s") for name, seconds in stages.items()]
        process = psutil.Process()
        gc.collect()
        before = process.memory_info().rss
        start = time.perf_counter()
        for _ in range(FILMS):
            read_file()
        seconds = time.perf_counter() - start
        gc.collect()
        grown = (process.memory_info().rss - before) / 2**20
    rows.append(
        _row(f"films of 5 megapixels per second, one after the other{networks}", FILMS / seconds, "1/s", n=FILMS)
    )
    rows.append(_row(f"memory grown over {FILMS} films{networks}", grown, "MiB", n=FILMS))
    return rows


def head_volume(shape: tuple[int, int, int] = (300, 512, 512)) -> Volume:
    """The analytic head on a grid of ``shape``, nearest neighbour."""
    head = phantom_head(1.0)
    index = [
        np.minimum((np.arange(n) * old / n).astype(int), old - 1) for n, old in zip(shape, head.hu.shape, strict=True)
    ]
    voxels = head.hu[np.ix_(*index)]
    spacing = [old / n for n, old in zip(shape, head.hu.shape, strict=True)]
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    uids = tuple(f"1.2.{i}" for i in range(shape[0]))
    return Volume(voxels, affine, Identity(modality="CT", series_instance_uid="1.2"), uids)


def _ct(registry: ModelRegistry) -> list[dict[str, Any]]:
    volume = head_volume()
    networks = "" if registry.active(ModelTask.SINUS_SEGMENTATION) else ", no networks"
    gc.collect()
    with _PeakMemory() as peak:
        start = time.perf_counter()
        reading = read_series(volume, CT_TASKS, registry, override_reason="benchmark")
        seconds = time.perf_counter() - start
    rows = [_row(f"CT 512 x 512 x 300, volume to reading{networks}", seconds, "s", CT_TARGET_S)]
    rows += [_row(f"CT stage: {name}", value, "s") for name, value in reading.provenance.seconds.items()]
    rows.append(_row(f"CT peak memory of the process{networks}", peak.gib, "GiB", CT_MEMORY_TARGET_GIB))
    latencies = [_cancel(volume, registry, seconds * share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    rows.append(_row("CT cancel to stop, slowest of five moments", max(latencies), "s", CANCEL_TARGET_S, 5))
    return rows


def _cancel(image: Volume | Radiograph, registry: ModelRegistry, after_s: float) -> float:
    token, asked = CancelToken(), [0.0]

    def cancel() -> None:
        asked[0] = time.perf_counter()
        token.cancel()

    timer = threading.Timer(after_s, cancel)
    timer.start()
    try:
        read_series(image, CT_TASKS, registry, None, silent_progress(), token, "benchmark")
    except CancelledError:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    return 0.0


class _PeakMemory:
    """Largest resident size of this process while inside, sampled every 20 ms."""

    def __enter__(self) -> "_PeakMemory":
        self.gib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process(os.getpid())
        while not self._stop.wait(0.02):
            self.gib = max(self.gib, process.memory_info().rss / 2**30)

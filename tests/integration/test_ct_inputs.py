"""What is no sinus CT, read with the bundled networks: refused with a reason, never called opacified."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sinusviewer.analysis.read import read_series
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import SeriesStatus
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.paths import bundled_models_dir

MM = 4.0
SHAPE = (40, 64, 64)
Z, Y, X = (a * MM for a in np.ogrid[tuple(slice(n) for n in SHAPE)])
FloatArray = npt.NDArray[np.floating]

pytestmark = pytest.mark.skipif(
    not (bundled_models_dir() / "sinus_segmentation" / "model.onnx").is_file(), reason="no bundled segmentation"
)


def disc(y: float, x: float, radius: float) -> npt.NDArray[np.bool_]:
    return np.broadcast_to((Y - y) ** 2 + (X - x) ** 2 < radius**2, SHAPE)


def ball(z: float, y: float, x: float, radius: float) -> npt.NDArray[np.bool_]:
    return np.asarray((Z - z) ** 2 + (Y - y) ** 2 + (X - x) ** 2 < radius**2)


def shell() -> FloatArray:
    """Water within a ring of bone."""
    return np.where(disc(128, 128, 90), 0.0, np.where(disc(128, 128, 100), 1000.0, -1000.0))


def with_rods() -> FloatArray:
    rods = disc(80, 100, 12) | disc(80, 156, 12) | disc(128, 128, 12)
    return np.where(rods, -1000.0, shell())


def with_balls() -> FloatArray:
    return np.where(ball(80, 70, 100, 18) | ball(80, 70, 156, 18), -1000.0, shell())


def chest() -> FloatArray:
    body = ((X - 128) / 120) ** 2 + ((Y - 128) / 85) ** 2 < 1
    hu = np.where(np.broadcast_to(body, SHAPE), 40.0, -1000.0)
    for side in (-1, 1):
        lung = ((X - 128 - side * 58) / 44) ** 2 + ((Y - 125) / 62) ** 2 + ((Z - 80) / 90) ** 2 < 1
        hu[lung] = -850
    hu[disc(190, 128, 16)] = 400
    inner = ((X - 128) / 112) ** 2 + ((Y - 128) / 77) ** 2 < 1
    hu[np.broadcast_to(body & ~inner & ((Z % 24) < 8), SHAPE)] = 500
    return hu


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    return ModelRegistry(bundled_models_dir(), Path(tmp_path_factory.mktemp("own")), threads=1)


@pytest.mark.parametrize("make", [shell, with_rods, with_balls, chest], ids=lambda f: f.__name__)
def test_phantoms_and_other_regions_cannot_be_assessed(make: object, registry: ModelRegistry) -> None:
    hu = make() + np.random.default_rng(0).normal(0, 10, SHAPE)  # type: ignore[operator]
    volume = Volume(hu.astype(np.int16), np.diag([MM, MM, MM, 1.0]), Identity(modality="CT", series_instance_uid="1.2"))
    reading = read_series(volume, ("opacification", "endotype", "recurrence"), registry)
    assert reading.status is SeriesStatus.REFUSED
    assert reading.reason is not None
    assert reading.reason.startswith("Cannot assess")
    assert reading.sinuses == ()
    assert reading.endotype is None
    assert reading.recurrence is None

"""What is no Waters' view, or a badly taken one, read with the bundled networks: refused with a reason or marked, never silent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import odd_views
import pytest
from made_dicom import write_film
from scipy import ndimage
from shared_data import needs_shared, shared_dir

from sinusviewer import paths
from sinusviewer.analysis.read import read_series
from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.film_turns import turned_box, turned_upright
from sinusviewer.domain.image import OrientationEvidence, Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.imaging import load, scan
from sinusviewer.inference import film_template
from sinusviewer.inference.registry import ModelRegistry

SAMPLE = paths.resources_dir() / "sample" / "waters.dcm"
MARKS = {"under_tilted", "over_tilted", "head_turned", "head_leans"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    if not (paths.bundled_models_dir() / "waters_patch" / "model.onnx").is_file():
        pytest.skip("the bundled Waters networks are not here")
    return ModelRegistry(paths.bundled_models_dir(), tmp_path_factory.mktemp("own"), threads=1)


@pytest.fixture(scope="module")
def sample() -> Radiograph:
    return opened(SAMPLE)


def opened(path: Path) -> Radiograph:
    loaded = load.load_series(scan.scan([path]).studies[0].series[0])
    assert not isinstance(loaded, Volume)
    return loaded[0]


def read(film: Radiograph, registry: ModelRegistry) -> SeriesReading:
    return read_series(film, ("waters",), registry)


def refused(reading: SeriesReading) -> str:
    assert reading.status is SeriesStatus.REFUSED, [w.code for w in reading.warnings]
    assert reading.waters is None
    assert reading.reason is not None
    assert reading.reason.startswith("Not assessed")
    return reading.reason


def with_pixels(film: Radiograph, pixels: np.ndarray) -> Radiograph:
    return replace(film, pixels=np.ascontiguousarray(pixels), padding=None)


def test_the_sample_film_is_read_without_a_mark(sample: Radiograph, registry: ModelRegistry) -> None:
    reading = read(sample, registry)
    assert reading.status is SeriesStatus.READ, reading.reason
    assert not MARKS & {w.code for w in reading.warnings}


@pytest.mark.parametrize("name", odd_views.SYNTHETIC)
def test_another_kind_of_image_is_refused(name: str, tmp_path: Path, registry: ModelRegistry) -> None:
    film = opened(write_film(tmp_path / "film.dcm", odd_views.synthetic(name)))
    reason = refused(read(film, registry))
    assert "upside down" not in reason  # a chest the right way up is not to be turned


@pytest.mark.parametrize("name", ["caldwell", "pa_skull", "lateral_skull", "chin_up"])
def test_another_view_of_the_head_is_refused(name: str, tmp_path: Path, registry: ModelRegistry) -> None:
    refused(read(opened(write_film(tmp_path / "film.dcm", odd_views.picture(name))), registry))


@pytest.mark.parametrize(
    ("name", "mark"), [("under_tilted", "under_tilted"), ("over_tilted", "over_tilted"), ("turned", "head_turned")]
)
def test_a_badly_positioned_waters_view_is_marked_or_refused(
    name: str, mark: str, tmp_path: Path, registry: ModelRegistry
) -> None:
    template = film_template.of_model(paths.bundled_models_dir() / "waters_patch")
    if template is None or template.readout is None:
        pytest.skip("the bundled template was fitted without poses (fit_film_template --poses)")
    reading = read(opened(write_film(tmp_path / "film.dcm", odd_views.picture(name))), registry)
    assert reading.status is SeriesStatus.REFUSED or mark in {w.code for w in reading.warnings}


TURNED = {
    "upside down": lambda pixels: pixels[::-1],
    "turned by 180 degrees": lambda pixels: pixels[::-1, ::-1],
    "on its left side": lambda pixels: np.rot90(pixels),
    "on its right side": lambda pixels: np.rot90(pixels, 3),
}


@pytest.mark.parametrize("how", TURNED)
def test_a_film_that_is_not_upright_is_refused(how: str, sample: Radiograph, registry: ModelRegistry) -> None:
    reason = refused(read(with_pixels(sample, TURNED[how](sample.pixels)), registry))
    assert "upside down" in reason or "side" in reason or "upright" in reason or "Waters" in reason


def test_a_turned_film_is_read_as_its_reader_turned_it_and_names_no_side(
    sample: Radiograph, registry: ModelRegistry
) -> None:
    upright = read(sample, registry).waters
    assert upright is not None
    assert sample.orientation_evidence is OrientationEvidence.HEADER
    lying = with_pixels(sample, np.rot90(sample.pixels))  # its header still says that columns run to the feet
    forced = read_series(lying, ("waters",), registry, override_reason="only to see it")
    assert forced.waters is not None
    assert {s.side for s in forced.waters.sides} == set(ImageSide), "the header proves no side of such a film"
    turned = read(turned_upright(lying, 1), registry)
    assert turned.waters is not None
    assert [s.side for s in turned.waters.sides] == [ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT]
    assert [s.score for s in turned.waters.sides] == pytest.approx([s.score for s in upright.sides], abs=1e-3)
    for box, expected in zip(turned.waters.boxes, upright.boxes, strict=True):
        on_upright = turned_box(box.xyxy, (lying.pixels.shape[0], lying.pixels.shape[1]), 1)
        assert on_upright == pytest.approx(expected.xyxy, abs=0.5)


def test_wrong_grey_values_are_refused_and_named(sample: Radiograph, registry: ModelRegistry) -> None:
    assert "inverted" in refused(read(replace(sample, inverted=not sample.inverted), registry))


def test_a_film_cropped_to_one_antrum_is_refused(sample: Radiograph, registry: ModelRegistry) -> None:
    waters = read(sample, registry).waters
    assert waters is not None
    x0, y0, x1, y1 = (round(v) for v in waters.face_box)
    middle, height = (x0 + x1) // 2, y1 - y0
    for part in (
        sample.pixels[y0 + height // 3 :, x0:middle],
        sample.pixels[y0 + height // 3 :, middle:x1],
        sample.pixels[:, :middle],
        sample.pixels[: y0 + height // 2],
    ):
        refused(read(with_pixels(sample, part), registry))


@pytest.mark.parametrize("degrees", [-14, 14])
def test_a_leaning_head_is_marked(degrees: float, sample: Radiograph, registry: ModelRegistry) -> None:
    leaning = ndimage.rotate(sample.pixels, degrees, reshape=False, order=1, mode="nearest")
    reading = read(with_pixels(sample, leaning), registry)
    assert reading.status is SeriesStatus.REFUSED or "head_leans" in {w.code for w in reading.warnings}


@pytest.mark.parametrize("degrees", [-28, 28])
def test_a_head_leaning_far_is_refused(degrees: float, sample: Radiograph, registry: ModelRegistry) -> None:
    leaning = ndimage.rotate(sample.pixels, degrees, reshape=False, order=1, mode="nearest")
    refused(read(with_pixels(sample, leaning), registry))


def test_a_mirrored_film_is_turned_and_named_or_its_side_is_left_open(
    sample: Radiograph, registry: ModelRegistry, tmp_path: Path
) -> None:
    usual = read(sample, registry).waters
    assert usual is not None
    pixels = sample.pixels[:, ::-1]
    named = opened(write_film(tmp_path / "a.dcm", pixels, "R\\F"))
    named = replace(named, inverted=sample.inverted)
    reading = read(named, registry)
    assert "stored_mirrored" in {w.code for w in reading.warnings}
    assert reading.waters is not None
    scores = {s.side: s.score for s in reading.waters.sides}
    assert [scores[side] for side in Side] == pytest.approx([s.score for s in _by_side(usual.sides)], abs=0.02)
    silent = replace(opened(write_film(tmp_path / "b.dcm", pixels, None)), inverted=sample.inverted)
    assert "side_unverified" in {w.code for w in read(silent, registry).warnings}


def _by_side(sides: tuple) -> list:  # type: ignore[type-arg]
    return [next(s for s in sides if s.side is side) for side in Side]


@needs_shared
def test_a_ct_slice_stored_as_a_radiograph_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = shared_dir()
    assert folder is not None
    volume = load.load_series(scan.scan([folder / "data" / "head_ct_ge_tilt"]).studies[0].series[0])
    assert isinstance(volume, Volume)
    for number, (low, high) in enumerate([(-700, 1300), (-135, 215)]):
        for slice_number in range(0, len(volume.voxels), 9):
            grey = np.clip(volume.voxels[slice_number].astype(float), low, high) - low
            pixels = (grey / (high - low) * 4000 + 20).astype(np.uint16)
            refused(read(opened(write_film(tmp_path / f"{number}_{slice_number}.dcm", pixels)), registry))

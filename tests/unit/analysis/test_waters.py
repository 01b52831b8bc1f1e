from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from sinusviewer.analysis import waters
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.image import Identity, OrientationEvidence, Radiograph
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, WatersLabel
from sinusviewer.errors import CancelledError
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, silent_progress

ROWS, COLUMNS = 240, 200


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.waters_models(tmp_path_factory.mktemp("models"))


def film(*, bright: str = "image-left", right_is_image_left: bool | None = True, **more: object) -> Radiograph:
    """A smooth film, brighter above than below, and brighter in the lower part of one half."""
    rows = np.linspace(1.0, 0.25, ROWS)[:, None]
    pixels = np.repeat(600 * rows, COLUMNS, axis=1)
    half = slice(0, COLUMNS // 2) if bright == "image-left" else slice(COLUMNS // 2, COLUMNS)
    if bright != "neither":
        pixels[:, half] += 400
    identity = Identity(modality="DX", series_instance_uid="1.2.3", study_instance_uid="1.2")
    evidence = OrientationEvidence.UNVERIFIED if right_is_image_left is None else OrientationEvidence.HEADER
    return Radiograph(
        pixels.astype(np.uint16),
        identity,
        sop_instance_uid="1.2.3.4",
        patient_right_is_image_left=right_is_image_left,
        orientation_evidence=evidence,
        **more,  # type: ignore[arg-type]
    )


def mirrored(image: Radiograph) -> Radiograph:
    return replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))


def read(
    image: Radiograph, models: Path, tmp_path: Path, reason: str = "", token: CancelToken | None = None
) -> SeriesReading:
    registry = ModelRegistry(models, tmp_path / "own", threads=1)
    context = Context(registry, silent_progress(), token or CancelToken(), override_reason=reason)
    return waters.read(image, frozenset({"waters"}), context, {})


def scores(reading: SeriesReading) -> dict[str, float]:
    assert reading.waters is not None
    return {s.side.value: s.score for s in reading.waters.sides}


def test_a_bright_image_left_half_is_the_patients_right_on_an_ordinary_film(models: Path, tmp_path: Path) -> None:
    reading = read(film(bright="image-left"), models, tmp_path)
    assert reading.status is SeriesStatus.READ
    assert reading.waters is not None
    assert reading.waters.label is WatersLabel.RIGHT
    assert scores(reading)["right"] > 0.5 > scores(reading)["left"]


def test_mirroring_the_pixels_swaps_the_sides(models: Path, tmp_path: Path) -> None:
    one, other = read(film(), models, tmp_path), read(mirrored(film()), models, tmp_path)
    assert one.waters is not None
    assert other.waters is not None
    assert (one.waters.label, other.waters.label) == (WatersLabel.RIGHT, WatersLabel.LEFT)
    assert scores(one)["right"] == pytest.approx(scores(other)["left"], abs=1e-6)


def test_a_film_stored_mirrored_keeps_the_patients_side_and_stored_boxes(models: Path, tmp_path: Path) -> None:
    usual = read(film(), models, tmp_path)
    stored = read(replace(mirrored(film()), patient_right_is_image_left=False), models, tmp_path)
    assert usual.waters is not None
    assert stored.waters is not None
    assert stored.waters.label is usual.waters.label is WatersLabel.RIGHT
    right = {b.side: b.xyxy for b in usual.waters.boxes}[Side.RIGHT]
    right_stored = {b.side: b.xyxy for b in stored.waters.boxes}[Side.RIGHT]
    assert right_stored == pytest.approx((COLUMNS - right[2], right[1], COLUMNS - right[0], right[3]))
    assert right_stored[0] > COLUMNS / 2 > right[2]


def test_an_upside_down_film_is_turned_when_its_header_says_so(models: Path, tmp_path: Path) -> None:
    turned = replace(film(), pixels=np.ascontiguousarray(film().pixels[::-1]), upside_down=True)
    reading = read(turned, models, tmp_path)
    usual = read(film(), models, tmp_path)
    assert reading.waters is not None
    assert usual.waters is not None
    assert scores(reading) == pytest.approx(scores(usual), abs=1e-6)
    face = usual.waters.face_box
    assert reading.waters.face_box == pytest.approx((face[0], ROWS - face[3], face[2], ROWS - face[1]))


def test_a_film_of_unverified_side_speaks_of_image_sides_only(models: Path, tmp_path: Path) -> None:
    reading = read(film(right_is_image_left=None), models, tmp_path)
    assert reading.waters is not None
    assert reading.waters.label is WatersLabel.UNVERIFIED
    assert {s.side for s in reading.waters.sides} == {ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT}
    assert all(isinstance(box.side, ImageSide) for box in reading.waters.boxes)
    assert any(w.code == "side_unverified" for w in reading.warnings)


def test_boxes_lie_where_the_antra_are_in_stored_pixels(models: Path, tmp_path: Path) -> None:
    reading = read(film(), models, tmp_path)
    assert reading.waters is not None
    # 80 % of a 240 x 240 letterbox around 200 columns, cut at the film's edges.
    assert reading.waters.face_box == pytest.approx((4.0, 24.0, 196.0, 216.0), abs=0.01)
    boxes = {b.side: b.xyxy for b in reading.waters.boxes}
    assert (boxes[Side.RIGHT][0] + boxes[Side.RIGHT][2]) / 2 == pytest.approx(100 - 48, abs=0.01)
    assert (boxes[Side.LEFT][0] + boxes[Side.LEFT][2]) / 2 == pytest.approx(100 + 48, abs=0.01)


def test_an_inverted_film_reads_as_its_uninverted_twin(models: Path, tmp_path: Path) -> None:
    usual = film()
    inverted = replace(usual, pixels=(2000 - usual.pixels).astype(np.uint16), inverted=True)
    assert scores(read(inverted, models, tmp_path)) == pytest.approx(scores(read(usual, models, tmp_path)), abs=1e-4)


def test_test_time_mirroring_reads_a_symmetrical_network_the_same(models: Path, tmp_path: Path) -> None:
    both = tmp_path / "models"
    tiny_models.patch_model(both / "waters_patch")
    tiny_models.antra_model(both / "waters_sinusitis", parameters={"test_time_mirroring": True})
    assert scores(read(film(), both, tmp_path)) == pytest.approx(scores(read(film(), models, tmp_path)), abs=1e-6)


def test_scores_are_calibrated_and_say_on_what(models: Path, tmp_path: Path) -> None:
    plain = tmp_path / "models"
    tiny_models.patch_model(plain / "waters_patch")
    tiny_models.antra_model(plain / "waters_sinusitis", calibrated=False)
    calibrated, raw = read(film(), models, tmp_path), read(film(), plain, tmp_path)
    assert 0.5 < scores(calibrated)["right"] < scores(raw)["right"]
    assert calibrated.waters is not None
    assert calibrated.waters.calibrated_on == "nothing"


UNREADABLE = {
    "black": np.zeros((ROWS, COLUMNS)),
    "white": np.full((ROWS, COLUMNS), 4095),
    "noise": np.random.default_rng(0).integers(0, 4096, (ROWS, COLUMNS)),
    "panoramic": np.repeat(np.linspace(1000, 0, 200)[:, None], 420, axis=1),
    "tiny": np.repeat(np.linspace(1000, 0, 40)[:, None], 40, axis=1),
    "upside down": np.ascontiguousarray(film().pixels[::-1]),
    "bitonal": np.where(np.arange(ROWS)[:, None] < ROWS / 2, 4000, 0) * np.ones((1, COLUMNS)),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_waters_view_is_refused_with_a_reason(kind: str, models: Path, tmp_path: Path) -> None:
    reading = read(replace(film(), pixels=UNREADABLE[kind].astype(np.uint16)), models, tmp_path)
    assert reading.status is SeriesStatus.REFUSED
    assert reading.reason
    assert reading.reason.startswith("Not assessed")
    assert reading.waters is None


@pytest.mark.parametrize("description", ["CHEST PA", "Panoramic", "HAND AP"])
def test_a_film_described_as_another_region_is_refused(description: str, models: Path, tmp_path: Path) -> None:
    image = film()
    other = replace(image, identity=replace(image.identity, series_description=description))
    assert read(other, models, tmp_path).status is SeriesStatus.REFUSED


def test_overruling_the_check_reads_and_records_why(models: Path, tmp_path: Path) -> None:
    upside_down = replace(film(), pixels=UNREADABLE["upside down"])
    reading = read(upside_down, models, tmp_path, reason="seen by me, it is upright")
    assert reading.status is SeriesStatus.READ
    assert reading.provenance.override_reason == "seen by me, it is upright"
    assert any(w.code == "input_check_overruled" for w in reading.warnings)


def test_a_reason_is_not_recorded_where_nothing_was_overruled(models: Path, tmp_path: Path) -> None:
    assert read(film(), models, tmp_path, reason="just in case").provenance.override_reason == ""


def test_without_models_a_film_is_shown_only(tmp_path: Path) -> None:
    reading = read(film(), tmp_path / "none", tmp_path)
    assert reading.status is SeriesStatus.VIEWED_ONLY
    assert reading.reason is not None
    assert "waters_patch" in reading.reason


def test_a_cancelled_reading_stops(models: Path, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        read(film(), models, tmp_path, token=token)

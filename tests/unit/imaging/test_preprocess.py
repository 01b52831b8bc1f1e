"""Films for networks: exact places, one inversion, padding left out."""

import numpy as np
import pytest

from sinusviewer.domain.image import Identity, Radiograph
from sinusviewer.errors import InferenceError
from sinusviewer.imaging.preprocess import (
    WATERS_PATCH,
    FilmPreprocessing,
    FilmSource,
    film_input,
    film_source,
    place_patch,
    place_whole,
)


def blob(rows: int, columns: int, x: float, y: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    gy, gx = np.mgrid[:rows, :columns] + 0.5
    return (100 + 900 * np.exp(-((gx - x) ** 2 + (gy - y) ** 2) / (2 * 30**2))).astype(np.float32)


@pytest.mark.parametrize("shape", [(900, 700), (500, 1300), (2500, 2048)])
def test_a_point_of_the_film_lies_where_the_placement_says(shape: tuple[int, int]) -> None:
    x, y = shape[1] * 0.55, shape[0] * 0.45
    placement = place_whole(shape, 224)
    settings = FilmPreprocessing(low=0, high=100, center=1.0)
    canvas = film_input(FilmSource(blob(*shape, x, y)), placement, settings)[0, 0].astype(np.float64)
    weights = np.where(canvas > 0.3, canvas, 0)
    gy, gx = np.mgrid[:224, :224] + 0.5
    found = np.array([(weights * gx).sum(), (weights * gy).sum()]) / weights.sum()
    expected = placement.boxes_to_canvas([x, y, x, y])[:2]
    np.testing.assert_allclose(found, expected, atol=0.2)


def test_boxes_go_to_the_canvas_and_back_exactly() -> None:
    box = (123.25, 80.5, 411.0, 402.75)
    for placement in (place_whole((900, 700), 224), place_patch(box, 192, 1.1)):
        np.testing.assert_allclose(placement.boxes_to_image(placement.boxes_to_canvas(box)), box, atol=1e-9)
    near = place_patch((0, 0, 300, 200), 100)
    np.testing.assert_allclose(near.boxes_to_canvas((0, -50, 300, 250)), (0, 0, 100, 100), atol=1e-9)


def test_an_inverted_film_gives_the_same_input_as_its_upright_twin() -> None:
    values = blob(400, 300, 160, 190) + np.random.default_rng(0).normal(0, 5, (400, 300)).astype(np.float32)
    placement, settings = place_whole((400, 300), 160), FilmPreprocessing(size=160)
    plain = film_input(FilmSource(values), placement, settings)
    inverted = film_input(FilmSource(4095 - values, inverted=True), placement, settings)
    np.testing.assert_allclose(plain, inverted, atol=2e-4)


def test_padding_is_nought_and_moves_no_percentile() -> None:
    values = blob(400, 400, 200, 200)
    valid = np.ones((400, 400), bool)
    valid[:, :60] = False
    placement, settings = place_whole((400, 400), 100), FilmPreprocessing(size=100, center=1.0)
    clean = film_input(FilmSource(values, valid), placement, settings)
    values[:, :60] = 60000
    burnt = film_input(FilmSource(values, valid), placement, settings)
    np.testing.assert_array_equal(clean, burnt)
    assert (burnt[0, 0, :, :14] == 0).all()


@pytest.mark.parametrize("value", [0, 65535])
def test_a_film_of_one_grey_gives_nought_and_no_warning(value: int) -> None:
    source = FilmSource(np.full((300, 300), value, np.float32))
    assert not film_input(source, place_whole((300, 300), 64), FilmPreprocessing(size=64)).any()


def test_a_patch_may_reach_beyond_the_film() -> None:
    settings = FilmPreprocessing(name=WATERS_PATCH, size=64)
    canvas = film_input(FilmSource(blob(200, 200, 20, 20)), place_patch((-100, -100, 100, 100), 64), settings)
    assert canvas.shape == (1, 1, 64, 64)
    assert not canvas[0, 0, :30].any()


def test_colour_and_captures_are_for_no_network() -> None:
    with pytest.raises(InferenceError, match="viewing only"):
        film_source(Radiograph(np.zeros((4, 4, 3), np.uint8), Identity()))
    with pytest.raises(InferenceError, match="viewing only"):
        film_source(Radiograph(np.zeros((4, 4), np.uint16), Identity(), for_models=False))


def test_a_card_that_wants_another_preprocessing_is_refused() -> None:
    with pytest.raises(InferenceError, match="does not have"):
        FilmPreprocessing.from_card({"name": "waters_film_v9"})
    with pytest.raises(InferenceError, match="not known"):
        FilmPreprocessing.from_card({"name": "waters_film_v1", "gamma": 2})

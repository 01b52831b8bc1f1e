"""Blank borders of films: found where nothing can be seen, never where anything might be."""

import numpy as np
import pytest

from sinusviewer.domain.image import Identity, Radiograph
from sinusviewer.imaging.shutter import blank_borders

WHITE, AIR = 4000, 150


def field(rows: int = 400, columns: int = 300) -> np.ndarray:
    """A head in air: a broad hump of bone, air towards the edges."""
    y, x = np.mgrid[:rows, :columns]
    head = np.exp(-(((y - rows / 2) / (rows * 0.3)) ** 2) - ((x - columns / 2) / (columns * 0.3)) ** 2)
    return (AIR + 3200 * head).astype(np.uint16)


def collimated(value: int = WHITE) -> np.ndarray:
    pixels = field()
    pixels[:30] = pixels[-22:] = value
    pixels[:, :16] = pixels[:, -40:] = value
    return pixels


def found(pixels: np.ndarray, **changes) -> dict[tuple[float, ...], float]:
    return {b.xyxy: b.value for b in blank_borders(Radiograph(pixels, Identity(), **changes))}


def test_all_four_strips_of_a_collimated_film_are_found_with_their_value():
    assert found(collimated()) == {
        (0, 0, 300, 30): WHITE, (0, 378, 300, 400): WHITE, (0, 30, 16, 378): WHITE, (260, 30, 300, 378): WHITE,
    }  # fmt: skip


def test_a_noisy_border_of_a_large_film_is_found_and_its_pixels_stay():
    pixels = np.kron(field(), np.ones((6, 6), np.uint16)).astype(np.uint16)
    pixels[:240] = WHITE + np.random.default_rng(1).integers(-20, 21, (240, 1800))
    before = pixels.copy()
    ((box, value),) = found(pixels).items()
    assert box == (0, 0, 1800, pytest.approx(240, abs=3))
    assert value == pytest.approx(WHITE, abs=10)
    assert (pixels == before).all()


def test_a_marker_or_text_in_the_border_ends_it():
    pixels = collimated()
    pixels[12:20, 250:256] = WHITE - 150  # hardly to be seen, and still a letter
    assert (0, 0, 300, 12) in found(pixels) or not any(box[3] <= 30 and box[2] == 300 for box in found(pixels))
    assert not any(box[1] < 20 and box[3] > 12 and box[0] < 256 and box[2] > 250 for box in found(pixels))


@pytest.mark.parametrize("edge", ["fades", "bare"])
def test_what_is_bright_without_a_step_may_be_anatomy_and_stays(edge):
    pixels = field()
    if edge == "fades":  # shoulders too dense to show, fading into what can be seen
        pixels[-60:] = np.maximum(pixels[-60:], np.linspace(AIR, 2 * WHITE, 60)[:, np.newaxis].clip(0, WHITE))
    assert found(pixels) == {}


def test_a_film_with_a_shutter_of_its_own_or_hardly_any_field_is_left_alone():
    assert found(collimated(), padding=collimated() == WHITE) == {}
    nearly_all = np.full((400, 300), WHITE, np.uint16)
    nearly_all[170:230, 130:170] = AIR
    assert found(nearly_all) == {}
    assert found(np.full((400, 300), WHITE, np.uint16)) == {}

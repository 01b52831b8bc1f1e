"""The grey pipeline against its closed forms and against pydicom."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut, apply_windowing
from pydicom.sequence import Sequence

from sinusviewer.domain.image import Identity, LookupTable, Radiograph, VoiFunction, Volume, Window
from sinusviewer.imaging.windowing import (
    apply_lut,
    apply_window,
    auto_window,
    display_values,
    initial_window,
    levels,
    to_display_uint8,
    window_from_levels,
)

VALUES = np.arange(-2000, 3001, dtype=np.int16)


@pytest.mark.parametrize("function", list(VoiFunction))
@pytest.mark.parametrize(("center", "width"), [(300, 2000), (40, 350), (-600, 1), (0, 1.5), (2047.5, 4096)])
def test_windows_equal_pydicoms(function: VoiFunction, center: float, width: float) -> None:
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored, dataset.PixelRepresentation = 16, 1
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = center, width, function.value
    with np.errstate(over="ignore"):
        theirs = (apply_windowing(VALUES, dataset) + 32768) / 65535
    np.testing.assert_allclose(apply_window(VALUES, Window(center, width, function)), theirs, atol=2e-5)


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (VoiFunction.LINEAR, 299.5, 0.5), (VoiFunction.LINEAR, -700.0, 0.0), (VoiFunction.LINEAR, 1299.0, 1.0),
        (VoiFunction.LINEAR_EXACT, 300.0, 0.5), (VoiFunction.LINEAR_EXACT, -700.0, 0.0),
        (VoiFunction.LINEAR_EXACT, 800.0, 0.75), (VoiFunction.SIGMOID, 300.0, 0.5),
        (VoiFunction.SIGMOID, 800.0, 1 / (1 + np.exp(-1))),
    ],
)  # fmt: skip
def test_windows_follow_their_closed_forms(function: VoiFunction, value: float, shown: float) -> None:
    assert apply_window(np.array([value]), Window(300, 2000, function))[0] == pytest.approx(shown, abs=1e-6)


@pytest.mark.parametrize("function", [VoiFunction.LINEAR, VoiFunction.LINEAR_EXACT])
def test_levels_are_the_ends_of_the_window(function: VoiFunction) -> None:
    window = Window(40, 350, function)
    low, high = levels(window)
    shown = apply_window(np.array([low, high, (low + high) / 2]), window)
    np.testing.assert_allclose(shown, [0, 1, 0.5], atol=1e-6)
    back = window_from_levels(low, high, function)
    assert (back.center, back.width) == (pytest.approx(40), pytest.approx(350))


@pytest.mark.parametrize(("first", "bits", "count"), [(0, 12, 4096), (-1024, 10, 1024), (100, 16, 1000)])
def test_voi_luts_equal_pydicoms(first: int, bits: int, count: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 1 << bits, count).astype(np.uint16)
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [count, first, bits])
    item.add_new(0x00283006, "US", values.tolist())
    dataset = Dataset()
    dataset.PixelRepresentation, dataset.BitsStored = int(first < 0), 16
    dataset.VOILUTSequence = Sequence([item])
    pixels = np.arange(-1500, 6000, dtype=np.int16) if first < 0 else np.arange(0, 6000, dtype=np.uint16)
    theirs = apply_voi_lut(pixels, dataset)
    ours = apply_lut(pixels, LookupTable(first, values, bits)) * ((1 << bits) - 1)
    np.testing.assert_allclose(ours, theirs, atol=0.01)


def film(pixels: np.ndarray, **changes: object) -> Radiograph:
    return Radiograph(pixels, Identity(), **changes)  # type: ignore[arg-type]


def test_monochrome1_is_inverted_once() -> None:
    pixels = np.array([[0, 1000]], np.uint16)
    window = Window(500, 1001)
    normal, inverted = to_display_uint8(film(pixels), window), to_display_uint8(film(pixels, inverted=True), window)
    assert normal.tolist() == [[0, 255]]
    assert inverted.tolist() == [[255, 0]]


def test_the_readers_inversion_undoes_monochrome1() -> None:
    pixels = np.array([[0, 1000]], np.uint16)
    shown = to_display_uint8(film(pixels, inverted=True), Window(500, 1001), invert=True)
    assert shown.tolist() == [[0, 255]]


def test_the_presentation_lut_comes_after_the_window_and_before_the_inversion() -> None:
    table = LookupTable(0, np.array([0, 0, 255], np.uint16), 8)  # dark half to black
    values = np.array([0.0, 50.0, 100.0])
    window = Window(50, 100, VoiFunction.LINEAR_EXACT)
    np.testing.assert_allclose(display_values(values, window, table), [0, 0, 1])
    np.testing.assert_allclose(display_values(values, window, table, inverted=True), [1, 1, 0])


def test_padding_is_black_even_when_inverted() -> None:
    padding = np.array([[True, False]])
    shown = to_display_uint8(film(np.array([[0, 500]], np.uint16), inverted=True, padding=padding), Window(500, 1001))
    assert shown[0, 0] == 0


def test_the_auto_window_ignores_padding() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(1000, 1100, (100, 100)).astype(np.int16)
    plain = auto_window(pixels)
    pixels[:40] = -3024
    mask = pixels == -3024
    for padding in (mask, -3024):
        found = auto_window(pixels, padding)
        assert levels(found)[0] == pytest.approx(levels(plain)[0], abs=3)
    assert levels(auto_window(pixels))[0] < 0


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.zeros((0, 4))])
def test_the_auto_window_of_an_empty_or_flat_image_is_usable(pixels: np.ndarray) -> None:
    assert auto_window(pixels).width > 0


def test_the_first_look_takes_the_files_window_then_its_table_then_the_values() -> None:
    pixels = np.arange(100, dtype=np.uint16).reshape(10, 10)
    table = LookupTable(0, np.arange(100, dtype=np.uint16), 8)
    window = Window(5, 10)
    assert initial_window(film(pixels, windows=(window,), voi_luts=(table,))) is window
    assert initial_window(film(pixels, voi_luts=(table,))) is table
    assert isinstance(initial_window(film(pixels)), Window)
    assert isinstance(initial_window(Volume(pixels[None].astype(np.int16), np.eye(4), Identity())), Window)

"""Heatmaps on volumes, slices that count, and sliding windows."""

import numpy as np
import pytest

from sinusviewer.domain.image import Identity, Volume
from sinusviewer.errors import InferenceError
from sinusviewer.imaging.preprocess_ct import AxialStack, BoxPreprocessing, sinus_box
from sinusviewer.inference.activation_map import (
    box_heat_on_volume,
    enlarge,
    enlarge_box,
    grad_cam,
    heat_on_volume,
    share_inside,
    to_unit_range,
)
from sinusviewer.inference.classifier import choose_slices
from sinusviewer.inference.sliding_window import run_sliding, window_starts


def stack_of(hu: np.ndarray[tuple[int, ...], np.dtype[np.int16]], slice_mm: float = 1.0) -> AxialStack:
    return AxialStack(hu, (4.0, 6.0), (2.0, 2.0), slice_mm, np.eye(4))


def test_heat_needs_one_weight_for_each_feature() -> None:
    with pytest.raises(InferenceError, match="do not fit"):
        grad_cam(np.zeros((5, 3, 3), np.float32), np.zeros(4))


def test_heat_of_a_cell_lands_on_its_place_in_the_volume() -> None:
    heat = np.zeros((2, 4, 4), np.float32)
    heat[:, 1, 2] = 1
    volume = heat_on_volume(heat, np.array([3, 7]), stack_of(np.zeros((10, 16, 16), np.int16)), (10, 50, 50))
    assert not volume[:3].any()
    assert not volume[8:].any()
    y, x = np.unravel_index(int(volume[5].argmax()), (50, 50))
    # cell (1, 2) of 4 pixels is centred at pixel edge (6, 10), in the volume at (4 + 6 * 2, 6 + 10 * 2)
    assert (y, x) == (pytest.approx(16, abs=3), pytest.approx(26, abs=3))
    np.testing.assert_allclose(volume[5], volume[3], atol=1e-6)


def test_enlarged_heat_keeps_its_range_and_its_flat_parts() -> None:
    np.testing.assert_allclose(enlarge(np.ones((3, 5), np.float32), (12, 11)), 1, atol=1e-6)
    assert to_unit_range(np.array([[2.0, 4.0]], np.float32)).max() == 1
    assert not to_unit_range(np.zeros((2, 2), np.float32)).any()


def test_the_share_of_heat_inside_a_mask_is_unknown_without_heat() -> None:
    mask = np.array([[True, False]])
    assert share_inside(np.array([[3.0, 1.0]], np.float32), mask) == 0.75
    assert share_inside(np.zeros((1, 2), np.float32), mask) is None


def test_slices_count_where_the_lumen_is_filled_and_keep_their_distance() -> None:
    hu = np.full((12, 32, 32), -1000, np.int16)
    labels = np.zeros(hu.shape, np.uint8)
    labels[2:10, 8:24, 8:24] = 1
    hu[4:9, 8:24, 8:24] = 30
    stack = stack_of(hu)
    assert choose_slices(stack, labels, 0.1, 0).tolist() == [4, 5, 6, 7, 8]
    assert choose_slices(stack, labels, 0.1, 2).tolist() == [4, 6, 8]
    assert choose_slices(stack, labels, 0.0, 3).tolist() == [2, 5, 8]
    assert choose_slices(stack, np.zeros_like(labels), 0.1, 0).size == 0


@pytest.mark.parametrize("shape", [(20, 31, 17), (8, 16, 16), (5, 40, 16)])
def test_sliding_windows_cover_everything_and_agree_with_the_whole(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    result = run_sliding(lambda part: part[:, :1] * 2, image, (8, 16, 16))
    np.testing.assert_allclose(result[0], image[0] * 2, rtol=1e-5)


def test_windows_start_inside_and_end_at_the_edge() -> None:
    starts = list(window_starts((20, 16, 16), (8, 16, 16)))
    assert starts[0] == (0, 0, 0)
    assert starts[-1] == (12, 0, 0)


def box_volume(spacing_mm: tuple[float, float, float] = (2.0, 1.0, 1.0)) -> Volume:
    z, y, x = spacing_mm
    return Volume(np.zeros((40, 96, 100), np.int16), np.diag([x, y, z, 1.0]), Identity())


def test_heat_of_a_box_lies_over_the_voxels_that_its_cell_covered() -> None:
    volume = box_volume()
    settings = BoxPreprocessing(spacing_mm=1.0, shape=(32, 32, 32))
    box = sinus_box(volume, (20.0, 40.0, 60.0), settings)
    heat = np.zeros((4, 4, 4), np.float32)
    heat[1, 2, 1] = 1.0  # z 8-16 mm of the box's 32, y 16-24, x 8-16
    on_volume = box_heat_on_volume(heat, box, volume)
    per_mm = np.array(on_volume.shape) / (np.array(volume.voxels.shape) * (2.0, 1.0, 1.0))
    low_mm = np.array([20.0 * 2 - 16, 40.0 - 16, 60.0 - 16])
    expected = (low_mm + np.array([12.0, 20.0, 12.0])) * per_mm
    np.testing.assert_allclose(
        np.array(np.unravel_index(on_volume.argmax(), on_volume.shape)) + 0.5, expected, atol=1.2
    )
    assert on_volume[:, :, : int((44 - 1) * per_mm[2])].max() == 0  # beyond the box there is none
    assert min(2.0 * 40 / on_volume.shape[0], 96 / on_volume.shape[1]) > 1.3  # coarse, so that it costs no memory


def test_an_enlarged_box_keeps_its_maximum_in_its_cell() -> None:
    heat = np.zeros((2, 2, 2), np.float32)
    heat[1, 0, 1] = 2.0
    large = enlarge_box(heat, (16, 16, 16))
    assert large.shape == (16, 16, 16)
    assert large.max() == pytest.approx(2.0)
    assert np.unravel_index(large.argmax(), large.shape)[0] >= 8

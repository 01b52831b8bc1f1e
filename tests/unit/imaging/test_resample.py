"""Resampling keeps places, keeps padding out of averages, and agrees with SimpleITK."""

import numpy as np
import pytest
import SimpleITK

from sinusviewer.errors import GeometryError
from sinusviewer.imaging.resample import resample_array

PAD = -3024


def gradient(shape: tuple[int, int, int] = (20, 24, 28)) -> np.ndarray:
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return (10 * z + 5 * y - 7 * x).astype(np.int16)


def test_a_linear_field_is_resampled_exactly_inside() -> None:
    fine = resample_array(gradient(), (1.0, 0.5, 0.5), (0.5, 0.25, 0.25))
    assert fine.shape == (40, 48, 56)
    for z, y, x in ((18, 20, 10), (25, 11, 30)):
        place = (np.array([z, y, x]) + 0.5) / 2 - 0.5  # edges stay where they were
        assert fine[z, y, x] == pytest.approx(place @ [10, 5, -7], abs=0.6)


def test_it_agrees_with_simpleitk_inside() -> None:
    rng = np.random.default_rng(4)
    voxels = rng.integers(-500, 500, (12, 14, 16)).astype(np.int16)
    ours = resample_array(voxels, (1.0, 1.0, 1.0), (0.6, 0.8, 0.7))
    image = SimpleITK.GetImageFromArray(voxels.astype(np.float64))
    grid = SimpleITK.Image([ours.shape[2], ours.shape[1], ours.shape[0]], SimpleITK.sitkFloat64)
    grid.SetSpacing((0.7, 0.8, 0.6))
    grid.SetOrigin(tuple((s - 1) / 2 for s in (0.7, 0.8, 0.6)))
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, grid, SimpleITK.Transform(), SimpleITK.sitkLinear))
    inside = (slice(2, -2),) * 3
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=0.51)


def test_padding_never_enters_an_average() -> None:
    voxels = np.full((10, 10, 10), 40, np.int16)
    voxels[:, :, :4] = PAD
    result = resample_array(voxels, (1.0, 1.0, 1.0), (0.4, 0.4, 0.4), padding=PAD)
    assert set(np.unique(result)) == {PAD, 40}


def test_labels_stay_labels() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:5, 2:5, 2:5] = 9
    assert set(np.unique(resample_array(labels, (1.0,) * 3, (0.3, 0.7, 1.3), order=0))) == {0, 9}


def test_the_border_is_not_filled_with_water() -> None:
    air = np.full((6, 6, 6), -1000, np.int16)
    assert set(np.unique(resample_array(air, (1.0,) * 3, (0.37, 0.41, 0.9)))) == {-1000}


def test_impossible_spacings_are_refused() -> None:
    with pytest.raises(GeometryError, match="positive"):
        resample_array(gradient(), (1.0, 0.0, 1.0), (1.0, 1.0, 1.0))

"""Resampling keeps places, keeps padding out of averages, and agrees with SimpleITK."""

import numpy as np
import pytest
import SimpleITK

from sinusviewer.domain.image import Identity, Volume
from sinusviewer.errors import GeometryError
from sinusviewer.imaging.resample import resample_array, resample_volume, sample_at

PAD = -3024


def gradient(shape: tuple[int, int, int] = (20, 24, 28)) -> np.ndarray:
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return (10 * z + 5 * y - 7 * x).astype(np.int16)


def test_a_linear_field_is_resampled_exactly_inside() -> None:
    volume = Volume(gradient(), np.diag([0.5, 0.5, 1.0, 1.0]), Identity())
    fine = resample_volume(volume, (0.5, 0.25, 0.25))
    assert fine.voxels.shape == (40, 48, 56)
    for index in ((10, 20, 18), (30, 11, 25)):
        place = fine.affine @ [*index, 1]
        z, y, x = index[2], index[1], index[0]
        expected = 10 * place[2] / 1.0 + 5 * place[1] / 0.5 - 7 * place[0] / 0.5
        assert fine.voxels[z, y, x] == pytest.approx(expected, abs=0.6)


def test_edges_stay_where_they_were() -> None:
    volume = Volume(gradient(), np.diag([0.5, 0.5, 1.0, 1.0]), Identity())
    coarse = resample_volume(volume, (2.0, 1.0, 1.0))
    for v in (volume, coarse):
        np.testing.assert_allclose((v.affine @ [-0.5, -0.5, -0.5, 1])[:3], [-0.25, -0.25, -0.5], atol=1e-12)


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


def test_points_are_sampled_at_their_lps_place_and_nowhere_else() -> None:
    volume = Volume(gradient(), np.diag([0.5, 0.5, 1.0, 1.0]), Identity(), padding_hu=PAD)
    volume.voxels[0] = PAD
    places = np.array([[5.0, 4.0, 7.0], [5.25, 4.0, 7.0], [5.0, 4.0, 0.0], [-90.0, 0, 0]])
    values = sample_at(volume, places)
    np.testing.assert_allclose(values[:2], [70 + 40 - 70, 70 + 40 - 73.5], atol=1e-3)
    assert np.isnan(values[2:]).all()

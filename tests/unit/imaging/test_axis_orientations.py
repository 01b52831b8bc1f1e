"""All 48 ways to lay the axes of a volume: the letters and the sides must be the patient's in every one."""

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from made_series import loaded, write_series

from sinusviewer.domain.geometry import canonical_axes, direction_letters, reoriented_affine
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.imaging.resample import Plane, canonical, plane_slice, reorient_array, restore_array

SHAPE = (7, 6, 5)  # z, y, x
CANONICAL_AFFINE = np.array([[0.7, 0, 0, -20.0], [0, 0.9, 0, -35.0], [0, 0, 1.3, 10.0], [0, 0, 0, 1.0]])

# Marker -> (value, [z, y, x] of its voxel in canonical axes: x to the left, y to the back, z to the head)
MARKERS = {
    "R": (100, (3, 3, 0)), "L": (200, (3, 3, 4)), "A": (300, (3, 0, 2)), "P": (400, (3, 5, 2)), "F": (500, (0, 3, 2)),
    "H": (600, (6, 3, 2)),
}  # fmt: skip

ORIENTATIONS = [
    (permutation, flips)
    for permutation in itertools.permutations((0, 1, 2))
    for flips in itertools.product((False, True), repeat=3)
]


def labelled() -> npt.NDArray[np.int16]:
    voxels = np.zeros(SHAPE, np.int16)
    for value, place in MARKERS.values():
        voxels[place] = value
    return voxels


def laid(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64]]:
    """The labelled head stored with other axes, and the affine that says so."""
    turned = labelled().transpose(permutation)
    stored = turned[tuple(slice(None, None, -1) if f else slice(None) for f in flips)]
    return np.ascontiguousarray(stored), reoriented_affine(CANONICAL_AFFINE, SHAPE, permutation, flips)


def lps_of(value: int, voxels: npt.NDArray[np.int16], affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    z, y, x = (int(v[0]) for v in np.nonzero(voxels == value))
    return np.asarray(affine @ [x, y, z, 1])[:3]


def expected_lps(name: str) -> npt.NDArray[np.float64]:
    z, y, x = MARKERS[name][1]
    return np.asarray(CANONICAL_AFFINE @ [x, y, z, 1])[:3]


def test_there_are_48_orientations() -> None:
    assert len({(p, f) for p, f in ORIENTATIONS}) == 48


@pytest.mark.parametrize(("permutation", "flips"), ORIENTATIONS)
def test_an_array_with_an_affine_is_turned_to_the_patients_axes(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    voxels, affine = laid(permutation, flips)
    volume = canonical(Volume(voxels, affine, Identity()))
    np.testing.assert_array_equal(volume.voxels, labelled())
    np.testing.assert_allclose(volume.affine, CANONICAL_AFFINE, atol=1e-12)
    assert [direction_letters(volume.affine[:3, i]) for i in range(3)] == ["L", "P", "H"]


@pytest.mark.parametrize(("permutation", "flips"), ORIENTATIONS)
def test_a_label_map_goes_to_canonical_axes_and_back_unchanged(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    voxels, affine = laid(permutation, flips)
    np.testing.assert_array_equal(restore_array(reorient_array(voxels, affine), affine), voxels)


@pytest.mark.parametrize(("permutation", "flips"), ORIENTATIONS)
def test_a_dicom_series_keeps_letters_and_sides(
    permutation: tuple[int, ...], flips: tuple[bool, ...], tmp_path: Path
) -> None:
    """A mirrored layout is one whose files are numbered against the normal; positions decide, numbers do not."""
    voxels, affine = laid(permutation, flips)
    numbers = list(range(len(voxels)))[::-1] if flips[0] else None
    write_series(tmp_path, voxels, affine, order=numbers)
    volume = loaded(tmp_path)
    assert volume.oriented
    assert np.linalg.det(volume.affine[:3, :3]) > 0
    for name, (value, place) in MARKERS.items():
        np.testing.assert_allclose(lps_of(value, volume.voxels, volume.affine), expected_lps(name), atol=1e-6)
        assert canonical(volume).voxels[place] == value


@pytest.mark.parametrize(("permutation", "flips"), ORIENTATIONS)
def test_letters_along_stored_axes_point_to_the_marked_side(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    voxels, affine = laid(permutation, flips)
    centre = np.array([(n - 1) / 2 for n in voxels.shape])
    for array_axis in range(3):
        letter = direction_letters(affine[:3, 2 - array_axis])
        place = np.argwhere(voxels == MARKERS[letter][0])[0]
        assert place[array_axis] > centre[array_axis]


@pytest.mark.parametrize(
    ("plane", "right", "top"),
    [(Plane.AXIAL, "L", "A"), (Plane.CORONAL, "L", "H"), (Plane.SAGITTAL, "P", "H")],
)
def test_planes_are_hung_with_the_patients_right_on_the_left(plane: Plane, right: str, top: str) -> None:
    volume = Volume(labelled(), CANONICAL_AFFINE, Identity())
    index = {Plane.AXIAL: 3, Plane.CORONAL: 3, Plane.SAGITTAL: 2}[plane]
    shown = plane_slice(volume, plane, index)
    assert MARKERS[right][0] in shown[:, -1]
    assert MARKERS[top][0] in shown[0]


def test_canonical_voxels_are_a_view_and_no_copy() -> None:
    voxels, affine = laid((2, 1, 0), (True, False, True))
    assert np.shares_memory(canonical(Volume(voxels, affine, Identity())).voxels, voxels)


def test_an_oblique_volume_takes_its_nearest_axes() -> None:
    angle = np.radians(20)
    affine = np.eye(4)
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    assert canonical_axes(affine) == ((0, 1, 2), (False, False, False))

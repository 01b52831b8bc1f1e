import itertools

import numpy as np
import pytest

from sinusviewer.domain.anatomy import MIRRORED, SINUS_CODES, Side, Structure
from sinusviewer.domain.geometry import canonical_axes, direction_letters, reoriented_affine

AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
ORIENTATIONS = [signs for order in itertools.permutations(("LR", "PA", "HF")) for signs in itertools.product(*order)]


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids="".join)
def test_every_axis_orientation_is_turned_to_left_posterior_head(orientation):
    # orientation names where the index axes x, y, z run to
    affine = np.eye(4)
    for i, (letter, size) in enumerate(zip(orientation, (0.5, 0.7, 2.0), strict=True)):
        affine[:3, i] = np.array(AXES[letter]) * size
    affine[:3, 3] = (5.0, -3.0, 11.0)
    voxels = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    permutation, flips = canonical_axes(affine)
    turned = voxels.transpose(permutation)
    for axis, flip in enumerate(flips):
        turned = np.flip(turned, axis) if flip else turned
    new_affine = reoriented_affine(affine, voxels.shape, permutation, flips)
    assert [direction_letters(new_affine[:3, i]) for i in range(3)] == ["L", "P", "H"]
    for z, y, x in itertools.product(range(turned.shape[0]), range(turned.shape[1]), range(turned.shape[2])):
        old_z, old_y, old_x = np.argwhere(voxels == turned[z, y, x])[0]
        np.testing.assert_allclose(new_affine @ (x, y, z, 1), affine @ (old_x, old_y, old_z, 1))


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize(
    ("vector", "letters"),
    [
        ((1, 0, 0), "L"),
        ((0, -2, 0), "A"),
        ((0, 0.5, 1), "HP"),
        ((0.1, 0, 1), "H"),
        ((0, 0, 0), ""),
        ((-1, -1, -1), "RAF"),
    ],
)
def test_directions_are_named_strongest_first(vector, letters):
    assert direction_letters(vector) == letters


def test_mirroring_a_structure_twice_gives_it_back_and_swaps_every_sinus():
    assert all(MIRRORED[MIRRORED[s]] is s for s in Structure)
    for (sinus, side), code in SINUS_CODES.items():
        assert MIRRORED[code] is SINUS_CODES[sinus, side.opposite]
        assert (code % 2 == 1) == (side is Side.RIGHT)

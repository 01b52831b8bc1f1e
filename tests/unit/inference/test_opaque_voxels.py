"""What is opacified, from the chance of each voxel: by a threshold, or as many voxels as the chances add up to."""

import numpy as np
import pytest

from sinusviewer.inference.segmenter import EXPECTED, opaque_voxels


def test_a_threshold_takes_what_is_likelier_within_the_structures() -> None:
    labels = np.array([[[0, 1, 1, 2]]], np.uint8)
    chance = np.array([[[255, 200, 100, 140]]], np.uint8)
    np.testing.assert_array_equal(opaque_voxels(chance, labels, 0.5), [[[False, True, False, True]]])


def test_expected_takes_as_many_of_the_likeliest_voxels_as_the_chances_add_up_to() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((8, 20, 20), np.uint8)
    labels[:, :10], labels[:, 10:] = 3, 4
    chance = np.where(labels == 3, rng.integers(60, 120, labels.shape), rng.integers(100, 256, labels.shape))
    chance = chance.astype(np.uint8)
    opaque = opaque_voxels(chance, labels, EXPECTED)
    for code in (3, 4):
        own = labels == code
        assert opaque[own].mean() == pytest.approx(chance[own].mean() / 255, abs=0.02)
        assert chance[own & opaque].min() > chance[own & ~opaque].max() - 1
    # At one half, a sinus whose lining is faint everywhere would be clear.
    assert not opaque_voxels(chance, labels, 0.5)[labels == 3].any()


def test_certain_structures_stay_what_they_are() -> None:
    labels = np.repeat(np.array([1, 2, 0], np.uint8), 30).reshape(1, 9, 10)
    chance = np.where(labels == 1, 255, 0).astype(np.uint8)
    chance[labels == 0] = 255
    opaque = opaque_voxels(chance, labels, EXPECTED)
    np.testing.assert_array_equal(opaque, labels == 1)

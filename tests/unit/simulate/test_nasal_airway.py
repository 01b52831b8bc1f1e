"""A congested nose opens: mucosa becomes air, bone stays, and nothing outside the nose changes."""

from dataclasses import replace

import numpy as np
import pytest

from sinustrainer.simulate.anatomy.nasal_airway import open_airway
from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

TURBINATES = (Structure.RIGHT_TURBINATES, Structure.LEFT_TURBINATES)


@pytest.fixture(scope="module")
def congested() -> Head:
    """A parametric head whose nasal air is swollen mucosa but for a tenth."""
    head = parametric_head(np.random.default_rng(5), 30, "F", 2.0)
    hu, labels = head.hu.copy(), head.labels.copy()
    air = np.argwhere(labels == Structure.NASAL_CAVITY)
    swollen = air[np.random.default_rng(0).permutation(len(air))[len(air) // 10 :]]
    at = tuple(swollen.T)
    hu[at] = 40
    left = swollen[:, 2] * head.affine[0, 0] + head.affine[0, 3] > 0
    labels[at] = np.where(left, Structure.LEFT_TURBINATES, Structure.RIGHT_TURBINATES)
    return replace(head, hu=hu, labels=labels)


def opened(head: Head, share: float, seed: int = 0) -> Head:
    result = replace(head, hu=head.hu.copy(), labels=head.labels.copy())
    open_airway(result, share, np.random.default_rng(seed))
    return result


def air_share(head: Head) -> float:
    air = np.count_nonzero(head.labels == Structure.NASAL_CAVITY)
    return air / (air + np.count_nonzero(np.isin(head.labels, TURBINATES)))


def test_the_nose_opens_to_the_share_asked_for(congested: Head) -> None:
    assert air_share(congested) < 0.1
    for share in (0.2, 0.35):
        assert air_share(opened(congested, share)) == pytest.approx(share, abs=0.03)


def test_what_opens_is_air_and_bone_stays(congested: Head) -> None:
    result = opened(congested, 0.35)
    changed = (result.labels == Structure.NASAL_CAVITY) & (congested.labels != Structure.NASAL_CAVITY)
    assert np.median(result.hu[changed]) < -600
    bone = congested.hu > 200
    np.testing.assert_array_equal(result.hu[bone], congested.hu[bone])
    np.testing.assert_array_equal(result.labels[bone], congested.labels[bone])


def test_nothing_outside_the_nose_changes(congested: Head) -> None:
    result = opened(congested, 0.35)
    outside = ~np.isin(congested.labels, (Structure.NASAL_CAVITY, *TURBINATES))
    np.testing.assert_array_equal(result.hu[outside], congested.hu[outside])
    np.testing.assert_array_equal(result.labels[outside], congested.labels[outside])


def test_an_open_nose_and_a_head_without_one_stay_as_they_are(congested: Head) -> None:
    wide = opened(congested, 0.35)
    again = opened(wide, 0.1)
    np.testing.assert_array_equal(again.hu, wide.hu)
    bare = replace(congested, labels=np.zeros_like(congested.labels))
    np.testing.assert_array_equal(opened(bare, 0.3).hu, bare.hu)

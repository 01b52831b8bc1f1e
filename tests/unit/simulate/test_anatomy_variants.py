from dataclasses import replace

import numpy as np
import pytest

from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.anatomy.variants import (
    add_antral_septum,
    add_concha_bullosa,
    add_dental_roots,
    add_haller_cell,
    add_tooth_buds,
    add_variants,
    lose_teeth,
)
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Side, Structure

ADULT_WITH_TEETH = 25


@pytest.fixture(scope="module")
def drawn() -> Head:
    return parametric_head(np.random.default_rng(5), ADULT_WITH_TEETH, "F", 2.0)


@pytest.fixture
def head(drawn: Head) -> Head:
    return replace(drawn, hu=drawn.hu.copy(), labels=drawn.labels.copy())


def count(head: Head, structure: Structure) -> int:
    return int(np.count_nonzero(head.labels == structure))


def test_a_concha_bullosa_is_air_inside_the_turbinates(head: Head, drawn: Head) -> None:
    add_concha_bullosa(head, Side.LEFT, np.random.default_rng(0))
    aerated = (drawn.labels == Structure.LEFT_TURBINATES) & (head.labels == Structure.NASAL_CAVITY)
    assert aerated.sum() > 4
    assert np.median(head.hu[aerated]) < -500
    assert count(head, Structure.RIGHT_TURBINATES) == count(drawn, Structure.RIGHT_TURBINATES)


def test_a_haller_cell_passes_a_corner_of_the_antrum_to_the_ethmoid(head: Head, drawn: Head) -> None:
    add_haller_cell(head, Side.RIGHT, np.random.default_rng(0))
    passed = (drawn.labels == Structure.RIGHT_MAXILLARY) & (head.labels == Structure.RIGHT_ANTERIOR_ETHMOID)
    assert 5 < passed.sum() < 0.2 * count(drawn, Structure.RIGHT_MAXILLARY)
    antrum = np.argwhere(drawn.labels == Structure.RIGHT_MAXILLARY).mean(axis=0)
    cell = np.argwhere(passed).mean(axis=0)
    assert cell[0] > antrum[0]
    assert cell[2] > antrum[2]  # towards the midline: the right antrum lies at small x


def test_an_antral_septum_is_bone_within_an_unchanged_lumen(head: Head, drawn: Head) -> None:
    add_antral_septum(head, Side.LEFT, np.random.default_rng(0))
    np.testing.assert_array_equal(head.labels, drawn.labels)
    lumen = drawn.labels == Structure.LEFT_MAXILLARY
    assert np.count_nonzero(head.hu[lumen] > drawn.hu[lumen] + 200) > 5
    np.testing.assert_array_equal(head.hu[~lumen], drawn.hu[~lumen])


def test_dental_roots_rise_into_the_antral_floor(head: Head, drawn: Head) -> None:
    add_dental_roots(head, Side.LEFT, np.random.default_rng(0))
    changed = np.argwhere((head.hu > drawn.hu + 300) & (drawn.labels == Structure.LEFT_MAXILLARY))
    antrum = np.argwhere(drawn.labels == Structure.LEFT_MAXILLARY)
    assert len(changed) > 0
    assert changed[:, 0].mean() < antrum[:, 0].mean()


def test_tooth_buds_lie_below_the_antrum(head: Head, drawn: Head) -> None:
    add_tooth_buds(head, Side.LEFT, np.random.default_rng(0))
    buds = np.argwhere((head.hu > 1000) & (drawn.hu < 900))
    assert len(buds) > 10
    assert buds[:, 0].max() < np.argwhere(drawn.labels == Structure.LEFT_MAXILLARY)[:, 0].mean()


def test_tooth_buds_stand_in_bone_along_a_row_that_curves_inwards_in_front(head: Head, drawn: Head) -> None:
    add_tooth_buds(head, Side.LEFT, np.random.default_rng(0))
    changed = head.hu != drawn.hu
    crowns = np.argwhere(changed & (head.hu > 1000))
    front = crowns[crowns[:, 1] < np.quantile(crowns[:, 1], 0.25)]
    back = crowns[crowns[:, 1] > np.quantile(crowns[:, 1], 0.75)]
    assert (back[:, 2].mean() - front[:, 2].mean()) * head.spacing[2] > 4
    assert np.count_nonzero(changed & (head.hu > 200) & (head.hu < 450)) > 50


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.999, 1.001), (0.5, 0.2, 0.85), (1.0, 0.0, 0.02)])
def test_the_share_of_teeth_asked_for_is_lost(head: Head, drawn: Head, share: float, least: float, most: float) -> None:
    lose_teeth(head, share, np.random.default_rng(1))
    left = count(head, Structure.TEETH) / count(drawn, Structure.TEETH)
    assert least <= left <= most


def test_variants_never_touch_the_shape_of_the_arrays_or_the_side_codes(head: Head, drawn: Head) -> None:
    add_variants(head, 8, np.random.default_rng(3))
    assert head.hu.shape == drawn.hu.shape
    assert set(np.unique(head.labels)) <= {int(s) for s in Structure}

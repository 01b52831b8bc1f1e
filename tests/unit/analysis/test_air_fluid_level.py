"""Air-fluid levels: a flat surface across gravity is one; a lining, a cyst, a full or an empty sinus is none."""

import numpy as np
import pytest

from sinusviewer.analysis.air_fluid_level import has_level, level_share

SPACING = (1.0, 0.5, 0.5)
Z, Y, X = np.ogrid[:30, :60, :50]
SINUS = ((Z - 15) / 13) ** 2 + ((Y - 30) / 26) ** 2 + ((X - 25) / 22) ** 2 < 1
INNER = ((Z - 15) / 11) ** 2 + ((Y - 30) / 22) ** 2 + ((X - 25) / 18) ** 2 < 1
EVERYWHERE = np.ones(SINUS.shape, bool)
FLUID = EVERYWHERE & (Y > 35)
CYST = (EVERYWHERE & (Z < 12)) & (((Z - 4) / 8) ** 2 + ((Y - 30) / 16) ** 2 + ((X - 25) / 16) ** 2 < 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(FLUID, True), (FLUID[:, ::-1], True), (~INNER, False), (CYST, False), (~EVERYWHERE, False), (EVERYWHERE, False)],
    ids=["on the back", "on the face", "lining", "cyst", "empty", "full"],
)
def test_only_a_flat_surface_across_gravity_is_a_level(content: np.ndarray, expected: bool) -> None:
    assert has_level(SINUS, content, SPACING) is expected


def test_fluid_on_a_lining_is_a_level() -> None:
    assert has_level(SINUS, FLUID | ~INNER, SPACING)


def test_a_level_that_lies_across_another_axis_is_not_taken_for_one() -> None:
    assert not has_level(SINUS, EVERYWHERE & (Z < 12), SPACING)


def test_without_a_sinus_nothing_is_known() -> None:
    assert has_level(np.zeros((3, 4, 5), bool), np.zeros((3, 4, 5), bool), SPACING) is None


def test_the_share_is_of_the_surface_in_mm() -> None:
    """A box of 8 x 10 x 12 mm, filled to the half from behind: the level is all of the surface between air and fluid."""
    box = np.zeros((12, 30, 28), bool)
    box[2:10, 5:25, 2:26] = True
    level = box & (np.arange(30)[:, None] >= 15)
    assert level_share(box, level, SPACING) == pytest.approx(1.0)
    step = level.copy()
    step[2:4, 5:15, 2:26] = (
        True  # and a layer of 2 mm on the floor: 12 x 6 mm of level are left, and 12 x 5 mm of floor
    )
    assert level_share(box, step, SPACING) == pytest.approx(72 / (72 + 60))

"""Brain, fat and skull base of the parametric head: what a radiologist misses first where they are even."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from sinustrainer.simulate.anatomy.parametric.head import build_head
from sinustrainer.simulate.anatomy.parametric.person import draw_base, draw_person
from sinustrainer.simulate.head import Head

SPACING_MM = 2.0


def head_of(age: float, seed: int = 5) -> Head:
    """The same person at any age, as far as the brain goes: only the age differs."""
    person = draw_person(np.random.default_rng(seed), 40, "F")
    base = replace(person.base, ventricles=1.0, ventricle_ratio=1.0)
    return build_head(replace(person, age=age, base=base, size=(1, 1, 1)), np.random.default_rng(1), SPACING_MM)


@pytest.fixture(scope="module")
def adult() -> Head:
    return head_of(40)


def part(head: Head, low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    """HU ``[z, y, x]`` between two corners (x, y, z; mm)."""
    x, y, z = (
        slice(*(round((v - head.affine[n, 3]) / head.affine[n, n]) for v in (low[n], high[n]))) for n in range(3)
    )
    return head.hu[z, y, x].astype(float)


def test_ventricles_are_fluid_and_lie_in_brain(adult: Head) -> None:
    right, left = (part(adult, (s * 13 - 3, 0, 54), (s * 13 + 3, 10, 57)) for s in (-1, 1))
    assert np.median(right) < 18
    assert np.median(left) < 18
    assert 20 < np.median(part(adult, (25, -30, 55), (45, 10, 65))) < 50


def test_cortex_is_brighter_than_the_white_matter_below_it(adult: Head) -> None:
    white = np.median(part(adult, (20, -20, 66), (30, 10, 76)))
    rim = ndimage.gaussian_filter(part(adult, (-45, -60, 62), (45, 40, 85)), 0.7)
    assert 4 < np.percentile(rim, 90) - white < 16  # noise and the blur of sulci alone make 2


def test_sulci_widen_with_age(adult: Head) -> None:
    fluid = [np.mean(part(head, (-50, -60, 70), (50, 40, 95)) < 14) for head in (adult, head_of(85))]
    assert fluid[1] > 1.5 * fluid[0] > 0


def test_fat_is_neither_too_dark_nor_even(adult: Head) -> None:
    smooth = ndimage.gaussian_filter(adult.hu.astype(np.float32), 0.5)
    fat = ndimage.binary_erosion((smooth > -140) & (smooth < -60), iterations=1)
    values = adult.hu[fat]
    assert -100 < values.mean() < -80
    assert values.std() > 10


def test_the_skull_is_open_where_the_cord_leaves_it(adult: Head) -> None:
    for z in (-20, -24, -28):
        assert part(adult, (-4, 16, z), (4, 24, z + 3)).max() < 150


def test_no_two_skull_bases_are_alike() -> None:
    drawn = [draw_base(np.random.default_rng(seed)) for seed in range(40)]
    for name, least in (("posterior_mm", 1.0), ("petrous_turn_mm", 1.5), ("vault_width", 0.015), ("occiput_mm", 1.0)):
        assert np.std([getattr(base, name) for base in drawn]) > least
    assert np.ptp([base.mastoid_air for base in drawn]) > 0.5
    assert np.mean([base.middle_floor_mm[0] != base.middle_floor_mm[1] for base in drawn]) == 1

import numpy as np
import pytest

from sinustrainer.simulate.anatomy.growth import draw_volumes_ml
from sinustrainer.simulate.anatomy.mirror import mirror
from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import MIRRORED, SINUS_CODES, Side, Sinus, Structure

SPACING_MM = 2.5


@pytest.fixture(scope="module")
def adult() -> Head:
    return parametric_head(np.random.default_rng(5), 40, "F", SPACING_MM)


def millilitres(head: Head, structure: Structure) -> float:
    return float(np.count_nonzero(head.labels == structure) * np.prod(head.spacing) / 1000)


def test_a_parametric_adult_has_every_structure(adult: Head) -> None:
    wanted = {s for s in Structure if s not in (Structure.BACKGROUND, Structure.RIGHT_FRONTAL, Structure.LEFT_FRONTAL)}
    assert {Structure(int(code)) for code in np.unique(adult.labels)} >= wanted


def test_healthy_sinuses_are_filled_with_air_behind_bony_walls(adult: Head) -> None:
    for structure in (Structure.RIGHT_MAXILLARY, Structure.LEFT_SPHENOID):
        lumen = adult.labels == structure
        assert np.median(adult.hu[lumen]) < -900
        ring = np.zeros_like(lumen)
        for axis in range(3):
            ring |= np.roll(lumen, 1, axis) | np.roll(lumen, -1, axis)
        assert np.median(adult.hu[ring & ~lumen]) > -300


def test_right_structures_lie_on_the_patients_right(adult: Head) -> None:
    x = adult.affine[0, 3] + adult.affine[0, 0] * np.arange(adult.hu.shape[2])
    for structure in Structure:
        if structure.name.startswith("RIGHT_") and np.any(adult.labels == structure):
            assert np.mean(x[np.nonzero(adult.labels == structure)[2]]) < 0
            assert adult.landmarks["porion_right"][0] < 0 < adult.landmarks["porion_left"][0]


def test_the_orbitomeatal_line_of_a_parametric_head_is_level(adult: Head) -> None:
    for side in Side:
        assert adult.landmarks[f"outer_canthus_{side}"][2] == pytest.approx(adult.landmarks[f"porion_{side}"][2], abs=2)


def test_mirroring_twice_gives_the_same_head(adult: Head) -> None:
    again = mirror(mirror(adult))
    np.testing.assert_array_equal(again.hu, adult.hu)
    np.testing.assert_array_equal(again.labels, adult.labels)
    np.testing.assert_allclose(again.affine, adult.affine)
    assert again.landmarks == adult.landmarks


def test_mirroring_reverses_the_image_and_swaps_every_side(adult: Head) -> None:
    mirrored = mirror(adult)
    np.testing.assert_array_equal(mirrored.hu, adult.hu[:, :, ::-1])
    for structure, other in MIRRORED.items():
        np.testing.assert_array_equal(mirrored.labels == other, (adult.labels == structure)[:, :, ::-1])
    x, y, z = adult.landmarks["antrum_floor_left"]
    assert mirrored.landmarks["antrum_floor_right"] == (-x, y, z)


def test_the_same_seed_gives_the_same_head() -> None:
    first, second = (parametric_head(np.random.default_rng(8), 12, "M", 4.0) for _ in range(2))
    np.testing.assert_array_equal(first.hu, second.hu)
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize(("age", "least", "most"), [(3, 0.2, 6.0), (8, 2.0, 13.0), (40, 3.0, 32.0)])
def test_the_antrum_grows_with_age(age: float, least: float, most: float) -> None:
    volumes = [
        draw_volumes_ml(np.random.default_rng(seed), age, "F")[Sinus.MAXILLARY, side]
        for seed in range(60)
        for side in Side
    ]
    assert least < float(np.median(volumes)) < most
    assert max(volumes) < 2.5 * most


def test_drawn_volumes_fit_the_published_ones() -> None:
    drawn = [draw_volumes_ml(np.random.default_rng(seed), 40, "M" if seed % 2 else "F") for seed in range(600)]
    published = {  # mean, SD: PMID 28341352 (25 years and over); ethmoid PMID 20863577
        Sinus.MAXILLARY: (12.8, 4.4),
        Sinus.SPHENOID: (4.0, 2.0),
        Sinus.FRONTAL: (2.9, 2.6),
    }
    for sinus, (mean, deviation) in published.items():
        values = np.array([one[sinus, side] for one in drawn for side in Side])
        assert values.mean() == pytest.approx(mean, rel=0.12), sinus
        assert values.std() == pytest.approx(deviation, rel=0.45), sinus
    ethmoid = np.array(
        [one[Sinus.ANTERIOR_ETHMOID, s] + one[Sinus.POSTERIOR_ETHMOID, s] for one in drawn for s in Side]
    )
    assert ethmoid.mean() == pytest.approx(4.5, rel=0.12)


def test_painted_sinuses_hold_the_volumes_asked_for() -> None:
    from sinustrainer.simulate.anatomy.parametric.head import build_head
    from sinustrainer.simulate.anatomy.parametric.person import draw_person

    rng = np.random.default_rng(21)
    person = draw_person(rng, 35, "M")
    head = build_head(person, rng, 1.5)
    for side in Side:
        for sinus, tolerance in ((Sinus.MAXILLARY, 0.15), (Sinus.SPHENOID, 0.3)):
            wanted = person.volumes_ml[sinus, side]
            assert millilitres(head, SINUS_CODES[sinus, side]) == pytest.approx(wanted, rel=tolerance, abs=0.4)


def test_a_small_child_has_no_frontal_sinus() -> None:
    child = parametric_head(np.random.default_rng(2), 3, "F", SPACING_MM)
    assert not np.any(np.isin(child.labels, (Structure.RIGHT_FRONTAL, Structure.LEFT_FRONTAL)))


def test_the_halves_of_a_parametric_head_differ_but_little(adult: Head) -> None:
    def half_mm(points: list[str], axis: int) -> float:
        return max(
            abs(abs(adult.landmarks[f"{p}_right"][axis]) - abs(adult.landmarks[f"{p}_left"][axis])) for p in points
        )

    for axis in range(3):
        assert 0.05 < half_mm(["porion", "orbitale", "outer_canthus"], axis) < 6


def test_a_septum_is_no_plane(adult: Head) -> None:
    z, _y, x = np.nonzero(adult.labels == Structure.SEPTUM)
    middles = [x[z == k].mean() * adult.spacing[0] for k in np.unique(z) if np.count_nonzero(z == k) > 8]
    assert np.ptp(middles) > 0.8

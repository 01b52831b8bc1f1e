import numpy as np
import pytest

from sinustrainer.simulate.anatomy.mirror import mirror
from sinustrainer.simulate.disease.paint import SUPINE, UPRIGHT, paint, paint_each, paint_one
from sinustrainer.simulate.head import DiseaseForm, Head, SinusDisease
from sinusviewer.domain.anatomy import MIRRORED, Structure

ANTRUM = Structure.LEFT_MAXILLARY
FORMS = [f for f in DiseaseForm if f not in (DiseaseForm.FULL_OPACIFICATION, DiseaseForm.POLYPS)]


def ball(centre: tuple[float, float, float], radius: float, shape: tuple[int, int, int]) -> np.ndarray:
    z, y, x = np.ogrid[tuple(slice(0, n) for n in shape)]
    return (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2


def two_antra() -> Head:
    """Soft tissue with two bony-walled balls of air, 1 mm, and a nose between them."""
    shape = (48, 50, 80)
    hu = np.full(shape, 40, dtype=np.int16)
    labels = np.zeros(shape, dtype=np.uint8)
    for centre, code in (((22, 24, 18), Structure.RIGHT_MAXILLARY), ((24, 25, 61), ANTRUM)):
        hu[ball(centre, 15, shape)] = 700
        lumen = ball(centre, 13.5, shape)
        hu[lumen] = -990
        labels[lumen] = code
    nose = ball((24, 25, 40), 5, shape)
    hu[nose], labels[nose] = -990, Structure.NASAL_CAVITY
    affine = np.eye(4)
    affine[:3, 3] = -39.5, -25, -24
    return Head(hu, labels, affine, {"nasion": (0.0, -20.0, 20.0)}, "balls")


@pytest.fixture(scope="module")
def head() -> Head:
    return two_antra()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("severity", [0.15, 0.4, 0.7])
def test_severity_is_the_share_of_the_lumen_filled(head: Head, form: DiseaseForm, severity: float) -> None:
    _hu, opacified = paint(head, [SinusDisease(ANTRUM, form, severity)], SUPINE, np.random.default_rng(4))
    lumen = head.labels == ANTRUM
    assert np.count_nonzero(opacified & lumen) / lumen.sum() == pytest.approx(severity, abs=0.05)
    assert not np.any(opacified & ~lumen)


@pytest.mark.parametrize("gravity", [SUPINE, UPRIGHT, (0.0, -0.6, -0.8)])
def test_fluid_lies_level_against_gravity(head: Head, gravity: tuple[float, float, float]) -> None:
    _hu, opacified = paint(head, [SinusDisease(ANTRUM, DiseaseForm.AIR_FLUID, 0.4)], gravity, np.random.default_rng(0))
    lumen = head.labels == ANTRUM
    inner = lumen & ball((24, 25, 61), 10, lumen.shape)  # away from the lining and the meniscus
    z, y, x = np.nonzero(inner)
    height = x * gravity[0] + y * gravity[1] + z * gravity[2]
    filled = opacified[z, y, x]
    assert filled.any()
    assert not filled.all()
    assert height[filled].min() >= height[~filled].max() - 0.01


def test_fluid_is_posterior_in_a_supine_patient_and_low_in_an_upright_one(head: Head) -> None:
    disease = [SinusDisease(ANTRUM, DiseaseForm.AIR_FLUID, 0.3)]
    lumen = np.argwhere(head.labels == ANTRUM).mean(axis=0)
    supine = np.argwhere(paint(head, disease, SUPINE, np.random.default_rng(1))[1]).mean(axis=0)
    upright = np.argwhere(paint(head, disease, UPRIGHT, np.random.default_rng(1))[1]).mean(axis=0)
    assert supine[1] > lumen[1] + 3
    assert upright[0] < lumen[0] - 3


@pytest.mark.parametrize("seed", range(4))
def test_a_small_antrum_shows_its_fluid_and_not_only_a_lining(seed: int) -> None:
    shape = (24, 24, 40)
    labels = np.where(ball((12, 12, 28), 6, shape), ANTRUM, 0).astype(np.uint8)
    hu = np.where(labels > 0, -990, 40).astype(np.int16)
    child = Head(hu, labels, np.eye(4), {}, "ball")
    _hu, opacified = paint(
        child, [SinusDisease(ANTRUM, DiseaseForm.AIR_FLUID, 0.4)], UPRIGHT, np.random.default_rng(seed)
    )
    below, above = (
        (labels > 0) & (np.arange(24)[:, None, None] < 10),
        (labels > 0) & (np.arange(24)[:, None, None] > 14),
    )
    assert opacified[below].mean() > 0.85
    assert opacified[above].mean() < 0.4


def test_full_opacification_leaves_no_air_and_no_dark_rim(head: Head) -> None:
    disease = SinusDisease(ANTRUM, DiseaseForm.FULL_OPACIFICATION, 1.0, hu=30)
    hu, opacified = paint(head, [disease], SUPINE, np.random.default_rng(0))
    lumen = head.labels == ANTRUM
    assert np.all(opacified[lumen])
    assert hu[lumen].mean() == pytest.approx(30, abs=12)
    assert hu[ball((24, 25, 61), 15.5, lumen.shape)].min() > -100


def test_thickening_lies_on_the_wall(head: Head) -> None:
    disease = SinusDisease(ANTRUM, DiseaseForm.MUCOSAL_THICKENING, 0.45)
    _hu, opacified = paint(head, [disease], SUPINE, np.random.default_rng(0))
    assert not np.any(opacified & ball((24, 25, 61), 7, opacified.shape))
    rim = (head.labels == ANTRUM) & ~ball((24, 25, 61), 12.4, opacified.shape)
    assert np.mean(opacified[rim]) > 0.9


def test_hyperdense_content_is_brighter_and_patchy(head: Head) -> None:
    plain, dense = (
        paint(
            head,
            [SinusDisease(ANTRUM, DiseaseForm.FULL_OPACIFICATION, 1.0, hu=25, hyperdense=share)],
            SUPINE,
            np.random.default_rng(0),
        )[0][head.labels == ANTRUM]
        for share in (0.0, 0.4)
    )
    assert dense.mean() > plain.mean() + 10
    assert dense.std() > 2 * plain.std()
    assert np.percentile(dense, 10) < 45


def test_osteitis_brightens_the_wall_only(head: Head) -> None:
    plain, sick = (
        paint(
            head,
            [SinusDisease(ANTRUM, DiseaseForm.FULL_OPACIFICATION, 1.0, hu=25, osteitis=degree)],
            SUPINE,
            np.random.default_rng(0),
        )[0].astype(int)
        for degree in (0.0, 0.9)
    )
    extra = sick - plain
    assert extra.max() > 100
    assert not np.any(extra[ball((24, 25, 61), 10, extra.shape)] > 60)


def test_deltas_of_each_side_add_up_to_the_painted_head(head: Head) -> None:
    diseases = [
        SinusDisease(ANTRUM, DiseaseForm.CYST, 0.2),
        SinusDisease(Structure.RIGHT_MAXILLARY, DiseaseForm.AIR_FLUID, 0.5),
        SinusDisease(ANTRUM, DiseaseForm.MUCOSAL_THICKENING, 0.3),
    ]
    hu, opacified = paint(head, diseases, UPRIGHT, np.random.default_rng(7))
    summed, joined = head.hu.copy(), np.zeros(head.hu.shape, dtype=bool)
    parts = paint_each(head, diseases, UPRIGHT, np.random.default_rng(7))
    for part in parts:
        summed[part.where] += part.delta_hu
        joined[part.where] |= part.opacified
    assert [part.structure for part in parts] == [ANTRUM, Structure.RIGHT_MAXILLARY]
    np.testing.assert_array_equal(summed, hu)
    np.testing.assert_array_equal(joined, opacified)


def test_only_the_sick_side_changes(head: Head) -> None:
    local = paint_one(head, SinusDisease(ANTRUM, DiseaseForm.POLYPS, 0.6), SUPINE, np.random.default_rng(0))
    assert local is not None
    assert head.labels[local.where].size < head.labels.size / 2
    hu, _opacified = paint(head, [SinusDisease(ANTRUM, DiseaseForm.POLYPS, 0.6)], SUPINE, np.random.default_rng(0))
    right_half = np.s_[:, :, :40]
    np.testing.assert_array_equal(hu[right_half], head.hu[right_half])


@pytest.mark.parametrize("form", list(DiseaseForm))
def test_a_mirrored_patient_gets_the_mirrored_disease(head: Head, form: DiseaseForm) -> None:
    def both_sides(mirrored: bool) -> list[SinusDisease]:
        sides = [(ANTRUM, 0.35), (Structure.RIGHT_MAXILLARY, 0.6)]
        return [
            SinusDisease(MIRRORED[s] if mirrored else s, form, share, hyperdense=0.2, osteitis=0.3)
            for s, share in sides
        ]

    gravity = (0.3, 0.8, -0.2)
    hu, opacified = paint(head, both_sides(False), gravity, np.random.default_rng(9))
    turned = (-gravity[0], gravity[1], gravity[2])
    other_hu, other_opacified = paint(mirror(head), both_sides(True), turned, np.random.default_rng(9))
    np.testing.assert_array_equal(other_hu, hu[:, :, ::-1])
    np.testing.assert_array_equal(other_opacified, opacified[:, :, ::-1])


def test_the_disease_of_an_absent_sinus_changes_nothing(head: Head) -> None:
    disease = SinusDisease(Structure.LEFT_FRONTAL, DiseaseForm.FULL_OPACIFICATION, 1.0)
    hu, opacified = paint(head, [disease], SUPINE, np.random.default_rng(0))
    np.testing.assert_array_equal(hu, head.hu)
    assert not opacified.any()
    assert paint_one(head, disease, SUPINE, np.random.default_rng(0)) is None

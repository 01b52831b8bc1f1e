from dataclasses import replace

import numpy as np
import pytest

from sinusviewer.analysis import sinus_measurement
from sinusviewer.domain.anatomy import SINUS_CODES, ImageSide, Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import SinusMeasurement

SHAPE = (40, 60, 80)


def boxes() -> np.ndarray:
    """Ten sinuses as blocks of 10 x 10 x 10 voxels, well inside the volume."""
    labels = np.zeros(SHAPE, np.uint8)
    for number, code in enumerate(SINUS_CODES.values()):
        y, x = 5 + 11 * (number // 2 % 5), 10 + 40 * (number % 2)
        labels[10:20, y : y + 10, x : x + 10] = code
    return labels


def volume(labels: np.ndarray, filled: dict[Structure, float] | None = None, **more: object) -> Volume:
    """Air in every sinus; ``filled`` fills that share of a sinus with fluid, from below."""
    hu = np.full(SHAPE, 40, np.int16)
    hu[labels > 0] = -1000
    for code, share in (filled or {}).items():
        z = np.argwhere(labels == code)[:, 0]
        level = z.min() + round(share * (z.max() + 1 - z.min()))
        below = (labels == code) & (np.arange(SHAPE[0])[:, None, None] < level)
        hu[below] = 20
    return Volume(hu, np.diag([1.0, 1.0, 1.0, 1.0]), Identity(), **more)  # type: ignore[arg-type]


def measured(labels: np.ndarray, given: Volume, withheld: str = "") -> dict[tuple[Sinus, object], SinusMeasurement]:
    rows = sinus_measurement.measure_sinuses(given, Segmentation(labels, given.affine), withheld)
    assert len(rows) == 10
    return {(r.sinus, r.side): r for r in rows}


def test_air_is_clear_half_is_partial_and_full_is_total() -> None:
    labels = boxes()
    given = volume(labels, {Structure.RIGHT_MAXILLARY: 0.5, Structure.LEFT_MAXILLARY: 1.0})
    rows = measured(labels, given)
    right, left = rows[Sinus.MAXILLARY, Side.RIGHT], rows[Sinus.MAXILLARY, Side.LEFT]
    assert right.volume_ml == pytest.approx(1.0)
    assert right.opacified_fraction == pytest.approx(0.5, abs=0.02)
    assert (right.lund_mackay, left.lund_mackay) == (1, 2)
    assert left.opacified_fraction == pytest.approx(1.0, abs=0.01)
    assert rows[Sinus.SPHENOID, Side.LEFT].lund_mackay == 0
    assert rows[Sinus.SPHENOID, Side.LEFT].mean_hu == pytest.approx(-1000)


@pytest.mark.parametrize(
    ("sinus", "side_voxels", "filled", "score"),
    [
        (Sinus.FRONTAL, 6, 1.0, None),  # 0.2 ml without air: it may as well be no sinus, which scores 0
        (Sinus.FRONTAL, 6, 0.0, 0),  # as small, with air: it is one
        (Sinus.FRONTAL, 8, 1.0, 2),  # 0.5 ml
        (Sinus.SPHENOID, 6, 1.0, 2),  # hardly ever absent
    ],
)
def test_a_tiny_frontal_sinus_without_air_is_not_scored_as_full(
    sinus: Sinus, side_voxels: int, filled: float, score: int | None
) -> None:
    code = SINUS_CODES[sinus, Side.RIGHT]
    labels = boxes()
    z, y, x = np.argwhere(labels == code).min(axis=0)
    labels[labels == code] = 0
    labels[z : z + side_voxels, y : y + side_voxels, x : x + side_voxels] = code
    row = measured(labels, volume(labels, {code: filled}))[sinus, Side.RIGHT]
    assert row.lund_mackay == score
    assert (row.opacified_fraction is None) is (score is None)
    assert ("absent or very small" in row.reason) is (score is None)


def test_a_shell_of_mixed_voxels_is_not_opacification() -> None:
    labels = boxes()
    given = volume(labels)
    inner = np.zeros(SHAPE, bool)
    inner[11:19, 6:14, 11:19] = True
    hu = given.voxels.copy()
    hu[(labels == Structure.RIGHT_MAXILLARY) & ~inner] = -200
    rows = measured(labels, replace(given, voxels=hu))
    assert rows[Sinus.MAXILLARY, Side.RIGHT].opacified_fraction == 0.0


def test_a_lining_of_three_millimetres_is_opacification() -> None:
    labels = boxes()
    hu = volume(labels).voxels.copy()
    lining = (labels == Structure.RIGHT_MAXILLARY).copy()
    lining[13:, :, :] = False
    hu[lining] = 20
    rows = measured(labels, replace(volume(labels), voxels=hu))
    assert rows[Sinus.MAXILLARY, Side.RIGHT].opacified_fraction == pytest.approx(0.3, abs=0.03)


def test_a_sinus_cut_by_the_volume_is_incomplete_and_unscored() -> None:
    labels = boxes()
    labels[0:20, 5:15, 10:20] = Structure.RIGHT_MAXILLARY
    row = measured(labels, volume(labels))[Sinus.MAXILLARY, Side.RIGHT]
    assert not row.complete
    assert row.lund_mackay is None
    assert "right maxillary incomplete" in row.reason
    assert row.volume_ml is not None


def test_a_sinus_that_was_not_found_has_no_numbers() -> None:
    labels = boxes()
    labels[labels == Structure.LEFT_FRONTAL] = 0
    row = measured(labels, volume(labels))[Sinus.FRONTAL, Side.LEFT]
    assert (row.volume_ml, row.opacified_fraction, row.lund_mackay, row.complete) == (None, None, None, False)
    assert "left frontal" in row.reason


def test_faulty_geometry_withholds_every_number() -> None:
    labels = boxes()
    for row in measured(labels, volume(labels), withheld="slice distances vary").values():
        assert (row.volume_ml, row.opacified_fraction, row.mean_hu, row.lund_mackay) == (None, None, None, None)
        assert "slice distances vary" in row.reason


def test_sides_are_the_images_where_nothing_proves_the_patients_and_no_total_is_given() -> None:
    labels = boxes()
    rows = measured(labels, volume(labels, oriented=False))
    assert {side for _, side in rows} == {ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT}
    assert sinus_measurement.lund_mackay_total(tuple(rows.values()), {}) is None


def test_totals_add_ten_sinuses_and_both_complexes() -> None:
    labels = boxes()
    given = volume(labels, {Structure.RIGHT_MAXILLARY: 1.0, Structure.RIGHT_FRONTAL: 0.5})
    rows = tuple(measured(labels, given).values())
    totals = sinus_measurement.lund_mackay_total(rows, {Side.RIGHT: 2, Side.LEFT: 0})
    assert totals is not None
    assert (totals.right, totals.left, totals.total) == (5, 0, 5)
    without = sinus_measurement.lund_mackay_total(rows, {Side.RIGHT: None, Side.LEFT: 0})
    assert without is not None
    assert (without.right, without.left, without.total) == (None, 0, None)


def test_a_complex_is_proposed_occluded_where_both_sinuses_before_it_are_full() -> None:
    labels = boxes()
    given = volume(labels, {Structure.RIGHT_MAXILLARY: 1.0, Structure.RIGHT_ANTERIOR_ETHMOID: 1.0})
    rows = tuple(measured(labels, given).values())
    proposal = sinus_measurement.propose_ostiomeatal(given, Segmentation(labels, given.affine), rows)
    assert proposal == {Side.RIGHT: 2, Side.LEFT: 0}


def with_level(labels: np.ndarray, code: Structure) -> Volume:
    """Fluid in the rear half of one sinus, as in a patient who lies on the back."""
    given = volume(labels)
    y = np.arange(SHAPE[1])[:, None]
    given.voxels[(labels == code) & (y >= np.argwhere(labels == code)[:, 1].mean())] = 20
    return given


def levels(labels: np.ndarray, given: Volume) -> list[tuple[Sinus, object]]:
    return [place for place, row in measured(labels, given).items() if row.air_fluid_level]


def test_an_air_fluid_level_stands_on_its_own_side_and_a_mirrored_one_on_the_other() -> None:
    labels = boxes()
    given = with_level(labels, Structure.RIGHT_MAXILLARY)
    assert levels(labels, given) == [(Sinus.MAXILLARY, Side.RIGHT)]
    mirrored = np.ascontiguousarray(labels[:, :, ::-1])
    other = {
        int(code): int(SINUS_CODES[s, next(o for o in Side if o is not side)])
        for (s, side), code in SINUS_CODES.items()
    }
    table = np.array([other.get(code, code) for code in range(256)], np.uint8)
    turned = replace(given, voxels=np.ascontiguousarray(given.voxels[:, :, ::-1]))
    assert levels(table[mirrored], turned) == [(Sinus.MAXILLARY, Side.LEFT)]
    assert levels(labels, replace(given, oriented=False)) == [(Sinus.MAXILLARY, ImageSide.IMAGE_LEFT)]


@pytest.mark.parametrize(
    "axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)], ids=["axial", "coronal", "sagittal", "any"]
)
@pytest.mark.parametrize("back", [1, -1], ids=["to the back", "to the front"])
def test_a_level_is_the_same_however_the_volume_is_stored(axes: tuple[int, int, int], back: int) -> None:
    """``axes`` are the array's, by the z, y, x that it would have canonically."""
    labels = boxes()
    given = with_level(labels, Structure.LEFT_MAXILLARY)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for stored, canonical in enumerate(axes):
        affine[2 - canonical, 2 - stored] = back if canonical == 1 else 1
    step = (slice(None), slice(None, None, back), slice(None))
    labels, voxels = (np.ascontiguousarray(a[step].transpose(axes)) for a in (labels, given.voxels))
    stored_so = replace(given, voxels=voxels, affine=affine)
    assert levels(labels, stored_so) == [(Sinus.MAXILLARY, Side.LEFT)]


def test_fluid_that_lies_on_the_floor_of_an_upright_head_is_no_level_of_a_patient_lying_down() -> None:
    labels = boxes()
    rows = measured(labels, volume(labels, {Structure.RIGHT_MAXILLARY: 0.5}))
    assert rows[Sinus.MAXILLARY, Side.RIGHT].air_fluid_level is False


def test_a_level_is_told_of_whole_maxillary_sinuses_alone() -> None:
    labels = boxes()
    rows = measured(labels, with_level(labels, Structure.RIGHT_SPHENOID))
    assert {row.air_fluid_level for place, row in rows.items() if place[0] is not Sinus.MAXILLARY} == {None}
    labels[0:20, 5:15, 10:20] = Structure.RIGHT_MAXILLARY
    given = with_level(labels, Structure.RIGHT_MAXILLARY)
    row = measured(labels, given)[Sinus.MAXILLARY, Side.RIGHT]
    assert (row.complete, row.air_fluid_level) == (False, None)
    assert measured(boxes(), given, "slice distances vary")[Sinus.MAXILLARY, Side.LEFT].air_fluid_level is None


@pytest.mark.parametrize(("degrees", "told"), [(4, True), (8, None)])
def test_an_oblique_volume_says_nothing_rather_than_miss_a_level(degrees: float, told: bool | None) -> None:
    labels, turn = boxes(), np.radians(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    given = replace(with_level(labels, Structure.RIGHT_MAXILLARY), affine=affine)
    assert measured(labels, given)[Sinus.MAXILLARY, Side.RIGHT].air_fluid_level is told

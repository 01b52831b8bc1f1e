"""What may be read as a sinus CT, what is refused with a reason, and what is withheld sinus by sinus."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from phantom_head import phantom_head

from sinusviewer.analysis import ct_arrangement, ct_checks, sinus_air
from sinusviewer.analysis.sinus_measurement import measure_sinuses
from sinusviewer.domain.anatomy import ImageSide, Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.errors import CancelledError
from sinusviewer.jobs.runner import CancelToken

HEAD = phantom_head(2.5)
SHAPE = (60, 80, 80)
Z, Y, X = (a * 3.0 for a in np.ogrid[tuple(slice(n) for n in SHAPE)])
CYLINDER = np.broadcast_to((Y - 120) ** 2 + (X - 120) ** 2 < 95**2, SHAPE)


def volume(hu: npt.NDArray[np.floating] | npt.NDArray[np.integer], spacing_mm: float = 3.0) -> Volume:
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    return Volume(np.clip(hu, -1024, 3071).astype(np.int16), affine, Identity(modality="CT"))


def refusal(given: Volume) -> str:
    return ct_checks.refuse_ct(given, sinus_air.measure(given))


def noise(sd: float, shape: tuple[int, ...] = SHAPE) -> npt.NDArray[np.floating]:
    return np.random.default_rng(0).normal(0, sd, shape)


def water() -> npt.NDArray[np.floating]:
    return np.where(CYLINDER, 0.0, -1000.0) + noise(10)


def shell() -> npt.NDArray[np.floating]:
    inner = np.broadcast_to((Y - 120) ** 2 + (X - 120) ** 2 < 88**2, SHAPE)
    return np.where(CYLINDER & ~inner, 1000.0, water())


def head(change: float = 1.0, shift: float = 0.0) -> Volume:
    return Volume((HEAD.hu * change + shift).astype(np.int16), HEAD.affine, Identity(modality="CT"))


@pytest.mark.parametrize(
    ("hu", "why"),
    [
        (np.full(SHAPE, -1000), "no head"),
        (water(), "no skull"),
        (shell(), "no air within the head"),
        (noise(300), "noise"),
        (np.random.default_rng(1).uniform(-1000, 2000, SHAPE), "noise"),
        (np.zeros((1, 80, 80)), "too few slices"),
        (np.zeros((6, 80, 80)), "too few slices"),
    ],
    ids=["air", "water", "shell of bone", "noise", "even noise", "one slice", "six slices"],
)
def test_what_is_no_sinus_ct_is_refused_with_a_reason(hu: npt.NDArray[np.floating], why: str) -> None:
    said = refusal(volume(hu))
    assert said.startswith("Cannot assess")
    assert why in said


@pytest.mark.parametrize(("change", "shift"), [(1.0, 1000.0), (0.6, 150.0), (0.5, -300.0), (1.6, 300.0)])
def test_grey_values_that_are_no_hounsfield_units_are_refused(change: float, shift: float) -> None:
    said = refusal(head(change, shift))
    assert said.startswith("Cannot assess")


def test_a_scale_that_is_wrong_is_named() -> None:
    assert "Hounsfield scale" in refusal(head(0.6, 150.0))


@pytest.mark.parametrize("sd", [0.0, 40.0, 120.0])
def test_a_head_passes_with_the_noise_of_any_kernel(sd: float) -> None:
    given = head()
    noisy = replace(given, voxels=(given.voxels + noise(sd, given.voxels.shape)).astype(np.int16))
    assert refusal(noisy) == ""


def test_padding_below_air_says_nothing_of_the_scale() -> None:
    given = head()
    voxels = given.voxels.copy()
    voxels[:, :12] = -3024
    assert refusal(replace(given, voxels=voxels)) == ""


def test_a_head_whose_sinuses_hold_no_air_is_refused_even_where_the_nose_does() -> None:
    given = head()
    labels = HEAD.labels.copy()
    labels[(labels != Structure.RIGHT_MAXILLARY) & (labels != Structure.LEFT_MAXILLARY)] = 0
    labels[30:40, 10:30, 30:36] = Structure.NASAL_CAVITY
    given.voxels[30:40, 10:30, 30:36] = -1000
    given.voxels[(labels > 0) & (labels < Structure.NASAL_CAVITY)] = 30
    said = ct_checks.refuse_segmentation(given, Segmentation(labels, given.affine))
    assert "no air in any sinus" in said


def antra() -> npt.NDArray[np.uint8]:
    return np.where(np.isin(HEAD.labels, [1, 2]), HEAD.labels, 0).astype(np.uint8)


def test_antra_in_their_place_are_plausible_however_they_are_stored() -> None:
    given = head()
    assert ct_arrangement.implausible(given, antra()) == ""
    affine = given.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (given.voxels.shape[2] - 1)
    affine[:3, 0] *= -1
    mirrored = replace(given, voxels=np.ascontiguousarray(given.voxels[:, :, ::-1]), affine=affine)
    assert ct_arrangement.implausible(mirrored, np.ascontiguousarray(antra()[:, :, ::-1])) == ""


def test_sinuses_without_bony_walls_are_implausible() -> None:
    given = head()
    given.voxels[given.voxels > 100] = 60
    assert "walled by bone" in ct_arrangement.implausible(given, antra())


def test_sinuses_on_the_wrong_side_of_each_other_are_implausible() -> None:
    swapped = np.array([0, 2, 1], np.uint8)[antra()]
    assert "relations are wrong" in ct_arrangement.implausible(head(), swapped)


def test_a_sinus_as_large_as_a_lung_is_implausible() -> None:
    given = head()
    labels = np.zeros_like(HEAD.labels)
    labels[10:40, 20:60, 10:30] = Structure.RIGHT_FRONTAL
    labels[10:40, 20:60, 40:60] = Structure.LEFT_FRONTAL
    assert "too much" in ct_arrangement.implausible(given, labels)


def test_one_structure_alone_is_too_little() -> None:
    labels = np.where(HEAD.labels == 1, np.uint8(1), np.uint8(0))
    assert "too little" in ct_arrangement.implausible(head(), labels)


def rows(given: Volume, labels: npt.NDArray[np.uint8]) -> dict[object, object]:
    segmentation = Segmentation(labels, given.affine)
    found = ct_checks.withhold(given, segmentation, measure_sinuses(given, segmentation))
    return {m.side: m for m in found if m.sinus is Sinus.MAXILLARY}


def test_thick_slices_give_volumes_but_no_scores() -> None:
    given, labels = head(), antra()
    thick = Volume(np.ascontiguousarray(given.voxels[::2]), given.affine @ np.diag([1, 1, 2, 1.0]), given.identity)
    assert [w.code for w in ct_checks.warnings_of(thick, None)] == ["thick_slices"]
    row = rows(thick, np.ascontiguousarray(labels[::2]))[Side.RIGHT]
    assert row.volume_ml is not None  # type: ignore[attr-defined]
    assert (row.opacified_fraction, row.mean_hu, row.lund_mackay) == (None, None, None)  # type: ignore[attr-defined]
    assert row.air_fluid_level is None  # type: ignore[attr-defined]
    assert "right maxillary withheld: slices 5.0 mm apart" in row.reason  # type: ignore[attr-defined]


def test_a_sinus_cut_off_says_how_much_of_it_is_there_and_nothing_of_the_rest() -> None:
    given, labels = head(), antra()
    middle = int(np.argwhere(labels)[:, 0].mean())
    affine = given.affine.copy()
    affine[:3, 3] += affine[:3, 2] * middle
    cut = Volume(np.ascontiguousarray(given.voxels[middle:]), affine, given.identity)
    row = rows(cut, np.ascontiguousarray(labels[middle:]))[Side.LEFT]
    assert not row.complete  # type: ignore[attr-defined]
    assert (row.opacified_fraction, row.lund_mackay) == (None, None)  # type: ignore[attr-defined]
    said = ct_checks.incomplete(cut, Segmentation(np.ascontiguousarray(labels[middle:]), affine))
    assert said == "right maxillary, left maxillary"
    assert ct_checks.incomplete(given, Segmentation(labels, given.affine)) == ""


def test_metal_beside_one_sinus_withholds_that_one_alone() -> None:
    given, labels = head(), antra()
    z, y, x = np.argwhere(labels == Structure.RIGHT_MAXILLARY).mean(axis=0).astype(int)
    given.voxels[z - 4 : z + 4, y - 1 : y + 2, x - 1 : x + 2] = 3071  # an implant that reaches into it
    found = rows(given, labels)
    assert "metal" in [w.code for w in ct_checks.warnings_of(given, sinus_air.measure(given))]
    right, left = found[Side.RIGHT], found[Side.LEFT]
    assert left.lund_mackay == 0  # type: ignore[attr-defined]
    assert right.lund_mackay is None  # type: ignore[attr-defined]
    assert (right.air_fluid_level, left.air_fluid_level) == (None, False)  # type: ignore[attr-defined]
    assert "metal lies beside it" in right.reason  # type: ignore[attr-defined]


def test_reasons_speak_of_the_image_where_sides_are_unverified() -> None:
    given = replace(head(), oriented=False)
    thick = replace(given, affine=given.affine @ np.diag([1, 1, 2, 1.0]))
    row = rows(thick, antra())[ImageSide.IMAGE_RIGHT]
    assert row.reason.startswith("image-right maxillary withheld")  # type: ignore[attr-defined]


def test_what_was_withheld_stays_withheld_when_a_reader_edits_the_mask() -> None:
    given, labels = head(), antra()
    thick = Volume(np.ascontiguousarray(given.voxels[::2]), given.affine @ np.diag([1, 1, 2, 1.0]), given.identity)
    segmentation = Segmentation(np.ascontiguousarray(labels[::2]), thick.affine)
    fresh = measure_sinuses(thick, segmentation)[0]
    before = ct_checks.withhold(thick, segmentation, (fresh,))[0]
    assert ct_checks.keep_withheld(before, fresh).lund_mackay is None
    assert (fresh.air_fluid_level, ct_checks.keep_withheld(before, fresh).air_fluid_level) == (False, None)
    assert ct_checks.keep_withheld(before, fresh).reason == before.reason
    assert ct_checks.keep_withheld(fresh, fresh) is fresh


class Countdown(CancelToken):
    """Is cancelled when it is asked for the n-th time."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.cancel()
        super().raise_if_cancelled()


def check(token: CancelToken) -> None:
    given = Volume(HEAD.hu, HEAD.affine, Identity(modality="CT"))
    air = sinus_air.measure(given, token)
    ct_checks.warnings_of(given, air, token)
    ct_checks.refuse_ct(given, air, token)


def test_cancelling_is_looked_at_in_every_part_of_the_check() -> None:
    counter = Countdown(0)
    check(counter)
    asked = -counter.left
    assert asked > 2 * len(HEAD.hu)  # in every slice of the filling, and of the look for metal
    for at in (1, 2, asked // 4, asked // 2, 3 * asked // 4, asked - 1, asked):
        with pytest.raises(CancelledError):
            check(Countdown(at))

import itertools

import numpy as np
import pytest
from phantom_head import phantom_head

from sinusviewer.analysis import ct_checks, sinus_air
from sinusviewer.domain.anatomy import ImageSide, Side, Structure
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.errors import CancelledError
from sinusviewer.jobs.runner import CancelToken

HEAD = phantom_head(2.5, left_antrum_scale=0.75)
TRUE_ML = {s: float((HEAD.labels == Structure[f"{s.name}_MAXILLARY"]).sum()) * 2.5**3 / 1000 for s in Side}


def volume(voxels: np.ndarray = HEAD.hu, affine: np.ndarray = HEAD.affine, **more: object) -> Volume:
    return Volume(voxels.astype(np.int16), affine, Identity(modality="CT"), **more)  # type: ignore[arg-type]


def stored_in(permutation: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The phantom with its axes stored in another order and direction, the patient staying where he is."""
    turn = tuple(slice(None, None, -1) if f else slice(None) for f in flips)
    voxels = HEAD.hu.transpose(permutation)[turn]
    affine = np.eye(4)
    affine[:3, 3] = HEAD.affine[:3, 3]
    for new, old in enumerate(permutation):
        column = HEAD.affine[:3, 2 - old].copy()
        if flips[new]:
            affine[:3, 3] += column * (HEAD.hu.shape[old] - 1)
            column = -column
        affine[:3, 2 - new] = column
    return volume(voxels, affine)


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, True)])
def test_the_larger_antrum_is_on_the_patients_right_however_the_volume_is_stored(
    permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    stored = stored_in(permutation, flips)
    air = sinus_air.measure(stored)
    found = {c.side: c.air_ml for c in air.cavities}
    assert found == {side: pytest.approx(TRUE_ML[side], rel=0.1) for side in Side}
    mask = sinus_air.as_segmentation(air, stored)
    assert mask is not None
    assert mask.labels.shape == stored.voxels.shape
    points = np.argwhere(mask.labels == Structure.RIGHT_MAXILLARY)[:, ::-1]
    assert float((stored.affine @ np.append(points.mean(axis=0), 1.0))[0]) == pytest.approx(-27, abs=2)


def test_fine_voxels_are_thinned_and_the_mask_still_covers_the_full_grid() -> None:
    fine = np.repeat(np.repeat(HEAD.hu, 4, 1), 4, 2)[:, 2:, 3:]
    given = volume(fine, np.diag([2.5 / 4, 2.5 / 4, 2.5, 1.0]))
    air = sinus_air.measure(given)
    mask = sinus_air.as_segmentation(air, given)
    assert mask is not None
    assert mask.labels.shape == fine.shape
    ml = float((mask.labels == Structure.RIGHT_MAXILLARY).sum()) * given.voxel_ml
    assert ml == pytest.approx(TRUE_ML[Side.RIGHT], rel=0.1)


def test_sides_are_the_images_where_nothing_proves_the_patients() -> None:
    given = volume(oriented=False)
    sides = [s.side for s in sinus_air.as_sinuses(sinus_air.measure(given), given)]
    assert sides == [ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT]


def test_a_cavity_cut_by_the_edge_of_the_volume_is_incomplete() -> None:
    lowest = int(np.flatnonzero((HEAD.labels == Structure.RIGHT_MAXILLARY).any(axis=(1, 2)))[4])
    given = volume(HEAD.hu[lowest:])
    assert [s.complete for s in sinus_air.as_sinuses(sinus_air.measure(given), given)] == [False, False]


def test_opacification_is_never_claimed_from_air_alone() -> None:
    given = volume()
    for sinus in sinus_air.as_sinuses(sinus_air.measure(given), given):
        assert sinus.opacified_fraction is None
        assert sinus.lund_mackay is None


def test_padding_is_not_taken_for_tissue() -> None:
    padded = HEAD.hu.copy()
    padded[:, :, :3] = 3000
    air = sinus_air.measure(volume(padded, padding_hu=3000))
    assert {c.side for c in air.cavities} == set(Side)


@pytest.mark.parametrize("value", [-1000, 0, 3000])
def test_an_empty_or_solid_block_is_no_head(value: int) -> None:
    block = volume(np.full((40, 40, 40), value))
    air = sinus_air.measure(block)
    assert air.cavities == ()
    assert ct_checks.refuse_ct(block, air).startswith("Cannot assess")


def test_one_sided_air_is_not_paired_with_anything() -> None:
    hu = HEAD.hu.copy()
    hu[HEAD.labels == Structure.LEFT_MAXILLARY] = 30
    assert sinus_air.measure(volume(hu)).cavities == ()


def test_measuring_stops_when_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        sinus_air.measure(volume(), token)

from dataclasses import replace

import numpy as np
import pytest

from sinustrainer.simulate.anatomy.draw import draw_head, plan_sinuses
from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.anatomy.pneumatisation import shrink_lumen
from sinustrainer.simulate.anatomy.shape import HeadShape, SinusWarp, draw_shape, new_points, source_points
from sinustrainer.simulate.anatomy.warp import warp_head
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.errors import InputError

SPACING_MM = 2.5


@pytest.fixture(scope="module")
def head() -> Head:
    return parametric_head(np.random.default_rng(5), 40, "F", SPACING_MM)


def voxels(head: Head, structure: Structure) -> int:
    return int(np.count_nonzero(head.labels == structure))


def test_the_empty_warp_keeps_the_head(head: Head) -> None:
    same = warp_head(head, HeadShape(), spacing_mm=SPACING_MM)
    np.testing.assert_allclose(same.affine, head.affine, atol=SPACING_MM)
    assert same.hu.mean() == pytest.approx(head.hu.mean(), abs=15)
    for structure in (Structure.RIGHT_MAXILLARY, Structure.LEFT_MAXILLARY):
        assert voxels(same, structure) == pytest.approx(voxels(head, structure), rel=0.06)


@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_never_fold(seed: int) -> None:
    shape = draw_shape(np.random.default_rng(seed), strength=1.3)
    axes = [np.arange(low, high, 3.0) for low, high in ((-70, 70), (-110, 60), (-90, 100))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    mapped = source_points(points, shape)
    jacobian = np.stack([np.stack(np.gradient(mapped[..., i], 3.0), axis=-1) for i in range(3)], axis=-2)
    assert np.linalg.det(jacobian).min() > 0.25


def test_forward_and_backward_maps_agree() -> None:
    shape = draw_shape(np.random.default_rng(3))
    wanted = np.array([[20.0, -60.0, -25.0], [-35.0, -80.0, 5.0], [0.0, 20.0, 60.0]])
    back = source_points(new_points(wanted, shape).astype(np.float32), shape)
    np.testing.assert_allclose(back, wanted, atol=0.05)


def test_one_sinus_grows_and_its_twin_stays(head: Head) -> None:
    grown = warp_head(
        head, HeadShape(sinus_warps=(SinusWarp(Structure.LEFT_MAXILLARY, (1.3, 1.3, 1.3)),)), spacing_mm=SPACING_MM
    )
    ratio = voxels(grown, Structure.LEFT_MAXILLARY) / voxels(head, Structure.LEFT_MAXILLARY)
    assert ratio == pytest.approx(1.3**3, rel=0.12)
    # At 2.5 mm, interpolation rounds the corners of a lumen that is shifted by part of a voxel.
    assert voxels(grown, Structure.RIGHT_MAXILLARY) == pytest.approx(voxels(head, Structure.RIGHT_MAXILLARY), rel=0.1)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_shrunken_sinus_keeps_the_share_asked_for_and_is_bone_elsewhere(head: Head, share: float) -> None:
    hu, labels = head.hu.copy(), head.labels.copy()
    before = labels == Structure.RIGHT_MAXILLARY
    shrink_lumen(hu, labels, head.spacing, Structure.RIGHT_MAXILLARY, share, np.random.default_rng(1))
    after = labels == Structure.RIGHT_MAXILLARY
    assert after.sum() == pytest.approx(share * before.sum(), rel=0.12)
    assert np.all(before[after])
    assert np.median(hu[after]) < -800
    assert np.median(hu[before & ~after]) > -100
    np.testing.assert_array_equal(hu[labels == Structure.LEFT_MAXILLARY], head.hu[labels == Structure.LEFT_MAXILLARY])


def test_an_absent_sinus_leaves_no_label_and_no_air(head: Head) -> None:
    hu, labels = head.hu.copy(), head.labels.copy()
    before = labels == Structure.LEFT_SPHENOID
    shrink_lumen(hu, labels, head.spacing, Structure.LEFT_SPHENOID, 0.0, np.random.default_rng(1))
    assert not np.any(labels == Structure.LEFT_SPHENOID)
    assert np.percentile(hu[before], 10) > -400


def test_antra_of_one_plan_have_their_own_sizes(head: Head) -> None:
    volumes = {(Sinus.MAXILLARY, Side.RIGHT): 4.0, (Sinus.MAXILLARY, Side.LEFT): 18.0}
    warps, keep = plan_sinuses(head, HeadShape(), volumes, np.random.default_rng(0))
    factors = {warp.structure: float(np.prod(warp.factors)) for warp in warps}
    assert factors[Structure.LEFT_MAXILLARY] > factors[Structure.RIGHT_MAXILLARY]
    assert Structure.LEFT_MAXILLARY not in keep or keep[Structure.LEFT_MAXILLARY] > keep[Structure.RIGHT_MAXILLARY]


def test_the_same_seed_draws_the_same_head(head: Head) -> None:
    first, second = (draw_head(np.random.default_rng(11), [head], 30, "F", spacing_mm=SPACING_MM) for _ in range(2))
    np.testing.assert_array_equal(first.hu, second.hu)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.landmarks == second.landmarks


def test_drawn_heads_differ_and_both_antra_are_there(head: Head) -> None:
    drawn = [draw_head(np.random.default_rng(seed), [head], 40, "M", spacing_mm=SPACING_MM) for seed in range(4)]
    sizes = {(voxels(d, Structure.RIGHT_MAXILLARY), voxels(d, Structure.LEFT_MAXILLARY)) for d in drawn}
    assert len(sizes) == 4
    assert all(min(pair) > 20 for pair in sizes)
    assert all(d.source == head.source for d in drawn)


def test_landmarks_move_with_the_head(head: Head) -> None:
    larger = warp_head(head, replace(HeadShape(), scale=(1.1, 1.1, 1.1)), spacing_mm=SPACING_MM)
    for name in ("nasion", "porion_left"):
        np.testing.assert_allclose(larger.landmarks[name], np.array(head.landmarks[name]) * 1.1, atol=0.2)


def test_without_a_source_the_error_says_what_to_do() -> None:
    with pytest.raises(InputError, match="No head to draw from"):
        draw_head(np.random.default_rng(0), [], 40, "M")

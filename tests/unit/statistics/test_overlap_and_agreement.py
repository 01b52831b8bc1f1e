"""Segmentation and detection metrics, and agreement between readers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_dir

from sinusviewer.errors import InputError
from sinusviewer.statistics.agreement import intraclass_correlation, kappa
from sinusviewer.statistics.detection import box_iou, contains, match_boxes
from sinusviewer.statistics.segmentation import assd, dice, hausdorff_95, iou, surface_distances

SHARED = shared_dir()


@pytest.mark.shared
@pytest.mark.skipif(SHARED is None, reason="shared reference data not found (SINUSVIEWER_SHARED)")
def test_masks_are_measured_as_medpy_measures_them() -> None:
    assert SHARED is not None
    folder = SHARED / "reference" / "segmentation"
    for name, expected in json.loads((folder / "expected.json").read_text()).items():
        with np.load(folder / f"{name}.npz") as case:
            gt, pred, spacing = case["gt"], case["pred"], tuple(float(s) for s in case["spacing"])
        distances = surface_distances(gt, pred, spacing)
        if not gt.any() or not pred.any():
            assert distances.hausdorff_95 is None
            assert dice(gt, pred) == (1.0 if not gt.any() and not pred.any() else 0.0)
            continue
        assert dice(gt, pred) == pytest.approx(expected["dice_medpy_dc"], rel=1e-12)
        assert iou(gt, pred) == pytest.approx(expected["iou_medpy_jc"], rel=1e-12)
        assert distances.hausdorff == pytest.approx(expected["medpy"]["hd"], rel=1e-12)
        assert distances.hausdorff_95 == pytest.approx(expected["medpy"]["hd95_pooled"], rel=1e-12)
        assert distances.assd == pytest.approx(expected["medpy"]["assd_medpy_0_5_2"], rel=1e-12)


def cube(shape: tuple[int, int, int], at: tuple[int, int, int], size: int) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(slice(a, a + size) for a in at)] = 1
    return mask


def test_a_shifted_plane_is_one_spacing_away() -> None:
    a, b = np.zeros((5, 8, 8), dtype=bool), np.zeros((5, 8, 8), dtype=bool)
    a[1], b[2] = True, True
    got = surface_distances(a, b, (3.0, 0.5, 0.5))
    assert (got.hausdorff, got.hausdorff_95, got.assd) == (3.0, 3.0, 3.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_overlap_and_distances_do_not_depend_on_the_order_of_the_masks(seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.random((2, 6, 7, 5)) < 0.3
    spacing = (2.0, 0.7, 0.9)
    assert dice(a, b) == dice(b, a)
    assert assd(a, b, spacing) == pytest.approx(assd(b, a, spacing))
    assert hausdorff_95(a, b, spacing) == pytest.approx(hausdorff_95(b, a, spacing))
    overlap = iou(a, b)
    assert dice(a, b) == pytest.approx(2 * overlap / (1 + overlap))
    assert hausdorff_95(a, a, spacing) == (0.0 if a.any() else None)


def test_empty_masks_agree_in_overlap_and_have_no_distance() -> None:
    empty, full = np.zeros((3, 3)), np.ones((3, 3))
    assert (dice(empty, empty), iou(empty, empty)) == (1.0, 1.0)
    assert (dice(empty, full), iou(full, empty)) == (0.0, 0.0)
    assert hausdorff_95(empty, full, (1.0, 1.0)) is None
    assert assd(empty, empty, (1.0, 1.0)) is None


def test_masks_of_different_images_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        dice(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(InputError, match="Spacing"):
        assd(cube((4, 4, 4), (0, 0, 0), 2), cube((4, 4, 4), (1, 1, 1), 2), (1.0, 0.0, 1.0))


def test_box_overlaps_are_shares_of_the_union() -> None:
    got = box_iou([[0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 10], [5, 0, 15, 10], [40, 40, 40, 40]])
    np.testing.assert_allclose(got, [[1.0, 1 / 3, 0.0], [0.0, 0.0, 0.0]])


def test_the_best_score_takes_the_box_and_a_second_hit_is_false() -> None:
    got = match_boxes(
        [[0, 0, 9, 10], [0, 0, 10, 10], [50, 50, 60, 60]], [0.6, 0.9, 0.8], [[0, 0, 10, 10], [80, 80, 90, 90]]
    )
    assert [(i, j) for i, j, _ in got.pairs] == [(1, 0)]
    assert got.false_positives == (2, 0)
    assert got.false_negatives == (1,)
    assert got.precision == pytest.approx(1 / 3)
    assert got.recall == pytest.approx(1 / 2)


def test_nothing_against_nothing_has_no_precision() -> None:
    got = match_boxes([], [], [])
    assert got.precision is None
    assert got.recall is None
    assert match_boxes([[0, 0, 1, 1]], [0.5], []).false_positives == (0,)


def test_a_box_contains_another_up_to_its_edges() -> None:
    assert contains([0, 0, 10, 10], [0, 2, 10, 8])
    assert not contains([0, 0, 10, 10], [0, 2, 10.5, 8])


def test_a_box_inside_out_is_refused() -> None:
    with pytest.raises(InputError, match="x0 <= x1"):
        box_iou([[5, 0, 1, 2]], [[0, 0, 1, 1]])


def test_kappa_of_a_textbook_table() -> None:
    # 20 both yes, 15 both no, 5 and 10 apart: observed 0.7, by chance 0.5
    first = np.repeat(["yes", "yes", "no", "no"], [20, 5, 10, 15])
    second = np.repeat(["yes", "no", "yes", "no"], [20, 5, 10, 15])
    got = kappa(first, second)
    assert got.value == pytest.approx(0.4)
    assert got.ci95 is not None
    assert got.ci95[0] < 0.4 < got.ci95[1]


def test_weighted_kappa_forgives_near_misses() -> None:
    first, second = [0, 0, 1, 1, 2, 2, 2, 0], [0, 1, 1, 1, 2, 2, 1, 0]
    plain, linear, quadratic = (kappa(first, second, weights=w).value for w in ("none", "linear", "quadratic"))
    assert plain is not None
    assert linear is not None
    assert quadratic is not None
    assert plain < linear < quadratic


def test_one_category_has_no_kappa() -> None:
    assert kappa([1, 1], [1, 1]).value is None


def test_intraclass_correlation_of_shrout_and_fleiss() -> None:
    # Psychological Bulletin 1979;86:420, table 2: ICC(2,1) 0.29 and ICC(3,1) 0.71, six targets and four judges
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    agreement = intraclass_correlation(ratings)
    consistency = intraclass_correlation(ratings, kind="consistency")
    assert agreement.value == pytest.approx(0.2898, abs=1e-4)
    assert consistency.value == pytest.approx(0.7148, abs=1e-4)
    assert agreement.ci95 == pytest.approx((0.0188, 0.7611), abs=1e-3)
    assert consistency.ci95 == pytest.approx((0.3425, 0.9459), abs=1e-3)


def test_perfect_agreement_is_one_and_no_variation_is_not_estimable() -> None:
    assert intraclass_correlation([[1, 1], [2, 2], [3, 3]]).value == pytest.approx(1.0)
    assert intraclass_correlation([[1, 2], [1, 2]]).value is None

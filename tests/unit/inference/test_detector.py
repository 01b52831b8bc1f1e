"""From raw detector output to boxes, sides and scores."""

import numpy as np
import pytest

from sinusviewer.domain.anatomy import ImageSide
from sinusviewer.errors import InferenceError
from sinusviewer.inference.detector import Predictions, antrum_scores, best_face, box_iou, decode

LABELS = ("normal", "mucosal_thickening", "air_fluid", "cyst", "full_opacification")


def predictions(*rows: tuple[tuple[float, ...], float, tuple[float, ...]]) -> Predictions:
    boxes, scores, classes = zip(*rows, strict=True)
    return Predictions(np.array(boxes, float), np.array(scores, float), np.array(classes, float))


def test_a_box_decodes_to_its_cell_and_anchor() -> None:
    raw = np.full((1, 6, 4, 4), -20, np.float32)
    raw[0, :5, 2, 1] = (0.0, 0.0, np.log(2.0), 0.0, 3.0)
    found = best_face(decode(raw[0], [[0.25, 0.5]], 64))
    # cell (1, 2) of 16 px, middle at (24, 40); 0.25 * 64 * 2 = 32 wide, 0.5 * 64 = 32 high
    assert found.xyxy == pytest.approx((8, 24, 40, 56))
    assert found.score == pytest.approx(1 / (1 + np.exp(-3)))


def test_output_that_does_not_fit_the_anchors_is_refused() -> None:
    with pytest.raises(InferenceError, match="does not fit 2 anchors"):
        decode(np.zeros((13, 4, 4), np.float32), [[0.1, 0.1], [0.2, 0.2]], 64)


def test_each_half_is_scored_by_its_best_box_and_a_clear_antrum_is_evidence() -> None:
    left, right = antrum_scores(
        predictions(
            ((10, 40, 40, 70), 0.9, (0.98, 0.01, 0.0, 0.01, 0.0)),
            ((12, 42, 38, 66), 0.2, (0.0, 0.0, 0.0, 1.0, 0.0)),
            ((60, 40, 90, 70), 0.7, (0.1, 0.2, 0.6, 0.05, 0.05)),
        ),
        LABELS,
        100,
    )
    assert (left.side, right.side) == (ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT)
    assert left.score == pytest.approx(0.02)
    assert left.normal_evidence == pytest.approx(0.98)
    assert right.score == pytest.approx(0.9)
    assert right.subclass == "air_fluid"
    assert right.box is not None
    assert right.box.xyxy == (60, 40, 90, 70)


def test_mirrored_predictions_swap_the_sides_and_nothing_else() -> None:
    rows = [
        ((10.0, 40.0, 40.0, 70.0), 0.9, (0.9, 0.1, 0, 0, 0)),
        ((60.0, 42.0, 88.0, 70.0), 0.8, (0.2, 0.0, 0.8, 0, 0)),
    ]
    mirrored = [((100 - b[2], b[1], 100 - b[0], b[3]), s, c) for b, s, c in rows]
    left, right = antrum_scores(predictions(*rows), LABELS, 100)
    other_left, other_right = antrum_scores(predictions(*mirrored), LABELS, 100)
    assert (left.score, right.score) == (other_right.score, other_left.score)
    assert (left.subclass, right.subclass) == (other_right.subclass, other_left.subclass)


def test_overlapping_boxes_vote_by_their_objectness() -> None:
    found, _ = antrum_scores(
        predictions(
            ((10, 40, 40, 70), 0.6, (0.8, 0.2, 0, 0, 0)),
            ((11, 41, 41, 71), 0.3, (0.2, 0.8, 0, 0, 0)),
            ((0, 0, 8, 8), 0.5, (0.0, 1.0, 0, 0, 0)),
        ),
        LABELS,
        100,
        vote_iou=0.5,
    )
    assert found.score == pytest.approx((0.6 * 0.2 + 0.3 * 0.8) / 0.9)


def test_the_published_variant_scores_objectness_and_nought_without_a_box() -> None:
    left, right = antrum_scores(predictions(((10, 40, 40, 70), 0.4, (1.0,))), ("sinusitis",), 100)
    assert left.score == pytest.approx(0.4)
    assert left.normal_evidence is None
    assert (right.score, right.box) == (0.0, None)


def test_overlaps_are_shares_of_the_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11]])
    assert box_iou(boxes[0], boxes[1])[0, 0] == pytest.approx(81 / 119)

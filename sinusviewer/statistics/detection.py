"""Boxes against boxes: overlap, matching, precision and recall. Boxes are ``xyxy`` in pixel edges."""

from dataclasses import dataclass

import numpy as np

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike, FloatArray, as_scores


def box_iou(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Intersection over union of every box of ``first`` with every box of ``second``: ``[first, second]``."""
    a, b = _boxes(first), _boxes(second)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0.0, None).prod(axis=2)
    union = _areas(a)[:, None] + _areas(b)[None, :] - overlap
    ratio: FloatArray = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0.0)
    return ratio


def contains(outer: ArrayLike, inner: ArrayLike) -> bool:
    """Whether the first box holds the whole second one (the criterion of Oh 2021 for a true positive box)."""
    a, b = _boxes(outer)[0], _boxes(inner)[0]
    return bool((a[:2] <= b[:2]).all() and (a[2:] >= b[2:]).all())


@dataclass(frozen=True, slots=True)
class DetectionMatch:
    """Which prediction found which true box.

    Attributes
    ----------
    pairs
        ``(predicted index, true index, iou)``, best score first.
    """

    pairs: tuple[tuple[int, int, float], ...]
    false_positives: tuple[int, ...]
    false_negatives: tuple[int, ...]

    @property
    def precision(self) -> float | None:
        called = len(self.pairs) + len(self.false_positives)
        return len(self.pairs) / called if called else None

    @property
    def recall(self) -> float | None:
        present = len(self.pairs) + len(self.false_negatives)
        return len(self.pairs) / present if present else None


def match_boxes(
    predicted: ArrayLike, scores: ArrayLike, truth: ArrayLike, *, iou_threshold: float = 0.5
) -> DetectionMatch:
    """Match greedily by falling score: each prediction takes the free true box it overlaps most, if IoU >= threshold."""
    boxes, targets = _boxes(predicted), _boxes(truth)
    order = np.argsort(-as_scores(scores, len(boxes)), kind="stable")
    overlaps = box_iou(boxes, targets)
    free = np.ones(len(targets), dtype=np.bool_)
    pairs: list[tuple[int, int, float]] = []
    missed: list[int] = []
    for i in order:
        candidates = np.where(free, overlaps[i], -1.0)
        j = int(candidates.argmax()) if len(targets) else -1
        if j >= 0 and candidates[j] >= iou_threshold:
            free[j] = False
            pairs.append((int(i), j, float(candidates[j])))
        else:
            missed.append(int(i))
    return DetectionMatch(tuple(pairs), tuple(missed), tuple(int(j) for j in np.flatnonzero(free)))


def _boxes(boxes: ArrayLike) -> FloatArray:
    values = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) if np.size(boxes) else np.zeros((0, 4))
    if not bool(np.isfinite(values).all()) or bool((values[:, 2:] < values[:, :2]).any()):
        raise InputError("A box is x0, y0, x1, y1 with x0 <= x1 and y0 <= y1.")
    return values


def _areas(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))

"""ROC curves, cut-offs and what a cut-off does.

The direction is fixed: a higher score means disease. A patient is called positive where ``score >= threshold``.
"""

from dataclasses import dataclass

import numpy as np

from sinusviewer.statistics.arrays import ArrayLike, BoolArray, FloatArray, IntArray, as_outcome, as_scores


@dataclass(frozen=True, slots=True)
class BinaryCounts:
    """A two-by-two table of calls against outcomes."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def accuracy(self) -> float | None:
        return _ratio(self.tp + self.tn, self.n)

    @property
    def sensitivity(self) -> float | None:
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def false_positive_rate(self) -> float | None:
        return _ratio(self.fp, self.tn + self.fp)

    @property
    def false_negative_rate(self) -> float | None:
        return _ratio(self.fn, self.tp + self.fn)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def count_calls(y: ArrayLike, positive: ArrayLike) -> BinaryCounts:
    """Cross-tabulate yes/no calls against a yes/no outcome."""
    truth, call = as_outcome(y), as_outcome(positive)
    return BinaryCounts(
        tp=int(np.sum(truth & call)),
        fp=int(np.sum(~truth & call)),
        fn=int(np.sum(truth & ~call)),
        tn=int(np.sum(~truth & ~call)),
    )


def count_at_threshold(y: ArrayLike, scores: ArrayLike, threshold: float) -> BinaryCounts:
    """Cross-tabulate ``scores >= threshold`` against the outcome."""
    truth = as_outcome(y)
    return count_calls(truth, as_scores(scores, truth.size) >= threshold)


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """All operating points, by ascending threshold.

    Attributes
    ----------
    thresholds
        Halfway between neighbouring distinct scores, with -inf before the first and +inf after the last, as pROC
        (Robin et al., BMC Bioinformatics 2011) places them; a positive is ``score >= threshold``.
    true_positives, false_positives
        Counts at each threshold.
    """

    thresholds: FloatArray
    true_positives: IntArray
    false_positives: IntArray
    n_positive: int
    n_negative: int

    @property
    def sensitivity(self) -> FloatArray:
        return _rates(self.true_positives, self.n_positive)

    @property
    def specificity(self) -> FloatArray:
        return _rates(self.n_negative - self.false_positives, self.n_negative)


def _rates(counts: IntArray, total: int) -> FloatArray:
    return counts / total if total else np.full(counts.shape, np.nan)


def roc_curve(y: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Compute every operating point of a score in O(n log n)."""
    truth = as_outcome(y)
    values = as_scores(scores, truth.size)
    distinct, inverse = np.unique(values, return_inverse=True)
    positives = np.bincount(inverse, weights=truth, minlength=distinct.size).astype(np.int64)
    negatives = np.bincount(inverse, weights=~truth, minlength=distinct.size).astype(np.int64)
    middle = distinct[:-1] / 2.0 + distinct[1:] / 2.0
    # Neighbouring doubles have no double between them: the threshold is then the upper of the two.
    middle = np.where(middle > distinct[:-1], middle, distinct[1:])
    return RocCurve(
        thresholds=np.concatenate(([-np.inf], middle, [np.inf])),
        true_positives=_at_or_above(positives),
        false_positives=_at_or_above(negatives),
        n_positive=int(truth.sum()),
        n_negative=int(truth.size - truth.sum()),
    )


def _at_or_above(counts: IntArray) -> IntArray:
    return np.concatenate((np.cumsum(counts[::-1])[::-1], np.zeros(1, dtype=np.int64)))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and its two rates; the threshold may be infinite (all or none called positive)."""

    threshold: float
    sensitivity: float
    specificity: float


def youden_optima(y: ArrayLike, scores: ArrayLike) -> tuple[OperatingPoint, ...]:
    """Find every threshold that maximises sensitivity + specificity, in ascending order.

    Ties are decided in whole numbers, so that rounding neither hides nor invents an optimum. Empty where one class is
    missing.
    """
    curve = roc_curve(y, scores)
    if curve.n_positive == 0 or curve.n_negative == 0:
        return ()
    index = curve.true_positives * curve.n_negative - curve.false_positives * curve.n_positive
    best: BoolArray = index == index.max()
    return tuple(
        OperatingPoint(float(t), float(se), float(sp))
        for t, se, sp in zip(curve.thresholds[best], curve.sensitivity[best], curve.specificity[best], strict=True)
    )

"""Area under the ROC curve with its uncertainty, and the paired comparison of two areas.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837; the O(n log n) form by midranks of Sun and Xu, IEEE
Signal Processing Letters 2014;21:1389; Hanley and McNeil, Radiology 1982;143:29; Clopper and Pearson, Biometrika 1934.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sinusviewer.statistics.arrays import ArrayLike, BoolArray, FloatArray, as_outcome, as_scores

ONE_CLASS = "not estimable: the outcome has one class only"
ONE_PATIENT = "not estimable: fewer than two patients in a class"
NO_VARIANCE = "not estimable: the two scores rank every pair alike"


@dataclass(frozen=True, slots=True)
class AucEstimate:
    """An AUC and three statements of its uncertainty; ``None`` is "not estimable", for the reason given.

    Attributes
    ----------
    variance, ci95
        DeLong; the interval is clipped to [0, 1]. An AUC of exactly 0 or 1 has variance 0.
    se_hanley_mcneil
        Standard error from the AUC and the two class sizes alone.
    ci95_binomial_exact
        Clopper-Pearson interval of the AUC as if it were a proportion of all patients, as MedCalc prints it.
    """

    auc: float | None
    n_positive: int
    n_negative: int
    variance: float | None
    ci95: tuple[float, float] | None
    se_hanley_mcneil: float | None
    ci95_binomial_exact: tuple[float, float] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DelongTest:
    """Paired comparison of two AUCs on the same patients (first minus second)."""

    z: float | None
    p: float | None
    difference: float | None
    ci95: tuple[float, float] | None
    reason: str = ""


def _components(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Placement values: of each positive among the negatives, and of each negative among the positives."""
    positives, negatives = scores[truth], scores[~truth]
    ranks = stats.rankdata(scores)
    of_positives = (ranks[truth] - stats.rankdata(positives)) / negatives.size
    of_negatives = 1.0 - (ranks[~truth] - stats.rankdata(negatives)) / positives.size
    return of_positives, of_negatives


def auc(y: ArrayLike, scores: ArrayLike) -> float | None:
    """Probability that a positive outscores a negative, a tie counting one half; ``None`` where a class is missing."""
    truth = as_outcome(y)
    values = as_scores(scores, truth.size)
    n_positive = int(truth.sum())
    n_negative = truth.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    # Midranks are multiples of one half: this sum is exact.
    rank_sum = float(stats.rankdata(values)[truth].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative)


def estimate_auc(y: ArrayLike, scores: ArrayLike, *, level: float = 0.95) -> AucEstimate:
    """Estimate the AUC with DeLong's variance and interval, Hanley-McNeil's error and the exact binomial interval."""
    truth = as_outcome(y)
    values = as_scores(scores, truth.size)
    area = auc(truth, values)
    n_positive = int(truth.sum())
    n_negative = truth.size - n_positive
    if area is None:
        return AucEstimate(None, n_positive, n_negative, None, None, None, None, ONE_CLASS)
    variance = _variance(truth, values)
    interval = None
    if variance is not None:
        half = float(stats.norm.ppf(0.5 + level / 2.0)) * variance**0.5
        interval = (max(0.0, area - half), min(1.0, area + half))
    return AucEstimate(
        area,
        n_positive,
        n_negative,
        variance,
        interval,
        hanley_mcneil_se(area, n_positive, n_negative),
        clopper_pearson(area * truth.size, truth.size, level=level),
        "" if variance is not None else ONE_PATIENT,
    )


def _variance(truth: BoolArray, values: FloatArray) -> float | None:
    matrix = _covariance(truth, (values,))
    return None if matrix is None else float(matrix[0, 0])


def _covariance(truth: BoolArray, scores: tuple[FloatArray, ...]) -> FloatArray | None:
    n_positive = int(truth.sum())
    n_negative = truth.size - n_positive
    if n_positive < 2 or n_negative < 2:
        return None
    parts = [_components(truth, values) for values in scores]
    of_positives = np.cov(np.stack([part[0] for part in parts]), ddof=1)
    of_negatives = np.cov(np.stack([part[1] for part in parts]), ddof=1)
    return np.atleast_2d(of_positives) / n_positive + np.atleast_2d(of_negatives) / n_negative


def compare_aucs(y: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> DelongTest:
    """Test two correlated AUCs by DeLong's method; both scores are read "higher means disease"."""
    truth = as_outcome(y)
    a, b = as_scores(first, truth.size), as_scores(second, truth.size)
    area_a, area_b = auc(truth, a), auc(truth, b)
    if area_a is None or area_b is None:
        return DelongTest(None, None, None, None, ONE_CLASS)
    difference = area_a - area_b
    matrix = _covariance(truth, (a, b))
    if matrix is None:
        return DelongTest(None, None, difference, None, ONE_PATIENT)
    variance = float(matrix[0, 0] + matrix[1, 1] - 2.0 * matrix[0, 1])
    # Scores that rank alike leave a variance of rounding size, of either sign.
    if variance <= 1e-14 * max(1.0, float(np.trace(matrix))):
        return DelongTest(None, None, difference, None, NO_VARIANCE)
    z = difference / variance**0.5
    half = float(stats.norm.ppf(0.5 + level / 2.0)) * variance**0.5
    return DelongTest(z, float(2.0 * stats.norm.sf(abs(z))), difference, (difference - half, difference + half))


def hanley_mcneil_se(area: float, n_positive: int, n_negative: int) -> float:
    """Standard error of an AUC from its value and the class sizes (Hanley and McNeil 1982, equation 1)."""
    q1 = area / (2.0 - area)
    q2 = 2.0 * area**2 / (1.0 + area)
    spread = area * (1.0 - area) + (n_positive - 1) * (q1 - area**2) + (n_negative - 1) * (q2 - area**2)
    return float((max(0.0, spread) / (n_positive * n_negative)) ** 0.5)


def clopper_pearson(successes: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval; ``successes`` may be fractional, as in MedCalc's interval of an AUC."""
    tail = (1.0 - level) / 2.0
    low = 0.0 if successes <= 0 else float(stats.beta.ppf(tail, successes, n - successes + 1.0))
    high = 1.0 if successes >= n else float(stats.beta.ppf(1.0 - tail, successes + 1.0, n - successes))
    return low, high

"""Calibration: whether the predicted risks come true.

Sources: Brier 1950; Cox, Biometrika 1958;45:562 (intercept and slope); Hosmer and Lemeshow, Applied Logistic Regression;
Cleveland, JASA 1979;74:829 (the smooth curve). Numbers as R's ``val.prob`` and ``hoslem.test`` give them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.nonparametric.smoothers_lowess import lowess

from sinusviewer.statistics.arrays import ArrayLike, BoolArray, FloatArray, IntArray, as_outcome, as_probabilities
from sinusviewer.statistics.logistic import fit_logistic
from sinusviewer.statistics.newton import newton_fits


@dataclass(frozen=True, slots=True)
class HosmerLemeshow:
    """Goodness of fit over groups of like risk; ``None`` where it is not estimable."""

    chi2: float | None
    df: int
    p: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the predicted risks agree with what happened.

    Attributes
    ----------
    intercept, slope
        Of logit(outcome) on logit(prediction), both free: 0 and 1 if perfect.
    in_the_large
        The intercept with the slope held at 1: below 0 where risks are predicted too high.
    """

    brier: float
    intercept: float | None
    slope: float | None
    in_the_large: float | None
    hosmer_lemeshow: HosmerLemeshow
    n: int
    reason: str = ""


def calibrate(y: ArrayLike, probabilities: ArrayLike, *, external: bool, groups: int = 10) -> Calibration:
    """Summarise calibration.

    Parameters
    ----------
    external
        Whether the model was fitted on other patients; decides the degrees of freedom of Hosmer-Lemeshow.
    """
    truth = as_outcome(y)
    p = as_probabilities(probabilities, truth.size)
    intercept, slope, large, reason = _recalibrate(truth, p)
    test = hosmer_lemeshow(truth, p, external=external, groups=groups)
    return Calibration(brier_score(truth, p), intercept, slope, large, test, int(truth.size), reason)


def brier_score(y: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared difference between outcome and predicted risk."""
    truth = as_outcome(y)
    return float(np.mean((as_probabilities(probabilities, truth.size) - truth) ** 2))


def _recalibrate(truth: BoolArray, p: FloatArray) -> tuple[float | None, float | None, float | None, str]:
    inside = (p > 0.0) & (p < 1.0)  # a risk of 0 or 1 has no logit; val.prob leaves it out too
    y, logit = truth[inside], np.log(p[inside]) - np.log1p(-p[inside])
    if y.size == 0 or bool(y.all()) or not bool(y.any()):
        return None, None, None, "not estimable: the outcome has one class only"
    offset = newton_fits(np.ones((y.size, 1)), y.astype(np.float64), np.ones((1, y.size)), offset=logit)
    large = float(offset.coefficients[0, 0]) if bool(offset.converged[0]) else None
    if float(np.ptp(logit)) <= 1e-12 * max(1.0, float(np.abs(logit).max())):
        return None, None, large, "intercept and slope not estimable: every patient has the same predicted risk"
    fit = fit_logistic(y, logit[:, None], ("slope",))
    if fit.separation:
        return None, None, large, "intercept and slope not estimable: the predictions separate the outcome"
    return fit.coefficients[0], fit.coefficients[1], large, ""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationGroups:
    """Patients grouped by predicted risk, lowest first."""

    n: IntArray
    observed: IntArray
    expected: FloatArray

    @property
    def mean_predicted(self) -> FloatArray:
        return self.expected / self.n

    @property
    def observed_rate(self) -> FloatArray:
        return self.observed / self.n


def group_by_risk(y: ArrayLike, probabilities: ArrayLike, *, groups: int = 10) -> CalibrationGroups:
    """Group by quantiles of the predicted risk (R's type 7); equal risks stay together, so there may be fewer groups."""
    truth = as_outcome(y)
    p = as_probabilities(probabilities, truth.size)
    edges = np.unique(np.quantile(p, np.arange(groups + 1) / groups))
    place = np.maximum(np.searchsorted(edges, p, side="left") - 1, 0)
    n = np.bincount(place, minlength=max(edges.size - 1, 1))
    filled = n > 0
    expected = np.bincount(place, weights=p, minlength=n.size)
    observed = np.bincount(place, weights=truth, minlength=n.size)[filled].astype(np.int64)
    return CalibrationGroups(n[filled].astype(np.int64), observed, expected[filled].astype(np.float64))


def hosmer_lemeshow(y: ArrayLike, probabilities: ArrayLike, *, external: bool, groups: int = 10) -> HosmerLemeshow:
    """Test goodness of fit over quantile groups of risk.

    With g groups formed, the statistic has g - 2 degrees of freedom on the patients the model was fitted to and g on
    others (Hosmer, Lemeshow and Sturdivant 2013, section 5.2.2).
    """
    grouped = group_by_risk(y, probabilities, groups=groups)
    df = int(grouped.n.size) if external else int(grouped.n.size) - 2
    excess = (grouped.observed - grouped.expected) ** 2
    spread = grouped.expected * (1.0 - grouped.mean_predicted)
    impossible = (spread <= 0.0) & (excess > 1e-20)
    if bool(impossible.any()):
        return HosmerLemeshow(None, df, None, "a group with predicted risk 0 or 1 behaved otherwise")
    chi2 = float(np.sum(np.divide(excess, spread, out=np.zeros_like(excess), where=spread > 0.0)))
    if df < 1:
        return HosmerLemeshow(chi2, df, None, "too few groups of distinct risk")
    return HosmerLemeshow(chi2, df, float(stats.chi2.sf(chi2, df)))


def smooth_calibration(y: ArrayLike, probabilities: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Smooth the outcome over the predicted risk: R's ``lowess(p, y, iter = 0)``, as ``val.prob`` draws it.

    Returns
    -------
    predicted, observed
        Both sorted by predicted risk.
    """
    truth = as_outcome(y)
    p = np.sort(as_probabilities(probabilities, truth.size))
    order = np.argsort(as_probabilities(probabilities, truth.size), kind="stable")
    outcome = truth[order].astype(np.float64)
    if float(np.ptp(p)) == 0.0:
        return p, np.full(p.shape, outcome.mean())
    smooth = lowess(
        outcome, p, frac=2.0 / 3.0, it=0, delta=0.01 * float(np.ptp(p)), is_sorted=True, return_sorted=False
    )
    return p, np.asarray(smooth, dtype=np.float64)

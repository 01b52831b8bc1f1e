"""Bootstrap: intervals by stratified resampling, and optimism correction of a model's apparent performance.

Source: Harrell, Regression Modeling Strategies, section 5.3 (optimism); Efron and Tibshirani 1993 (percentile interval).
Every function is seeded: the same seed gives the same numbers.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike, BoolArray, FloatArray, IndexArray, as_outcome, as_scores
from sinusviewer.statistics.newton import logistic, newton_fits
from sinusviewer.statistics.separation import redundant_columns


def stratified_resamples(y: ArrayLike, count: int, *, seed: int) -> IndexArray:
    """Draw ``count`` resamples of row numbers, each with as many events and non-events as the original."""
    truth = as_outcome(y)
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(truth), np.flatnonzero(~truth)]
    drawn = [group[generator.integers(0, group.size, (count, group.size))] for group in groups if group.size]
    return np.concatenate(drawn, axis=1)


def resampled_aucs(y: ArrayLike, scores: ArrayLike, resamples: IndexArray) -> FloatArray:
    """Compute the AUC of every resample ``[resample, row]``; NaN where a resample has one class."""
    truth = as_outcome(y)
    values = as_scores(scores, truth.size)
    return _row_aucs(truth[resamples], values[resamples])


def _row_aucs(truth: BoolArray, values: FloatArray) -> FloatArray:
    ranks = np.asarray(stats.rankdata(values, axis=1))
    positives = truth.sum(axis=1).astype(np.float64)
    negatives = truth.shape[1] - positives
    pairs = positives * negatives
    wins = np.where(truth, ranks, 0.0).sum(axis=1) - positives * (positives + 1.0) / 2.0
    areas: FloatArray = np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0.0)
    return areas


def percentile_interval(values: FloatArray, *, level: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval (R's quantile type 7); ``None`` where nothing could be computed."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    low, high = np.quantile(finite, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def bootstrap_auc_ci(y: ArrayLike, scores: ArrayLike, count: int, *, seed: int) -> tuple[float, float] | None:
    """Percentile interval of an AUC from stratified resamples; ``None`` where a class is missing or count is 0."""
    truth = as_outcome(y)
    if count < 1 or bool(truth.all()) or not bool(truth.any()):
        return None
    return percentile_interval(resampled_aucs(truth, scores, stratified_resamples(truth, count, seed=seed)))


@dataclass(frozen=True, slots=True)
class Optimism:
    """An index on the patients fitted to, how much of it is optimism, and what is left; ``None`` is not estimable."""

    apparent: float
    optimism: float | None

    @property
    def corrected(self) -> float | None:
        return None if self.optimism is None else self.apparent - self.optimism


def _optimism(apparent: float, differences: FloatArray) -> Optimism:
    known = differences[np.isfinite(differences)]
    return Optimism(apparent, float(known.mean()) if known.size else None)


@dataclass(frozen=True, slots=True)
class OptimismCorrection:
    """Optimism-corrected performance of a logistic model.

    Attributes
    ----------
    used, requested
        Resamples that could be fitted (those without a finite fit are left out and show in the difference).
    """

    auc: Optimism
    brier: Optimism
    slope: Optimism
    intercept: Optimism
    used: int
    requested: int


def correct_optimism(
    y: ArrayLike, x: FloatArray, count: int, *, seed: int, firth: bool = False
) -> OptimismCorrection | None:
    """Refit the model in ``count`` ordinary resamples and measure how much worse each does on the original patients.

    ``x[patient, predictor]`` holds complete rows. ``None`` where no resample can be fitted.
    """
    truth = as_outcome(y)
    if bool(truth.all()) or not bool(truth.any()):
        raise InputError("Optimism cannot be estimated: the outcome has one class only.")
    values = np.asarray(x, dtype=np.float64)[:, ~redundant_columns(np.asarray(x, dtype=np.float64))]
    design = np.column_stack([np.ones(truth.size), (values - values.mean(axis=0)) / values.std(axis=0)])
    rows = np.random.default_rng(seed).integers(0, truth.size, (count, truth.size))
    weights = np.stack([np.bincount(row, minlength=truth.size) for row in rows]).astype(np.float64)
    outcome = truth.astype(np.float64)
    limit = 200 if firth else 30
    whole = newton_fits(design, outcome, np.ones((1, truth.size)), firth=firth, max_iterations=limit)
    fits = newton_fits(design, outcome, weights, firth=firth, max_iterations=limit)
    mixed = (weights @ outcome > 0.0) & (weights @ (1.0 - outcome) > 0.0)
    # A resample that is separated runs away along a column; a true fit stays within a few per standard deviation.
    usable = fits.converged & mixed & (np.abs(fits.coefficients).max(axis=1) < 20.0)
    if not bool(usable.any()):
        return None
    predictor = fits.coefficients[usable] @ design.T
    kept_rows, kept_weights = rows[usable], weights[usable]
    apparent_aucs = _row_aucs(truth[kept_rows], np.take_along_axis(predictor, kept_rows, axis=1))
    honest_aucs = _row_aucs(np.broadcast_to(truth, predictor.shape), predictor)
    squares = (logistic(predictor) - outcome) ** 2
    apparent_brier = (kept_weights * squares).sum(axis=1) / truth.size
    recalibration = _recalibrations(predictor, outcome)
    base = design @ whole.coefficients[0]
    base_auc = float(_row_aucs(truth[None, :], base[None, :])[0])
    base_brier = float(np.mean((logistic(base) - outcome) ** 2))
    return OptimismCorrection(
        auc=_optimism(base_auc, apparent_aucs - honest_aucs),
        brier=_optimism(base_brier, apparent_brier - squares.mean(axis=1)),
        slope=_optimism(1.0, 1.0 - recalibration[:, 1]),
        intercept=_optimism(0.0, 0.0 - recalibration[:, 0]),
        used=int(usable.sum()),
        requested=count,
    )


def _recalibrations(predictors: FloatArray, outcome: FloatArray) -> FloatArray:
    """Intercept and slope of the outcome on each row of linear predictors; NaN where they do not exist."""
    result = np.full((predictors.shape[0], 2), np.nan)
    weights = np.ones((1, outcome.size))
    for i, predictor in enumerate(predictors):
        spread = float(predictor.std())
        if spread <= 0.0:
            continue
        scaled = (predictor - predictor.mean()) / spread
        fit = newton_fits(np.column_stack([np.ones(outcome.size), scaled]), outcome, weights, max_iterations=30)
        if bool(fit.converged[0]):
            slope = float(fit.coefficients[0, 1]) / spread
            result[i] = float(fit.coefficients[0, 0]) - slope * float(predictor.mean()), slope
    return result

"""Newton's method for many weighted logistic regressions at once (one per row of weights).

statsmodels has the single fit, but neither Firth's penalty nor a thousand resamples in a blink, and it stops short of
machine precision; this one kernel serves the fit, the penalised fit, the recalibration and the bootstrap.
Source of the penalised score: Firth, Biometrika 1993;80:27; Heinze and Schemper, Statistics in Medicine 2002;21:2409.
"""

from dataclasses import dataclass

import numpy as np

from sinusviewer.statistics.arrays import BoolArray, FloatArray

MAX_HALVINGS = 12
ROUNDING = 1e-11  # a step below this, on standardised columns, only moves the last digits


def logistic(linear_predictor: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(linear_predictor))
    return np.where(linear_predictor >= 0.0, 1.0, small) / (1.0 + small)


def log_likelihood(linear_predictor: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Bernoulli log-likelihood, summed over the last axis."""
    return np.asarray(np.sum(weights * (y * linear_predictor - np.logaddexp(0.0, linear_predictor)), axis=-1))


@dataclass(frozen=True, slots=True, eq=False)
class NewtonFits:
    """Coefficients ``[fit, column]``, inverse information ``[fit, column, column]`` and how each fit ended."""

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: FloatArray
    converged: BoolArray


def newton_fits(
    design: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    *,
    firth: bool = False,
    free: BoolArray | None = None,
    offset: FloatArray | None = None,
    max_iterations: int = 50,
    deviance_tolerance: float | None = None,
) -> NewtonFits:
    """Maximise the (penalised) likelihood for every row of ``weights``.

    Parameters
    ----------
    design
        ``[patient, column]`` of full column rank, columns of similar size, the constant included.
    weights
        ``[fit, patient]``: how often each patient counts.
    free
        Columns to estimate; the others stay at 0 (their information still enters Firth's penalty).
    deviance_tolerance
        Stop when the deviance changes by less than this fraction, as R's ``glm`` does; without it, iterate to rounding.
    """
    problem = _Problem(design, y, weights, firth, np.zeros(y.size) if offset is None else offset)
    columns = np.arange(design.shape[1]) if free is None else np.flatnonzero(free)
    beta = np.zeros((weights.shape[0], design.shape[1]))
    state = problem.at(beta)
    converged = np.zeros(weights.shape[0], dtype=np.bool_)
    for _ in range(1, max_iterations + 1):
        step = np.zeros_like(beta)
        block = state.information[:, columns[:, None], columns[None, :]]
        step[:, columns] = np.linalg.solve(_regular(block), state.score[:, columns, None])[:, :, 0]
        np.nan_to_num(step, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        # Far steps under separation would overflow: five standard deviations of a column are far enough.
        step *= np.minimum(1.0, 5.0 / np.maximum(np.abs(step).max(axis=1), 5.0))[:, None]
        following = problem.at(beta + step)
        for _halving in range(MAX_HALVINGS):
            worse = following.objective < state.objective - 1e-10 * (1.0 + np.abs(state.objective))
            if firth:  # its step ignores the curvature of the penalty and may overshoot, back and forth for ever
                slope = np.sum(state.score * step, axis=1)
                worse |= (slope > 1e-24) & (np.sum(following.score * step, axis=1) < -0.25 * slope)
            if not bool(worse.any()):
                break
            step[worse] /= 2.0
            following = problem.at(beta + step)
        beta = beta + step
        moved = np.abs(step).max(axis=1, initial=0.0)
        if deviance_tolerance is None:
            converged = moved <= ROUNDING * (1.0 + np.abs(beta).max(axis=1))
        else:
            change = np.abs(following.objective - state.objective)
            converged = change <= deviance_tolerance * (np.abs(following.objective) + 0.05)
        state = following
        if bool(converged.all()):
            break
    covariance = np.asarray(np.linalg.inv(_regular(state.information)), dtype=np.float64)
    likelihood = state.objective if not firth else state.plain_likelihood
    return NewtonFits(beta, covariance, likelihood, converged)


def penalised_likelihood(design: FloatArray, y: FloatArray, beta: FloatArray) -> float:
    """Firth's penalised log-likelihood of one set of coefficients."""
    problem = _Problem(design, y, np.ones((1, y.size)), True, np.zeros(y.size))
    return float(problem.at(beta[None, :]).objective[0])


def _regular(matrices: FloatArray) -> FloatArray:
    """Give singular information matrices (a resample without variation) a tiny diagonal instead of an exception."""
    with np.errstate(all="ignore"):
        condition = np.linalg.cond(matrices)
    singular = ~(condition < 1e14)
    if not bool(singular.any()):
        return matrices
    ridge = np.zeros_like(matrices)
    ridge[singular] = np.eye(matrices.shape[1]) * 1e-10
    return matrices + ridge


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    objective: FloatArray
    plain_likelihood: FloatArray
    score: FloatArray
    information: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    design: FloatArray
    y: FloatArray
    weights: FloatArray
    firth: bool
    offset: FloatArray

    def at(self, beta: FloatArray) -> _State:
        x = self.design
        eta = beta @ x.T + self.offset
        p = logistic(eta)
        variance = p * logistic(-eta)
        n, k = x.shape
        squares = (x[:, :, None] * x[:, None, :]).reshape(n, k * k)
        information = ((self.weights * variance) @ squares).reshape(-1, k, k)
        likelihood = log_likelihood(eta, self.y, self.weights)
        residual = self.y - p
        objective = likelihood
        if self.firth:
            inverse = np.linalg.inv(_regular(information)).reshape(-1, k * k)
            leverage = variance * (inverse @ squares.T)
            residual = residual + leverage * (0.5 - p)
            sign, log_determinant = np.linalg.slogdet(information)
            objective = likelihood + 0.5 * np.where(sign > 0, log_determinant, -np.inf)
        score = (self.weights * residual) @ x
        return _State(objective, likelihood, score, information)

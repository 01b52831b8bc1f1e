"""Profile-likelihood intervals of a logistic regression: where the likelihood falls by chi2(1) / 2, each other coefficient free.

Wald intervals are symmetric and fail near separation; these follow the likelihood (Venzon and Moolgavkar, Applied Statistics
1988;37:87; R's ``confint`` of a ``glm``). No library kept well has them for logistic regression, statsmodels neither.
"""

import numpy as np
from scipy import optimize, stats

from sinusviewer.statistics.arrays import ArrayLike, FloatArray, as_outcome
from sinusviewer.statistics.logistic import LogisticFit
from sinusviewer.statistics.newton import newton_fits, penalised_likelihood

_FARTHEST = 60.0
"""In coefficients of standardised columns; farther out the likelihood is flat to rounding: there is no limit."""

Interval = tuple[float | None, float | None]


def profile_ci95(fit: LogisticFit, y: ArrayLike, x: FloatArray) -> tuple[Interval | None, ...]:
    """Intervals of the coefficients of ``fit``, the intercept left out, in the order of its predictors.

    Parameters
    ----------
    fit
        Fitted to ``y`` and ``x``; Firth's fit is profiled by its penalised likelihood.

    Returns
    -------
    tuple
        (low, high) per predictor; an end is None where the likelihood never falls so far (separation), the whole where the
        column is redundant.
    """
    truth = as_outcome(y).astype(np.float64)
    firth = fit.method == "firth"
    names = fit.names[1:]
    kept = [j for j, name in enumerate(names) if name not in fit.redundant]
    centre, spread = x[:, kept].mean(axis=0), x[:, kept].std(axis=0)
    design = np.column_stack([np.ones(truth.size), (x[:, kept] - centre) / spread])
    profiled = _Profile(design, truth, firth)
    result: list[Interval | None] = [None] * len(names)
    for place, j in enumerate(kept, start=1):
        at = (fit.coefficients[j + 1] or 0.0) * float(spread[place - 1])
        low, high = (profiled.end(place, at, sign) for sign in (-1.0, 1.0))
        scale = float(spread[place - 1])
        result[j] = (None if low is None else low / scale, None if high is None else high / scale)
    return tuple(result)


class _Profile:
    """The (penalised) likelihood with one standardised coefficient held."""

    def __init__(self, design: FloatArray, y: FloatArray, firth: bool) -> None:
        self._design, self._y, self._firth = design, y, firth
        self._ones = np.ones((1, y.size))
        best = newton_fits(design, y, self._ones, firth=firth, max_iterations=500)
        top = penalised_likelihood(design, y, best.coefficients[0]) if firth else float(best.log_likelihood[0])
        self._wanted = top - float(stats.chi2.ppf(0.95, 1)) / 2.0

    def above(self, place: int, value: float) -> float:
        """How far the profile at ``value`` lies above the limit."""
        free = np.ones(self._design.shape[1], dtype=np.bool_)
        free[place] = False
        held = value * self._design[:, place]
        fits = newton_fits(
            self._design, self._y, self._ones, firth=self._firth, free=free, offset=held, max_iterations=500,
            deviance_tolerance=None if self._firth else 1e-12,
        )  # fmt: skip
        if not self._firth:
            return float(fits.log_likelihood[0]) - self._wanted
        beta = fits.coefficients[0].copy()
        beta[place] = value
        return penalised_likelihood(self._design, self._y, beta) - self._wanted

    def end(self, place: int, start: float, sign: float) -> float | None:
        """Where the profile crosses the limit on one side of the estimate."""
        inner, reach = float(np.clip(start, -_FARTHEST, _FARTHEST)), 0.25
        while self.above(place, inner + sign * reach) > 0.0:
            reach *= 2.0
            if reach > _FARTHEST:
                return None
        if self.above(place, inner) <= 0.0:
            return None
        low, high = min(inner, inner + sign * reach), max(inner, inner + sign * reach)
        return float(optimize.brentq(lambda v: self.above(place, v), low, high, xtol=1e-10))

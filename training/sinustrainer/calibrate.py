"""Calibration and threshold from held-out patients: never from those trained on, never from a test split."""

import numpy as np
import numpy.typing as npt
from scipy import optimize

from sinusviewer.inference.model_card import Calibration

FloatArray = npt.NDArray[np.float64]


def logit(p: npt.ArrayLike) -> FloatArray:
    """Log odds, with probabilities kept 1e-6 away from 0 and 1."""
    clipped = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    result: FloatArray = np.log(clipped / (1 - clipped))
    return result


def fit_calibration(
    y: npt.ArrayLike, scores: npt.ArrayLike, fitted_on: str, *, bias: bool = True
) -> Calibration | None:
    """Temperature (Guo 2017), with a bias (Platt 1999) where asked; None where one class is missing.

    Platt's smoothed targets keep the fit finite where the classes are separated.
    """
    truth = np.asarray(y, dtype=bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives == 0 or negatives == 0:
        return None
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    x = logit(scores)

    def negative_log_likelihood(parameters: FloatArray) -> float:
        z = x * np.exp(-parameters[0]) + (parameters[1] if bias else 0.0)
        return float(np.mean(np.logaddexp(0, z) - target * z))

    start = np.zeros(2 if bias else 1)
    bounds = [(-3.0, 3.0), (-6.0, 6.0)][: len(start)]
    best = optimize.minimize(negative_log_likelihood, start, bounds=bounds, method="L-BFGS-B").x
    return Calibration(
        method="platt" if bias else "temperature",
        temperature=float(np.exp(best[0])),
        bias=float(best[1]) if bias else 0.0,
        fitted_on=fitted_on,
    )


EVEN_ODDS = 0.5
"""Threshold on a CALIBRATED probability at which most sides are called right. On films of a head that was in no training film, 89 %
of the reports were right at it, and 82 % at the prevalence of the films calibrated on."""


def youden_threshold(y: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Threshold of the largest sensitivity + specificity, a positive being ``p >= t``; 0.5 where one class is missing.

    Any value between two neighbouring scores does the same on the data; the middle (of the log odds) is taken, and of equal
    best gaps the widest.
    """
    truth, p = np.asarray(y, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    if truth.all() or not truth.any():
        return 0.5
    values = np.unique(logit(p))
    if len(values) < 2:
        return 0.5
    cuts, gaps = (values[1:] + values[:-1]) / 2, np.diff(values)
    called = logit(p)[None, :] >= cuts[:, None]
    youden = called[:, truth].mean(axis=1) - called[:, ~truth].mean(axis=1)
    best = np.flatnonzero(youden >= youden.max() - 1e-12)
    cut = cuts[best[np.argmax(gaps[best])]]
    return float(np.clip(1 / (1 + np.exp(-cut)), 0.01, 0.99))


def balanced_threshold(y: npt.ArrayLike) -> float:
    """Threshold on a CALIBRATED probability at which sensitivity + specificity is largest: the prevalence it was fitted on.

    A probability above the prevalence speaks for disease more than a random case does. Unlike the best cut of a small sample
    it does not follow that sample's accidents.
    """
    return float(np.clip(np.mean(np.asarray(y, dtype=bool)), 0.05, 0.95))

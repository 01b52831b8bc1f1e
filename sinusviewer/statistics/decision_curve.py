"""Decision curves: net benefit of treating patients at or above a threshold probability.

Source: Vickers and Elkin, Medical Decision Making 2006;26:565.
"""

from dataclasses import dataclass

import numpy as np

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike, FloatArray, as_outcome, as_probabilities


def percent_thresholds() -> FloatArray:
    """Return 0.01, 0.02, ..., 0.99, each the double nearest its decimal."""
    return np.arange(1, 100) / 100.0


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit of a model beside treating everyone and no one.

    Attributes
    ----------
    net_reduction
        Interventions avoided per patient without missing an event, against treating everyone; NaN at threshold 0.
    """

    thresholds: FloatArray
    net_benefit: FloatArray
    treat_all: FloatArray
    treat_none: FloatArray
    net_reduction: FloatArray


def decision_curve(y: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike | None = None) -> DecisionCurve:
    """Compute net benefit = TP/n - FP/n * t/(1-t), a positive being ``p >= t``.

    The odds of the threshold are infinite at 1, so there every net benefit is NaN.
    """
    truth = as_outcome(y)
    p = as_probabilities(probabilities, truth.size)
    t = percent_thresholds() if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    if t.ndim != 1 or not bool(((t >= 0.0) & (t <= 1.0)).all()):
        raise InputError("Threshold probabilities must be one row of numbers in [0, 1].")
    positives, negatives = np.sort(p[truth]), np.sort(p[~truth])
    tp = positives.size - np.searchsorted(positives, t, side="left")
    fp = negatives.size - np.searchsorted(negatives, t, side="left")
    odds = np.divide(t, 1.0 - t, out=np.full(t.shape, np.nan), where=t < 1.0)
    benefit = tp / truth.size - fp / truth.size * odds
    treat_all = positives.size / truth.size - negatives.size / truth.size * odds
    inverse_odds = np.divide(1.0 - t, t, out=np.full(t.shape, np.nan), where=(t > 0.0) & (t < 1.0))
    return DecisionCurve(t, benefit, treat_all, np.zeros(t.shape) * odds, (benefit - treat_all) * inverse_odds)

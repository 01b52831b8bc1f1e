"""Separation: whether the maximum-likelihood estimate of a logistic regression exists.

Source: Albert and Anderson, Biometrika 1984;71:1; found by linear programming as in Konis, DPhil thesis, Oxford 2007.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linprog

from sinusviewer.statistics.arrays import ArrayLike, BoolArray, FloatArray, as_outcome

TOLERANCE = 1e-6  # the linear programme is solved to 1e-7


@dataclass(frozen=True, slots=True)
class Separation:
    """Which predictors have no finite maximum-likelihood coefficient.

    Attributes
    ----------
    kind
        ``complete``: a combination of the predictors tells every event from every non-event; ``quasi``: some patients
        lie on the boundary, for instance a 0/1 predictor that is never 1 without the event.
    """

    kind: Literal["none", "quasi", "complete"]
    columns: tuple[int, ...]

    @property
    def present(self) -> bool:
        return self.kind != "none"


def find_separation(y: ArrayLike, x: FloatArray) -> Separation:
    """Look for a direction in which the likelihood rises for ever.

    Parameters
    ----------
    x
        ``[patient, predictor]`` of full rank, without the constant.
    """
    truth = as_outcome(y)
    scale = np.abs(x - x.mean(axis=0)).max(axis=0, initial=0.0)
    centred = (x - x.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    signed = np.where(truth, 1.0, -1.0)[:, None] * np.column_stack([np.ones(truth.size), centred])
    direction = _widest_direction(signed)
    margin = signed @ direction
    if float(np.abs(direction).max()) < 0.5 or float(margin.max()) < TOLERANCE:
        return Separation("none", ())
    columns = tuple(int(j) for j in np.flatnonzero(np.abs(direction[1:]) > TOLERANCE))
    return Separation("complete" if _separates_strictly(signed) else "quasi", columns)


def _widest_direction(signed: FloatArray) -> FloatArray:
    """Maximise the summed margin over the box [-1, 1] with no patient on the wrong side; 0 if only 0 is feasible."""
    result = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(signed.shape[0]), bounds=(-1.0, 1.0))
    return np.asarray(result.x, dtype=np.float64)


def _separates_strictly(signed: FloatArray) -> bool:
    """Maximise the smallest margin; positive only under complete separation."""
    n, k = signed.shape
    cost = np.zeros(k + 1)
    cost[-1] = -1.0
    with_margin = np.column_stack([-signed, np.ones(n)])
    bounds = [(-1.0, 1.0)] * k + [(0.0, 1.0)]
    result = linprog(cost, A_ub=with_margin, b_ub=np.zeros(n), bounds=bounds)
    return float(np.asarray(result.x)[-1]) > TOLERANCE


def redundant_columns(x: FloatArray, *, tolerance: float = 1e-7) -> BoolArray:
    """Mark columns that are constant or a linear combination of the constant and earlier columns (R: aliased)."""
    marked = np.zeros(x.shape[1], dtype=np.bool_)
    basis = [np.full(x.shape[0], x.shape[0] ** -0.5)]
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        size = float(np.linalg.norm(column))
        if size <= tolerance * max(float(np.abs(x[:, j]).max()), 1e-300):
            marked[j] = True
            continue
        rest = column / size
        for _ in range(2):  # twice is enough (Kahan)
            for vector in basis:
                rest = rest - vector * float(vector @ rest)
        if float(np.linalg.norm(rest)) <= tolerance:
            marked[j] = True
        else:
            basis.append(rest / float(np.linalg.norm(rest)))
    return marked

"""Restricted cubic splines, for a predictor whose effect is not a straight line."""

import numpy as np

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike, FloatArray


def restricted_cubic_spline(values: ArrayLike, knots: tuple[float, ...]) -> FloatArray:
    """Return Harrell's restricted cubic spline basis ``[value, knots - 1]``: the value itself, then the curved terms.

    Linear beyond the outer knots; curved terms divided by the squared knot range (``Hmisc::rcspline.eval``, norm 2).
    """
    x = np.asarray(values, dtype=np.float64)
    *inner, before_last, last = knots
    scale = (last - knots[0]) ** 2

    def cube(at: float) -> FloatArray:
        return np.clip(x - at, 0.0, None) ** 3

    curved = [
        cube(knot)
        - cube(before_last) * (last - knot) / (last - before_last)
        + cube(last) * (before_last - knot) / (last - before_last)
        for knot in inner
    ]
    return np.stack([x, *(term / scale for term in curved)], axis=-1)


def spline_knots(training_values: ArrayLike) -> tuple[float, ...]:
    """Return three knots at the 10th, 50th and 90th percentile, as rms places them."""
    values = np.asarray(training_values, dtype=np.float64)
    low, middle, high = (float(q) for q in np.quantile(values[np.isfinite(values)], (0.1, 0.5, 0.9)))
    if not low < middle < high:
        raise InputError("A non-linear term needs three distinct knots; this column has too many equal values.")
    return low, middle, high

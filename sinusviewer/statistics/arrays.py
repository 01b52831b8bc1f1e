"""Array types and the checks every statistic makes on its input."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sinusviewer.errors import InputError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IndexArray: TypeAlias = npt.NDArray[np.intp]
ArrayLike: TypeAlias = npt.ArrayLike


def as_outcome(y: ArrayLike) -> BoolArray:
    """Return a one-dimensional outcome as booleans.

    Raises
    ------
    InputError
        If a value is neither 0 nor 1, or the array is empty or not one-dimensional.
    """
    values: npt.NDArray[Any] = np.asarray(y)
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"An outcome must be one non-empty column, not an array of shape {values.shape}.")
    if values.dtype == np.bool_:
        return values
    numbers = values.astype(np.float64)
    if not bool(np.isin(numbers, (0.0, 1.0)).all()):
        odd = numbers[~np.isin(numbers, (0.0, 1.0))][0]
        raise InputError(f"An outcome must be 0 or 1, got {odd:g}.")
    return np.asarray(numbers == 1.0)


def as_scores(scores: ArrayLike, n: int, *, what: str = "score") -> FloatArray:
    """Return ``n`` finite scores as float64."""
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (n,):
        raise InputError(f"Expected {n} values of {what}, got an array of shape {values.shape}.")
    if not bool(np.isfinite(values).all()):
        raise InputError(f"Every {what} must be a finite number.")
    return values


def as_probabilities(probabilities: ArrayLike, n: int) -> FloatArray:
    """Return ``n`` probabilities in [0, 1] as float64."""
    values = as_scores(probabilities, n, what="probability")
    outside = (values < 0.0) | (values > 1.0)
    if bool(outside.any()):
        raise InputError(f"A probability must lie in [0, 1], got {values[outside][0]:g}.")
    return values

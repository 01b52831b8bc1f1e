"""Values that no patient has: impossible ages, counts below 0, eosinophils in another unit, yes and no that are neither."""

from collections.abc import Sequence

import numpy as np

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import BoolArray, FloatArray

YES_NO = (
    "female", "asthma", "ar", "allergic_rhinitis", "hypertension", "diabetes", "smoking", "drinking",
)  # fmt: skip
"""Predictors that the window gives as 0 or 1: an axis from 1 to 2 would read every patient wrong."""
OLDEST = 120.0
EOSINOPHILS_MOST = 20_000.0  # cells/µL; more is a unit a thousand times too small


def is_eosinophil_count(column: str) -> bool:
    """Whether a column's name says eosinophils per µL rather than a share, a logarithm or another unit."""
    name = column.lower()
    other = ("pct", "percent", "%", "log", "ratio", "e9", "10^9", "giga", "per_l")
    return name.startswith("eos") and not any(mark in name for mark in other)


def check_plausible(file: str, column: str, values: FloatArray, places: Sequence[str]) -> None:
    """Refuse ages that no one has, counts below 0 and eosinophils in a unit a factor of 1000 away from cells/µL.

    ``places`` are each value's row or case, as the message is to call it.
    """
    name = column.lower()
    if name in {"age", "age_years"}:
        _refuse(file, column, values, places, (values < 0.0) | (values > OLDEST), "is no possible age", "Give years.")
    eosinophils = is_eosinophil_count(column)
    if eosinophils or "count" in name or name.endswith("_per_ul"):
        _refuse(file, column, values, places, values < 0.0, "is a negative count", "")
    if eosinophils:
        small, large = _wrong_unit(values)
        off = "is off by a factor of 1000 from cells/µL"
        _refuse(file, column, values, places, small, off, "0.3 x 10⁹/L is 300.")
        _refuse(file, column, values, places, large, off, "300000 cells/mL is 300.")


def refuse_other_than_yes_no(file: str, column: str, values: FloatArray, places: Sequence[str]) -> None:
    """Refuse a yes/no of the clinical data that is coded otherwise than 0 and 1."""
    if column.lower() in YES_NO:
        wrong = np.isfinite(values) & ~np.isin(values, (0.0, 1.0))
        _refuse(file, column, values, places, wrong, "is neither 0 (no) nor 1 (yes)", "")


def _wrong_unit(values: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Values too small and too large by a factor of 1000."""
    median = median_of_positive(values)
    small = (values > 0.0) & (values < 1.0)
    large = (values > EOSINOPHILS_MOST) | ((values >= 10_000.0) & (values >= 30.0 * median))
    counted = values[values >= 20.0]
    if counted.size >= 5 and bool((counted % 1.0 == 0.0).all()):  # whole cells everywhere else: 1.25 is not one
        small |= (values < 20.0) & (values % 1.0 != 0.0)
    if 0.0 < median < 10.0:
        small |= (values > 0.0) & (values < 10.0)
    return np.asarray(small), np.asarray(large)


def median_of_positive(values: FloatArray) -> float:
    """0 where no value is positive."""
    positive = values[values > 0.0]
    return float(np.median(positive)) if positive.size else 0.0


def _refuse(
    file: str, column: str, values: FloatArray, places: Sequence[str], wrong: BoolArray, what: str, hint: str
) -> None:
    if bool(wrong.any()):
        i = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{file}, column {column}, {places[i]}: {values[i]:g} {what}.", hint)

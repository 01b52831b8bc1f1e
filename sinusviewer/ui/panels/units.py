"""Units of the eosinophil count and how a typed number becomes a value. Pure functions."""

import math
from enum import StrEnum

from sinusviewer.errors import InputError


class EosinophilUnit(StrEnum):
    """How laboratories report eosinophils."""

    PER_UL = "cells/µL"
    GIGA_PER_L = "10⁹/L"
    PERCENT = "% of white cells"


def to_per_ul(value: float, unit: EosinophilUnit, white_cells_giga_per_l: float | None = None) -> float:
    """Cells per microlitre. 10⁹/L times 1000; a percentage needs the white count.

    Raises
    ------
    InputError
        If a percentage comes without the white count or is above 100.
    """
    if unit is EosinophilUnit.PER_UL:
        return value
    if unit is EosinophilUnit.GIGA_PER_L:
        return value * 1000.0
    if value > 100.0:
        raise InputError("A percentage cannot be above 100.")
    if white_cells_giga_per_l is None or white_cells_giga_per_l <= 0:
        raise InputError("A percentage needs the white cell count.")
    return value / 100.0 * white_cells_giga_per_l * 1000.0


def from_per_ul(per_ul: float, unit: EosinophilUnit, white_cells_giga_per_l: float | None = None) -> float | None:
    """The value in a unit; None for a percentage without the white count."""
    if unit is EosinophilUnit.PER_UL:
        return per_ul
    if unit is EosinophilUnit.GIGA_PER_L:
        return per_ul / 1000.0
    if white_cells_giga_per_l is None or white_cells_giga_per_l <= 0:
        return None
    return per_ul / (white_cells_giga_per_l * 1000.0) * 100.0


def parse_number(text: str) -> float | None:
    """A typed number, with a point or a comma as decimal mark; None where nothing is typed.

    Raises
    ------
    InputError
        If it is text, infinite or not a number.
    """
    cleaned = text.strip().replace("−", "-")
    if not cleaned:
        return None
    if cleaned.count(",") == 1 and "." not in cleaned:
        cleaned = cleaned.replace(",", ".")
    try:
        value = float(cleaned)
    except ValueError as error:
        raise InputError(f"“{text.strip()}” is not a number.") from error
    if not math.isfinite(value):
        raise InputError(f"“{text.strip()}” is not a number.")
    return value


def shown_number(value: float | None) -> str:
    """As it stands in a field: at most four significant digits, no exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"

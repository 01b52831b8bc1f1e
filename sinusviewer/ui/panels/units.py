"""Units of the eosinophil count and how a typed number becomes a value. Pure functions."""

import math
import re
from dataclasses import dataclass
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


_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""1,200 is 1200 to one reader and 1.2 to another; 0,350 and 12,5 can only be decimals."""


def parse_number(text: str) -> float | None:
    """A typed number, with a point or a comma as decimal mark; None where nothing is typed.

    Raises
    ------
    InputError
        If it is text, infinite or not a number, or could be two numbers, a thousand times apart.
    """
    cleaned = text.strip().replace("−", "-")
    if not cleaned:
        return None
    if _THOUSANDS.fullmatch(cleaned):
        plain, point = cleaned.replace(",", ""), cleaned.replace(",", ".")
        raise InputError(f"“{text.strip()}” may be {plain} or {point}: type it without the comma, or with a point.")
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


def eosinophils_per_ul(value: float, unit: EosinophilUnit, white_cells_giga_per_l: float | None = None) -> float:
    """A typed eosinophil count in cells per microlitre, refused where it cannot be or the unit looks wrong by 1000.

    Raises
    ------
    InputError
        If it is negative, impossibly high (above 50,000 per microlitre), or a fraction of a few cells in cells/µL.
    """
    if value < 0:
        raise InputError("An eosinophil count cannot be negative.")
    per_ul = to_per_ul(value, unit, white_cells_giga_per_l)
    if per_ul > 50_000:
        hint = f" In cells/µL it would be {shown_number(value)}." if unit is EosinophilUnit.GIGA_PER_L else ""
        raise InputError(f"{per_ul:,.0f} eosinophils per µL cannot be: is the unit right?{hint}")
    if unit is EosinophilUnit.PER_UL and 0 < value < 5 and value != int(value):
        raise InputError(
            f"{shown_number(value)} eosinophils per µL is next to none: is it {shown_number(value)} × 10⁹/L "
            f"({value * 1000:.0f} cells/µL)? Then choose that unit."
        )
    return per_ul


def checked_age(years: float) -> float:
    """Raises InputError for an age nobody has."""
    if not 0 <= years <= 120:
        raise InputError(f"An age of {shown_number(years)} years cannot be.")
    return years


def checked_white_cells(giga_per_l: float) -> float:
    """Raises InputError for a white count nobody has, as by a wrong unit."""
    if not 0.1 <= giga_per_l <= 500:
        raise InputError(f"A white cell count of {shown_number(giga_per_l)} × 10⁹/L cannot be: is the unit right?")
    return giga_per_l


@dataclass(slots=True)
class EosinophilEntry:
    """What was typed of one patient's eosinophils. A percentage waits for its white count, and follows it when that is corrected."""

    white_cells: float | None = None
    """10⁹/L."""
    percent: float | None = None

    def per_ul(self, value: float, unit: EosinophilUnit) -> float:
        """A typed count in cells per microlitre. Raises InputError as `eosinophils_per_ul` does."""
        self.percent = value if unit is EosinophilUnit.PERCENT else None
        return eosinophils_per_ul(value, unit, self.white_cells)

    def with_white_cells(self, giga_per_l: float | None) -> float | None:
        """Take a white count (InputError if nobody has it): the cells per microlitre that a percentage typed before is now."""
        self.white_cells = None if giga_per_l is None else checked_white_cells(giga_per_l)
        if self.white_cells is None or self.percent is None:
            return None
        return eosinophils_per_ul(self.percent, EosinophilUnit.PERCENT, self.white_cells)

    def shown(self, per_ul: float | None, unit: EosinophilUnit) -> float | None:
        """A count in force in a unit; one that came from elsewhere takes the place of the percentage typed before."""
        shown = None if per_ul is None else from_per_ul(per_ul, unit, self.white_cells)
        if self.percent is not None and shown is not None and not math.isclose(shown, self.percent, rel_tol=1e-6):
            self.percent = None
        return shown

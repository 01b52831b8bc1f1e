"""A cohort as a CSV table: read, checked, refused with the column, row and value at fault.

Rows are numbered as a spreadsheet shows them: the header is row 1.
"""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinustrainer.evaluate.plausibility import (
    check_plausible,
    is_eosinophil_count,
    median_of_positive,
    refuse_other_than_yes_no,
)
from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import BoolArray, FloatArray

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx; xls
BLANKS = {"", "na", "nan"}
ID_COLUMNS = ("id", "patient_id", "patient", "case_id", "study_instance_uid")
NOT_VARIABLES = {*ID_COLUMNS, "split", "set", "fold", "site", "center", "centre", "row", "index"}


@dataclass(frozen=True, slots=True, eq=False)
class CohortTable:
    """One split of a cohort; a blank cell is NaN.

    Attributes
    ----------
    rows
        Spreadsheet row of each patient.
    ignored
        Columns without a single number, such as names of sites.
    """

    name: str
    ids: tuple[str, ...]
    rows: tuple[int, ...]
    columns: dict[str, FloatArray]
    outcome: str
    ignored: tuple[str, ...] = ()

    @property
    def y(self) -> FloatArray:
        return self.columns[self.outcome]

    @property
    def variables(self) -> tuple[str, ...]:
        """Numeric columns that describe the patient, in the file's order."""
        return tuple(c for c in self.columns if c != self.outcome and c.lower() not in NOT_VARIABLES)

    def matrix(self, names: Sequence[str]) -> FloatArray:
        return np.column_stack([self.columns[name] for name in names])

    def complete(self, names: Sequence[str]) -> BoolArray:
        """Patients with a known outcome and a number in every named column."""
        return np.asarray(np.isfinite(self.matrix((self.outcome, *names))).all(axis=1))


def read_cohort(path: Path, name: str, outcome: str, predictors: Sequence[str]) -> CohortTable:
    """Read and check one CSV file.

    Raises
    ------
    InputError
        One line that names the file, column, row and value at fault.
    """
    header, records = read_records(path)
    for wanted in (outcome, *predictors):
        if wanted not in header:
            raise InputError(f"{path.name} has no column {wanted!r}.", f"It has: {', '.join(header)}.")
    if not records:
        raise InputError(f"{path.name} has a header but no patients.")
    rows = tuple(row for row, _ in records)
    cells = {column: [record[j] for _, record in records] for j, column in enumerate(header)}
    id_column = next((c for c in header if c.lower() in ID_COLUMNS), None)
    ids = tuple(cells[id_column]) if id_column else tuple(f"row {row}" for row in rows)
    if id_column:
        _refuse_repeated_patients(path.name, id_column, ids, rows)
    columns: dict[str, FloatArray] = {}
    ignored: list[str] = []
    for column in header:
        if column == id_column:
            continue
        needed = column == outcome or column in predictors
        if not needed and not any(NUMBER.fullmatch(cell) for cell in cells[column]):
            ignored.append(column)
        elif column == outcome:
            columns[column] = _outcome(path.name, column, cells[column], rows)
        else:
            columns[column] = _numbers(path.name, column, cells[column], rows)
            places = tuple(f"row {row}" for row in rows)
            check_plausible(path.name, column, columns[column], places)
            if column in predictors:
                refuse_other_than_yes_no(path.name, column, columns[column], places)
    return CohortTable(name, ids, rows, columns, outcome, tuple(ignored))


def read_records(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a CSV file (comma, semicolon or tab) as its header and its non-empty rows, cells stripped."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path.name}.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read.", "Is it a file, and may you read it?") from error
    if content.startswith(_WORKBOOKS):
        raise InputError(f"{path.name} is an Excel workbook, whatever its name.", "Save it as CSV in UTF-8.")
    try:
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("NUL in a text table")
    except ValueError as error:
        raise InputError(f"{path.name} cannot be read as a text table.", "Save it as CSV in UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    table = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    if not table or not any(table[0]):
        raise InputError(f"{path.name} is empty.")
    header = table[0]
    for column in header:
        if not column:
            raise InputError(
                f"{path.name} has a column without a name in row 1.", "The names must be in the first row."
            )
        if header.count(column) > 1:
            raise InputError(f"{path.name} has two columns named {column!r} in row 1.")
    records = [(number, row) for number, row in enumerate(table[1:], start=2) if any(row)]
    for number, row in records:
        if len(row) != len(header):
            raise InputError(
                f"{path.name} row {number} has {len(row)} cells where the header has {len(header)}.",
                "Numbers have a decimal point, not a comma." if len(row) > len(header) else "",
            )
    return header, records


def refuse_shared_patients(train: CohortTable, test: CohortTable) -> None:
    """Refuse a patient who is in both splits: the test would then not be one."""
    if train.ids[0].startswith("row ") or test.ids[0].startswith("row "):
        return
    known = {patient.casefold(): row for patient, row in zip(train.ids, train.rows, strict=True)}
    for patient, row in zip(test.ids, test.rows, strict=True):
        if patient.casefold() in known:
            raise InputError(
                f"Column id: patient {patient!r} is in both files, row {known[patient.casefold()]} of the training file "
                f"and row {row} of the test file.",
                "Divide by patient.",
            )


def refuse_different_units(train: CohortTable, test: CohortTable) -> None:
    """Refuse eosinophil columns of the two files that differ by a factor of a hundred or more."""
    for column in train.columns:
        if not is_eosinophil_count(column) or column not in test.columns:
            continue
        medians = [median_of_positive(table.columns[column]) for table in (train, test)]
        if min(medians) > 0.0 and max(medians) >= 100.0 * min(medians):
            raise InputError(
                f"Column {column}: the median is {medians[0]:g} in the training file and {medians[1]:g} in the test file.",
                "One of them is in another unit; give both in cells/µL.",
            )


def _refuse_repeated_patients(file: str, column: str, ids: tuple[str, ...], rows: tuple[int, ...]) -> None:
    first_row: dict[str, int] = {}
    for patient, row in zip(ids, rows, strict=True):
        if not patient:
            raise InputError(f"{file}, column {column}, row {row}: the patient id is blank.")
        if patient.casefold() in first_row:
            raise InputError(
                f"{file}, column {column}, row {row}: patient {patient!r} is already in row "
                f"{first_row[patient.casefold()]}.",
                "One row per patient.",
            )
        first_row[patient.casefold()] = row


def _numbers(file: str, column: str, cells: list[str], rows: tuple[int, ...]) -> FloatArray:
    values = np.full(len(cells), np.nan)
    for i, (cell, row) in enumerate(zip(cells, rows, strict=True)):
        if cell.lower() in BLANKS:
            continue
        if not NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
            hint = "Blank means missing."
            if "," in cell and NUMBER.fullmatch(cell.replace(",", "")):
                hint = "Numbers have a decimal point and no thousands separator."
            raise InputError(f"{file}, column {column}, row {row}: {cell!r} is not a number.", hint)
        values[i] = float(cell)
    return values


def _outcome(file: str, column: str, cells: list[str], rows: tuple[int, ...]) -> FloatArray:
    values = np.full(len(cells), np.nan)
    for i, (cell, row) in enumerate(zip(cells, rows, strict=True)):
        if cell.lower() in BLANKS:
            continue
        if not NUMBER.fullmatch(cell) or float(cell) not in (0.0, 1.0):
            raise InputError(f"{file}, column {column}, row {row}: the outcome must be 0 or 1, got {cell!r}.")
        values[i] = float(cell)
    known = values[np.isfinite(values)]
    if known.size == 0 or float(known.min()) == float(known.max()):
        got = f"only {known[0]:g} in all {known.size} rows" if known.size else "no value at all"
        raise InputError(f"{file}, column {column}: the outcome has one class, {got}.", "Both 0 and 1 must occur.")
    return values

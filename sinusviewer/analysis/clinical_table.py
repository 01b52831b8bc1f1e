"""Clinical data from CSV or JSON, matched by study instance UID or patient ID; what makes no sense is named and refused."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.errors import InputError

_KEYS = ("study_instance_uid", "patient_id")
_NUMBERS: dict[str, tuple[float, float]] = {
    "age": (0, 120),
    "eosinophils_per_ul": (0, 50_000),  # as in the window
    "overruled_dlr_score": (0, 1),
}
_YES = frozenset({"1", "1.0", "true", "yes", "y"})
_NO = frozenset({"0", "0.0", "false", "no", "n"})
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
_READERS_OWN = frozenset({"overruled_dlr_score"})
"""Set in the window by a reader, never by a table."""
_LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ClinicalTable:
    """Rows by study and by patient."""

    by_study: Mapping[str, ClinicalData]
    by_patient: Mapping[str, ClinicalData]

    def find(self, study_instance_uid: str, patient_id: str) -> ClinicalData:
        """The study's row, else the patient's, else nothing known."""
        found = self.by_study.get(study_instance_uid)
        if found is None and patient_id:
            found = self.by_patient.get(patient_id.strip())
        return found or ClinicalData()


def load(path: Path) -> ClinicalTable:
    """Read a CSV (comma, semicolon or tab) or JSON file.

    Raises
    ------
    InputError
        Where it cannot be read, lacks a key column, or holds values that cannot be: text in a number, a negative count,
        an impossible age, two rows for one patient. The row and the column are named, the patient is not.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError("The clinical table is too large to be one.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"The clinical table cannot be read: {error.strerror or 'unknown reason'}.") from error
    except UnicodeDecodeError as error:
        raise InputError("The clinical table is not UTF-8 text.", "Save it as CSV UTF-8.") from error
    rows = _json_rows(text) if path.suffix.lower() == ".json" else _csv_rows(text)
    by_study: dict[str, ClinicalData] = {}
    by_patient: dict[str, ClinicalData] = {}
    for number, row in rows:
        data = parse_row(row, f"row {number}")
        study, patient = (str(row.get(key) or "").strip() for key in _KEYS)
        if not study and not patient:
            raise InputError(f"Clinical table, row {number}: no study_instance_uid and no patient_id.")
        # A row with a study belongs to that study only: the same patient may come twice.
        target, key = (by_study, study) if study else (by_patient, patient)
        if key in target:
            raise InputError(
                f"Clinical table, row {number}: this study or patient comes twice.", "Keep one row of them."
            )
        target[key] = data
    return ClinicalTable(by_study, by_patient)


def parse_row(row: Mapping[str, Any], place: str) -> ClinicalData:
    """Clinical data of one row; unknown columns are left alone, blanks are missing."""
    values: dict[str, Any] = {}
    for name in (f.name for f in fields(ClinicalData) if f.name not in _READERS_OWN):
        given = row.get(name)
        text = "" if given is None else str(given).strip()
        if text.lower() in _MISSING:
            continue
        values[name] = _number(name, text, place) if name in _NUMBERS else _truth(name, text, place)
    return ClinicalData(**values)


def _number(name: str, text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"Clinical table, {place}: {name} is no number.", "Use a point as decimal sign.") from error
    low, high = _NUMBERS[name]
    if not math.isfinite(value) or not low <= value <= high:
        hint = "Is the unit right? Give cells per µL." if name == "eosinophils_per_ul" and value > high else ""
        raise InputError(f"Clinical table, {place}: {name} must lie between {low:.0f} and {high:.0f}.", hint)
    if name == "eosinophils_per_ul" and 0 < value < 5 and value != round(value):
        raise InputError(
            f"Clinical table, {place}: eosinophils_per_ul looks like 10⁹/L.", "Give cells per µL (1000 times as much)."
        )
    return value


def _truth(name: str, text: str, place: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise InputError(f"Clinical table, {place}: {name} must be 0 or 1 (or yes, no).")


def _csv_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if not set(names) & set(_KEYS):
        raise InputError("The clinical table has neither a study_instance_uid nor a patient_id column.")
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise InputError(f"The clinical table has the column {doubled[0]} twice.")
    reader.fieldnames = names
    try:
        return [(n, row) for n, row in enumerate(reader, start=2) if any((str(v or "")).strip() for v in row.values())]
    except csv.Error as error:
        raise InputError(f"The clinical table is no valid CSV: {error}.") from error


def _json_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError("The clinical table is no valid JSON.") from error
    rows = content if isinstance(content, list) else [content]
    if not all(isinstance(row, dict) for row in rows):
        raise InputError("The clinical table must be a JSON object or a list of them.")
    return list(enumerate(rows, start=1))

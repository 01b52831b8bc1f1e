"""Given probabilities instead of fitted models: columns id, split, y, nomogram and any of clinical, dlr."""

from pathlib import Path

import numpy as np

from sinustrainer.evaluate.cohort_table import BLANKS, NUMBER, read_records
from sinustrainer.evaluate.recurrence_evaluation import MODELS
from sinustrainer.evaluate.recurrence_models import Predictions
from sinusviewer.errors import InputError

SPLITS = ("train", "test")


def read_predictions(path: Path) -> list[Predictions]:
    """Read and check a file of probabilities; one :class:`Predictions` per split.

    Raises
    ------
    InputError
        One line that names the column, row and value at fault.
    """
    header, records = read_records(path)
    for wanted in ("id", "split", "y", "nomogram"):
        if wanted not in header:
            raise InputError(f"{path.name} has no column {wanted!r}.", f"It has: {', '.join(header)}.")
    models = [model for model in MODELS if model in header]
    place = {name: header.index(name) for name in ("id", "split", "y", *models)}
    seen: dict[str, int] = {}
    groups: dict[str, list[tuple[str, list[float]]]] = {split: [] for split in SPLITS}
    for row, record in records:
        patient, split = record[place["id"]], record[place["split"]].lower()
        if split not in groups:
            raise InputError(f"{path.name}, column split, row {row}: {split!r} is neither train nor test.")
        if not patient or patient.casefold() in seen:
            what = f"patient {patient!r} is already in row {seen[patient.casefold()]}" if patient else "the id is blank"
            raise InputError(f"{path.name}, column id, row {row}: {what}.")
        seen[patient.casefold()] = row
        cells = {name: record[place[name]] for name in ("y", *models)}
        groups[split].append((patient, [_number(path.name, name, cell, row) for name, cell in cells.items()]))
    return [_predictions(path.name, split, entries, models) for split, entries in groups.items() if entries]


def _number(file: str, column: str, cell: str, row: int) -> float:
    if cell.lower() in BLANKS:
        return float("nan")
    if not NUMBER.fullmatch(cell):
        raise InputError(f"{file}, column {column}, row {row}: {cell!r} is not a number.", "Blank means missing.")
    value = float(cell)
    if column == "y" and value not in (0.0, 1.0):
        raise InputError(f"{file}, column y, row {row}: the outcome must be 0 or 1, got {cell!r}.")
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{file}, column {column}, row {row}: {cell!r} is no probability.")
    return value


def _predictions(file: str, split: str, entries: list[tuple[str, list[float]]], models: list[str]) -> Predictions:
    values = np.array([numbers for _, numbers in entries])
    known = values[np.isfinite(values[:, 0]), 0]
    if known.size == 0 or float(known.min()) == float(known.max()):
        got = f"only {known[0]:g} in all {known.size} rows of {split}" if known.size else f"no value at all in {split}"
        raise InputError(f"{file}, column y: the outcome has one class, {got}.", "Both 0 and 1 must occur.")
    probabilities = {model: values[:, j] for j, model in enumerate(models, start=1)}
    return Predictions(
        split, tuple(patient for patient, _ in entries), values[:, 0], probabilities, dict(probabilities)
    )

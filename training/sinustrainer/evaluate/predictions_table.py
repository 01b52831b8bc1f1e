"""``predictions_<split>.csv``: every patient's probability by every model, as ``--predictions`` reads it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.evaluate.recurrence_models import Predictions
from sinusviewer.nomogram import Nomogram


def write_predictions(entry: Predictions, path: Path, nomogram: Nomogram | None) -> None:
    """Write the predictions in the format ``--predictions`` reads, with points and raw score beside them."""
    columns: dict[str, Any] = {"id": entry.ids, "split": [entry.split] * len(entry.ids), "y": entry.y}
    columns |= entry.probabilities
    if entry.scores["nomogram"] is not entry.scores.get("dlr") and nomogram is not None:
        columns["dlr_score"] = entry.scores["dlr"]
    if nomogram is not None and entry.linear_predictor is not None:
        columns["linear_predictor"] = entry.linear_predictor
        columns["total_points"] = (entry.linear_predictor - nomogram.intercept_adjusted) * nomogram.points_per_unit
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*([_cell(v) for v in values] for values in columns.values()), strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else int(value) if value in (0.0, 1.0) else repr(float(value))

"""The radiomics baseline in the nomogram's Table 2 (He 2023): a score of the tables' own, or of ``evaluate``'s score files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.evaluate.cohort_table import NUMBER, CohortTable, read_records
from sinustrainer.evaluate.evaluation_json import counts_to_json
from sinustrainer.evaluate.intervals import auc_interval
from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation
from sinusviewer.errors import InputError
from sinusviewer.statistics.delong import compare_aucs
from sinusviewer.statistics.roc import count_at_threshold, youden_optima

COLUMN = "radiomics"
_IDS = ("patient_id", "id", "case_id")


def with_radiomics(table: CohortTable | None, files: Sequence[Path]) -> CohortTable | None:
    """The table with a column of radiomics scores from files that name patients; patients without one stay blank.

    Raises
    ------
    InputError
        Where a file has no such column or none of its patients is in the table.
    """
    if table is None or not files:
        return table
    scores: dict[str, float] = {}
    for path in files:
        header, records = read_records(path)
        key = next((name for name in _IDS if name in header), None)
        if key is None or COLUMN not in header:
            raise InputError(f"{path.name} has no patients with a column {COLUMN!r}.", "Give scores_*.csv of evaluate.")
        place, who = header.index(COLUMN), header.index(key)
        scores |= {row[who]: float(row[place]) for _, row in records if NUMBER.fullmatch(row[place])}
    values = np.array([scores.get(patient, np.nan) for patient in table.ids])
    if not np.isfinite(values).any():
        raise InputError(f"No patient of the {table.name} table has a radiomics score in the files given.")
    return replace(table, columns={**table.columns, COLUMN: values})


def radiomics_row(
    train: CohortTable | None, test: CohortTable | None, splits: dict[str, SplitEvaluation]
) -> dict[str, Any] | None:
    """AUC in the last split, what the training cut-off does there, and the nomogram against it; None where there is no score.

    The patients are those that all models share and whose radiomics score is known.
    """
    tables = {table.name: table for table in (train, test) if table is not None and COLUMN in table.columns}
    name = "test" if "test" in splits else "train"
    if name not in tables or name not in splits:
        return None
    y, score, nomogram = _shared(tables[name], splits[name])
    if not y.size:
        return None
    area, compared = auc_interval(y, score), compare_aucs(y, nomogram, score)
    threshold, counts = None, None
    if "train" in tables and "train" in splits:
        own_y, own, _ = _shared(tables["train"], splits["train"])
        optima = [o for o in youden_optima(own_y, own) if np.isfinite(o.threshold)]
        if optima and name == "test":
            threshold = optima[0].threshold
            counts = counts_to_json(count_at_threshold(y, score, threshold))
    return {
        "split": name,
        "n": int(y.size),
        "events": int(y.sum()),
        "auc": area.auc,
        "ci95": None if area.ci95 is None else list(area.ci95),
        "ci95_method": area.method,
        "threshold": threshold,
        "test": counts,
        "nomogram_vs_radiomics": {"p": compared.p, "difference": compared.difference, "reason": compared.reason},
    }


def _shared(table: CohortTable, split: SplitEvaluation) -> tuple[Any, Any, Any]:
    score = table.columns[COLUMN][split.predictions.evaluated]
    known = np.isfinite(score)
    return split.y[known], score[known], split.scores["nomogram"][known]

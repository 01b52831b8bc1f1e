"""What a reader of a fitted nomogram must know of the fit: separation, redundant predictors, too few events, columns left out."""

from collections.abc import Mapping, Sequence

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.recurrence_models import FittedModel

EVENTS_PER_PREDICTOR = 10
SCORES = ("dlr", "dlr_score")


def fit_warnings(fitted: Mapping[str, FittedModel], tables: Sequence[CohortTable | None]) -> list[str]:
    """One sentence each, the model or the split in front."""
    warnings = []
    for model, entry in fitted.items():
        fit = entry.fit
        if fit.separation and fit.method == "ml":
            warnings.append(
                f"{model}: {', '.join(fit.separation)} separates the outcome ({fit.separation_kind}); the "
                "maximum-likelihood estimate does not exist. Fit again with --firth."
            )
        elif not fit.converged:
            warnings.append(f"{model}: the fit did not converge.")
        if fit.redundant:
            warnings.append(
                f"{model}: {', '.join(fit.redundant)} left out, constant or a combination of other predictors."
            )
        if fit.events < EVENTS_PER_PREDICTOR * (len(fit.names) - 1):
            count = len(fit.names) - 1
            each = "1 predictor, fewer than 10" if count == 1 else f"{count} predictors, fewer than 10 for each"
            warnings.append(f"{model}: {fit.events} events for {each}.")
    for table in [table for table in tables if table is not None]:
        for column in [column for column in table.columns if column.lower() in SCORES]:
            known = table.columns[column][np.isfinite(table.columns[column])]
            if known.size and (known.min() < 0.0 or known.max() > 1.0):
                warnings.append(
                    f"{table.name}: {column} runs from {known.min():g} to {known.max():g}; a network's score lies between 0 and 1, "
                    "and the window's would not fit this axis."
                )
        if table.ignored:
            warnings.append(f"{table.name}: columns without numbers ignored: {', '.join(table.ignored)}.")
    return warnings

"""Discrimination, calibration and optimism of the three models on each split: what ``evaluation.json`` holds."""

from dataclasses import dataclass

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.recurrence_models import FittedModel, ModelPlan, Predictions
from sinusviewer.statistics.arrays import FloatArray
from sinusviewer.statistics.bootstrap import OptimismCorrection, bootstrap_auc_ci, correct_optimism
from sinusviewer.statistics.calibration import Calibration, calibrate
from sinusviewer.statistics.delong import AucEstimate, DelongTest, compare_aucs, estimate_auc
from sinusviewer.statistics.roc import BinaryCounts, OperatingPoint, count_at_threshold, youden_optima
from sinusviewer.statistics.univariate import UnivariateTest, chi_square, mann_whitney

SCHEMA_VERSION = 1
MODELS = ("nomogram", "clinical", "dlr")


@dataclass(frozen=True, slots=True, eq=False)
class SplitEvaluation:
    """One split: the rows all models share, and every model's estimates on them."""

    predictions: Predictions
    y: FloatArray
    probabilities: dict[str, FloatArray]
    scores: dict[str, FloatArray]
    roc: dict[str, AucEstimate]
    bootstrap: dict[str, tuple[float, float] | None]
    youden: dict[str, tuple[OperatingPoint, ...]]
    calibration: dict[str, Calibration]
    delong: dict[str, DelongTest]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self.probabilities)


def evaluate_split(predictions: Predictions, *, external: bool, bootstraps: int, seed: int) -> SplitEvaluation | None:
    """Evaluate one split on the rows that are complete for every model; ``None`` where there are none."""
    rows = predictions.evaluated
    if not bool(rows.any()):
        return None
    y = predictions.y[rows]
    probabilities = {model: p[rows] for model, p in predictions.probabilities.items()}
    scores = {model: s[rows] for model, s in predictions.scores.items()}
    return SplitEvaluation(
        predictions=predictions,
        y=y,
        probabilities=probabilities,
        scores=scores,
        roc={model: estimate_auc(y, s) for model, s in scores.items()},
        bootstrap={model: bootstrap_auc_ci(y, s, bootstraps, seed=seed) for model, s in scores.items()},
        youden={model: youden_optima(y, s) for model, s in scores.items()},
        calibration={model: calibrate(y, p, external=external) for model, p in probabilities.items()},
        delong={
            f"nomogram_vs_{other}": compare_aucs(y, scores["nomogram"], scores[other])
            for other in scores
            if other != "nomogram"
        },
    )


def univariate_tests(train: CohortTable, test: CohortTable | None) -> dict[str, dict[str, UnivariateTest]]:
    """Compare every variable between the outcome groups; 0/1 in both files means chi-square, anything else ranks."""
    tables = [table for table in (train, test) if table is not None]
    result: dict[str, dict[str, UnivariateTest]] = {}
    for table in tables:
        result[table.name] = {}
        for variable in table.variables:
            values = table.columns[variable]
            rows = table.complete([variable])
            seen = np.concatenate([t.columns[variable] for t in tables if variable in t.columns])
            binary = bool(np.isin(seen[np.isfinite(seen)], (0.0, 1.0)).all())
            if bool(rows.any()):
                compare = chi_square if binary else mann_whitney
                result[table.name][variable] = compare(table.y[rows], values[rows])
    return result


def correct_models(
    plan: ModelPlan, fitted: dict[str, FittedModel], train: CohortTable, bootstraps: int, seed: int
) -> dict[str, OptimismCorrection | None]:
    """Optimism of each model on the patients it was fitted on; none under separation, where there is no such fit."""
    corrections: dict[str, OptimismCorrection | None] = {}
    for model, entry in fitted.items():
        if bootstraps < 1 or (entry.fit.method == "ml" and entry.fit.separation):
            corrections[model] = None
            continue
        rows = train.complete(plan.predictors[model])
        corrections[model] = correct_optimism(
            train.y[rows], plan.design(model, train)[rows], bootstraps, seed=seed, firth=entry.fit.method == "firth"
        )
    return corrections


@dataclass(frozen=True, slots=True)
class CarriedCutoff:
    """A cut-off found in training and what it does in the test; the lowest of several optima is taken."""

    threshold: float | None
    optima: int
    test: BinaryCounts | None


def carry_cutoffs(train: SplitEvaluation, test: SplitEvaluation | None) -> dict[str, CarriedCutoff]:
    cutoffs: dict[str, CarriedCutoff] = {}
    for model in train.models:
        optima = train.youden[model]
        if not optima:
            cutoffs[model] = CarriedCutoff(None, 0, None)
            continue
        threshold = optima[0].threshold
        counts = None if test is None else count_at_threshold(test.y, test.scores[model], threshold)
        cutoffs[model] = CarriedCutoff(float(threshold) if np.isfinite(threshold) else None, len(optima), counts)
    return cutoffs

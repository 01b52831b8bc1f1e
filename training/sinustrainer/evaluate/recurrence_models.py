"""The three models of He 2023 on one cohort: clinical, DLR-score, and both together (the nomogram)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.plausibility import is_eosinophil_count
from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import BoolArray, FloatArray
from sinusviewer.statistics.logistic import LogisticFit, Method, fit_logistic
from sinusviewer.statistics.profile import Interval, profile_ci95
from sinusviewer.statistics.spline import restricted_cubic_spline, spline_knots

# As printed on axes and in tables: label, unit.
LABELS = {
    "age": ("Age", "years"),
    "female": ("Female", ""),
    "asthma": ("Asthma", ""),
    "ar": ("Allergic rhinitis", ""),
    "allergic_rhinitis": ("Allergic rhinitis", ""),
    "hypertension": ("Hypertension", ""),
    "diabetes": ("Diabetes mellitus", ""),
    "eos": ("Circulating eosinophil count", "cells/µL"),
    "eosinophils_per_ul": ("Circulating eosinophil count", "cells/µL"),
    "smoking": ("Smoking", ""),
    "drinking": ("Drinking", ""),
    "dlr": ("DLR-score", ""),
    "dlr_score": ("DLR-score", ""),
}


def label(column: str) -> str:
    return LABELS.get(column.lower(), (column.replace("_", " "), ""))[0]


def unit(column: str) -> str:
    return LABELS.get(column.lower(), ("", "cells/µL" if is_eosinophil_count(column) else ""))[1]


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What the models are made of: predictor columns, and knots of those with a curved effect."""

    predictors: dict[str, tuple[str, ...]]
    knots: dict[str, tuple[float, ...]]

    @property
    def fusion(self) -> tuple[str, ...]:
        return self.predictors["nomogram"]

    @property
    def score_column(self) -> str | None:
        """The DLR-score's column, if it is one."""
        return self.predictors["dlr"][0] if len(self.predictors["dlr"]) == 1 else None

    def columns(self, model: str) -> list[tuple[str, int]]:
        """Return the design columns of a model as (predictor, basis column)."""
        return [(name, i) for name in self.predictors[model] for i in range(max(1, len(self.knots.get(name, ())) - 1))]

    def design(self, model: str, table: CohortTable) -> FloatArray:
        parts = []
        for name in self.predictors[model]:
            values = table.columns[name]
            if name in self.knots:
                parts.append(restricted_cubic_spline(values, self.knots[name]))
            else:
                parts.append(values[:, None])
        return np.concatenate(parts, axis=1)

    def design_names(self, model: str) -> list[str]:
        """Return a curved term's further columns under rms's names: eos, eos'."""
        return [name + "'" * i for name, i in self.columns(model)]


def plan_models(
    train: CohortTable, predictors: Sequence[str], clinical: Sequence[str], *, nonlinear_eos: bool
) -> ModelPlan:
    """Divide the predictors into the three models.

    Raises
    ------
    InputError
        If the clinical predictors are not some, and not all, of the predictors.
    """
    for names in (predictors, clinical):
        repeated = next((name for name in names if list(names).count(name) > 1), None)
        if repeated is not None:
            raise InputError(f"The predictor {repeated!r} is named twice.")
    strangers = [name for name in clinical if name not in predictors]
    if strangers:
        raise InputError(f"The clinical predictor {strangers[0]!r} is not among the predictors.")
    image = tuple(name for name in predictors if name not in clinical)
    if not clinical or not image:
        raise InputError("The nomogram joins clinical predictors with a DLR-score; both must be named.")
    if train.outcome in predictors:
        raise InputError(f"The outcome {train.outcome!r} cannot be a predictor.")
    knots: dict[str, tuple[float, ...]] = {}
    if nonlinear_eos:
        curved = [name for name in predictors if is_eosinophil_count(name)]
        if not curved:
            raise InputError("No predictor is an eosinophil count, so none can be made non-linear.")
        knots = {name: spline_knots(train.columns[name]) for name in curved}
    return ModelPlan({"nomogram": tuple(predictors), "clinical": tuple(clinical), "dlr": image}, knots)


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """One model and, where maximum likelihood has no solution, Firth's beside it."""

    fit: LogisticFit
    missing: int
    firth: LogisticFit | None
    profile: tuple[Interval | None, ...] = ()
    """Profile-likelihood intervals of the predictors' coefficients, where they were asked for."""


def fit_models(plan: ModelPlan, train: CohortTable, method: Method, *, profile: bool = False) -> dict[str, FittedModel]:
    """Fit each model on the patients complete in its own predictors; ``profile`` adds profile-likelihood intervals."""
    fitted: dict[str, FittedModel] = {}
    for model, predictors in plan.predictors.items():
        rows = train.complete(predictors)
        if not bool(rows.any()):
            blank = [name for name in predictors if not np.isfinite(train.columns[name]).any()]
            hint = f"Column {blank[0]} is blank in every row." if blank else ""
            raise InputError(f"No patient of the training file is complete in {', '.join(predictors)}.", hint)
        x, y, names = plan.design(model, train)[rows], train.y[rows], plan.design_names(model)
        if len(names) + 1 >= int(rows.sum()):
            raise InputError(
                f"Only {int(rows.sum())} patients of the training file are complete in {', '.join(predictors)}; "
                f"{len(names) + 1} coefficients cannot be fitted."
            )
        fit = fit_logistic(y, x, names, method=method)
        offer = fit_logistic(y, x, names, method="firth") if method == "ml" and fit.separation else None
        fitted[model] = FittedModel(fit, int((~rows).sum()), offer, profile_ci95(fit, y, x) if profile else ())
    return fitted


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Probabilities of every patient of one split by every model; NaN where an input is missing.

    Attributes
    ----------
    scores
        What the ROC curve ranks: the probabilities, but for the DLR model the raw score.
    """

    split: str
    ids: tuple[str, ...]
    y: FloatArray
    probabilities: dict[str, FloatArray]
    scores: dict[str, FloatArray]
    linear_predictor: FloatArray | None = None

    @property
    def evaluated(self) -> BoolArray:
        """The one set of rows for all models: outcome known and every model applicable."""
        columns = [self.y, *self.probabilities.values(), *self.scores.values()]
        return np.asarray(np.isfinite(np.column_stack(columns)).all(axis=1))


def predict(plan: ModelPlan, fitted: dict[str, FittedModel], table: CohortTable) -> Predictions:
    probabilities = {model: fitted[model].fit.probability(plan.design(model, table)) for model in plan.predictors}
    for model, predictors in plan.predictors.items():  # a dropped predictor must be known, too: one set of rows for all
        probabilities[model][~np.isfinite(table.matrix(predictors)).all(axis=1)] = np.nan
    scores = dict(probabilities)
    if plan.score_column is not None:
        scores["dlr"] = table.columns[plan.score_column]
    linear = fitted["nomogram"].fit.linear_predictor(plan.design("nomogram", table))
    return Predictions(table.name, table.ids, table.y, probabilities, scores, linear)

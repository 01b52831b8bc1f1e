"""The fusion model put on axes, with its cohort, its fit and its cut-off: the content of ``nomogram.json``."""

from dataclasses import replace

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation, carry_cutoffs
from sinustrainer.evaluate.recurrence_models import FittedModel, ModelPlan, label, unit
from sinusviewer.nomogram import CohortSummary, FitSummary, Nomogram, Predictor, axis_ticks
from sinusviewer.statistics.bootstrap import OptimismCorrection
from sinusviewer.statistics.calibration import Calibration
from sinusviewer.statistics.delong import AucEstimate
from sinusviewer.statistics.logistic import LogisticFit


def fitted_nomogram(
    plan: ModelPlan,
    fitted: dict[str, FittedModel],
    train: CohortTable,
    splits: dict[str, SplitEvaluation],
    correction: OptimismCorrection | None,
    cohort: str,
) -> Nomogram:
    """The fusion model as a nomogram that says of itself whom it was fitted and tested on; ``cohort`` names the training patients."""
    fit = fitted["nomogram"].fit
    summaries = {
        name: _summarise(name, split.roc["nomogram"], split.calibration["nomogram"]) for name, split in splits.items()
    }
    cutoff = carry_cutoffs(splits["train"], None)["nomogram"].threshold
    trained_on = (
        f"{cohort.rstrip('.')}: {fit.n} patients with {fit.events} events ({train.outcome}); {fitted['nomogram'].missing} of "
        f"{len(train.ids)} left out for missing values."
    )
    summary = FitSummary(
        method=fit.method,
        converged=fit.converged,
        separation=fit.separation,
        dropped=fit.redundant,
        auc_optimism_corrected=None if correction is None else correction.auc.corrected,
        slope_optimism_corrected=None if correction is None else correction.slope.corrected,
    )
    nomogram = _make_nomogram(plan, fit, train, trained_on, summaries["train"], summaries.get("test"), summary, cutoff)
    return replace(nomogram, cutoff=cutoff if cutoff is not None and 0.0 <= cutoff <= 1.0 else None)


def _summarise(name: str, estimate: AucEstimate, calibration: Calibration) -> CohortSummary:
    return CohortSummary(
        name=name,
        n=estimate.n_positive + estimate.n_negative,
        events=estimate.n_positive,
        auc=estimate.auc,
        auc_ci95=estimate.ci95,
        brier=calibration.brier,
        calibration_intercept=calibration.intercept,
        calibration_slope=calibration.slope,
    )


def _make_nomogram(
    plan: ModelPlan,
    fit: LogisticFit,
    train: CohortTable,
    trained_on: str,
    cohort: CohortSummary,
    test_cohort: CohortSummary | None,
    summary: FitSummary,
    cutoff: float | None,
) -> Nomogram:
    """Put the fusion model on axes; a predictor the fit had to drop has none."""
    coefficients: dict[str, list[float]] = {}
    for (name, _), value in zip(plan.columns("nomogram"), fit.coefficients[1:], strict=True):
        if value is not None:
            coefficients.setdefault(name, []).append(value)
    rows = train.complete(plan.fusion)
    linear = fit.linear_predictor(plan.design("nomogram", train)[rows])
    axes = [
        Predictor(
            name=name,
            label=label(name),
            unit=unit(name),
            coefficients=tuple(values),
            ticks=axis_ticks(train.columns[name]),
            training_range=(float(np.nanmin(train.columns[name])), float(np.nanmax(train.columns[name]))),
            knots=plan.knots.get(name, ()) if len(values) > 1 else (),
        )
        for name, values in coefficients.items()
    ]
    return Nomogram(
        outcome=train.outcome,
        intercept=fit.coefficients[0] or 0.0,
        predictors=tuple(axes),
        linear_predictor_range=(float(linear.min()), float(linear.max())),
        trained_on=trained_on,
        cohort=cohort,
        fit=summary,
        test_cohort=test_cohort,
        cutoff=cutoff,
    )

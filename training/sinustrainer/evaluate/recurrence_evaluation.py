"""The content of ``evaluation.json``: discrimination, calibration and usefulness of the three models."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.recurrence_models import FittedModel, ModelPlan, Predictions
from sinusviewer.statistics.arrays import FloatArray
from sinusviewer.statistics.bootstrap import OptimismCorrection, bootstrap_auc_ci, correct_optimism
from sinusviewer.statistics.calibration import Calibration, calibrate
from sinusviewer.statistics.decision_curve import decision_curve, percent_thresholds
from sinusviewer.statistics.delong import AucEstimate, DelongTest, compare_aucs, estimate_auc
from sinusviewer.statistics.logistic import LogisticFit
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
        cutoffs[model] = CarriedCutoff(_finite(threshold), len(optima), counts)
    return cutoffs


def fit_to_json(entry: FittedModel) -> dict[str, Any]:
    content = _coefficients_to_json(entry.fit) | {
        "n": entry.fit.n,
        "events": entry.fit.events,
        "missing": entry.missing,
        "separation": list(entry.fit.separation),
        "separation_kind": entry.fit.separation_kind,
        "redundant": list(entry.fit.redundant),
        "method": entry.fit.method,
        "converged": entry.fit.converged,
        "log_likelihood": entry.fit.log_likelihood,
    }
    if entry.profile:
        content["odds_ratios_ci95_profile"] = {
            name: None
            if ends is None
            else [None if end is None else _finite(math.exp(min(end, 700.0))) for end in ends]
            for name, ends in zip(entry.fit.names[1:], entry.profile, strict=True)
        }
    if entry.firth is not None:
        content["firth"] = _coefficients_to_json(entry.firth)
    return content


def _coefficients_to_json(fit: LogisticFit) -> dict[str, Any]:
    def named(values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: list(v) if isinstance(v, tuple) else _finite(v) for name, v in zip(fit.names, values, strict=True)
        }

    return {
        "coefficients": named(fit.coefficients),
        "standard_errors": named(fit.standard_errors),
        "z": named(fit.z),
        "p": named(fit.p),
        "odds_ratios": named(fit.odds_ratios),
        "odds_ratios_ci95": named(fit.odds_ratio_ci95),
    }


def roc_to_json(split: SplitEvaluation) -> dict[str, Any]:
    return {
        model: {
            "auc": estimate.auc,
            "n": split.y.size,
            "events": estimate.n_positive,
            "variance_delong": estimate.variance,
            "ci95": _pair(estimate.ci95),
            "se_hanley_mcneil": estimate.se_hanley_mcneil,
            "ci95_binomial_exact": _pair(estimate.ci95_binomial_exact),
            "ci95_bootstrap": _pair(split.bootstrap[model]),
            "youden": [
                {
                    "threshold": _finite(point.threshold),
                    "sensitivity": point.sensitivity,
                    "specificity": point.specificity,
                }
                for point in split.youden[model]
            ],
            "reason": estimate.reason,
        }
        for model, estimate in split.roc.items()
    }


def delong_to_json(split: SplitEvaluation) -> dict[str, Any]:
    return {
        pair: {"z": t.z, "p": t.p, "difference": t.difference, "ci95": _pair(t.ci95), "reason": t.reason}
        for pair, t in split.delong.items()
    }


def calibration_to_json(split: SplitEvaluation) -> dict[str, Any]:
    return {
        model: {
            "brier": c.brier,
            "intercept": c.intercept,
            "slope": c.slope,
            "in_the_large": c.in_the_large,
            "hosmer_lemeshow": {
                "chi2": _finite(c.hosmer_lemeshow.chi2),
                "df": c.hosmer_lemeshow.df,
                "p": c.hosmer_lemeshow.p,
                "reason": c.hosmer_lemeshow.reason,
            },
            "reason": c.reason,
        }
        for model, c in split.calibration.items()
    }


def decision_to_json(split: SplitEvaluation) -> dict[str, Any]:
    curves = {model: decision_curve(split.y, p) for model, p in split.probabilities.items()}
    any_curve = curves["nomogram"]
    return {
        "thresholds": percent_thresholds().tolist(),
        **{model: curve.net_benefit.tolist() for model, curve in curves.items()},
        "treat_all": any_curve.treat_all.tolist(),
        "treat_none": any_curve.treat_none.tolist(),
        "net_reduction": {model: curve.net_reduction.tolist() for model, curve in curves.items()},
    }


def cutoffs_to_json(cutoffs: dict[str, CarriedCutoff]) -> dict[str, Any]:
    return {
        model: {
            "threshold": cutoff.threshold,
            "optima_in_training": cutoff.optima,
            "test": None if cutoff.test is None else counts_to_json(cutoff.test),
        }
        for model, cutoff in cutoffs.items()
    }


def counts_to_json(counts: BinaryCounts) -> dict[str, Any]:
    return {
        "accuracy": counts.accuracy,
        "sensitivity": counts.sensitivity,
        "specificity": counts.specificity,
        "fpr": counts.false_positive_rate,
        "fnr": counts.false_negative_rate,
        **{name: getattr(counts, name) for name in ("tp", "fp", "fn", "tn")},
    }


def univariate_to_json(tests: dict[str, dict[str, UnivariateTest]]) -> dict[str, Any]:
    return {
        split: {
            variable: {
                "test": t.test,
                "statistic": t.statistic,
                "p": t.p,
                "p_yates": t.p_yates,
                "p_fisher": t.p_fisher,
                "n": t.n,
                "method": t.method,
                "reason": t.reason,
            }
            for variable, t in variables.items()
        }
        for split, variables in tests.items()
    }


def optimism_to_json(corrections: dict[str, OptimismCorrection | None]) -> dict[str, Any]:
    return {
        model: None
        if c is None
        else {
            "resamples": {"used": c.used, "requested": c.requested},
            **{
                name: {
                    "apparent": index.apparent,
                    "optimism": index.optimism,
                    "corrected": index.corrected,
                }
                for name, index in (("auc", c.auc), ("brier", c.brier), ("slope", c.slope), ("intercept", c.intercept))
            },
        }
        for model, c in corrections.items()
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [interval[0], interval[1]]

"""The figures of ``evaluation.json`` as JSON: fits, ROC, tests, calibration, decision curves, cut-offs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sinustrainer.evaluate.recurrence_evaluation import SCHEMA_VERSION, CarriedCutoff, SplitEvaluation, carry_cutoffs
from sinustrainer.evaluate.recurrence_models import FittedModel, Predictions
from sinusviewer.statistics.bootstrap import OptimismCorrection
from sinusviewer.statistics.calibration import Calibration
from sinusviewer.statistics.decision_curve import decision_curve, percent_thresholds
from sinusviewer.statistics.delong import DelongTest
from sinusviewer.statistics.logistic import LogisticFit
from sinusviewer.statistics.roc import BinaryCounts
from sinusviewer.statistics.univariate import UnivariateTest


def content_of(
    splits: dict[str, SplitEvaluation], predictions: Sequence[Predictions], warnings: list[str]
) -> dict[str, Any]:
    """Everything that is the same whether models were fitted or probabilities were given."""
    cutoffs = carry_cutoffs(splits["train"], splits.get("test")) if "train" in splits else {}
    found = [
        f"{name}: {split.roc['nomogram'].reason}." for name, split in splits.items() if split.roc["nomogram"].reason
    ]
    found += [
        f"{entry.split}: no patient is complete in every predictor; this file is not evaluated."
        for entry in predictions
        if entry.split not in splits
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "research_use_only": True,
        "rows": {
            entry.split: {
                "patients": len(entry.ids),
                "without_outcome": int(np.isnan(entry.y).sum()),
                "evaluated": int(entry.evaluated.sum()),
                "events": int(np.nansum(entry.y[entry.evaluated])),
            }
            for entry in predictions
        },
        "roc": {name: roc_to_json(split) for name, split in splits.items()},
        "delong_test": {name: delong_tests_to_json(split) for name, split in splits.items()},
        "calibration": {name: calibrations_to_json(split) for name, split in splits.items()},
        "decision_curve": {name: decision_to_json(split) for name, split in splits.items()},
        "cutoff_from_train": cutoffs_to_json(cutoffs),
        "predictions": {entry.split: f"predictions_{entry.split}.csv" for entry in predictions},
        "warnings": warnings + found,
    }


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


def delong_tests_to_json(split: SplitEvaluation) -> dict[str, Any]:
    return {pair: delong_to_json(test) for pair, test in split.delong.items()}


def delong_to_json(test: DelongTest) -> dict[str, Any]:
    return {"z": test.z, "p": test.p, "difference": test.difference, "ci95": _pair(test.ci95), "reason": test.reason}


def calibrations_to_json(split: SplitEvaluation) -> dict[str, Any]:
    return {model: calibration_to_json(found) for model, found in split.calibration.items()}


def calibration_to_json(found: Calibration) -> dict[str, Any]:
    return {
        "brier": found.brier,
        "intercept": found.intercept,
        "slope": found.slope,
        "in_the_large": found.in_the_large,
        "hosmer_lemeshow": {
            "chi2": _finite(found.hosmer_lemeshow.chi2),
            "df": found.hosmer_lemeshow.df,
            "p": found.hosmer_lemeshow.p,
            "reason": found.hosmer_lemeshow.reason,
        },
        "reason": found.reason,
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

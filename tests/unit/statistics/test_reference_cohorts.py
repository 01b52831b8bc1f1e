"""Our statistics against R's on the shared cohorts, within the tolerances written beside them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import shared_dir

from sinusviewer.statistics.arrays import FloatArray
from sinusviewer.statistics.bootstrap import percentile_interval, resampled_aucs
from sinusviewer.statistics.calibration import calibrate, group_by_risk, hosmer_lemeshow, smooth_calibration
from sinusviewer.statistics.decision_curve import decision_curve, percent_thresholds
from sinusviewer.statistics.delong import compare_aucs, estimate_auc
from sinusviewer.statistics.logistic import fit_logistic
from sinusviewer.statistics.roc import count_at_threshold, roc_curve, youden_optima
from sinusviewer.statistics.univariate import chi_square, mann_whitney

SHARED = shared_dir()
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(SHARED is None, reason="shared reference data not found (SINUSVIEWER_SHARED)"),
]

COHORTS = ("nomogram_c0", "nomogram_c4_ties")
SETS = ("train", "test")
MODELS = ("nomogram", "clinical", "dlr")
PREDICTORS = {
    "clinical": ("asthma", "ar", "eos"),
    "dlr": ("dlr",),
    "nomogram": ("asthma", "ar", "eos", "dlr"),
    "extended": ("asthma", "ar", "eos", "dlr", "age", "hypertension"),
}


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Cohort:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
        self.tables = {name: self.columns(f"{name}.csv") for name in SETS}
        predictions = read_rows(folder / "predictions.csv")
        self.y: dict[str, FloatArray] = {}
        self.p: dict[str, dict[str, FloatArray]] = {}
        self.score: dict[str, dict[str, FloatArray]] = {}
        for name in SETS:
            rows = [r for r in predictions if r["set"] == name and r["complete4"] == "TRUE"]
            self.y[name] = np.array([float(r["recurrence"]) for r in rows])
            self.p[name] = {m: np.array([float(r[f"p_{m}"]) for r in rows]) for m in MODELS}
            self.score[name] = self.p[name] | {"dlr": np.array([float(r["dlr_raw"]) for r in rows])}

    def columns(self, name: str) -> dict[str, FloatArray]:
        rows = read_rows(self.folder / name)
        return {key: np.array([float(r[key]) if r[key] else np.nan for r in rows]) for key in rows[0] if key != "id"}


@pytest.fixture(scope="module", params=COHORTS)
def cohort(request: pytest.FixtureRequest) -> Cohort:
    assert SHARED is not None
    return Cohort(SHARED / "reference" / request.param)


def close(got: float | None, expected: float, tolerance: float = 1e-9) -> None:
    assert got is not None
    assert got == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("name", SETS)
def test_univariate_tests_equal_those_of_r(cohort: Cohort, name: str) -> None:
    for variable, expected in cohort.expected["univariate"][name].items():
        values, y = cohort.tables[name][variable], cohort.tables[name]["recurrence"]
        known = np.isfinite(values)
        if expected["test"] == "wilcox.test":
            got = mann_whitney(y[known], values[known])
            close(got.statistic, expected["W_U_of_recurrence"])
            close(got.p, expected["p_R_default"])
        else:
            got = chi_square(y[known], values[known])
            close(got.statistic, expected["X2_nocorrection"])
            close(got.p, expected["p_nocorrection"])
            close(got.p_yates, expected["p_yates"])
            close(got.p_fisher, expected["fisher_p"])


@pytest.mark.parametrize("model", list(PREDICTORS))
def test_logistic_regression_equals_glm_at_full_convergence(cohort: Cohort, model: str) -> None:
    table, expected = cohort.tables["train"], cohort.expected["glm"][model]
    x = np.column_stack([table[name] for name in PREDICTORS[model]])
    rows = np.isfinite(x).all(axis=1)
    fit = fit_logistic(table["recurrence"][rows], x[rows], PREDICTORS[model])
    assert fit.separation == ()
    for ours, theirs in (
        (fit.coefficients, "coef_tight"),
        (fit.standard_errors, "se_tight"),
        (fit.p, "p_tight"),
    ):
        for got, want in zip(ours, expected[theirs], strict=True):
            assert got == pytest.approx(want, rel=1e-8 if theirs == "coef_tight" else 1e-6)
    for got, want in zip(fit.odds_ratios, expected["OR"], strict=True):
        assert got == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", MODELS)
def test_auc_and_its_uncertainty_equal_those_of_proc_and_medcalc(cohort: Cohort, name: str, model: str) -> None:
    expected = cohort.expected["roc"][name][model]
    got = estimate_auc(cohort.y[name], cohort.score[name][model])
    assert got.ci95 is not None
    assert got.ci95_binomial_exact is not None
    close(got.auc, expected["auc"])
    close(got.variance, expected["delong_var"])
    close(got.ci95[0], expected["delong_ci_lo"])
    close(got.ci95[1], expected["delong_ci_hi"])
    close(got.se_hanley_mcneil, expected["hanley_mcneil_se"])
    close(got.ci95_binomial_exact[0], expected["medcalc_binomial_exact_ci"][0], 1e-7)
    close(got.ci95_binomial_exact[1], expected["medcalc_binomial_exact_ci"][1], 1e-7)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", MODELS)
def test_roc_curve_and_youden_optima_equal_those_of_proc(cohort: Cohort, name: str, model: str) -> None:
    rows = [row for row in read_rows(cohort.folder / "roc_curves.csv") if row["set"] == name and row["model"] == model]
    curve = roc_curve(cohort.y[name], cohort.score[name][model])
    thresholds = np.array([float(row["threshold"]) for row in rows])
    order = np.argsort(thresholds)
    np.testing.assert_allclose(curve.thresholds[1:-1], thresholds[order][1:-1], rtol=1e-9)
    np.testing.assert_allclose(curve.sensitivity, np.array([float(r["sensitivity"]) for r in rows])[order], atol=1e-12)
    np.testing.assert_allclose(curve.specificity, np.array([float(r["specificity"]) for r in rows])[order], atol=1e-12)
    expected = cohort.expected["roc"][name][model]["youden_all_ties"]
    optima = youden_optima(cohort.y[name], cohort.score[name][model])
    assert len(optima) == len(expected)
    for got, want in zip(optima, expected, strict=True):
        close(got.threshold, float(want["threshold"]))
        close(got.sensitivity, want["sensitivity"])
        close(got.specificity, want["specificity"])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("first", "second"), [("nomogram", "clinical"), ("nomogram", "dlr"), ("clinical", "dlr")])
def test_delong_test_equals_that_of_proc(cohort: Cohort, name: str, first: str, second: str) -> None:
    expected = cohort.expected["delong_test"][name][f"{first}_vs_{second}"]
    got = compare_aucs(cohort.y[name], cohort.score[name][first], cohort.score[name][second])
    assert got.ci95 is not None
    close(got.z, expected["Z"])
    close(got.p, expected["p"])
    close(got.difference, expected["auc_diff"])
    close(got.ci95[0], expected["ci_diff"][0])
    close(got.ci95[1], expected["ci_diff"][1])


@pytest.mark.parametrize("model", MODELS)
def test_the_training_cutoff_does_on_the_test_set_what_it_does_in_r(cohort: Cohort, model: str) -> None:
    expected = cohort.expected["train_youden_cutoff_applied_to_test"][model]
    cutoff = youden_optima(cohort.y["train"], cohort.score["train"][model])[0].threshold
    close(cutoff, float(expected["threshold"]))
    got = count_at_threshold(cohort.y["test"], cohort.score["test"][model], cutoff)
    assert (got.tp, got.fp, got.fn, got.tn) == tuple(expected[k] for k in ("TP", "FP", "FN", "TN"))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", ["nomogram", "clinical"])
def test_calibration_equals_val_prob_and_hoslem(cohort: Cohort, name: str, model: str) -> None:
    expected = cohort.expected["calibration"][name][model]
    y, p = cohort.y[name], cohort.p[name][model]
    got = calibrate(y, p, external=name == "test")
    close(got.brier, expected["brier"])
    close(got.intercept, expected["glm_intercept"], 2e-6)
    close(got.slope, expected["glm_slope"], 2e-6)
    close(got.in_the_large, expected["glm_citl_offset"], 2e-6)
    for key, groups in (("HL", 10), ("HL_g5", 5)):
        want = expected[key]["quantile_type7_hoslem.test"] if key in expected else None
        if want is None:
            continue
        grouped = group_by_risk(y, p, groups=groups)
        assert grouped.n.tolist() == want["n"]
        assert grouped.observed.tolist() == want["observed"]
        internal = hosmer_lemeshow(y, p, external=False, groups=groups)
        external = hosmer_lemeshow(y, p, external=True, groups=groups)
        close(internal.chi2, want["chisq"])
        close(internal.p, want["p_df_groups_minus2"])
        close(external.p, want["p_df_groups_external"])
    predicted, observed = smooth_calibration(y, p)
    np.testing.assert_allclose(predicted, expected["lowess_iter0"]["x"], atol=1e-12)
    np.testing.assert_allclose(observed, expected["lowess_iter0"]["y"], atol=1e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", MODELS)
def test_net_benefit_equals_the_reference(cohort: Cohort, name: str, model: str) -> None:
    rows = [row for row in read_rows(cohort.folder / "dca.csv") if row["set"] == name and row["model"] == model]
    # The reference takes the raw DLR-score for a probability; fit-nomogram takes the risk of its own logistic model.
    curve = decision_curve(cohort.y[name], cohort.score[name][model])
    np.testing.assert_allclose(curve.thresholds, [float(r["threshold"]) for r in rows], atol=1e-12)
    np.testing.assert_allclose(curve.thresholds, percent_thresholds())
    np.testing.assert_allclose(curve.net_benefit, [float(r["nb_ge"]) for r in rows], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(curve.treat_all, [float(r["nb_all_formula"]) for r in rows], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_given_resamples_give_the_reference_bootstrap(cohort: Cohort, model: str) -> None:
    resamples = np.loadtxt(cohort.folder / "boot_idx_test.csv", delimiter=",", dtype=np.intp)
    got = resampled_aucs(cohort.y["test"], cohort.score["test"][model], resamples)
    expected = np.genfromtxt(cohort.folder / "boot_auc_test.csv", delimiter=",", names=True)[model]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    want = cohort.expected["boot_explicit"]["percentile_type7"][model]
    interval = percentile_interval(got)
    assert interval is not None
    close(interval[0], want[0])
    close(interval[1], want[2])

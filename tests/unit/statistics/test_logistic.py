"""Logistic regression against closed forms, statsmodels and brute force; separation; Firth."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import FloatArray
from sinusviewer.statistics.bootstrap import bootstrap_auc_ci, correct_optimism, stratified_resamples
from sinusviewer.statistics.logistic import fit_logistic
from sinusviewer.statistics.newton import newton_fits, penalised_likelihood
from sinusviewer.statistics.separation import find_separation, redundant_columns
from sinusviewer.statistics.spline import restricted_cubic_spline, spline_knots


def two_by_two(exposed: tuple[int, int], unexposed: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Outcome and exposure from (events, others) among the exposed and the unexposed."""
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [*exposed, *unexposed])
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [*exposed, *unexposed])
    return y, x[:, None]


def sample(n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    x = np.column_stack([generator.random(n) < 0.4, generator.lognormal(5.5, 0.7, n), generator.normal(2020, 3, n)])
    linear = -1.0 + 1.2 * x[:, 0] + 0.003 * (x[:, 1] - 300.0) - 0.1 * (x[:, 2] - 2020.0)
    return (generator.random(n) < 1.0 / (1.0 + np.exp(-linear))).astype(float), x


@given(a=st.integers(1, 60), b=st.integers(1, 60), c=st.integers(1, 60), d=st.integers(1, 60))
def test_a_single_yes_no_predictor_gives_the_log_odds_ratio(a: int, b: int, c: int, d: int) -> None:
    fit = fit_logistic(*two_by_two((a, b), (c, d)), ("x",))
    assert fit.coefficients[1] == pytest.approx(np.log(a * d / (b * c)), abs=1e-10)
    assert fit.standard_errors[1] == pytest.approx((1 / a + 1 / b + 1 / c + 1 / d) ** 0.5, rel=1e-9)
    assert fit.odds_ratios[1] == pytest.approx(a * d / (b * c), rel=1e-9)


@given(a=st.integers(0, 30), b=st.integers(0, 30), c=st.integers(1, 30), d=st.integers(1, 30))
def test_firths_fit_of_a_two_by_two_table_adds_one_half_to_every_cell(a: int, b: int, c: int, d: int) -> None:
    if a + b == 0:
        return
    fit = fit_logistic(*two_by_two((a, b), (c, d)), ("x",), method="firth")
    expected = np.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    assert fit.coefficients[1] == pytest.approx(expected, abs=1e-8)


@settings(max_examples=15)
@given(seed=st.integers(0, 500))
def test_estimates_and_errors_equal_those_of_statsmodels(seed: int) -> None:
    y, x = sample(150, seed)
    fit = fit_logistic(y, x, ("a", "b", "year"))
    if fit.separation:
        return
    centred = x - x.mean(axis=0)
    theirs = sm.Logit(y, sm.add_constant(centred)).fit(disp=0, tol=1e-12, maxiter=100)
    assert fit.coefficients[1:] == pytest.approx(theirs.params[1:], rel=1e-7)
    assert fit.standard_errors[1:] == pytest.approx(theirs.bse[1:], rel=1e-6)
    assert fit.p[1:] == pytest.approx(theirs.pvalues[1:], rel=1e-5)
    assert fit.log_likelihood == pytest.approx(theirs.llf, rel=1e-12)


def test_the_score_is_zero_at_the_estimate_to_machine_precision() -> None:
    y, x = sample(200, 3)
    fit = fit_logistic(y, x, ("a", "b", "year"))
    residual = y - fit.probability(x)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    assert abs(residual.sum()) < 1e-11
    assert np.abs(standard.T @ residual).max() < 1e-9


def test_patients_with_equal_values_have_exactly_equal_risk() -> None:
    y, x = sample(64, 5)
    fit = fit_logistic(y, x, ("a", "b", "year"))
    twice = fit.probability(np.vstack([x, x[::-1]]))
    assert (twice[:64] == twice[64:][::-1]).all()


def test_firths_estimate_maximises_the_penalised_likelihood() -> None:
    y, x = sample(25, 8)
    design = np.column_stack([np.ones(25), (x - x.mean(axis=0)) / x.std(axis=0)])
    best = optimize.minimize(lambda b: -penalised_likelihood(design, y, b), np.zeros(4), method="BFGS", tol=1e-10)
    got = newton_fits(design, y, np.ones((1, 25)), firth=True, max_iterations=500)
    np.testing.assert_allclose(got.coefficients[0], best.x, atol=1e-4)
    assert penalised_likelihood(design, y, got.coefficients[0]) >= -best.fun - 1e-10


def test_firths_p_value_is_the_penalised_likelihood_ratio() -> None:
    y, x = two_by_two((9, 0), (11, 30))
    fit = fit_logistic(y, x, ("x",), method="firth")
    design = np.column_stack([np.ones(50), x])
    alone = optimize.minimize_scalar(
        lambda b: -penalised_likelihood(design, y, np.array([b, 0.0])), bounds=(-10, 10), method="bounded"
    )
    full = penalised_likelihood(design, y, np.array([b or 0.0 for b in fit.coefficients]))
    assert fit.p[1] == pytest.approx(stats.chi2.sf(2.0 * (full + alone.fun), 1), rel=1e-4)


def test_quasi_separation_names_the_predictor_that_is_never_one_without_the_event() -> None:
    y, x = two_by_two((9, 0), (11, 30))
    noise = np.random.default_rng(1).normal(size=50)
    fit = fit_logistic(y, np.column_stack([noise, x]), ("noise", "asthma"))
    assert fit.separation == ("asthma",)
    assert fit.separation_kind == "quasi"
    assert not fit.converged
    assert fit.standard_errors[2] is None
    assert fit.odds_ratio_ci95[2] is None
    assert fit.standard_errors[1] is not None


def test_complete_separation_is_told_from_quasi_separation() -> None:
    fit = fit_logistic([0, 0, 0, 1, 1, 1], np.arange(6.0)[:, None], ("x",))
    assert fit.separation_kind == "complete"
    assert fit.separation == ("x",)


def test_near_separation_is_no_separation() -> None:
    y, x = two_by_two((40, 1), (10, 30))
    fit = fit_logistic(y, x, ("x",))
    assert fit.separation == ()
    assert fit.converged
    y = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1], dtype=float)
    overlapping = np.array([0, 1, 2, 3, 4, 4.001, 5, 6, 7, 8])[:, None]
    near = fit_logistic(y, overlapping, ("x",))
    assert near.separation == ()
    assert near.converged


def test_separation_by_a_combination_of_two_predictors_is_found() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 2))
    y = x[:, 0] + x[:, 1] > 0.1
    assert find_separation(y, x).kind == "complete"
    assert find_separation(y, x).columns == (0, 1)
    assert find_separation(y, x[:, :1]).kind == "none"


def test_constant_and_repeated_columns_are_named_and_left_out() -> None:
    y, x = sample(80, 2)
    columns = np.column_stack([np.full(80, 3.3), x[:, 0], 1.0 - x[:, 0], x[:, 1]])
    assert redundant_columns(columns).tolist() == [True, False, True, False]
    fit = fit_logistic(y, columns, ("constant", "a", "not_a", "b"))
    assert fit.redundant == ("constant", "not_a")
    assert fit.coefficients[1] is None
    assert fit.coefficients[3] is None
    alone = fit_logistic(y, x[:, :2], ("a", "b"))
    assert fit.coefficients[2] == pytest.approx(alone.coefficients[1])
    np.testing.assert_allclose(fit.probability(columns), alone.probability(x[:, :2]))


@pytest.mark.parametrize(
    ("y", "x", "message"),
    [
        ([1.0, 1.0, 1.0], [[1.0], [2.0], [3.0]], "one class"),
        ([0.0, 1.0, 1.0], [[1.0], [1.0], [1.0]], "No predictor varies"),
        ([0.0, 1.0, 1.0], [[1.0], [np.nan], [3.0]], "finite"),
        ([0.0, 1.0], [[1.0], [2.0], [3.0]], "Expected 2"),
    ],
)
def test_what_cannot_be_fitted_is_refused(y: list[float], x: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_logistic(y, np.array(x), ("x",))


def test_weights_count_patients_as_if_they_were_repeated() -> None:
    y, x = sample(120, 4)
    design = np.column_stack([np.ones(120), (x - x.mean(axis=0)) / x.std(axis=0)])
    weights = np.random.default_rng(2).integers(0, 3, 120)
    repeated = np.repeat(np.arange(120), weights)
    for firth in (False, True):
        many = newton_fits(design, y, np.stack([weights, np.ones(120)]).astype(float), firth=firth, max_iterations=200)
        one = newton_fits(design[repeated], y[repeated], np.ones((1, repeated.size)), firth=firth, max_iterations=200)
        np.testing.assert_allclose(many.coefficients[0], one.coefficients[0], atol=1e-8)


def test_resamples_keep_the_number_of_events_and_the_seed() -> None:
    y = np.array([1] * 5 + [0] * 20)
    rows = stratified_resamples(y, 50, seed=3)
    assert (y[rows].sum(axis=1) == 5).all()
    assert (rows == stratified_resamples(y, 50, seed=3)).all()
    assert (rows != stratified_resamples(y, 50, seed=4)).any()


def test_a_bootstrap_interval_holds_the_auc_and_needs_both_classes() -> None:
    y, x = sample(100, 6)
    interval = bootstrap_auc_ci(y, x[:, 1], 200, seed=0)
    assert interval is not None
    assert interval[0] < interval[1]
    assert bootstrap_auc_ci(np.ones(5), np.arange(5.0), 10, seed=0) is None


def test_optimism_is_positive_for_a_model_of_noise() -> None:
    generator = np.random.default_rng(11)
    y, x = (generator.random(60) < 0.5).astype(float), generator.normal(size=(60, 5))
    got = correct_optimism(y, x, 200, seed=0)
    assert got is not None
    assert (got.auc.optimism or 0.0) > 0.05
    assert (got.slope.corrected or 1.0) < 0.9
    assert (got.brier.corrected or 0.0) > got.brier.apparent
    assert got == correct_optimism(y, x, 200, seed=0)


def test_a_spline_is_linear_beyond_its_outer_knots() -> None:
    knots = spline_knots(np.arange(101.0))
    assert knots == (10.0, 50.0, 90.0)
    basis = restricted_cubic_spline(np.array([0.0, 5.0, 95.0, 97.0, 99.0]), knots)
    assert (basis[:2, 1] == 0.0).all()
    assert basis[3, 1] - basis[2, 1] == pytest.approx(basis[4, 1] - basis[3, 1])
    with pytest.raises(InputError, match="three distinct knots"):
        spline_knots([0.0, 0.0, 0.0, 0.0, 1.0])

"""Calibration, decision curves, univariate tests and tick values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sinusviewer.errors import InputError
from sinusviewer.statistics.calibration import brier_score, calibrate, group_by_risk, smooth_calibration
from sinusviewer.statistics.decision_curve import decision_curve
from sinusviewer.statistics.pretty import pretty
from sinusviewer.statistics.univariate import chi_square, mann_whitney


def risks(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    p = generator.uniform(0.05, 0.95, n)
    return (generator.random(n) < p).astype(float), p


def test_risks_that_are_too_extreme_have_a_slope_below_one() -> None:
    y, p = risks()
    logit = np.log(p / (1 - p))
    honest = calibrate(y, p, external=True)
    extreme = calibrate(y, 1 / (1 + np.exp(-2.0 * logit)), external=True)
    assert honest.slope == pytest.approx(1.0, abs=0.2)
    assert extreme.slope == pytest.approx((honest.slope or 0.0) / 2.0)
    assert extreme.intercept == pytest.approx(honest.intercept)


def test_risks_that_are_too_high_have_a_negative_calibration_in_the_large() -> None:
    y, p = risks()
    got = calibrate(y, np.sqrt(p), external=True)
    assert got.in_the_large is not None
    assert got.in_the_large < -0.3


def test_hosmer_lemeshow_loses_two_degrees_on_the_training_data_only() -> None:
    y, p = risks()
    inside, outside = calibrate(y, p, external=False), calibrate(y, p, external=True)
    assert (inside.hosmer_lemeshow.df, outside.hosmer_lemeshow.df) == (8, 10)
    assert inside.hosmer_lemeshow.chi2 == outside.hosmer_lemeshow.chi2


def test_equal_risks_stay_in_one_group() -> None:
    grouped = group_by_risk([0, 1, 0, 1, 0, 1], [0.2, 0.2, 0.2, 0.7, 0.7, 0.7])
    assert grouped.n.tolist() == [3, 3]
    assert grouped.observed_rate.tolist() == pytest.approx([1 / 3, 2 / 3])


def test_one_risk_for_all_is_not_recalibrated() -> None:
    got = calibrate([0, 1, 0, 1], [0.4] * 4, external=True)
    assert got.slope is None
    assert "same predicted risk" in got.reason
    assert got.in_the_large == pytest.approx(math.log(0.5 / 0.5) - math.log(0.4 / 0.6))
    assert smooth_calibration([0, 1, 0, 1], [0.4] * 4)[1].tolist() == [0.5] * 4


def test_risks_of_zero_and_one_do_no_harm() -> None:
    got = calibrate([0, 1, 0, 1, 1, 0], [0.0, 1.0, 0.3, 0.4, 0.2, 0.6], external=True)
    assert got.slope is not None
    assert got.brier == pytest.approx((0.09 + 0.36 + 0.64 + 0.36) / 6)
    wrong = calibrate([1, 1, 0, 1], [0.0, 1.0, 0.3, 0.4], external=True)
    assert wrong.hosmer_lemeshow.chi2 is None
    assert wrong.hosmer_lemeshow.reason


def test_predictions_that_separate_have_no_slope() -> None:
    got = calibrate([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], external=True)
    assert got.slope is None
    assert "separate" in got.reason


def test_the_brier_score_of_a_coin_is_a_quarter() -> None:
    assert brier_score([0, 1, 1], [0.5, 0.5, 0.5]) == 0.25
    with pytest.raises(InputError, match="probability"):
        brier_score([0, 1], [0.5, 1.5])


def test_net_benefit_of_treating_all_is_prevalence_at_no_cost_and_zero_at_prevalence() -> None:
    y = np.array([1] * 3 + [0] * 7)
    curve = decision_curve(y, np.full(10, 0.5), [0.0, 0.3, 0.5, 0.6])
    assert curve.treat_all.tolist() == pytest.approx([0.3, 0.0, -0.4, 0.3 - 0.7 * 1.5])
    assert curve.net_benefit.tolist() == pytest.approx([0.3, 0.0, -0.4, 0.0])  # p = 0.5 is positive at t = 0.5
    assert curve.net_reduction[1:].tolist() == pytest.approx([0.0, 0.0, 0.75 * 0.4 / 0.6])


def test_net_benefit_is_undefined_at_threshold_one() -> None:
    curve = decision_curve([0, 1], [0.2, 0.9], [0.5, 1.0])
    assert math.isnan(curve.net_benefit[1])
    assert math.isnan(curve.treat_all[1])
    assert curve.net_benefit[0] == 0.5


def test_a_threshold_beyond_probabilities_is_refused() -> None:
    with pytest.raises(InputError, match="Threshold"):
        decision_curve([0, 1], [0.2, 0.9], [1.2])


def test_mann_whitney_is_exact_without_ties_below_fifty() -> None:
    y, x = np.array([1] * 4 + [0] * 5), np.array([10.0, 9, 8, 1, 2, 3, 4, 5, 6])
    got = mann_whitney(y, x)
    assert got.method == "exact"
    assert got.statistic == 15.0
    assert got.p == pytest.approx(36 / 126)  # 18 of the 126 arrangements reach U >= 15, and as many U <= 5
    assert mann_whitney(y, np.append(x[:-1], 5.0)).method.startswith("normal")


def test_mann_whitney_of_a_large_or_tied_sample_is_rs_normal_approximation() -> None:
    generator = np.random.default_rng(3)
    y, x = np.array([1] * 50 + [0] * 60), generator.normal(size=110)
    got = mann_whitney(y, x)
    u = got.statistic or 0.0
    z = abs(u - 1500.0) - 0.5
    assert got.p == pytest.approx(2 * stats.norm.sf(z / math.sqrt(50 * 60 / 12 * 111)))


def test_a_constant_variable_has_no_test() -> None:
    assert mann_whitney([0, 1, 1], [2.0, 2.0, 2.0]).p is None
    got = chi_square([0, 1, 1], [0, 0, 0])
    assert got.statistic is None
    assert got.p is None
    assert got.p_fisher == pytest.approx(1.0)
    assert "constant" in got.reason


def test_the_papers_p_values_are_pearson_without_yates() -> None:
    # He 2023, Table 1, hypertension in training: 10 of 85 against 23 of 115, p = 0.121
    y = np.repeat([1, 1, 0, 0], [10, 75, 23, 92])
    x = np.repeat([1, 0, 1, 0], [10, 75, 23, 92])
    got = chi_square(y, x)
    assert round(got.p or 0.0, 3) == 0.121
    assert round(got.p_yates or 0.0, 3) == 0.174


@pytest.mark.parametrize(
    ("low", "high", "n", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1, 10, 5, [0, 2, 4, 6, 8, 10]),
        (1234, 5678, 5, [1000, 2000, 3000, 4000, 5000, 6000]),
        (41, 1511, 10, [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600]),
        (14, 79, 10, list(range(10, 85, 5))),
        (-3.7, 6.5, 10, list(range(-4, 8))),
        (0, 130.87, 10, list(range(0, 150, 10))),
        (0.0, 0.0, 5, [-1, 0]),
        (0, 196.7, 10, list(range(0, 220, 20))),
    ],
)
def test_ticks_are_those_of_r(low: float, high: float, n: int, expected: list[float]) -> None:
    assert list(pretty(low, high, n)) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 20))
def test_ticks_cover_the_range_in_equal_round_steps(low: float, width: float, n: int) -> None:
    ticks = pretty(low, low + width, n)
    steps = np.diff(ticks)
    slack = 1e-8 * steps[0] + 1e-9 * max(abs(low), abs(low + width))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + width - slack
    assert steps == pytest.approx(steps[0], rel=1e-4)
    mantissa = steps[0] / 10.0 ** math.floor(math.log10(steps[0] * 1.0001))
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-3


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        pretty(2.0, 1.0)

"""Profile-likelihood intervals: against statsmodels with an offset, a closed form, and data without a limit."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from sinusviewer.statistics.logistic import fit_logistic
from sinusviewer.statistics.profile import profile_ci95


def cohort(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.gamma(1.5, 200.0, n), rng.random(n)]).astype(float)
    logit = -2.2 + 1.4 * x[:, 0] + 0.004 * x[:, 1] - 0.9 * x[:, 2]
    return (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float), x


@pytest.mark.parametrize(("seed", "n"), [(0, 200), (1, 60), (2, 24)])
def test_limits_lie_where_statsmodels_likelihood_has_fallen_by_half_a_chi_square(seed: int, n: int) -> None:
    y, x = cohort(seed, n)
    fit = fit_logistic(y, x, ("asthma", "eos", "dlr"))
    whole = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-12).llf
    for j, (low, high) in enumerate(profile_ci95(fit, y, x)):  # type: ignore[misc]
        others = sm.add_constant(np.delete(x, j, axis=1))
        for end in (low, high):
            held = sm.GLM(y, others, family=sm.families.Binomial(), offset=end * x[:, j]).fit(tol=1e-12).llf
            assert 2 * (whole - held) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-5)
        estimate = fit.coefficients[j + 1]
        assert estimate is not None
        assert low < estimate < high


def test_a_large_cohorts_interval_is_walds() -> None:
    y, x = cohort(3, 4000)
    fit = fit_logistic(y, x, ("asthma", "eos", "dlr"))
    for j, interval in enumerate(profile_ci95(fit, y, x)):
        low, high = fit.odds_ratio_ci95[j + 1]  # type: ignore[misc]
        assert np.exp(interval) == pytest.approx((low, high), rel=0.02)  # type: ignore[arg-type]


def test_a_yes_no_predictor_has_the_interval_of_its_two_by_two_table() -> None:
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [9, 3, 8, 22])
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [9, 3, 8, 22])[:, None]

    def loglik(p: float, successes: int, failures: int) -> float:
        return successes * np.log(p) + failures * np.log(1 - p)

    def profile(beta: float) -> float:
        def worse(a: float) -> float:
            return -loglik(1 / (1 + np.exp(-a - beta)), 9, 3) - loglik(1 / (1 + np.exp(-a)), 8, 22)

        return -float(optimize.minimize_scalar(worse, bounds=(-8, 8), method="bounded", options={"xatol": 1e-10}).fun)

    top = loglik(9 / 12, 9, 3) + loglik(8 / 30, 8, 22)
    ((low, high),) = profile_ci95(fit_logistic(y, x, ("a",)), y, x)  # type: ignore[misc]
    for end in (low, high):
        assert 2 * (top - profile(end)) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-6)


def test_a_predictor_never_present_without_the_event_has_no_upper_limit_but_a_lower_one() -> None:
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [6, 0, 10, 24])
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [6, 0, 10, 24])[:, None]
    ((low, high),) = profile_ci95(fit_logistic(y, x, ("a",)), y, x)  # type: ignore[misc]
    assert high is None
    assert low is not None
    assert low > 0
    ((firth_low, firth_high),) = profile_ci95(fit_logistic(y, x, ("a",), method="firth"), y, x)  # type: ignore[misc]
    assert firth_low is not None
    assert firth_high is not None
    assert 0 < firth_low < firth_high


def test_a_redundant_column_has_no_interval() -> None:
    y, x = cohort(4, 80)
    doubled = np.column_stack([x, np.ones(80), x[:, 0]])
    fit = fit_logistic(y, doubled, ("asthma", "eos", "dlr", "constant", "again"))
    intervals = profile_ci95(fit, y, doubled)
    assert intervals[3:] == (None, None)
    alone = profile_ci95(fit_logistic(y, x, ("asthma", "eos", "dlr")), y, x)
    np.testing.assert_allclose(intervals[:3], alone, rtol=1e-6)

"""ROC, DeLong and cut-offs against pair counting, closed forms and the definitions."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import FloatArray
from sinusviewer.statistics.delong import auc, clopper_pearson, compare_aucs, estimate_auc, hanley_mcneil_se
from sinusviewer.statistics.roc import count_at_threshold, count_calls, roc_curve, youden_optima


def naive_delong(y: FloatArray, scores: FloatArray) -> tuple[float, float]:
    """Every pair, one by one: O(n squared), as DeLong, DeLong and Clarke-Pearson wrote it."""
    positives, negatives = scores[y == 1], scores[y == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    of_positives, of_negatives = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_positives.var(ddof=1) / positives.size + of_negatives.var(ddof=1) / negatives.size
    return float(wins.mean()), float(variance)


def sample(n: int, seed: int, *, decimals: int = 12) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    y = (generator.random(n) < 0.3).astype(float)
    y[:2], y[2:4] = 1.0, 0.0
    return y, np.round(generator.normal(y, 1.0), decimals)


@given(seed=st.integers(0, 10_000), n=st.integers(8, 80), decimals=st.integers(0, 3))
def test_delong_by_midranks_equals_pair_counting_with_ties(seed: int, n: int, decimals: int) -> None:
    y, scores = sample(n, seed, decimals=decimals)
    area, variance = naive_delong(y, scores)
    got = estimate_auc(y, scores)
    assert got.auc == pytest.approx(area, abs=1e-12)
    assert got.variance == pytest.approx(variance, abs=1e-12)


def test_a_thousand_scores_agree_with_pair_counting() -> None:
    y, scores = sample(1000, 7)
    area, variance = naive_delong(y, scores)
    got = estimate_auc(y, scores)
    assert (got.auc, got.variance) == pytest.approx((area, variance), rel=1e-10)


def test_a_hundred_thousand_scores_take_less_than_a_second() -> None:
    y, scores = sample(100_000, 7, decimals=3)
    start = time.process_time()  # a busy machine makes it no slower
    got = estimate_auc(y, scores)
    assert time.process_time() - start < 1.0
    assert got.auc == pytest.approx(0.76, abs=0.01)


@given(seed=st.integers(0, 1000))
def test_auc_depends_on_ranks_only_and_mirrors_under_reversal(seed: int) -> None:
    y, scores = sample(40, seed, decimals=1)
    area = auc(y, scores)
    assert area is not None
    assert auc(y, np.exp(scores)) == pytest.approx(area)
    assert auc(y, -scores) == pytest.approx(1.0 - area)


def test_a_binary_call_has_the_mean_of_its_two_rates_as_auc() -> None:
    y = np.array([1] * 10 + [0] * 20)
    call = np.array([1] * 8 + [0] * 2 + [0] * 15 + [1] * 5)
    assert auc(y, call) == pytest.approx((0.8 + 0.75) / 2)


def test_perfect_discrimination_has_variance_zero_and_an_interval_of_one_point() -> None:
    got = estimate_auc([0, 0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert got.auc == 1.0
    assert got.variance == 0.0
    assert got.ci95 == (1.0, 1.0)


def test_the_interval_is_clipped_to_probabilities() -> None:
    got = estimate_auc([0, 0, 0, 0, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7])
    assert got.ci95 is not None
    assert got.ci95[1] == 1.0


def test_one_positive_has_an_area_but_no_delong_variance() -> None:
    got = estimate_auc([0, 0, 0, 1], [1, 2, 3, 2.5])
    assert got.auc == pytest.approx(2 / 3)
    assert got.variance is None
    assert got.ci95 is None
    assert "not estimable" in got.reason
    assert got.ci95_binomial_exact is not None


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_is_not_estimable(outcome: int) -> None:
    got = estimate_auc([outcome] * 4, [1, 2, 3, 4])
    assert got.auc is None
    assert "one class" in got.reason
    assert youden_optima([outcome] * 4, [1, 2, 3, 4]) == ()


def test_scores_that_rank_alike_cannot_be_compared() -> None:
    y, scores = sample(30, 3)
    got = compare_aucs(y, scores, 2.0 * scores + 1.0)
    assert got.difference == 0.0
    assert got.p is None
    assert "alike" in got.reason


def test_comparing_two_scores_turns_its_sign_with_their_order() -> None:
    y, a = sample(60, 4)
    b = np.random.default_rng(5).normal(size=60)
    first, second = compare_aucs(y, a, b), compare_aucs(y, b, a)
    assert first.z is not None
    assert first.z == pytest.approx(-second.z if second.z is not None else None)
    assert first.p == pytest.approx(second.p)


def test_hanley_and_mcneils_worked_example() -> None:
    # Radiology 1982;143:29: area 0.893, 51 abnormal and 58 normal images, standard error 0.032
    assert hanley_mcneil_se(0.893, 51, 58) == pytest.approx(0.032, abs=1e-3)


def test_clopper_pearson_has_its_closed_forms_at_the_ends() -> None:
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 1.0 - 0.025 ** (1 / 10)))
    assert clopper_pearson(10, 10) == pytest.approx((0.025 ** (1 / 10), 1.0))


def test_a_score_at_the_threshold_is_positive() -> None:
    got = count_at_threshold([1, 0, 1, 0], [0.5, 0.5, 0.4, 0.6], 0.5)
    assert (got.tp, got.fp, got.fn, got.tn) == (1, 2, 1, 0)
    assert got.sensitivity == 0.5
    assert got.false_positive_rate == 1.0


def test_rates_without_a_denominator_are_none() -> None:
    counts = count_calls([1, 1], [1, 0])
    assert counts.specificity is None
    assert counts.accuracy == 0.5


def test_all_youden_optima_are_found_in_whole_numbers() -> None:
    # 3 of 3 and 1 of 3 against 2 of 3 and 2 of 3: equal as fractions, unequal in binary arithmetic
    y = np.array([0, 1, 0, 1, 0, 1] * 10)
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 10)
    optima = youden_optima(y, scores)
    assert [point.threshold for point in optima] == [1.5, 3.5, 5.5]


def test_a_useless_score_has_infinite_cut_offs_among_its_optima() -> None:
    assert [p.threshold for p in youden_optima([0, 1], [1.0, 1.0])] == [-np.inf, np.inf]


def test_a_threshold_between_neighbouring_doubles_still_divides_them() -> None:
    low = 0.3
    high = float(np.nextafter(low, 1.0))
    threshold = float(roc_curve([0, 1], [low, high]).thresholds[1])
    assert count_at_threshold([0, 1], [low, high], threshold).accuracy == 1.0


@given(seed=st.integers(0, 1000))
def test_the_area_under_the_curve_is_the_auc(seed: int) -> None:
    y, scores = sample(50, seed, decimals=1)
    curve = roc_curve(y, scores)
    assert np.trapezoid(curve.sensitivity[::-1], 1.0 - curve.specificity[::-1]) == pytest.approx(auc(y, scores))


@pytest.mark.parametrize(
    ("y", "scores", "message"),
    [
        ([0, 2], [0.1, 0.2], "0 or 1, got 2"),
        ([0, 1], [0.1], "Expected 2"),
        ([0, 1], [0.1, np.nan], "finite"),
        ([], [], "non-empty"),
    ],
)
def test_unusable_input_is_refused(y: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate_auc(y, scores)

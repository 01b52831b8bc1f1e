"""Univariate comparisons of Table 1: Mann-Whitney, chi-square with and without Yates, Fisher.

The numbers are those of R's ``wilcox.test``, ``chisq.test`` and ``fisher.test``; scipy computes them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike, as_outcome, as_scores

EXACT_BELOW = 50  # R's wilcox.test: exact where both groups are smaller and no value is tied


@dataclass(frozen=True, slots=True)
class UnivariateTest:
    """A comparison of two groups; ``None`` where the groups do not allow it, for the reason given.

    Attributes
    ----------
    statistic
        Mann-Whitney U of the group with the event, or Pearson's chi-square without correction.
    p_yates, p_fisher
        Only for two-by-two tables.
    """

    test: Literal["mann_whitney", "chi_square"]
    statistic: float | None
    p: float | None
    p_yates: float | None
    p_fisher: float | None
    n: int
    method: str
    reason: str = ""


def mann_whitney(y: ArrayLike, values: ArrayLike) -> UnivariateTest:
    """Compare a continuous variable between outcome groups as R's ``wilcox.test`` does by default.

    Exact where both groups have fewer than 50 patients and no two values tie; otherwise the normal approximation with
    tie and continuity corrections.
    """
    truth = as_outcome(y)
    x = as_scores(values, truth.size, what="value")
    with_event, without = x[truth], x[~truth]
    if with_event.size == 0 or without.size == 0:
        return UnivariateTest("mann_whitney", None, None, None, None, x.size, "", "one outcome group is empty")
    if bool((x == x[0]).all()):
        half = with_event.size * without.size / 2.0
        return UnivariateTest("mann_whitney", half, None, None, None, x.size, "", "the variable is constant")
    untied = np.unique(x).size == x.size
    exact = untied and with_event.size < EXACT_BELOW and without.size < EXACT_BELOW
    result = stats.mannwhitneyu(
        with_event, without, alternative="two-sided", use_continuity=True, method="exact" if exact else "asymptotic"
    )
    method = "exact" if exact else "normal approximation with continuity correction"
    return UnivariateTest(
        "mann_whitney", float(result.statistic), min(1.0, float(result.pvalue)), None, None, x.size, method
    )


def chi_square(y: ArrayLike, values: ArrayLike) -> UnivariateTest:
    """Compare a 0/1 variable between outcome groups: Pearson without Yates, with Yates, and Fisher's exact test."""
    truth = as_outcome(y)
    present = as_outcome(values)
    if present.size != truth.size:
        raise InputError(f"Expected {truth.size} values, got {present.size}.")
    table = np.array(
        [
            [np.sum(present & truth), np.sum(present & ~truth)],
            [np.sum(~present & truth), np.sum(~present & ~truth)],
        ]
    )
    fisher = float(stats.fisher_exact(table)[1])
    method = "Pearson without Yates' correction"
    if 0 in table.sum(axis=0) or 0 in table.sum(axis=1):
        reason = "the variable is constant" if 0 in table.sum(axis=1) else "one outcome group is empty"
        return UnivariateTest("chi_square", None, None, None, fisher, truth.size, method, reason)
    plain = stats.chi2_contingency(table, correction=False)
    yates = stats.chi2_contingency(table, correction=True)
    return UnivariateTest(
        "chi_square", float(plain.statistic), float(plain.pvalue), float(yates.pvalue), fisher, truth.size, method
    )

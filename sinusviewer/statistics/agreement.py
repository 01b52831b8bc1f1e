"""Agreement between readers or between a reader and the machine: Cohen's kappa and intraclass correlation.

Sources: Fleiss, Cohen and Everitt, Psychological Bulletin 1969;72:323 (as implemented in statsmodels); McGraw and Wong,
Psychological Methods 1996;1:30, ICC(A,1) and ICC(C,1).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import ArrayLike


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement with its 95 % interval; ``None`` where the ratings do not vary."""

    value: float | None
    ci95: tuple[float, float] | None
    n: int
    reason: str = ""


def kappa(
    first: ArrayLike, second: ArrayLike, *, weights: Literal["none", "linear", "quadratic"] = "none"
) -> Agreement:
    """Cohen's kappa of two readers' categories; weighted kappa reads the categories as equally spaced ranks."""
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InputError(f"Two readers must rate the same cases, got {a.shape} and {b.shape}.")
    categories, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    if categories.size < 2:
        return Agreement(None, None, int(a.size), "not estimable: both readers used one category only")
    table = np.zeros((categories.size, categories.size))
    np.add.at(table, (codes[: a.size], codes[a.size :]), 1.0)
    result = cohens_kappa(table, wt=None if weights == "none" else weights)
    value = float(result.kappa)
    return Agreement(value, (max(-1.0, float(result.kappa_low)), min(1.0, float(result.kappa_upp))), int(a.size))


def intraclass_correlation(ratings: ArrayLike, *, kind: Literal["agreement", "consistency"] = "agreement") -> Agreement:
    """Intraclass correlation of single measurements, two-way model.

    Parameters
    ----------
    ratings
        ``[case, reader]``, complete.
    kind
        ``agreement``: a constant difference between readers counts against them, ICC(A,1); ``consistency``: it does
        not, ICC(C,1).
    """
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 2 or not bool(np.isfinite(x).all()):
        raise InputError(f"Ratings must be complete, at least 2 cases by 2 readers, got shape {x.shape}.")
    n, k = x.shape
    case_means, reader_means = x.mean(axis=1), x.mean(axis=0)
    between = k * float(((case_means - x.mean()) ** 2).sum()) / (n - 1)
    readers = n * float(((reader_means - x.mean()) ** 2).sum()) / (k - 1)
    rest = x - case_means[:, None] - reader_means[None, :] + x.mean()
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    if between <= 0.0:
        return Agreement(None, None, n, "not estimable: all cases have the same mean rating")
    if kind == "consistency":
        return _consistency(between, error, n, k)
    value = (between - error) / (between + (k - 1) * error + k * (readers - error) / n)
    return Agreement(value, _agreement_interval(value, between, readers, error, n, k), n)


def _consistency(between: float, error: float, n: int, k: int) -> Agreement:
    value = (between - error) / (between + (k - 1) * error)
    if error <= 0.0:
        return Agreement(value, (1.0, 1.0), n)
    df1, df2 = n - 1, (n - 1) * (k - 1)
    low = between / error / float(stats.f.ppf(0.975, df1, df2))
    high = between / error * float(stats.f.ppf(0.975, df2, df1))
    return Agreement(value, ((low - 1) / (low + k - 1), (high - 1) / (high + k - 1)), n)


def _agreement_interval(
    value: float, between: float, readers: float, error: float, n: int, k: int
) -> tuple[float, float]:
    """Interval of ICC(A,1) with Satterthwaite's degrees of freedom (McGraw and Wong, table 7)."""
    if error <= 0.0 and readers <= 0.0:
        return 1.0, 1.0
    a = k * value / (n * (1.0 - value)) if value < 1.0 else 0.0
    b = 1.0 + k * value * (n - 1) / (n * (1.0 - value)) if value < 1.0 else 1.0
    v = (a * readers + b * error) ** 2 / ((a * readers) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    upper_f, lower_f = float(stats.f.ppf(0.975, n - 1, v)), float(stats.f.ppf(0.975, v, n - 1))
    common = k * readers + (k * n - k - n) * error
    low = n * (between - upper_f * error) / (upper_f * common + n * between)
    high = n * (lower_f * between - error) / (common + n * lower_f * between)
    return low, high

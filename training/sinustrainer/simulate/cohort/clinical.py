"""Clinical tables in the margins of He 2023, Table 1: counts exact, means and deviations as published, given the outcome."""

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.cohort.recipe import ClinicalMargins

BINARY = ("female", "asthma", "allergic_rhinitis", "hypertension", "diabetes", "smoking", "drinking")
Row = dict[str, float | bool]
_WIDENINGS = 12


def draw_clinical(margins: ClinicalMargins, n: int, rng: np.random.Generator) -> list[Row]:
    """``n`` patients of one outcome group. Columns are independent given the outcome, which is all that Table 1 tells."""
    columns: dict[str, list[float | bool]] = {}
    columns["age"] = [float(round(v)) for v in _normal(margins.age_mean, margins.age_sd, n, (18, 85), rng)]
    for name in BINARY:
        wanted = round(getattr(margins, name) * n / margins.patients)
        values = np.zeros(n, bool)
        values[rng.permutation(n)[:wanted]] = True
        columns[name] = [bool(v) for v in values]
    eosinophils = _log_normal(margins.eosinophils_mean, margins.eosinophils_sd, n, rng)
    columns["eosinophils_per_ul"] = [float(round(v)) for v in eosinophils]
    return [{name: values[i] for name, values in columns.items()} for i in range(n)]


def _normal(
    mean: float, sd: float, n: int, limits: tuple[float, float], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Evenly spread quantiles, shuffled: the sample's mean and deviation come out as wanted even for small ``n``."""
    from scipy.stats import norm

    quantiles = norm.ppf((rng.permutation(n) + rng.uniform(0.2, 0.8, n)) / n)
    values: npt.NDArray[np.float64] = np.clip(mean + sd * quantiles, *limits)
    return values


def _log_parameters(mean: float, sd: float) -> tuple[float, float]:
    sigma2 = np.log(1 + (sd / mean) ** 2)
    return float(np.log(mean) - sigma2 / 2), float(np.sqrt(sigma2))


def _log_normal(mean: float, sd: float, n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """As ``_normal``; the spread is widened until the sample's deviation is the one wanted: few patients hold no long tail."""
    from scipy.stats import norm

    quantiles = norm.ppf((rng.permutation(n) + rng.uniform(0.2, 0.8, n)) / n)
    sigma, wider = _log_parameters(mean, sd)[1], 1.0
    values = np.full(n, mean)
    for _ in range(_WIDENINGS if sigma > 0 and n > 2 else 1):
        values = np.exp(wider * sigma * quantiles)
        values = np.clip(values * mean / values.mean(), 5, 4000)
        wider = float(np.clip(wider * (sd / max(values.std(ddof=1), 1e-6)) ** 0.7 if n > 2 else 1.0, 0.5, 2.0))
    return np.asarray(values, dtype=np.float64)

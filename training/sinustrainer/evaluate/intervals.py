"""What an evaluation says of its uncertainty: rates, areas under ROC curves, means; the patient is what is drawn anew.

Slices of one CT are alike, and so are the ten sinuses of one nose: an interval that takes them for independent is too narrow. Every
bootstrap here draws patients (stratified by outcome where there is one), is seeded, and gives percentile intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from sinusviewer.statistics.bootstrap import percentile_interval
from sinusviewer.statistics.delong import estimate_auc
from sinusviewer.statistics.roc import BinaryCounts

RESAMPLES = 2000
SEED = 0
FEWEST = 5
"""Groups below which drawing them anew says nothing of a mean."""
DELONG, BOOTSTRAP = "DeLong", "bootstrap over patients"
NO_DELONG = "not estimable by DeLong: the scores separate the groups"
Interval = tuple[float, float]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AucInterval:
    """An AUC, its 95 % interval, and how that was come by or why there is none."""

    auc: float | None
    ci95: Interval | None
    method: str


def wilson(part: int, whole: int, *, level: float = 0.95) -> Interval | None:
    """Wilson's score interval of a rate (Wilson, JASA 1927;22:209); None of nothing."""
    if whole == 0:
        return None
    z = float(stats.norm.ppf(0.5 + level / 2))
    p, shrunk = part / whole, 1 + z**2 / whole
    middle = (p + z**2 / (2 * whole)) / shrunk
    half = z * float(np.sqrt(p * (1 - p) / whole + z**2 / (4 * whole**2))) / shrunk
    return max(0.0, middle - half), min(1.0, middle + half)


def rate_intervals(counts: BinaryCounts) -> dict[str, Interval | None]:
    """Wilson's intervals of what a cut-off does to patients."""
    return {
        "accuracy": wilson(counts.tp + counts.tn, counts.n),
        "sensitivity": wilson(counts.tp, counts.tp + counts.fn),
        "specificity": wilson(counts.tn, counts.tn + counts.fp),
    }


def auc_interval(truth: npt.ArrayLike, scores: npt.ArrayLike) -> AucInterval:
    """AUC of patients with DeLong's interval; at exactly 0 or 1 his variance is 0, which is no interval."""
    area = estimate_auc(np.asarray(truth), np.asarray(scores))
    if area.auc is not None and area.variance is not None and area.variance <= 0:
        return AucInterval(area.auc, None, NO_DELONG)
    return AucInterval(area.auc, area.ci95, area.reason or DELONG)


@dataclass(frozen=True, slots=True, eq=False)
class PatientPairs:
    """Comparisons won by slices of one patient with disease over slices of one without, a tie counting one half.

    Attributes
    ----------
    wins
        ``[with, without]`` counts.
    sick, well
        Slices of each patient; all 1 where the patient is the unit.
    """

    wins: FloatArray
    sick: FloatArray
    well: FloatArray

    @property
    def auc(self) -> float:
        return float(self.wins.sum() / (self.sick.sum() * self.well.sum()))

    def resampled(self, draws: tuple[FloatArray, FloatArray]) -> FloatArray:
        """AUC of every resample, of how often each patient was drawn: ``[resample, with]``, ``[resample, without]``."""
        with_disease, without = draws
        won = ((with_disease @ self.wins) * without).sum(axis=1)
        return np.asarray(won / ((with_disease @ self.sick) * (without @ self.well)))


def patient_pairs(truth: npt.ArrayLike, scores: npt.ArrayLike, patients: Sequence[str]) -> PatientPairs | None:
    """Compare all slices, by patient; patients in the order of their names. None where an outcome is missing."""
    sick, values, names = np.asarray(truth, np.bool_), np.asarray(scores, np.float64), np.asarray(patients)
    groups = [[np.sort(values[(names == n) & side]) for n in np.unique(names[side])] for side in (sick, ~sick)]
    if not all(groups):
        return None
    wins = np.array(
        [
            [(np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).sum() / 2 for b in groups[1]]
            for a in groups[0]
        ]
    )
    counts = [np.array([len(g) for g in side], np.float64) for side in groups]
    return PatientPairs(wins, counts[0], counts[1])


def drawn_patients(pairs: PatientPairs, *, count: int = RESAMPLES, seed: int = SEED) -> tuple[FloatArray, FloatArray]:
    """How often each patient is drawn in each resample, as many with and without disease as there are."""
    generator = np.random.default_rng(seed)
    shapes = pairs.wins.shape
    drawn = [generator.multinomial(n, np.full(n, 1 / n), count).astype(np.float64) for n in shapes]
    return drawn[0], drawn[1]


def clustered_auc(truth: npt.ArrayLike, scores: npt.ArrayLike, patients: Sequence[str]) -> AucInterval:
    """AUC of slices, its interval by drawing patients with all their slices."""
    pairs = patient_pairs(truth, scores, patients)
    if pairs is None:
        return AucInterval(None, None, "not estimable: the outcome has one class only")
    if min(pairs.wins.shape) < 2:
        return AucInterval(pairs.auc, None, "not estimable: fewer than two patients in a class")
    return AucInterval(pairs.auc, percentile_interval(pairs.resampled(drawn_patients(pairs))), BOOTSTRAP)


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference, its 95 % interval and two-sided p; None where too few patients allow none."""

    difference: float
    ci95: Interval | None
    p: float | None


def compare_units(patient: PatientPairs, image: PatientPairs) -> Difference:
    """AUC with the patient as unit minus that with the image, on the same patients; p is twice the smaller tail of the bootstrap."""
    gap = patient.auc - image.auc
    if min(patient.wins.shape) < 2:
        return Difference(gap, None, None)
    draws = drawn_patients(patient)
    gaps = patient.resampled(draws) - image.resampled(draws)
    tail = (min(int((gaps <= 0).sum()), int((gaps >= 0).sum())) + 1) / (len(gaps) + 1)
    return Difference(gap, percentile_interval(gaps), min(1.0, 2 * tail))


def mean_interval(groups: Sequence[Sequence[float]], *, seed: int = SEED) -> Interval | None:
    """Interval of the mean of all values, drawing groups (CTs with all their slices or sinuses); None of fewer than ``FEWEST``."""
    if len(groups) < FEWEST:
        return None
    sums, sizes = np.array([sum(g) for g in groups]), np.array([len(g) for g in groups], np.float64)
    draws = np.random.default_rng(seed).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), RESAMPLES)
    return percentile_interval((draws @ sums) / np.maximum(draws @ sizes, 1))


def mean_summary(values: Sequence[float]) -> dict[str, Any]:
    """Mean, spread and lowest of one value per patient; the interval by drawing patients."""
    if not values:
        return {"n": 0, "mean": None, "sd": None, "lowest": None, "ci95": None}
    return {
        "n": len(values),
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "lowest": float(np.min(values)),
        "ci95": mean_interval([[v] for v in values]),
    }


def wilcoxon_p(first: npt.ArrayLike, second: npt.ArrayLike) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; None where no pair differs."""
    gaps = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if not gaps.any():
        return None
    return float(stats.wilcoxon(gaps, method="auto").pvalue)


def interval_text(interval: Interval | None, digits: int = 3, *, factor: float = 1, signed: bool = False) -> str:
    """``0.812 to 0.934``, or a dash."""
    if interval is None:
        return "–"
    sign = "+" if signed else ""
    return " to ".join(f"{factor * end:{sign}.{digits}f}".replace("-", "−") for end in interval)


def rate_text(part: int, whole: int) -> str:
    """``85.3 (78.1 to 90.4)`` per cent with Wilson's interval; a dash of nothing."""
    if whole == 0:
        return "–"
    return f"{100 * part / whole:.1f} ({interval_text(wilson(part, whole), 1, factor=100)})"

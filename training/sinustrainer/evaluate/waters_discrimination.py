"""Calls on films against the truth, judged as Oh 2021 judged them: by side, by film, by patch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sinustrainer.evaluate.waters_films import FilmResult, SideResult
from sinusviewer.statistics.delong import estimate_auc
from sinusviewer.statistics.roc import count_calls


@dataclass(frozen=True, slots=True)
class Discrimination:
    """One line of Table 2: a yes/no call (and a score, where there is one) against the truth."""

    n: int
    accuracy: float | None
    auc: float | None
    se: float | None
    ci95: tuple[float, float] | None
    sensitivity: float | None
    specificity: float | None
    p: float | None
    auc_score: float | None
    se_score: float | None


def discriminate(truth: Sequence[bool], call: Sequence[bool], score: Sequence[float]) -> Discrimination:
    """Judge calls as the paper did; the score's own AUC stands beside.

    The paper's AUC is that of the call, (sensitivity + specificity) / 2, with DeLong's standard error, the exact binomial
    interval with n = units, and a z test against 0.5.
    """
    if len(truth) == 0:
        return Discrimination(0, None, None, None, None, None, None, None, None, None)
    counts = count_calls(truth, call)
    of_call = estimate_auc(truth, np.asarray(call, dtype=np.float64))
    of_score = estimate_auc(truth, score)
    se = None if of_call.variance is None else of_call.variance**0.5
    p = None
    if of_call.auc is not None and se:
        p = float(2 * stats.norm.sf(abs(of_call.auc - 0.5) / se))
    elif of_call.auc is not None and se == 0 and of_call.auc != 0.5:
        p = 0.0
    return Discrimination(
        counts.n,
        counts.accuracy,
        of_call.auc,
        se,
        of_call.ci95_binomial_exact,
        counts.sensitivity,
        counts.specificity,
        p,
        of_score.auc,
        None if of_score.variance is None else of_score.variance**0.5,
    )


def of_sides(films: Sequence[FilmResult], chosen: Callable[[SideResult], bool] = lambda _side: True) -> Discrimination:
    """Sinusitis detection: each side of each film whose patch was found."""
    sides = [s for f in films if f.patch_ok for s in f.sides if chosen(s)]
    return discriminate([s.diseased for s in sides], [s.positive for s in sides], [s.score for s in sides])


def of_application(films: Sequence[FilmResult]) -> Discrimination:
    """The application per image: a sinusitis film counts as found only where the four-way report is right."""
    read = [f for f in films if f.patch_ok]
    sick = [f.truth != "normal" for f in read]
    call = [f.correct if s else f.found != "normal" for f, s in zip(read, sick, strict=True)]
    return discriminate(sick, call, [f.score for f in read])


def patch_accuracy(films: Sequence[FilmResult]) -> float | None:
    """Share of films whose patch holds both antra."""
    return float(np.mean([f.patch_ok for f in films])) if films else None

"""Scores of the same patients beside each other: ROC, what a cut-off does, DeLong's and Wilcoxon's tests in pairs, calibration."""

from dataclasses import asdict
from typing import Any

import numpy as np

from sinustrainer.evaluate.evaluation_json import calibration_to_json, counts_to_json, delong_to_json
from sinustrainer.evaluate.intervals import auc_interval, mean_interval, rate_intervals, wilcoxon_p
from sinustrainer.evaluate.recurrence_scores import SplitScores
from sinusviewer.statistics.calibration import calibrate
from sinusviewer.statistics.delong import compare_aucs, estimate_auc
from sinusviewer.statistics.roc import count_at_threshold, youden_optima


def roc(scores: SplitScores) -> dict[str, Any]:
    """AUC with DeLong's variance and interval, and the cut-offs that Youden's index would choose."""
    estimate, shown = estimate_auc(scores.y, scores.scores), auc_interval(scores.y, scores.scores)
    return {
        "auc": estimate.auc,
        "variance_delong": estimate.variance,
        "ci95": shown.ci95,
        "ci95_method": shown.method,
        "n": len(scores.y),
        "events": sum(scores.y),
        "youden": [asdict(p) for p in youden_optima(scores.y, scores.scores) if np.isfinite(p.threshold)],
    }


def against(first: str, split: dict[str, SplitScores]) -> dict[str, Any]:
    """DeLong's paired test of one score against every other of the same patients."""
    if first not in split or not split[first].ids:
        return {}
    own = dict(zip(split[first].ids, split[first].scores, strict=True))
    return {
        f"{first}_vs_{name}": delong_to_json(compare_aucs(other.y, [own[i] for i in other.ids], other.scores))
        for name, other in split.items()
        if name != first and set(other.ids) == set(own)
    }


def rates(scores: SplitScores, threshold: float) -> dict[str, Any]:
    """What a cut-off does, with Wilson's intervals: a positive is a score at or above it."""
    counts = count_at_threshold(scores.y, scores.scores, threshold)
    return {**counts_to_json(counts), "ci95": rate_intervals(counts)}


def calibration(probabilities: SplitScores) -> dict[str, Any]:
    """Whether scores taken for probabilities come true in patients that nothing was fitted on."""
    return calibration_to_json(calibrate(probabilities.y, probabilities.scores, external=True))


def paired_dice(first: str, overlap: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Dice of one network minus every other's on the same patients, Wilcoxon's signed-rank test."""
    result: dict[str, Any] = {}
    for name, theirs in overlap.items():
        both = [i for i in overlap[first] if i in theirs]
        if name == first or not both:
            continue
        gaps = [overlap[first][i] - theirs[i] for i in both]
        result[f"{first}_vs_{name}"] = {
            "n": len(both),
            "difference": float(np.mean(gaps)),
            "ci95": mean_interval([[g] for g in gaps]),
            "p": wilcoxon_p([overlap[first][i] for i in both], [theirs[i] for i in both]),
        }
    return result

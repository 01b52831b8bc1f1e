"""The score that the window shows (the network's joined with the measured extent) and the network's alone, by its whole path."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate import recurrence_comparison as comparison
from sinustrainer.evaluate.feature_tables import features_table, masks_name, read_features
from sinustrainer.evaluate.recurrence_baselines import ceiling
from sinustrainer.evaluate.recurrence_scores import SplitScores, of_cases
from sinusviewer.inference.model_card import ModelCard, load_card
from sinusviewer.jobs.runner import CancelToken, Progress

JOINED, NETWORK, CEILING = "joined", "network", "ceiling"


@dataclass(frozen=True, slots=True, eq=False)
class ShownScores:
    """Patients read as the window reads them.

    Attributes
    ----------
    scores
        ``joined``, ``network`` (its part of it, as the graph gives it) and, of simulated patients, ``ceiling``; the same patients.
    masks
        What found the sinuses: the segmentation network, or labelled masks.
    unread
        Patients in whom no sinus was found.
    """

    card: ModelCard
    scores: dict[str, SplitScores]
    masks: str
    unread: tuple[str, ...]

    @property
    def thresholds(self) -> dict[str, float]:
        """Each score's own cut-off, as the card carries it."""
        return {JOINED: self.card.result_threshold, NETWORK: self.card.threshold}


def read_shown(
    folder: Path,
    segmentation: Path | None,
    cases: Sequence[Case],
    out: Path,
    progress: Progress,
    token: CancelToken,
    table: Path | None = None,
) -> ShownScores | None:
    """Read all cases; None where the card joins nothing with the network's score.

    What was read is kept in ``table`` (default: in ``out``), so that an interrupted evaluation goes on.
    """
    card = load_card(folder)
    if card.patient_model is None:
        return None
    path = table or features_table(out, card, segmentation)
    rows = {row.case_id: row for row in read_features(folder, segmentation, cases, path, progress, token)}
    read = tuple(case for case in cases if case.case_id in rows)
    scores = {
        JOINED: of_cases(read, [card.patient_model.probability(rows[c.case_id].values) for c in read]),
        NETWORK: of_cases(read, [rows[c.case_id].score for c in read]),
    }
    highest = ceiling(read)
    if highest is not None:
        scores[CEILING] = highest
    unread = tuple(case.case_id for case in cases if case.case_id not in rows)
    return ShownScores(card, scores, masks_name(segmentation), unread)


def shown_to_json(shown: ShownScores) -> dict[str, Any]:
    """ROC, DeLong's paired tests, what each score's own cut-off does, and calibration; unrounded."""
    content: dict[str, Any] = {
        "model": {"name": shown.card.name, "version": shown.card.version, "sha256": shown.card.sha256},
        "fitted_on": shown.card.patient_model.fitted_on if shown.card.patient_model else "",
        "masks": shown.masks,
        "n": len(shown.scores[JOINED].ids),
        "unread": list(shown.unread),
        "roc": {name: comparison.roc(scores) for name, scores in shown.scores.items()},
        "delong_test": comparison.against(JOINED, shown.scores) | comparison.against(NETWORK, shown.scores),
        "cut_off": {},
        "calibration": {},
    }
    for name, threshold in shown.thresholds.items():
        scores = shown.scores[name]
        if not scores.ids:
            continue
        content["cut_off"][name] = {"threshold": threshold, **comparison.rates(scores, threshold)}
        content["calibration"][name] = comparison.calibration(scores)
    return content


def write_shown(path: Path, shown: ShownScores, patients: dict[str, str]) -> None:
    """Write every patient's scores and both cut-offs, so that anyone can recompute the table."""
    known = {name: dict(zip(s.ids, s.scores, strict=True)) for name, s in shown.scores.items()}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "y", *known, *(f"threshold_{name}" for name in shown.thresholds)])
        for i, y in zip(shown.scores[JOINED].ids, shown.scores[JOINED].y, strict=True):
            cells = [repr(values[i]) for values in known.values()]
            writer.writerow([i, patients.get(i, ""), y, *cells, *(repr(t) for t in shown.thresholds.values())])

"""``recalibrate``: a detector's probability and threshold, fitted anew on films that a site has labelled.

Reads the ``films.csv`` that ``evaluate`` wrote, so that no film is read twice. The films used are named on the card; whatever
is measured on them afterwards is no longer independent. So the card also keeps what can be said without other films: the Brier
score before, and after by cross-validation over films, and how far the threshold moves when the films are drawn again.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.calibrate import balanced_threshold, fit_calibration, logit, youden_threshold
from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import Calibration, ModelCard, ModelTask, load_card, save_card
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.calibration import brier_score, calibrate

FEWEST = 30
"""Below so many antra of either kind the best cut follows the sample's accidents; the prevalence is taken instead."""
DRAWS = 200
FOLDS = 5
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Antra:
    """Truth and score of every antrum, and the number of the film it is on: films are drawn, not antra."""

    truth: BoolArray
    scores: FloatArray
    film: npt.NDArray[np.int64]

    def of_films(self, films: npt.NDArray[np.int64]) -> "Antra":
        """Those of ``films``, as often as each is named."""
        order = np.argsort(self.film, kind="stable")
        starts = np.searchsorted(self.film[order], films, "left")
        ends = np.searchsorted(self.film[order], films, "right")
        rows = order[np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)])]
        return Antra(self.truth[rows], self.scores[rows], self.film[rows])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``sinustrainer recalibrate``."""
    parser.add_argument(
        "--model", type=Path, required=True, help="model folder of a sinusitis detector; its card is rewritten"
    )
    parser.add_argument("--films", type=Path, required=True, help="films.csv of an evaluation of that model")
    parser.add_argument("--splits", default="internal", help="splits to fit on, comma-separated")
    parser.add_argument("--fitted-on", default="", help="how the card names these films")


def run_from_arguments(arguments: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Rewrite the card; returns its new threshold and calibration, and how sure they are."""
    splits = tuple(s for s in str(arguments.splits).split(",") if s)
    card = recalibrate(load_card(arguments.model), arguments.films, splits, str(arguments.fitted_on))
    save_card(card, arguments.model)
    return {"model": card.name, "threshold": card.threshold, "calibration": card.calibration.model_dump(mode="json")
            if card.calibration else None, **card.metrics["recalibration"]}  # fmt: skip


def recalibrate(card: ModelCard, films: Path, splits: tuple[str, ...], fitted_on: str = "") -> ModelCard:
    """The card with temperature, bias and threshold (``p >= t``) of the antra in ``splits`` of ``films``.

    The threshold is the median of Youden's over films drawn with replacement; with fewer than ``FEWEST`` antra of either kind it
    is the share of diseased antra. ``metrics["recalibration"]`` keeps the figures.

    Raises
    ------
    InputError
        Where the model is no sinusitis detector, or the films hold no antra of both kinds.
    """
    if card.task is not ModelTask.WATERS_SINUSITIS:
        raise InputError(f"{card.name} is no sinusitis detector.")
    shown = _antra(films, splits)
    old = card.calibration
    raw = logit(shown.scores) if old is None else (logit(shown.scores) - old.bias) * old.temperature
    antra = Antra(shown.truth, 1 / (1 + np.exp(-raw)), shown.film)
    count = len(np.unique(antra.film))
    named = fitted_on or f"{count} films of the splits {', '.join(splits)}"
    calibration = fit_calibration(antra.truth, antra.scores, named)
    if calibration is None:
        raise InputError("The films hold no antra of both kinds.", "Give splits with healthy and diseased antra.")
    calibrated = _applied(calibration, antra.scores)
    drawn = _thresholds(antra.truth, calibrated, antra.film)
    enough = min(int(antra.truth.sum()), int((~antra.truth).sum())) >= FEWEST
    threshold = float(np.median(drawn)) if enough and len(drawn) else balanced_threshold(antra.truth)
    after = _unseen(antra)
    figures: dict[str, Any] = {
        "films": count,
        "antra_diseased": int(antra.truth.sum()),
        "antra_healthy": int((~antra.truth).sum()),
        "threshold_by": "Youden, median over films drawn again"
        if enough
        else "share of diseased antra (too few for Youden)",
        "threshold_ci95": [float(v) for v in np.quantile(drawn, (0.025, 0.975))] if len(drawn) else None,
        "brier_before": brier_score(antra.truth, shown.scores),
        "brier_after_cross_validated": None if after is None else brier_score(antra.truth, after),
    }
    if after is not None:
        line = calibrate(antra.truth, after, external=True)
        figures |= {"slope_cross_validated": line.slope, "intercept_cross_validated": line.intercept}
    return card.model_copy(
        update={
            "calibration": calibration,
            "threshold": float(np.clip(threshold, 0.01, 0.99)),
            "metrics": {**card.metrics, "recalibration": figures},
        }
    )


def _thresholds(truth: BoolArray, calibrated: FloatArray, film: npt.NDArray[np.int64]) -> FloatArray:
    """Youden's threshold of films drawn with replacement, for every draw with antra of both kinds."""
    whole = Antra(truth, calibrated, film)
    films = np.unique(film)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        drawn = whole.of_films(rng.choice(films, size=len(films)))
        if drawn.truth.any() and not drawn.truth.all():
            found.append(youden_threshold(drawn.truth, drawn.scores))
    return np.array(found, dtype=np.float64)


def _unseen(antra: Antra) -> FloatArray | None:
    """Every antrum's probability by a calibration fitted without its film; None where a part lacks one kind."""
    films = np.random.default_rng(0).permutation(np.unique(antra.film))
    result = np.empty(len(antra.scores))
    for fold in range(FOLDS):
        away = np.isin(antra.film, films[fold::FOLDS])
        fitted = fit_calibration(antra.truth[~away], antra.scores[~away], "")
        if fitted is None:
            return None
        result[away] = _applied(fitted, antra.scores[away])
    return result


def _applied(calibration: Calibration, scores: FloatArray) -> FloatArray:
    return np.array([calibration.apply(float(score)) for score in scores])


def _antra(films: Path, splits: tuple[str, ...]) -> Antra:
    try:
        with films.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("split") in splits]
    except OSError as error:
        raise InputError(f"{films.name} cannot be read.") from error
    truth, scores, film = [], [], []
    for number, row in enumerate(rows):
        for side in Side:
            if row.get(f"{side.value}_score"):
                truth.append(row[f"{side.value}_diseased"] == "True")
                scores.append(float(row[f"{side.value}_score"]))
                film.append(number)
    if not scores:
        raise InputError(f"{films.name} holds no scored film of {', '.join(splits) or 'no split'}.")
    return Antra(np.array(truth, dtype=np.bool_), np.array(scores, dtype=np.float64), np.array(film, dtype=np.int64))

"""``recalibrate``: a detector's probability and threshold, fitted anew on films that a site has labelled.

Reads the ``films.csv`` that ``evaluate`` wrote, so that no film is read twice. The films used are named on the card; whatever
is measured on them afterwards is no longer independent.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.calibrate import fit_calibration, logit, youden_threshold
from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelCard, ModelTask, load_card, save_card
from sinusviewer.jobs.runner import CancelToken, Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``sinustrainer recalibrate``."""
    parser.add_argument(
        "--model", type=Path, required=True, help="model folder of a sinusitis detector; its card is rewritten"
    )
    parser.add_argument("--films", type=Path, required=True, help="films.csv of an evaluation of that model")
    parser.add_argument("--splits", default="internal", help="splits to fit on, comma-separated")
    parser.add_argument("--fitted-on", default="", help="how the card names these films")


def run_from_arguments(arguments: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Rewrite the card; returns its new threshold and calibration."""
    splits = tuple(s for s in str(arguments.splits).split(",") if s)
    card = recalibrate(load_card(arguments.model), arguments.films, splits, str(arguments.fitted_on))
    save_card(card, arguments.model)
    return {"model": card.name, "threshold": card.threshold, "calibration": card.calibration.model_dump(mode="json")
            if card.calibration else None}  # fmt: skip


def recalibrate(card: ModelCard, films: Path, splits: tuple[str, ...], fitted_on: str = "") -> ModelCard:
    """The card with temperature, bias and threshold (Youden, ``p >= t``) of the antra in ``splits`` of ``films``.

    Raises
    ------
    InputError
        Where the model is no sinusitis detector, or the films hold no antra of both kinds.
    """
    if card.task is not ModelTask.WATERS_SINUSITIS:
        raise InputError(f"{card.name} is no sinusitis detector.")
    truth, scores, count = _antra(films, splits)
    old = card.calibration
    raw = logit(scores) if old is None else (logit(scores) - old.bias) * old.temperature
    probabilities = 1 / (1 + np.exp(-raw))
    named = fitted_on or f"{count} films of the splits {', '.join(splits)}"
    calibration = fit_calibration(truth, probabilities, named)
    if calibration is None:
        raise InputError("The films hold no antra of both kinds.", "Give splits with healthy and diseased antra.")
    calibrated = np.array([calibration.apply(float(p)) for p in probabilities])
    return card.model_copy(update={"calibration": calibration, "threshold": youden_threshold(truth, calibrated)})


def _antra(
    films: Path, splits: tuple[str, ...]
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, np.dtype[np.float64]], int]:
    try:
        with films.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("split") in splits]
    except OSError as error:
        raise InputError(f"{films.name} cannot be read.") from error
    truth, scores = [], []
    for row in rows:
        for side in Side:
            if row.get(f"{side.value}_score"):
                truth.append(row[f"{side.value}_diseased"] == "True")
                scores.append(float(row[f"{side.value}_score"]))
    if not scores:
        raise InputError(f"{films.name} holds no scored film of {', '.join(splits) or 'no split'}.")
    return np.array(truth, dtype=np.bool_), np.array(scores, dtype=np.float64), len(rows)

"""``fit-patient-model``: a patient's probability (ECRS; recurrence) from the network and the measured extent of disease.

Fitted on patients that the network was not trained on, or it would trust the network too much. Ridge-penalised logistic regression
(scikit-learn); the penalty is chosen by cross-validation, and what the card says of it was seen out of fold.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sinustrainer.calibrate import youden_threshold
from sinustrainer.data.manifest import load_manifest
from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.patient_features import FEATURES, PatientFeatures, PatientReader, read_patients, truth_of
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelCard, load_card, save_card
from sinusviewer.inference.patient_model import PatientModel, PatientTerm
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.calibration import brier_score, calibrate
from sinusviewer.statistics.delong import estimate_auc

FEWEST = 40
"""Patients of either kind below which a dozen inputs are not fitted."""
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS = 10
FloatArray = npt.NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``sinustrainer fit-patient-model``."""
    parser.add_argument(
        "--model", type=Path, required=True, help="folder of an ECRS or recurrence model; its card is rewritten"
    )
    parser.add_argument(
        "--segmentation", default="sinus_segmentation", help="finds the sinuses; empty: the labelled masks"
    )
    parser.add_argument("--data", type=Path, required=True, help="patients that the model was NOT trained on")
    parser.add_argument("--splits", default="", help="only these splits, comma-separated (default: all)")
    parser.add_argument(
        "--table", type=Path, required=True, help="CSV of what was read; an existing one is gone on with"
    )
    parser.add_argument(
        "--out-of-fold", type=Path, help="CSV to write: each patient's probability without that patient"
    )
    parser.add_argument("--fitted-on", default="", help="how the card names these patients")


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Rewrite the card; returns its new threshold and what was seen out of fold."""
    manifest = load_manifest(args.data)
    splits = tuple(s for s in str(args.splits).split(",") if s)
    reader = PatientReader(args.model, model_folder(args.segmentation) if args.segmentation else None)
    cases = tuple(
        c for c in manifest.cases if truth_of(c, reader.task) is not None and (not splits or c.split in splits)
    )
    rows = read_patients(reader, cases, args.table, progress, token)
    kind = "simulated patients" if manifest.simulated else "patients"
    card, unseen = with_patient_model(load_card(args.model), rows, str(args.fitted_on) or f"{len(rows)} {kind}")
    save_card(card, args.model)
    if args.out_of_fold is not None:
        write_probabilities(args.out_of_fold, rows, unseen)
    return {"model": card.name, "threshold": card.result_threshold, **card.metrics["patient_model"]}


def with_patient_model(
    card: ModelCard, rows: Sequence[PatientFeatures], fitted_on: str
) -> tuple[ModelCard, FloatArray]:
    """The card with a patient model fitted on ``rows``, its threshold and what was seen out of fold; and the probabilities out of fold.

    The model's threshold is Youden's, out of fold. The card's own threshold and calibration belong to the network's score and stay.

    Raises
    ------
    InputError
        Where the model reads no endotype, or there are fewer than ``FEWEST`` patients of either kind.
    """
    if card.task not in FEATURES:
        raise InputError(f"{card.name} reads no patients with a CT.")
    names = FEATURES[card.task]
    truth = np.array([row.positive for row in rows], dtype=np.bool_)
    if min(int(truth.sum()), int((~truth).sum())) < FEWEST:
        raise InputError(f"A patient model needs {FEWEST} patients of either kind; there are {len(rows)} in all.")
    values, centers = table_of(rows, names)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    unseen = {c: _unseen(c, values, truth, folds) for c in _PENALTIES}
    best = min(_PENALTIES, key=lambda c: brier_score(truth, unseen[c]))
    fitted = _regression(best).fit(values, truth)
    scaler, logistic = fitted[0], fitted[-1]
    weights = logistic.coef_[0] / scaler.scale_
    model = PatientModel(
        intercept=float(logistic.intercept_[0] + (weights * (centers - scaler.mean_)).sum()),
        terms=tuple(
            PatientTerm(name=n, weight=float(w), center=float(c))
            for n, w, c in zip(names, weights, centers, strict=True)
        ),
        fitted_on=fitted_on,
        threshold=float(np.clip(youden_threshold(truth, unseen[best]), 0.01, 0.99)),
    )
    area, own_area = estimate_auc(truth, unseen[best]), estimate_auc(truth, [row.score for row in rows])
    line = calibrate(truth, unseen[best], external=True)
    figures: dict[str, Any] = {
        "patients": len(rows),
        "positive": int(truth.sum()),
        "penalty_c": best,
        "auc_out_of_fold": area.auc,
        "auc_out_of_fold_ci95": list(area.ci95) if area.ci95 else None,
        "auc_of_the_network_alone": own_area.auc,
        "brier_out_of_fold": brier_score(truth, unseen[best]),
        "slope_out_of_fold": line.slope,
        "intercept_out_of_fold": line.intercept,
    }
    fitted_card = card.model_copy(
        update={
            "patient_model": model,
            "metrics": {**card.metrics, "patient_model": figures},
        }
    )
    return fitted_card, unseen[best]


def write_probabilities(path: Path, rows: Sequence[PatientFeatures], probabilities: FloatArray) -> None:
    """Write ``case_id, positive, probability``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "positive", "probability"])
        for row, probability in zip(rows, probabilities, strict=True):
            writer.writerow([row.case_id, int(row.positive), repr(float(probability))])


def table_of(rows: Sequence[PatientFeatures], names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """``[patients, inputs]`` with each input's mean where it is not known, and these means.

    Raises
    ------
    InputError
        Where a table does not name an input: another version read it.
    """
    unnamed = sorted({n for n in names for r in rows if n not in r.values})
    if unnamed:
        raise InputError(
            f"The table of patients has no “{unnamed[0]}”.", "Another version wrote it: delete it; it is made anew."
        )
    raw = np.array([[np.nan if (v := r.values.get(n)) is None else v for n in names] for r in rows], dtype=np.float64)
    known = np.isfinite(raw)
    centers = np.where(known, raw, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, raw, centers), centers


def _regression(c: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))


def _unseen(c: float, values: FloatArray, truth: npt.NDArray[np.bool_], folds: StratifiedKFold) -> FloatArray:
    predicted = cross_val_predict(_regression(c), values, truth, cv=folds, method="predict_proba")
    return np.asarray(predicted[:, 1], dtype=np.float64)

"""``sinustrainer recurrence-table``: the clinical table of a CT cohort with DLR-scores, as ``fit-nomogram`` reads it.

A training patient's score comes from the fold that never saw the patient, a test patient's from the network trained on all:
scores of a network on its own training patients are too good, and a nomogram fitted with them would trust them too much.
Without folds, ``--fresh`` scores a cohort that the network never saw.
"""

import argparse
import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.cross_validation import ALL, OOF_FILE, read_scores
from sinustrainer.data.manifest import MANIFEST_FILE, Case, load_manifest
from sinustrainer.evaluate.cohort_table import NUMBER, read_records
from sinustrainer.evaluate.plausibility import YES_NO, check_plausible
from sinustrainer.score_model import SCORE_MODEL_FILE, score_model_of, write_score_model
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import CARD_FILE, load_card
from sinusviewer.jobs.runner import CancelToken, Progress

COLUMNS = {
    "age": "age",
    "female": "female",
    "asthma": "asthma",
    "ar": "allergic_rhinitis",
    "eos": "eosinophils_per_ul",
    "smoking": "smoking",
    "drinking": "drinking",
    "hypertension": "hypertension",
    "diabetes": "diabetes",
}
"""Column of the table to field of the manifest's ``clinical``."""
TRAIN_FILE, TEST_FILE = "train.csv", "test.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer recurrence-table``."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of sinustrainer cross-validate")
    source.add_argument("--fresh", type=Path, metavar="MODEL", help="model folder; all patients are new to it")
    source.add_argument(
        "--scores", type=Path, metavar="CSV", help="case_id, probability: of fit-patient-model --out-of-fold"
    )
    parser.add_argument("--splits", default="", help="with --fresh, --scores: only these splits, comma-separated")
    parser.add_argument(
        "--segmentation", default="sinus_segmentation", help="with --fresh and a model that joins the extent"
    )
    parser.add_argument(
        "--score-model", type=Path, metavar="MODEL", help="with --scores: the model that made them, for the nomogram"
    )
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for train.csv and test.csv")


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Write the tables; the result counts their rows."""
    splits = tuple(s for s in str(args.splits).split(",") if s)
    if args.scores is not None:
        return {"train": write_given_table(args.scores, args.data, args.out, splits, args.score_model)}
    if args.fresh is not None:
        masks = str(args.segmentation)
        return {"train": write_fresh_table(args.fresh, args.data, args.out, splits, progress, token, masks)}
    return write_tables(args.run, args.data, args.out, progress, token)


def write_tables(run: Path, data: Path, out: Path, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Write ``train.csv`` (out-of-fold scores) and, where there is a test split, ``test.csv``; and whose scores they are."""
    manifest = load_manifest(data)
    out.mkdir(parents=True, exist_ok=True)
    train = {s.case_id: s.dlr for s in read_scores(run / OOF_FILE) if s.dlr is not None}
    result = {"train": write_table(out / TRAIN_FILE, manifest.of_split("train"), train)}
    tests = usable(manifest.of_split("test"))
    if tests:
        from sinustrainer.evaluate.recurrence_scores import RecurrenceGraph, score_cases

        graph = RecurrenceGraph(run / ALL)
        rows = score_cases(graph, graph.cases(manifest.folder, tests), progress, token, shifts=False)
        scores = {row.case_id: row.dlr for row in rows if row.dlr is not None}
        result["test"] = write_table(out / TEST_FILE, tests, scores)
    write_score_model(
        score_model_of(run / ALL), *(out / name for name in (TRAIN_FILE, TEST_FILE) if (out / name).is_file())
    )
    return result


def write_fresh_table(
    model: Path,
    data: Path,
    out: Path,
    splits: tuple[str, ...],
    progress: Progress,
    token: CancelToken,
    segmentation: str = "sinus_segmentation",
) -> int:
    """Write ``train.csv`` with the scores that a finished network gives patients it never saw; returns its rows.

    Which patients those are is the caller's word: name a cohort, or splits of one, that the training left out. Patients are
    named after their data folder, so that two cohorts can be told apart. A model whose card joins the score with the measured extent
    is read as the window reads, with masks by ``segmentation``.
    """
    from sinustrainer.evaluate.feature_tables import features_table, read_features
    from sinustrainer.evaluate.model_folders import model_folder
    from sinustrainer.evaluate.recurrence_scores import RecurrenceGraph, score_cases

    manifest = load_manifest(data)
    out.mkdir(parents=True, exist_ok=True)
    cases = tuple(c for c in usable(manifest.cases) if not splits or c.split in splits)
    joined = load_card(model).patient_model if (model / CARD_FILE).is_file() else None
    if joined is not None:
        masks = model_folder(segmentation) if segmentation else None
        table = features_table(out, load_card(model), masks)
        read = read_features(model, masks, cases, table, progress, token)
        scores = {row.case_id: joined.probability(row.values) for row in read}
    else:
        graph = RecurrenceGraph(model)
        rows = score_cases(graph, graph.cases(manifest.folder, cases), progress, token, shifts=False)
        scores = {row.case_id: row.dlr for row in rows if row.dlr is not None}
    rows_written = write_table(out / TRAIN_FILE, _named(cases, data), scores)
    write_score_model(score_model_of(model), out / TRAIN_FILE)
    return rows_written


def write_given_table(
    scores: Path, data: Path, out: Path, splits: tuple[str, ...] = (), score_model: Path | None = None
) -> int:
    """Write ``train.csv`` with scores that were made elsewhere (``case_id, probability``); returns its rows.

    ``score_model`` is the model that made them; where it is not named, nothing is said of it.

    Raises
    ------
    InputError
        Where the file holds no such scores, or none of this data folder.
    """
    given = _read_scores(scores)
    out.mkdir(parents=True, exist_ok=True)
    cases = tuple(c for c in usable(load_manifest(data).cases) if not splits or c.split in splits)
    network = None if score_model is None else score_model_of(score_model)
    rows = write_table(out / TRAIN_FILE, _named(cases, data), given)
    if network is None:
        (out / SCORE_MODEL_FILE).unlink(missing_ok=True)  # of a table that was there before
    else:
        write_score_model(network, out / TRAIN_FILE)
    return rows


def _named(cases: Sequence[Case], data: Path) -> tuple[Case, ...]:
    return tuple(replace(c, patient_id=f"{data.name}-{c.patient_id}") for c in cases)


def _read_scores(path: Path) -> dict[str, float]:
    header, records = read_records(path)
    for wanted in ("case_id", "probability"):
        if wanted not in header:
            raise InputError(f"{path.name} holds no scores: no column {wanted!r}.", f"It has: {', '.join(header)}.")
    scores: dict[str, float] = {}
    for row, record in records:
        case_id, text = (record[header.index(name)] for name in ("case_id", "probability"))
        place = f"{path.name}, column probability, row {row}"
        if not NUMBER.fullmatch(text) or not 0.0 <= float(text) <= 1.0:
            raise InputError(f"{place}: {text!r} is no probability.", "A number from 0 to 1.")
        if case_id in scores:
            raise InputError(f"{path.name}, column case_id, row {row}: case {case_id!r} is there twice.")
        scores[case_id] = float(text)
    return scores


def known_outcome(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Cases with a known outcome; one that is absent, null or blank is not known.

    Raises
    ------
    InputError
        Where an outcome is anything else than 0 or 1.
    """
    known = []
    for case in cases:
        outcome = case.labels.get("recurrence")
        if outcome in (0, 1):
            known.append(case)
        elif outcome not in (None, ""):
            raise InputError(f"{MANIFEST_FILE}, case {case.case_id}: recurrence must be 0 or 1, got {outcome!r}.")
    return tuple(known)


def usable(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Cases with a known outcome and masks to place the box by."""
    return tuple(c for c in known_outcome(cases) if "labels" in c.files)


def write_table(path: Path, cases: Sequence[Case], scores: Mapping[str, float]) -> int:
    """Write one table; patients without a score are left out.

    Raises
    ------
    InputError
        Where no case has a score, a patient has two, or the manifest holds a clinical value that cannot be.
    """
    chosen = [case for case in known_outcome(cases) if case.case_id in scores]
    if not chosen:
        raise InputError(f"No case of the data folder has a score for {path.name}.", "Is it the cohort of the run?")
    _refuse_wrong_patients(chosen)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "recurrence", "dlr", *COLUMNS])
        for case in chosen:
            clinical = [_cell(case.clinical.get(field)) for field in COLUMNS.values()]
            writer.writerow([case.patient_id, case.labels["recurrence"], repr(scores[case.case_id]), *clinical])
    return len(chosen)


def _refuse_wrong_patients(cases: Sequence[Case]) -> None:
    first: dict[str, str] = {}
    for case in cases:
        if case.patient_id in first:
            raise InputError(
                f"{MANIFEST_FILE}, case {case.case_id}: patient {case.patient_id!r} already has case {first[case.patient_id]}.",
                "One CT per patient.",
            )
        first[case.patient_id] = case.case_id
    places = [f"case {case.case_id}" for case in cases]
    for column, field in COLUMNS.items():
        values = np.full(len(cases), np.nan)
        for i, case in enumerate(cases):
            value = case.clinical.get(field)
            if value is None or value == "":
                continue
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(
                    f"{MANIFEST_FILE}, {places[i]}, {field}: {value!r} is not a number.", "null means missing."
                )
            if column in YES_NO and value not in (0, 1):
                raise InputError(f"{MANIFEST_FILE}, {places[i]}, {field}: {value!r} is neither true nor false.")
            values[i] = float(value)
        check_plausible(MANIFEST_FILE, field, values, places)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    return str(int(value)) if isinstance(value, bool) or float(value).is_integer() else repr(float(value))

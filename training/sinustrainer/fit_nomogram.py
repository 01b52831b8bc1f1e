"""``sinustrainer fit-nomogram``: fit and validate a recurrence nomogram on a site's own cohort (He 2023)."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sinustrainer.evaluate import evaluation_json
from sinustrainer.evaluate import recurrence_evaluation as evaluation
from sinustrainer.evaluate.cohort_table import (
    CohortTable,
    read_cohort,
    refuse_different_units,
    refuse_shared_patients,
)
from sinustrainer.evaluate.fit_warnings import fit_warnings
from sinustrainer.evaluate.fitted_nomogram import fitted_nomogram
from sinustrainer.evaluate.given_predictions import read_predictions
from sinustrainer.evaluate.nomogram_report import write_report
from sinustrainer.evaluate.predictions_table import write_predictions
from sinustrainer.evaluate.radiomics_row import radiomics_row, with_radiomics
from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation, evaluate_split
from sinustrainer.evaluate.recurrence_models import (
    Predictions,
    fit_models,
    plan_models,
    predict,
)
from sinustrainer.score_model import score_model_of_tables
from sinusviewer.errors import InputError
from sinusviewer.nomogram import Nomogram, check_schema, write_nomogram


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``fit-nomogram``."""
    parser.add_argument("--train", type=Path, metavar="FILE.csv", help="training cohort, one row per patient")
    parser.add_argument("--test", type=Path, metavar="FILE.csv", help="test cohort with the same columns")
    parser.add_argument("--outcome", metavar="COLUMN", help="column of the outcome, 0 or 1")
    parser.add_argument("--predictors", type=_names, default=(), metavar="A,B,...", help="predictors of the nomogram")
    parser.add_argument("--clinical", type=_names, default=(), metavar="A,B,...", help="those that are clinical")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for all results")
    parser.add_argument(
        "--predictions", type=Path, metavar="FILE.csv", help="evaluate given probabilities instead of fitting"
    )
    parser.add_argument("--bootstraps", type=int, default=1000, metavar="N", help="resamples (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the resamples (default 0)")
    parser.add_argument(
        "--profile-ci", action="store_true", help="profile-likelihood intervals of the odds ratios beside Wald's"
    )
    parser.add_argument("--firth", action="store_true", help="Firth's penalised fit, for separated data")
    parser.add_argument(
        "--trained-on", default="", metavar="TEXT", help="what the cohort is; shown wherever the nomogram is"
    )
    parser.add_argument(
        "--score-model",
        type=Path,
        metavar="MODEL",
        help="folder, card or name of the model whose scores the cohort has (default: what recurrence-table wrote beside --train)",
    )
    parser.add_argument(
        "--radiomics",
        type=lambda text: tuple(Path(name) for name in _names(text)),
        default=(),
        metavar="A.csv,B.csv",
        help="evaluate's scores_train.csv and scores_test.csv, for Table 2's radiomics row (or a column radiomics of the tables)",
    )
    parser.add_argument("--no-report", action="store_true", help="JSON and predictions only, no tables and figures")
    parser.add_argument(
        "--nonlinear-eos", action="store_true", help="restricted cubic spline with 3 knots for the eosinophil count"
    )


def run_arguments(arguments: argparse.Namespace) -> None:
    """Call :func:`run` with parsed options."""
    run(
        arguments.train,
        arguments.test,
        arguments.outcome,
        arguments.predictors,
        arguments.clinical,
        arguments.out,
        predictions_csv=arguments.predictions,
        bootstraps=arguments.bootstraps,
        seed=arguments.seed,
        firth=arguments.firth,
        profile=arguments.profile_ci,
        nonlinear_eos=arguments.nonlinear_eos,
        report=not arguments.no_report,
        trained_on=arguments.trained_on,
        radiomics=arguments.radiomics,
        score_model=arguments.score_model,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def run(
    train_csv: Path | None,
    test_csv: Path | None,
    outcome: str | None,
    predictors: Sequence[str],
    clinical: Sequence[str],
    out_dir: Path,
    *,
    predictions_csv: Path | None = None,
    bootstraps: int = 1000,
    seed: int = 0,
    firth: bool = False,
    profile: bool = False,
    nonlinear_eos: bool = False,
    report: bool = True,
    trained_on: str = "",
    radiomics: Sequence[Path] = (),
    score_model: Path | None = None,
) -> None:
    """Fit the three models, or take given probabilities, and write all results into ``out_dir``.

    Written are ``nomogram.json`` (fits only), ``evaluation.json``, ``predictions_<split>.csv``, ``report.html`` and the paper's
    Tables 1 and 2 and Figures 3, 5, 6 and 7 as CSV, PNG and SVG.

    Parameters
    ----------
    profile
        Whether to give profile-likelihood intervals of the odds ratios beside Wald's.
    trained_on
        What the training cohort is, for instance "simulated patients"; shown wherever the nomogram is.
    report
        Whether to write the page, tables and figures, too.
    radiomics
        Score files of ``evaluate`` that hold a radiomics baseline, for its row of Table 2.
    score_model
        The model whose scores the cohort has; None: what stands beside the tables, if anything.

    Raises
    ------
    InputError
        If an input is unusable: one line with the column, row and value. Nothing is written then.
    """
    if bootstraps < 0:
        raise InputError(f"The number of bootstraps cannot be {bootstraps}.")
    if predictions_csv is not None:
        _evaluate_given(
            predictions_csv, train_csv, test_csv, outcome, out_dir, bootstraps=bootstraps, seed=seed, report=report
        )
        return
    if train_csv is None or not outcome or not predictors:
        raise InputError("A fit needs --train, --outcome, --predictors and --clinical.")
    train, test = _read_tables(train_csv, test_csv, outcome, predictors)
    network = score_model_of_tables(score_model, train_csv, test_csv)
    plan = plan_models(train, predictors, clinical, nonlinear_eos=nonlinear_eos)
    fitted = fit_models(plan, train, "firth" if firth else "ml", profile=profile)
    predictions = [predict(plan, fitted, table) for table in (train, test) if table is not None]
    splits = _evaluate(predictions, bootstraps, seed)
    corrections = evaluation.correct_models(plan, fitted, train, bootstraps, seed)
    warnings = fit_warnings(fitted, (train, test))
    content = evaluation_json.content_of(splits, predictions, warnings) | {
        "models": {model: evaluation_json.fit_to_json(entry) for model, entry in fitted.items()},
        "optimism": evaluation_json.optimism_to_json(corrections),
        "settings": {
            "outcome": outcome,
            "predictors": list(predictors),
            "clinical": list(clinical),
            "bootstraps": bootstraps,
            "seed": seed,
            "firth": firth,
            "nonlinear_eos": nonlinear_eos,
            "score_model": None if network is None else asdict(network),
        },
    }
    scored = (with_radiomics(train, radiomics), with_radiomics(test, radiomics))
    if row := radiomics_row(*scored, splits):
        content["radiomics"] = row
    tests = evaluation.univariate_tests(train, test)
    content["univariate"] = evaluation_json.univariate_to_json(tests)
    whose = trained_on or f"Cohort not named, file {train_csv.name}"
    nomogram = replace(
        fitted_nomogram(plan, fitted, train, splits, corrections["nomogram"], whose), score_model=network
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    write_nomogram(nomogram, out_dir / "nomogram.json")
    _write(content, predictions, out_dir, nomogram)
    if report:
        write_report(out_dir, content, splits, nomogram=nomogram, tables=(train, test), tests=tests)


def _read_tables(
    train_csv: Path, test_csv: Path | None, outcome: str, predictors: Sequence[str]
) -> tuple[CohortTable, CohortTable | None]:
    train = read_cohort(train_csv, "train", outcome, predictors)
    if test_csv is None:
        return train, None
    test = read_cohort(test_csv, "test", outcome, predictors)
    refuse_shared_patients(train, test)
    refuse_different_units(train, test)
    return train, test


def _evaluate_given(
    predictions_csv: Path,
    train_csv: Path | None,
    test_csv: Path | None,
    outcome: str | None,
    out_dir: Path,
    *,
    bootstraps: int,
    seed: int,
    report: bool,
) -> None:
    predictions = read_predictions(predictions_csv)
    splits = _evaluate(predictions, bootstraps, seed)
    warnings = ["Given probabilities were evaluated; nothing was fitted."]
    content = evaluation_json.content_of(splits, predictions, warnings) | {"models": {}, "univariate": {}}
    tables: tuple[CohortTable | None, CohortTable | None] = (None, None)
    tests = {}
    if train_csv is not None and outcome:
        tables = _read_tables(train_csv, test_csv, outcome, ())
        tests = evaluation.univariate_tests(tables[0], tables[1]) if tables[0] is not None else {}
        content["univariate"] = evaluation_json.univariate_to_json(tests)
    out_dir.mkdir(parents=True, exist_ok=True)
    _write(content, predictions, out_dir, None)
    if report:
        write_report(out_dir, content, splits, nomogram=None, tables=tables, tests=tests)


def _evaluate(predictions: Sequence[Predictions], bootstraps: int, seed: int) -> dict[str, SplitEvaluation]:
    splits = {}
    for entry in predictions:
        split = evaluate_split(entry, external=entry.split == "test", bootstraps=bootstraps, seed=seed)
        if split is not None:
            splits[entry.split] = split
    if not splits:
        raise InputError("No patient has a known outcome and every predictor; nothing can be evaluated.")
    return splits


def _write(
    content: dict[str, Any], predictions: Sequence[Predictions], out_dir: Path, nomogram: Nomogram | None
) -> None:
    check_schema(content, "evaluation.schema.json")
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (out_dir / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    for entry in predictions:
        write_predictions(entry, out_dir / f"predictions_{entry.split}.csv", nomogram)

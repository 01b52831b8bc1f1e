"""``sinustrainer cross-validate``: stratified five-fold cross-validation of the recurrence network, then a training on all (He 2023).

Nothing is chosen on a held-out fold: every fold trains as long as the recipe says and its last weights are judged. What the
folds say about each patient (``oof.csv``) is the only score of a training patient that the nomogram may be fitted with.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.calibrate import youden_threshold
from sinustrainer.run_folder import RUN_FILE, load_run, save_run
from sinustrainer.train import train
from sinustrainer.train_recipe import TrainRecipe, load_recipe
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import estimate_auc

FOLDS = 5
OOF_FILE, FOLD_FILE, ALL = "oof.csv", "held_out.csv", "all"


@dataclass(frozen=True, slots=True)
class FoldScore:
    """One patient's CT, read by the network of the fold that never saw it; None where the network has no such part."""

    case_id: str
    patient_id: str
    fold: int
    y: int
    dlr: float | None
    dice: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer cross-validate``."""
    parser.add_argument("--recipe", type=Path, required=True, help="training recipe of the task recurrence (TOML)")
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; an interrupted one goes on")
    parser.add_argument("--no-folds", action="store_true", help="train on all patients only")


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Cross-validate; the result is where the runs are and what the folds say."""
    recipe = load_recipe(args.recipe)
    if recipe.task is not ModelTask.RECURRENCE:
        raise InputError(f"“{args.recipe.name}” trains {recipe.task}; folds are defined for recurrence.")
    figures = cross_validate(recipe, args.data, args.out, progress, token, folds=not args.no_folds)
    return {"run": str(args.out), **figures}


def cross_validate(
    recipe: TrainRecipe, data: Path, out: Path, progress: Progress, token: CancelToken, *, folds: bool = True
) -> dict[str, Any]:
    """Train ``out/fold0`` to ``out/fold4`` and ``out/all``; finished runs are kept, an interrupted one goes on.

    Raises
    ------
    CancelledError
        Where it was cancelled; everything trained so far is kept.
    """
    scores: list[FoldScore] = []
    for fold in range(FOLDS if folds else 0):
        progress.message(f"Fold {fold + 1} of {FOLDS}")
        scores += _fold(_with_fold(recipe, fold), fold, data, out / f"fold{fold}", progress, token)
    progress.message("All training patients")
    everyone = _with_fold(recipe, None).model_copy(update={"validation_share": 0.0})
    _train_once(everyone, data, out / ALL, progress, token)
    if not scores:
        return {}
    write_scores(out / OOF_FILE, scores)
    figures = summarise(scores)
    _tell_final_run(out / ALL, scores, figures)
    return figures


def summarise(scores: Sequence[FoldScore]) -> dict[str, Any]:
    """AUC of all out-of-fold scores with DeLong's interval, of each fold, their mean; cut-off; Dice."""
    result: dict[str, Any] = {"patients": len(scores), "events": sum(s.y for s in scores)}
    dice = [s.dice for s in scores if s.dice is not None]
    if dice:
        result |= {"dice": float(np.mean(dice)), "dice_sd": float(np.std(dice))}
    scored = [(s.fold, s.y, s.dlr) for s in scores if s.dlr is not None]
    if scored:
        y, dlr = [y for _, y, _ in scored], [value for _, _, value in scored]
        estimate = estimate_auc(y, dlr)
        by_fold = [
            estimate_auc([y for f, y, _ in scored if f == fold], [value for f, _, value in scored if f == fold]).auc
            for fold in sorted({f for f, _, _ in scored})
        ]
        known = [area for area in by_fold if area is not None]
        result |= {
            "auc": estimate.auc,
            "auc_ci95": estimate.ci95,
            "auc_of_folds": by_fold,
            "auc_mean_of_folds": float(np.mean(known)) if known else None,
            "cut_off": youden_threshold(y, dlr),
        }
    return result


def write_scores(path: Path, scores: list[FoldScore]) -> None:
    """Write ``case_id, patient_id, fold, y, dlr, dice``; a blank is a part the network does not have."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FoldScore.__dataclass_fields__)
        for s in scores:
            writer.writerow([s.case_id, s.patient_id, s.fold, s.y, _cell(s.dlr), _cell(s.dice)])


def read_scores(path: Path) -> list[FoldScore]:
    """Read what :func:`write_scores` wrote.

    Raises
    ------
    InputError
        Where the file is missing or not of this kind.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                FoldScore(
                    r["case_id"], r["patient_id"], int(r["fold"]), int(r["y"]), _value(r["dlr"]), _value(r["dice"])
                )
                for r in csv.DictReader(file)
            ]
    except OSError as error:
        raise InputError(f"There is no {path.name} in “{path.parent.name}”.", "Cross-validate first.") from error
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name} is no table of out-of-fold scores: {error}.") from error


def _fold(
    recipe: TrainRecipe, fold: int, data: Path, out: Path, progress: Progress, token: CancelToken
) -> list[FoldScore]:
    if (out / FOLD_FILE).is_file() and (out / RUN_FILE).is_file():
        _refuse_other_recipe(recipe, out)
        return read_scores(out / FOLD_FILE)
    _train_once(recipe, data, out, progress, token)
    from sinustrainer.checkpoint import LAST, load_checkpoint
    from sinustrainer.data.manifest import load_manifest
    from sinustrainer.tasks.recurrence import RecurrenceTask

    task = RecurrenceTask(recipe, load_manifest(data))
    content = load_checkpoint(out / LAST)
    task.network.load_state_dict(content["averaged"] or content["network"])
    truth, score, dice = task.scores(task.network.eval(), task.held_out)
    rows = [
        FoldScore(case.case_id, case.patient_id, fold, truth[i], score[i] if score else None, dice[i] if dice else None)
        for i, case in enumerate(task.held_out.cases)
    ]
    write_scores(out / FOLD_FILE, rows)
    return rows


def _train_once(recipe: TrainRecipe, data: Path, out: Path, progress: Progress, token: CancelToken) -> None:
    from sinustrainer.checkpoint import LAST
    from sinustrainer.export import GRAPH_SPEC

    if (out / RUN_FILE).is_file() and (out / GRAPH_SPEC).is_file():
        _refuse_other_recipe(recipe, out)
        return
    train(recipe, data, out, progress, token, resume=(out / LAST).exists())


def _refuse_other_recipe(recipe: TrainRecipe, out: Path) -> None:
    given, _ = load_run(out)
    if given != recipe:
        raise InputError(f"“{out.name}” was trained with another recipe.", "Choose another folder for --out.")


def _with_fold(recipe: TrainRecipe, fold: int | None) -> TrainRecipe:
    options = {name: value for name, value in recipe.options.items() if name != "fold"}
    if fold is not None:
        options["fold"] = fold
    return recipe.model_copy(update={"options": options})


def _tell_final_run(run: Path, scores: list[FoldScore], figures: dict[str, Any]) -> None:
    """The run on all patients has none left to judge by: cut-off and figures are those of the folds."""
    _, summary = load_run(run)
    scored = [s for s in scores if s.dlr is not None]
    metrics = {**summary.metrics, "cross_validation": figures}
    summary = replace(summary, metrics=metrics)
    if scored:
        summary = replace(summary, threshold=figures["cut_off"])
    save_run(run, summary)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _value(text: str) -> float | None:
    return float(text) if text else None

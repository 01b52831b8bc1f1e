"""The recurrence network judged as in He 2023: Dice, ROC of five folds and of the test cohort (Figure 3), single-task variants.

The test split is read by the network trained on all training patients, once; cut-offs come from the folds. Beside them stand
the radiomics baseline and, on simulated cohorts, the ceiling: the AUC of what the simulator drew the outcome from.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.cross_validation import ALL, OOF_FILE, FoldScore, read_scores, summarise
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import TRAIN, Case, Manifest, load_manifest
from sinustrainer.evaluate.intervals import auc_interval, mean_interval, wilcoxon_p
from sinustrainer.evaluate.recurrence_figures import draw_figure_4
from sinustrainer.evaluate.recurrence_page import write_page
from sinustrainer.evaluate.recurrence_scores import CaseScore, RecurrenceGraph, SeenBox, SplitScores, score_cases
from sinustrainer.radiomics import cohort_features, fit_and_predict
from sinustrainer.recurrence_table import usable
from sinustrainer.run_folder import write_json
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import CARD_FILE
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import AucEstimate, compare_aucs, estimate_auc
from sinusviewer.statistics.roc import count_at_threshold, youden_optima

SINGLE = {
    "single_classification": "Single task: recurrence only",
    "single_segmentation": "Single task: segmentation only",
}
MULTI, RADIOMICS, CEILING = "multi_task", "radiomics", "ceiling"
TRUE_SCORE = "true_image_score"


def evaluate(
    folder: Path,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    segmentation: Path | None = None,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Evaluate ``folder`` (of ``cross-validate``, one run, or a model) on a data folder's test patients into ``out``.

    Written are ``evaluation.json``, ``scores_train.csv``, ``scores_test.csv``, tables and Figures 3 and 4 as CSV, PNG and SVG,
    and ``report.html``.

    Parameters
    ----------
    segmentation
        A model that places the box as reading does, for scores "as read" beside those with the box placed by masks.
    splits
        Those that are the test cohort; all but ``train`` where none is named. Naming ``train`` leaves the radiomics baseline out:
        it would be tested on what it was fitted to.
    limit
        At most so many patients of each split; the radiomics baseline is left out then.

    Raises
    ------
    InputError
        Where the data folder has no test patients with a known outcome and masks.
    """
    manifest = load_manifest(data)
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    tests = tuple(c for s in chosen for c in usable(manifest.of_split(s))[:limit])
    if not tests:
        raise InputError(f"“{data.name}” has no test patient with a known outcome and masks in these splits.")
    out.mkdir(parents=True, exist_ok=True)
    main = folder / ALL if (folder / ALL).is_dir() else folder
    oof = read_scores(folder / OOF_FILE) if (folder / OOF_FILE).is_file() else []
    graph = RecurrenceGraph(main)
    seen: list[SeenBox] = []
    rows = score_cases(graph, graph.cases(manifest.folder, tests), progress, token, seen=seen)
    test = {MULTI: _of_rows(rows)}
    train = {MULTI: _of_folds(oof)} if oof else {}
    overlap = {MULTI: {row.case_id: row.dice for row in rows if row.dice is not None}}
    for name in SINGLE:
        other = folder / name / ALL
        if other.is_dir():
            single = RecurrenceGraph(other)
            read = score_cases(single, single.cases(manifest.folder, tests), progress, token, shifts=False)
            overlap[name] = {row.case_id: row.dice for row in read if row.dice is not None}
            test |= {name: scored} if (scored := _of_rows(read)).ids else {}
            if (folder / name / OOF_FILE).is_file() and scored.ids:
                train[name] = _of_folds(read_scores(folder / name / OOF_FILE))
    grid = graph.cases(manifest.folder, ())
    if limit is None and TRAIN not in chosen:
        _add_radiomics(manifest, tests, oof, grid, graph, train, test, progress, token)
    _add_ceilings(manifest, tests, train, test)
    threshold = summarise(oof)["cut_off"] if oof and train[MULTI].ids else graph.threshold
    cut_offs = {MULTI: threshold} | {
        name: optima[0]["threshold"]
        for name in train
        if name in test and name != MULTI and (optima := _roc(train[name])["youden"])
    }
    as_read = None
    if segmentation is not None and test[MULTI].ids:
        read_again = graph.cases_as_read(manifest.folder, tests, segmentation)
        as_read = _as_read(test[MULTI], _of_rows(score_cases(graph, read_again, progress, token, shifts=False)))
    content: dict[str, Any] = {
        "schema_version": 1,
        "task": "recurrence",
        "simulated": manifest.simulated,
        "statement": manifest.statement,
        "model": "card" if (main / CARD_FILE).is_file() else "run",
        "cross_validation": summarise(oof) if oof else None,
        "splits": chosen,
        "limit": limit,
        "patients": {"n": len(tests), "events": sum(int(c.labels["recurrence"]) for c in tests)},
        "dice": {name: _dice(list(values.values())) for name, values in overlap.items()},
        "dice_paired": paired_dice(overlap),
        "roc": {
            "train": {name: _roc(scores) for name, scores in train.items()},
            "test": {name: _roc(scores) for name, scores in test.items()},
        },
        "delong_test": {"train": _against_multi(train), "test": _against_multi(test)},
        "cut_off": {"threshold": threshold, "from": "out-of-fold scores" if oof else "the model", **_at(test[MULTI], threshold)},
        "rates": {name: {"threshold": t, **_at(test[name], t)} for name, t in cut_offs.items() if test[name].ids},
        "box_moved_6_mm": _spread(rows),
        "as_read": as_read,
    }  # fmt: skip
    write_json(out / "evaluation.json", content)
    draw_figure_4(seen, out)
    write_page(out, content, train, test, rows, oof, overlap)
    return {
        "out": str(out),
        "auc_test": content["roc"]["test"].get(MULTI, {}).get("auc"),
        "dice_test": content["dice"][MULTI]["mean"],
    }


def _of_rows(rows: Sequence[CaseScore]) -> SplitScores:
    known = [(row.case_id, row.y, row.dlr) for row in rows if row.dlr is not None]
    return SplitScores(tuple(r[0] for r in known), tuple(r[1] for r in known), tuple(r[2] for r in known))


def _of_folds(oof: Sequence[FoldScore]) -> SplitScores:
    known = [(row.case_id, row.y, row.dlr, row.fold) for row in oof if row.dlr is not None]
    ids, y = tuple(r[0] for r in known), tuple(r[1] for r in known)
    return SplitScores(ids, y, tuple(r[2] for r in known), tuple(r[3] for r in known))


def _dice(known: Sequence[float]) -> dict[str, Any]:
    if not known:
        return {"n": 0, "mean": None, "sd": None, "lowest": None, "ci95": None}
    return {
        "n": len(known),
        "mean": float(np.mean(known)),
        "sd": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "lowest": float(np.min(known)),
        "ci95": mean_interval([[v] for v in known]),
    }


def paired_dice(overlap: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Dice of the multi-task network minus each single-task one's on the same patients, Wilcoxon's signed-rank test."""
    result: dict[str, Any] = {}
    for name, theirs in overlap.items():
        both = [i for i in overlap[MULTI] if i in theirs]
        if name == MULTI or not both:
            continue
        gaps = [overlap[MULTI][i] - theirs[i] for i in both]
        result[f"{MULTI}_vs_{name}"] = {
            "n": len(both),
            "difference": float(np.mean(gaps)),
            "ci95": mean_interval([[g] for g in gaps]),
            "p": wilcoxon_p([overlap[MULTI][i] for i in both], [theirs[i] for i in both]),
        }
    return result


def _add_radiomics(
    manifest: Manifest, tests: tuple[Case, ...], oof: Sequence[FoldScore], grid: CtCases, graph: RecurrenceGraph,
    train: dict[str, SplitScores], test: dict[str, SplitScores], progress: Progress, token: CancelToken,
) -> None:  # fmt: skip
    """Out-of-fold (the network's own folds) and test scores of the radiomics baseline."""
    cases = usable(manifest.of_split(TRAIN))
    y = np.array([int(case.labels["recurrence"]) for case in cases])
    if len(cases) < 10 or min(np.bincount(y, minlength=2)) < 5:
        return  # too few to fit 38 features
    measured = cohort_features(
        CtCases(grid.folder, cases, grid.settings, grid.margin), graph.settings.spacing_mm, progress, token
    )
    on_test = cohort_features(
        CtCases(grid.folder, tests, grid.settings, grid.margin), graph.settings.spacing_mm, progress, token
    )
    fold_of = {row.case_id: row.fold for row in oof}
    folds = np.array([fold_of.get(case.case_id, -1) for case in cases])
    if oof and (folds >= 0).all():
        scores = np.zeros(len(cases))
        for fold in np.unique(folds):
            away = folds == fold
            scores[away] = fit_and_predict(measured[~away], y[~away].tolist(), measured[away])
        train[RADIOMICS] = _split(cases, scores, tuple(int(f) for f in folds))
    test[RADIOMICS] = _split(tests, fit_and_predict(measured, y.tolist(), on_test))


def _add_ceilings(
    manifest: Manifest, tests: tuple[Case, ...], train: dict[str, SplitScores], test: dict[str, SplitScores]
) -> None:
    for cases, into in ((usable(manifest.of_split(TRAIN)), train), (tests, test)):
        if cases and all(TRUE_SCORE in case.labels for case in cases):
            into[CEILING] = _split(cases, np.array([float(case.labels[TRUE_SCORE]) for case in cases]))


def _split(cases: Sequence[Case], scores: npt.NDArray[np.float64], folds: tuple[int, ...] = ()) -> SplitScores:
    return SplitScores(
        tuple(case.case_id for case in cases),
        tuple(int(case.labels["recurrence"]) for case in cases),
        tuple(float(s) for s in scores),
        folds,
    )


def _roc(scores: SplitScores) -> dict[str, Any]:
    estimate: AucEstimate = estimate_auc(scores.y, scores.scores)
    shown = auc_interval(scores.y, scores.scores)
    return {
        "auc": estimate.auc,
        "variance_delong": estimate.variance,
        "ci95": shown.ci95,
        "ci95_method": shown.method,
        "n": len(scores.y),
        "events": sum(scores.y),
        "youden": [asdict(p) for p in youden_optima(scores.y, scores.scores) if np.isfinite(p.threshold)],
    }


def _against_multi(split: dict[str, SplitScores]) -> dict[str, Any]:
    """DeLong's paired test of the multi-task score against every other on the same patients."""
    if MULTI not in split or not split[MULTI].ids:
        return {}
    multi = dict(zip(split[MULTI].ids, split[MULTI].scores, strict=True))
    result: dict[str, Any] = {}
    for name, other in split.items():
        if name == MULTI or set(other.ids) != set(multi):
            continue
        test = compare_aucs(other.y, [multi[i] for i in other.ids], other.scores)
        result[f"{MULTI}_vs_{name}"] = {"z": test.z, "p": test.p, "difference": test.difference, "ci95": test.ci95,
                                               "reason": test.reason}  # fmt: skip
    return result


def _at(scores: SplitScores, threshold: float) -> dict[str, Any]:
    if not scores.ids:
        return {}
    counts = count_at_threshold(scores.y, scores.scores, threshold)
    return {
        "test": {
            "accuracy": counts.accuracy, "sensitivity": counts.sensitivity, "specificity": counts.specificity,
            "fpr": counts.false_positive_rate, "fnr": counts.false_negative_rate,
            "tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn,
        }
    }  # fmt: skip


def _as_read(by_masks: SplitScores, found: SplitScores) -> dict[str, Any]:
    """How scores with the box placed by the segmentation network compare with those placed by masks."""
    difference = np.abs(np.array(found.scores) - np.array(by_masks.scores))
    return {
        "auc": estimate_auc(found.y, found.scores).auc,
        "mean_difference": float(difference.mean()),
        "largest_difference": float(difference.max()),
    }


def _spread(rows: Sequence[CaseScore]) -> dict[str, float | None]:
    known = [row.dlr_shift_sd for row in rows if row.dlr_shift_sd is not None]
    return {"score_sd_mean": float(np.mean(known)) if known else None}

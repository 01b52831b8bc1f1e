"""The recurrence network judged as in He 2023: Dice, ROC of five folds and of the test cohort (Figure 3), single-task variants.

The test split is read by the network trained on all training patients, once; cut-offs come from the folds or the training's held-out
patients. Beside it stand the radiomics baseline and, on simulated cohorts, the ceiling: the AUC of what the simulator drew the
outcome from. Where the model's card joins the network's score with the measured extent, the score that is shown is judged, too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.cross_validation import ALL, OOF_FILE, read_scores, summarise
from sinustrainer.data.manifest import TRAIN, Case, Manifest, load_manifest
from sinustrainer.evaluate import recurrence_comparison as comparison
from sinustrainer.evaluate.intervals import mean_summary
from sinustrainer.evaluate.recurrence_baselines import ceiling, radiomics_scores
from sinustrainer.evaluate.recurrence_figures import draw_figure_4
from sinustrainer.evaluate.recurrence_page import write_page
from sinustrainer.evaluate.recurrence_scores import (
    CaseScore,
    SplitScores,
    of_rows,
    score_cases,
)
from sinustrainer.evaluate.recurrence_shown import NETWORK, ShownScores, read_shown, shown_to_json, write_shown
from sinustrainer.evaluate.recurrence_variants import (
    CEILING,
    MULTI,
    RADIOMICS,
    SINGLE,
    NetworksRead,
    read_networks,
)
from sinustrainer.recurrence_table import known_outcome, usable
from sinustrainer.run_folder import write_json
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import CARD_FILE
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import estimate_auc


def evaluate(
    folder: Path,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    segmentation: Path | None = None,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
    beside: Sequence[Path] = (),
    features: Path | None = None,
) -> dict[str, Any]:
    """Evaluate ``folder`` (of ``cross-validate``, one run, or a model) on a data folder's test patients into ``out``.

    Written are ``evaluation.json``, ``scores_train.csv``, ``scores_test.csv``, ``scores_shown.csv``, tables and Figures 3 and 4 as
    CSV, PNG and SVG, and ``report.html``.

    Parameters
    ----------
    segmentation
        The model that finds the sinuses as reading does. None: the masks that people drew.
    splits
        Those that are the test cohort; all but ``train`` where none is named. Naming ``train`` leaves the radiomics baseline out:
        it would be tested on what it was fitted to.
    limit
        At most so many patients of each split; the radiomics baseline is left out then.
    beside
        Runs or models of single-task variants, in place of those in ``folder``.
    features
        A table of what the shown score reads, to be gone on with; default: one in ``out``.

    Raises
    ------
    InputError
        Where the data folder has no test patients with a known outcome, or none that could be read.
    """
    manifest = load_manifest(data)
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    everyone = tuple(c for s in chosen for c in known_outcome(manifest.of_split(s))[:limit])
    tests = usable(everyone)
    main = folder / ALL if (folder / ALL).is_dir() else folder
    if not everyone:
        raise InputError(f"“{data.name}” has no test patient with a known outcome in these splits.")
    out.mkdir(parents=True, exist_ok=True)
    shown = None
    if (main / CARD_FILE).is_file():
        cases = tests if segmentation is None else everyone
        shown = read_shown(main, segmentation, cases, out, progress, token, features) if cases else None
    if shown is None and not tests:
        raise InputError(f"“{data.name}” has no test patient with a known outcome and masks in these splits.")
    oof = read_scores(folder / OOF_FILE) if (folder / OOF_FILE).is_file() else []
    found = read_networks(folder, main, manifest, tests, oof, beside, progress, token)
    train, test = found.train, found.test
    if tests and limit is None and TRAIN not in chosen:
        settings, margin = found.graph.grid, found.graph.margin
        baseline = radiomics_scores(manifest, tests, oof, settings, margin, progress, token)
        train |= {RADIOMICS: baseline["train"]} if "train" in baseline else {}
        test |= {RADIOMICS: baseline["test"]} if "test" in baseline else {}
    for cases, into in ((usable(manifest.of_split(TRAIN)), train), (tests, test)):
        highest = ceiling(cases)
        if highest is not None:
            into[CEILING] = highest
    as_read = _as_read(found, manifest, tests, segmentation, shown, progress, token)
    cut_offs = found.cut_offs | _youden(train, [n for n in (RADIOMICS, *SINGLE) if n in train])
    content: dict[str, Any] = {
        "schema_version": 1,
        "task": "recurrence",
        "simulated": manifest.simulated,
        "statement": manifest.statement,
        "model": "card" if (main / CARD_FILE).is_file() else "run",
        "cross_validation": summarise(oof) if oof else None,
        "splits": chosen,
        "limit": limit,
        "patients": {"n": len(everyone), "events": sum(int(c.labels["recurrence"]) for c in everyone)},
        "without_masks": len(everyone) - len(tests),
        "shown": None if shown is None else shown_to_json(shown),
        "dice": {name: mean_summary(list(values.values())) for name, values in found.overlap.items()},
        "dice_paired": comparison.paired_dice(MULTI, found.overlap),
        "roc": {
            "train": {name: comparison.roc(scores) for name, scores in train.items()},
            "test": {name: comparison.roc(scores) for name, scores in test.items()},
        },
        "delong_test": {"train": comparison.against(MULTI, train), "test": comparison.against(MULTI, test)},
        "cut_off": {
            "threshold": cut_offs[MULTI],
            "from": "out-of-fold scores" if oof else "the model",
            **_at(test, MULTI, cut_offs[MULTI]),
        },
        "rates": {n: {"threshold": t, **_at(test, n, t)} for n, t in cut_offs.items() if n in test},
        "box_moved_6_mm": _spread(found.rows),
        "as_read": as_read,
    }
    write_json(out / "evaluation.json", content)
    if shown is not None:
        write_shown(out / "scores_shown.csv", shown, {case.case_id: case.patient_id for case in everyone})
    draw_figure_4(found.seen, out)
    write_page(out, content, train, test, found.rows, oof, found.overlap, shown)
    return {
        "out": str(out),
        "auc_shown": content["shown"]["roc"]["joined"]["auc"] if shown is not None else None,
        "auc_test": content["roc"]["test"].get(MULTI, {}).get("auc"),
        "dice_test": content["dice"][MULTI]["mean"],
    }


def _youden(train: Mapping[str, SplitScores], names: Sequence[str]) -> dict[str, float]:
    """The lowest of Youden's optima on out-of-fold scores."""
    optima = {name: comparison.roc(train[name])["youden"] for name in names}
    return {name: found[0]["threshold"] for name, found in optima.items() if found}


def _at(test: Mapping[str, SplitScores], name: str, threshold: float) -> dict[str, Any]:
    return {"test": comparison.rates(test[name], threshold)} if name in test else {}


def _as_read(
    found: NetworksRead,
    manifest: Manifest,
    tests: tuple[Case, ...],
    segmentation: Path | None,
    shown: ShownScores | None,
    progress: Progress,
    token: CancelToken,
) -> dict[str, Any] | None:
    """How scores with the box placed by the segmentation network compare with those placed by masks."""
    if segmentation is None or MULTI not in found.test:
        return None
    if shown is not None:
        again = shown.scores[NETWORK]
    else:
        cases = found.graph.cases_as_read(manifest.folder, tests, segmentation)
        again = of_rows(score_cases(found.graph, cases, progress, token, shifts=False))
    by_masks = dict(zip(found.test[MULTI].ids, found.test[MULTI].scores, strict=True))
    both = [
        (y, score, by_masks[i]) for i, y, score in zip(again.ids, again.y, again.scores, strict=True) if i in by_masks
    ]
    if not both:
        return None
    difference = np.array([abs(score - other) for _, score, other in both])
    return {
        "auc": estimate_auc([y for y, _, _ in both], [score for _, score, _ in both]).auc,
        "mean_difference": float(difference.mean()),
        "largest_difference": float(difference.max()),
    }


def _spread(rows: Sequence[CaseScore]) -> dict[str, float | None]:
    known = [row.dlr_shift_sd for row in rows if row.dlr_shift_sd is not None]
    return {"score_sd_mean": float(np.mean(known)) if known else None}

"""The page of the recurrence network's evaluation: a table of the models, Figure 3 (ROC of folds and test), every score as CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.cross_validation import FoldScore
from sinustrainer.evaluate.nomogram_figures import Axes, Rows, new_figure, save_figure
from sinustrainer.evaluate.recurrence_scores import CaseScore, SplitScores
from sinustrainer.evaluate.tables import Picture, Table, number, p_value
from sinustrainer.evaluate.tables import write_page as write_common_page
from sinusviewer.statistics.delong import auc
from sinusviewer.statistics.roc import roc_curve

NAMES = {
    "multi_task": "Multi-task network (DLR-score)",
    "single_classification": "Single task: recurrence only",
    "single_segmentation": "Single task: segmentation only",
    "radiomics": "Radiomics baseline (own features, logistic regression)",
    "ceiling": "Ceiling (the simulator's true image score)",
}
# Okabe and Ito's colours, with dashes for print
_LINES: dict[str, dict[str, Any]] = {
    "multi_task": {"color": "#009E73", "linestyle": "-", "linewidth": 2.0},
    "single_classification": {"color": "#0072B2", "linestyle": "--"},
    "radiomics": {"color": "#E69F00", "linestyle": "-."},
    "ceiling": {"color": "0.45", "linestyle": ":"},
}
_FOLDS = ("#56B4E9", "#E69F00", "#CC79A7", "#0072B2", "#D55E00")
_NOTE = (
    "AUC with DeLong's 95 % interval; p: DeLong's paired test against the multi-task network. Cross-validation: every training "
    "patient is read by the fold that never saw it. Dice of nose and sinuses as one region on the network's grid."
)


def write_page(
    out: Path,
    content: dict[str, Any],
    train: dict[str, SplitScores],
    test: dict[str, SplitScores],
    rows: Sequence[CaseScore],
    oof: Sequence[FoldScore],
) -> None:
    """Write tables, Figure 3 and ``report.html``."""
    _write_scores(out / "scores_train.csv", train, {row.case_id: row.dice for row in oof})
    _write_scores(out / "scores_test.csv", test, {row.case_id: row.dice for row in rows})
    figure, points = draw_figure_3(train, test)
    save_figure(figure, out, "figure3")
    with (out / "figure3.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("panel", "curve", "threshold", "sensitivity", "specificity"))
        writer.writeheader()
        writer.writerows(points)
    table = Table("models", "Multi-task network, its single-task variants and baselines", model_table(content), _NOTE)
    caption = "ROC curves of the DLR-score. Also as figure3.svg and figure3.csv; scores in scores_train.csv and scores_test.csv."
    write_common_page(
        out, "Recurrence network: cross-validation and test", _statements(content),
        (table, Picture("figure3.png", "Figure 3.", caption)),
    )  # fmt: skip


def model_table(content: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """One row per model: AUC in cross-validation and test, p against the multi-task network, Dice."""
    table = [["Model", "AUC, five folds (95 % CI)", "p", "AUC, test (95 % CI)", "p", "Dice, test (mean ± SD)"]]
    for name, text in NAMES.items():
        known = [content["roc"][split].get(name) for split in ("train", "test")]
        dice = content["dice"].get(name)
        if not any(known) and not dice:
            continue
        row = [text]
        for split, roc in zip(("train", "test"), known, strict=True):
            compared = content["delong_test"][split].get(f"multi_task_vs_{name}")
            row += [_area(roc), p_value(compared["p"]) if compared else ""]
        measured = dice is not None and dice["mean"] is not None
        table.append([*row, f"{dice['mean']:.3f} ± {dice['sd']:.3f}" if dice and measured else ""])
    return tuple(tuple(row) for row in table)


def draw_figure_3(train: dict[str, SplitScores], test: dict[str, SplitScores]) -> tuple[Any, Rows]:
    """Draw A, the folds' ROC curves and that of all out-of-fold scores; B, the models in the test cohort."""
    folds = train.get("multi_task")
    panels = 2 if folds is not None and folds.ids else 1
    figure, all_axes = new_figure(4.8 * panels, 4.8, panels)
    points: Rows = []
    if folds is not None and panels == 2:
        numbers, y, scores = np.array(folds.folds), np.array(folds.y), np.array(folds.scores)
        for fold in np.unique(numbers):
            chosen = numbers == fold
            style = {"color": _FOLDS[int(fold) % len(_FOLDS)], "linewidth": 1.0}
            _curve(all_axes[0], "five folds", f"Fold {fold + 1}", y[chosen], scores[chosen], style, points)
        _curve(all_axes[0], "five folds", "All folds", y, scores, {"color": "0.1", "linewidth": 2.2}, points)
        all_axes[0].set_title("A. Five-fold cross-validation")
    for name, line in _LINES.items():
        if name in test and test[name].ids:
            short = {"multi_task": "Multi-task", "single_classification": "Single task"}.get(name, name.capitalize())
            _curve(all_axes[-1], "test", short, np.array(test[name].y), np.array(test[name].scores), line, points)
    all_axes[-1].set_title("B. Test cohort" if panels == 2 else "Test cohort")
    for axes in all_axes:
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        axes.legend(loc="lower right", fontsize=8)
    return figure, points


def _curve(axes: Axes, panel: str, name: str, y: Any, scores: Any, style: dict[str, Any], points: Rows) -> None:
    area = auc(y, scores)
    if area is None:
        return
    curve = roc_curve(y, scores)
    axes.plot(1 - curve.specificity, curve.sensitivity, label=f"{name} {area:.3f}", **style)
    points += [
        {"panel": panel, "curve": name, "threshold": t, "sensitivity": se, "specificity": sp}
        for t, se, sp in zip(curve.thresholds, curve.sensitivity, curve.specificity, strict=True)
    ]


def _area(roc: dict[str, Any] | None) -> str:
    if roc is None or roc["auc"] is None:
        return ""
    interval = roc["ci95"]
    return f"{roc['auc']:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")


def _write_scores(path: Path, split: dict[str, SplitScores], dice: dict[str, float | None]) -> None:
    """Write one row per case: outcome, fold, the score of every model, Dice."""
    known = {name: dict(zip(s.ids, s.scores, strict=True)) for name, s in split.items() if s.ids}
    outcome = {i: y for s in split.values() for i, y in zip(s.ids, s.y, strict=True)}
    fold = {i: f for s in split.values() if s.folds for i, f in zip(s.ids, s.folds, strict=True)}
    table: list[list[Any]] = [["case_id", "y", "fold", *known, "dice"]]
    for i, y in outcome.items():
        table.append([i, y, fold.get(i, ""), *(_cell(values.get(i)) for values in known.values()), _cell(dice.get(i))])
    _write_rows(path, table)


def _write_rows(path: Path, table: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _statements(content: dict[str, Any]) -> list[str]:
    """What stands in front of the table: where the patients come from, cut-off, Dice, and how steady the score is."""
    sentences = [content["statement"]] if content["simulated"] and content["statement"] else []
    cut, validation = content["cut_off"], content["cross_validation"]
    if "test" in cut:
        rates = [number(cut["test"][key]) for key in ("accuracy", "sensitivity", "specificity")]
        sentences.append(
            f"Cut-off {cut['threshold']:.3f} (from {cut['from']}), a positive being a score at or above it; in the test cohort "
            f"accuracy {rates[0]}, sensitivity {rates[1]}, specificity {rates[2]}."
        )
    if validation and validation.get("dice") is not None:
        sentences.append(f"Dice in cross-validation {validation['dice']:.3f} ± {validation['dice_sd']:.3f}.")
    as_read = content["as_read"]
    if as_read is not None:
        sentences.append(
            "With the box placed by the segmentation network, as reading does, instead of by the masks: AUC in the test cohort "
            f"{number(as_read['auc'])}, scores differ by {as_read['mean_difference']:.3f} on average."
        )
    moved = content["box_moved_6_mm"]["score_sd_mean"]
    if moved is not None:
        sentences.append(
            f"When the box about the sinuses moves by 6 mm the score varies by {moved:.3f} (mean SD per patient)."
        )
    return sentences

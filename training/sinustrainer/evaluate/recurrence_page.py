"""The page of the recurrence network's evaluation: tables, Figures 3 and 4, every score and Dice as CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sinustrainer.cross_validation import FoldScore
from sinustrainer.evaluate.nomogram_figures import save_figure
from sinustrainer.evaluate.recurrence_figures import draw_figure_3
from sinustrainer.evaluate.recurrence_scores import CaseScore, SplitScores
from sinustrainer.evaluate.recurrence_shown import ShownScores
from sinustrainer.evaluate.recurrence_tables import calibration_table, dice_table, model_table, rates_table, shown_table
from sinustrainer.evaluate.tables import Picture, Table, number
from sinustrainer.evaluate.tables import write_page as write_common_page


def write_page(
    out: Path,
    content: dict[str, Any],
    train: dict[str, SplitScores],
    test: dict[str, SplitScores],
    rows: Sequence[CaseScore],
    oof: Sequence[FoldScore],
    overlap: dict[str, dict[str, float]],
    shown: ShownScores | None = None,
) -> None:
    """Write tables, Figure 3 and ``report.html``; ``overlap`` is the test patients' Dice by network."""
    folds = {"multi_task": {row.case_id: row.dice for row in oof if row.dice is not None}}
    _write_scores(out / "scores_train.csv", train, folds, {row.case_id: row.patient_id for row in oof})
    _write_scores(out / "scores_test.csv", test, overlap, {row.case_id: row.patient_id for row in rows})
    figure, points = draw_figure_3(train, test, {} if shown is None else shown.scores)
    save_figure(figure, out, "figure3")
    with (out / "figure3.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("panel", "curve", "threshold", "sensitivity", "specificity"))
        writer.writeheader()
        writer.writerows(points)
    caption = "ROC curves of the DLR-score. Also as figure3.svg and figure3.csv; scores in scores_train.csv and scores_test.csv."
    contours = (
        "Truth blue, found red, as in the paper: patients from lowest to highest Dice in the test cohort, a column each; as the "
        "network sees them, so coarse. R and L are the patient's sides."
    )
    parts: list[Table | Picture | None] = [
        shown_table(content), calibration_table(content), model_table(content), dice_table(content), rates_table(content),
        Picture("figure3.png", "Figure 3.", caption),
        Picture("figure4.png", "Figure 4.", contours) if (out / "figure4.png").is_file() else None,
    ]  # fmt: skip
    kept = [part for part in parts if part is not None]
    write_common_page(out, "Recurrence network: cross-validation and test", _statements(content), kept)


def _write_scores(
    path: Path, split: dict[str, SplitScores], dice: dict[str, dict[str, float]], patients: dict[str, str]
) -> None:
    """Write one row per case: patient, outcome, fold, the score of every model, Dice of every network that segments."""
    known = {name: dict(zip(s.ids, s.scores, strict=True)) for name, s in split.items() if s.ids}
    outcome = {i: y for s in split.values() for i, y in zip(s.ids, s.y, strict=True)}
    fold = {i: f for s in split.values() if s.folds for i, f in zip(s.ids, s.folds, strict=True)}
    named = {"dice" if name == "multi_task" else f"dice_{name}": values for name, values in dice.items()}
    table: list[list[Any]] = [["case_id", "patient_id", "y", "fold", *known, *named]]
    for i, y in outcome.items():
        cells = [_cell(values.get(i)) for values in (*known.values(), *named.values())]
        table.append([i, patients.get(i, ""), y, fold.get(i, ""), *cells])
    _write_rows(path, table)


def _write_rows(path: Path, table: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _statements(content: dict[str, Any]) -> list[str]:
    """What stands in front of the table: where the patients come from, cut-off, Dice, and how steady the score is."""
    sentences = [f"Data: {content['statement']}"] if content["statement"] else []
    n, limit = content["patients"], content["limit"]
    whose = ", ".join(content["splits"]) + (f", at most {limit} of each" if limit is not None else "")
    sentences.append(f"Test cohort: {n['n']} patients, {n['events']} of them with recurrence ({whose}).")
    shown = content["shown"]
    if shown is not None:
        card = shown["model"]
        left_out = f" No sinus was found in {len(shown['unread'])}." if shown["unread"] else ""
        sentences.append(
            f"The score that is shown, {card['name']} {card['version']}, joins the network's with the measured extent (fitted on "
            f"{shown['fitted_on']}). Sinuses found by {shown['masks']} in {shown['n']} patients.{left_out} Each score is in "
            "scores_shown.csv."
        )
    if content["without_masks"]:
        sentences.append(
            f"{content['without_masks']} patients have no masks: they are in the tables of the shown score only."
        )
    if "radiomics" not in content["roc"]["test"]:
        sentences.append(
            "No radiomics baseline: it is fitted on training patients of the same data folder, ten at least, and not under --limit."
        )
    absent = [
        said
        for name, part, said in (("single_classification", content["roc"]["test"], "predicts recurrence alone"),
                                 ("single_segmentation", content["dice"], "segments alone"))
        if name not in part
    ]  # fmt: skip
    if absent:
        sentences.append(
            f"No network that {' or '.join(absent)} beside this one (--beside), so it is not compared with it."
        )
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

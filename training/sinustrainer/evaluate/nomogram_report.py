"""Tables 1 and 2 and Figures 3, 5, 6 and 7 of He 2023 as one page, with each part as CSV, PNG and SVG beside it."""

import csv
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.evaluate.cohort_table import CohortTable
from sinustrainer.evaluate.nomogram_figures import (
    COHORT_NAMES,
    NAMES,
    Rows,
    draw_calibration_and_decision,
    draw_nomogram,
    draw_rocs,
    new_figure,
    save_figure,
)
from sinustrainer.evaluate.nomogram_tables import (
    CALIBRATION_NOTE,
    TABLE_2_NOTE,
    calibration_table,
    format_p,
    number,
    performance_table,
)
from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation
from sinustrainer.evaluate.recurrence_models import label, unit
from sinustrainer.evaluate.tables import STYLE
from sinusviewer import RESEARCH_USE_ONLY
from sinusviewer.nomogram import Nomogram
from sinusviewer.statistics.univariate import UnivariateTest

Table = list[list[str]]


def write_report(
    out_dir: Path,
    content: dict[str, Any],
    splits: dict[str, SplitEvaluation],
    *,
    nomogram: Nomogram | None,
    tables: Sequence[CohortTable | None],
    tests: dict[str, dict[str, UnivariateTest]],
) -> None:
    """Write ``report.html`` and its parts."""
    parts: list[str] = []
    cohorts = [table for table in tables if table is not None]
    if cohorts:
        table_1 = baseline_table(cohorts, tests)
        _write_table(out_dir, "table1", table_1)
        parts.append(_table_html("table1", "Table 1. Patients and preoperative features", table_1, TABLE_1_NOTE))
    if nomogram is not None:
        coefficients = coefficient_table(content["models"])
        _write_table(out_dir, "coefficients", coefficients)
        parts.append(_table_html("coefficients", "Logistic regression", coefficients, "SE: standard error."))
    table_2 = performance_table(content, splits)
    _write_table(out_dir, "table2", table_2)
    last = "test" if "test" in splits else "train"
    title = f"Table 2. Results of the models in the {COHORT_NAMES[last]} cohort"
    parts.append(_table_html("table2", title, table_2, TABLE_2_NOTE))
    calibration = calibration_table(content)
    _write_table(out_dir, "calibration", calibration)
    parts.append(_table_html("calibration", "Calibration of the models", calibration, CALIBRATION_NOTE))
    parts += _figures(out_dir, splits, nomogram)
    (out_dir / "report.html").write_text(_page(parts, content, nomogram), encoding="utf-8")


TABLE_1_NOTE = (
    "Continuous: mean ± SD, Mann-Whitney. Yes/no: n (%), chi-square without Yates' correction; p with Yates and Fisher's "
    "exact p are in evaluation.json. Each row counts the patients with that value known. *p < 0.05."
)


def baseline_table(cohorts: Sequence[CohortTable], tests: dict[str, dict[str, UnivariateTest]]) -> Table:
    """Table 1: every variable by outcome group."""
    header = ["Feature"]
    for table in cohorts:
        name = COHORT_NAMES[table.name]
        events, others = int(np.sum(table.y == 1.0)), int(np.sum(table.y == 0.0))
        header += [f"{name}: {table.outcome} (n = {events})", f"{name}: none (n = {others})", f"{name}: p"]
    rows = [header]
    for variable in cohorts[0].variables:
        binary = any(
            name in tests and variable in tests[name] and tests[name][variable].test == "chi_square" for name in tests
        )
        text = label(variable) + (f", {unit(variable)}" if unit(variable) else "")
        row = [text + (", n (%)" if binary else ", mean ± SD")]
        for table in cohorts:
            test = tests.get(table.name, {}).get(variable)
            if test is None:
                row += ["", "", ""]
                continue
            groups = [table.columns[variable][table.y == group] for group in (1.0, 0.0)]
            row += [_describe(values[np.isfinite(values)], binary=binary) for values in groups]
            row.append(format_p(test.p) + ("*" if test.p is not None and test.p < 0.05 else ""))
        rows.append(row)
    return rows


def _describe(values: np.ndarray[Any, np.dtype[np.float64]], *, binary: bool) -> str:
    if values.size == 0:
        return "no data"
    if binary:
        return f"{int(values.sum())} ({100.0 * values.mean():.2f})"
    spread = f"{values.std(ddof=1):.2f}" if values.size > 1 else "-"
    return f"{values.mean():.2f} ± {spread}"


def coefficient_table(models: dict[str, Any]) -> Table:
    """List coefficients, odds ratios and p of every fitted model."""
    rows = [["Model", "Term", "Coefficient", "SE", "Odds ratio (95 % CI)", "p", "n", "Events"]]
    for model, fit in models.items():
        for term, value in fit["coefficients"].items():
            ratio, interval = fit["odds_ratios"][term], fit["odds_ratios_ci95"][term]
            described = (
                "-" if ratio is None or interval is None else f"{ratio:.4g} ({interval[0]:.4g}-{interval[1]:.4g})"
            )
            rows.append(
                [
                    NAMES[model],
                    "Intercept" if term == "intercept" else label(term),
                    number(value, 4),
                    number(fit["standard_errors"][term], 4),
                    "" if term == "intercept" else described,
                    format_p(fit["p"][term]),
                    str(fit["n"]),
                    str(fit["events"]),
                ]
            )
    return rows


def _figures(out_dir: Path, splits: dict[str, SplitEvaluation], nomogram: Nomogram | None) -> list[str]:
    parts = []
    letters = dict(zip(splits, "AB", strict=False))

    def add(name: str, caption: str, drawn: tuple[Any, Rows]) -> None:
        figure, rows = drawn
        save_figure(figure, out_dir, name)
        _write_rows(out_dir / f"{name}.csv", rows)
        parts.append(
            f'<figure><img src="{name}.svg" alt="{html.escape(caption)}"><figcaption>{html.escape(caption)} '
            f"{_links(name)}</figcaption></figure>"
        )

    def panels(models: Sequence[str]) -> list[tuple[str, SplitEvaluation, Sequence[str]]]:
        return [
            (f"{letters[name]}. {COHORT_NAMES[name].capitalize()} cohort", split, models)
            for name, split in splits.items()
        ]

    if all("dlr" in split.scores for split in splits.values()):
        add("figure3", "Figure 3. ROC curves of the DLR-score.", draw_rocs(panels(["dlr"])))
    add("figure5", "Figure 5A, B. ROC curves of the nomogram.", draw_rocs(panels(["nomogram"])))
    if nomogram is not None:
        add("figure5_nomogram", "Figure 5C. The nomogram.", draw_nomogram(nomogram))
    add(
        "figure6",
        "Figure 6. Calibration of the nomogram and decision curves of the models.",
        draw_calibration_and_decision(splits),
    )
    last = "test" if "test" in splits else next(iter(splits))
    caption = f"Figure 7. ROC curves of the models in the {COHORT_NAMES[last]} cohort."
    add("figure7", caption, draw_rocs([(f"{COHORT_NAMES[last].capitalize()} cohort", splits[last], list(NAMES))]))
    return parts


def _write_table(out_dir: Path, name: str, table: Table) -> None:
    with (out_dir / f"{name}.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(table)
    widths = [max(len(row[j]) for row in table) for j in range(len(table[0]))]
    figure, (axes,) = new_figure(max(6.0, 0.085 * sum(widths)), 0.28 * len(table) + 0.3)
    axes.axis("off")
    drawn = axes.table(
        table[1:],
        colLabels=table[0],
        colWidths=[w / sum(widths) for w in widths],
        loc="center",
        cellLoc="left",
        edges="horizontal",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    save_figure(figure, out_dir, name)


def _write_rows(path: Path, rows: Rows) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _links(name: str) -> str:
    return " ".join(f'<a href="{name}.{kind}">{kind.upper()}</a>' for kind in ("csv", "png", "svg"))


def _table_html(name: str, title: str, table: Table, note: str) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table[1:])
    return (
        f"<h2>{html.escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f'<p class="note">{html.escape(note)} {_links(name)}</p>'
    )


def _fitted_on(nomogram: Nomogram) -> str:
    said = f"The nomogram was fitted on {nomogram.trained_on}"
    network = nomogram.score_model
    if network is None:
        return f"{said} Nobody said which network its radiomic scores came from (--score-model)."
    return f"{said} Its radiomic scores came from {network.name} {network.version}."


def _page(parts: Sequence[str], content: dict[str, Any], nomogram: Nomogram | None) -> str:
    warnings = "".join(f'<p class="warning">{html.escape(text)}</p>' for text in content["warnings"])
    counts = "".join(
        f"<li>{COHORT_NAMES[name]} cohort: {rows['patients']} patients, {rows['evaluated']} complete and evaluated, "
        f"{rows['events']} of them with the event</li>"
        for name, rows in content["rows"].items()
    )
    fitted = "" if nomogram is None else f"<p>{html.escape(_fitted_on(nomogram))}</p>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Recurrence nomogram</title><style>{STYLE}</style>'
        f"<h1>Recurrence nomogram: fit and validation</h1><p><strong>{html.escape(RESEARCH_USE_ONLY)}</strong></p>"
        f"{fitted}<ul>{counts}</ul>{warnings}{''.join(parts)}</html>\n"
    )

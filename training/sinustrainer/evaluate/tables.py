"""Tables and pages that every evaluation shares: CSV files, and one HTML page that shows them with the figures."""

import csv
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinusviewer import RESEARCH_USE_ONLY

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .7rem;border-bottom:1px solid #ccc;text-align:left}
th{border-bottom:2px solid #444}figure{margin:2rem 0}img{max-width:100%}figcaption,.note{color:#444;font-size:.9em}
.warning{background:#fff3cd;border-left:4px solid #b58100;padding:.4rem .8rem}@media print{figure{break-inside:avoid}}"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table by name; the first row is its header."""

    name: str
    title: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG beside the page."""

    file: str
    title: str
    note: str = ""


Part = Table | Picture


def write_csv(table: Table, out: Path) -> None:
    """Write ``NAME.csv``."""
    with (out / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table.rows)


def write_page(
    out: Path, title: str, statements: Sequence[str], parts: Sequence[Part], *, name: str = "report.html"
) -> Path:
    """Write tables as CSV and everything as one page; ``statements`` stand in front (data, models, what was left out)."""
    body: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            write_csv(part, out)
            body.append(_table(part))
        else:
            body.append(
                f'<figure id="{html.escape(part.file)}"><figcaption><b>{html.escape(part.title)}</b> '
                f'{html.escape(part.note)}</figcaption><img src="{html.escape(part.file)}" alt="{html.escape(part.title)}">'
                "</figure>"
            )
    said = "".join(f"<p>{html.escape(statement)}</p>" for statement in statements)
    path = out / name
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}table{{font-size:.92em}}td:not(:first-child){{white-space:nowrap}}</style></head><body>"
        f'<h1>{html.escape(title)}</h1><p class="warning">{html.escape(RESEARCH_USE_ONLY)}</p>{said}{"".join(body)}'
        "</body></html>\n",
        encoding="utf-8",
    )
    return path


def calibrations_table(figures: Mapping[str, Mapping[str, Any]], note: str, *, title: str = "Calibration") -> Table:
    """One row per score; ``figures`` as ``evaluation_json.calibration_to_json`` gives them."""
    rows: list[tuple[str, ...]] = [
        ("Score", "Brier", "Intercept", "Slope", "Calibration in the large", "Hosmer-Lemeshow, p")
    ]
    for name, found in figures.items():
        cells = (number(found[key], 2).replace("-", "−") for key in ("intercept", "slope", "in_the_large"))
        rows.append((name, number(found["brier"]), *cells, p_value(found["hosmer_lemeshow"]["p"])))
    said = "Intercept and slope of the calibration line: 0 and 1 if perfect. In the large: below 0 where probabilities are too high. "
    return Table("calibration", title, tuple(rows), said + note)


def _table(table: Table) -> str:
    head, *rows = table.rows
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
    return (
        f'<section id="{html.escape(table.name)}"><h2>{html.escape(table.title)}</h2>'
        f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>{note}</section>"
    )


def percent(value: float | None, digits: int = 2) -> str:
    """A share as per cent without the sign; a dash where unknown."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def number(value: float | None, digits: int = 3) -> str:
    """A number; a dash where unknown."""
    return "–" if value is None else f"{value:.{digits}f}"


def p_value(p: float | None) -> str:
    """As journals print it."""
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"

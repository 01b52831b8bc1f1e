"""The evaluation of Oh 2021 from any data folder: Tables 2 to 4, Figures 4 to 6, as one page with CSV and PNG beside it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.data.film_sources import load_case_radiograph
from sinustrainer.data.manifest import Case, Manifest
from sinustrainer.data.selection import ANATOMY
from sinustrainer.evaluate.tables import Picture, Table, write_page
from sinustrainer.evaluate.waters_discrimination import of_application, of_sides, patch_accuracy
from sinustrainer.evaluate.waters_figures import draw_outcomes, draw_reliability, draw_roc, draw_subclasses
from sinustrainer.evaluate.waters_films import EVALUATED, FilmResult, read_films, registry_of, write_films
from sinustrainer.evaluate.waters_patch import evaluate_patch
from sinustrainer.evaluate.waters_tables import table_2, table_3, table_4, table_overlap
from sinustrainer.run_folder import write_json
from sinusviewer.analysis import waters
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.reading import WatersReading
from sinusviewer.inference.model_card import load_card
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress

POOLED = "pooled"


def evaluate(
    patch: Path,
    antra: Path | None,
    manifest: Manifest,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Evaluate both models (or the facial patch alone) on every film and write the page; the result is ``evaluation.json``.

    ``manifest`` holds the films meant; each of its splits is a set of its own.
    """
    out.mkdir(parents=True, exist_ok=True)
    if antra is None:
        return evaluate_patch(patch, manifest, out, progress, token, splits, limit)
    films = read_films(patch, antra, manifest, progress, token, splits, limit)
    shown = tuple(dict.fromkeys(f.split for f in films))
    write_films(films, out / "films.csv")
    content = summary(films, shown)
    content["models"] = {"patch": _about(patch), "sinusitis": _about(antra)}
    content["data"] = {"folder": manifest.folder.name, "simulated": manifest.simulated, "statement": manifest.statement}
    write_json(out / "evaluation.json", content)
    parts = _parts(films, shown, manifest, patch, antra, out, token)
    write_page(
        out, "Waters' view: facial patch, sinusitis, report (Oh 2021)", _statements(manifest, patch, antra), parts
    )
    return content


def summary(films: Sequence[FilmResult], splits: Sequence[str]) -> dict[str, Any]:
    """All figures that the tables print, unrounded, by split and pooled."""
    result: dict[str, Any] = {"schema_version": 1, "splits": {}}
    for split in (*splits, POOLED):
        own = [f for f in films if split in (f.split, POOLED)]
        sides, application = of_sides(own), of_application(own)
        read = [f for f in own if f.patch_ok]
        overlaps = [s.iou for f in read for s in f.sides if s.iou is not None]
        result["splits"][split] = {
            "films": len(own),
            "patch_accuracy": patch_accuracy(own),
            "patch_miou": float(np.mean([f.patch_iou for f in own])) if own else None,
            "sinusitis_miou": float(np.mean(overlaps)) if overlaps else None,
            "side": _plain(sides),
            "right": _plain(of_sides(own, lambda s: s.side == "right")),
            "left": _plain(of_sides(own, lambda s: s.side == "left")),
            "application": _plain(application),
            "four_way_accuracy": float(np.mean([f.correct for f in read])) if read else None,
            "wrong_side": sum({f.truth, f.found} == {"right", "left"} for f in own),
            "refused": sum(bool(f.refused) for f in own),
            "not_read": sum(bool(f.error) for f in own),
        }
    return result


def _plain(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in type(line).__dataclass_fields__}


def _parts(
    films: Sequence[FilmResult],
    splits: Sequence[str],
    manifest: Manifest,
    patch: Path,
    antra: Path,
    out: Path,
    token: CancelToken,
) -> list[Table | Picture]:
    cases = {case.case_id: case for case in manifest.cases}
    draw_roc(films, splits, out)
    draw_reliability(films, splits, out)
    found = _readings([cases[f.case_id] for f in _examples(films, splits)], patch, antra, token)
    draw_outcomes(films, cases, splits, out, found)
    draw_subclasses(films, cases, out, found)
    colours = "Labelled: green right, yellow left. Found: red right, blue left. Patch: cyan."
    return [
        table_2(films, splits),
        table_overlap(films, splits),
        Picture("figure5_roc.png", "Figure 5. ROC curves", "Of the score; the dot is the shipped threshold."),
        Picture("reliability.png", "Reliability of the calibrated score"),
        Picture("figure4_outcomes.png", "Figure 4. Outcomes", colours),
        table_3(films, splits),
        Picture("figure6_subclasses.png", "Figure 6. Subclasses, found and missed", colours),
        table_4(films, splits),
    ]


def _examples(films: Sequence[FilmResult], splits: Sequence[str]) -> list[FilmResult]:
    """Films that the figures may show: few enough to read again."""
    chosen: dict[str, FilmResult] = {}
    for split in splits:
        for label in ("normal", "right", "left", "bilateral"):
            own = [f for f in films if f.split == split and f.truth == label and not f.error]
            for film in sorted(own, key=lambda f: not f.correct)[:1]:
                chosen[film.case_id] = film
    for form in {s.subclass for f in films for s in f.sides if s.diseased}:
        for hit in (True, False):
            for film in films:
                if not film.error and any(s.diseased and s.subclass == form and s.positive == hit for s in film.sides):
                    chosen[film.case_id] = film
                    break
    return list(chosen.values())


def _readings(cases: Sequence[Case], patch: Path, antra: Path, token: CancelToken) -> dict[str, WatersReading]:
    result: dict[str, WatersReading] = {}
    with tempfile.TemporaryDirectory() as temporary:
        context = Context(
            registry_of((patch, antra), Path(temporary)), silent_progress(), token, override_reason=EVALUATED
        )
        for case in cases:
            radiograph = load_case_radiograph(case)
            reading = waters.read(radiograph, frozenset({"waters"}), context, {})
            if reading.waters is not None:
                result[case.case_id] = reading.waters
    return result


def _about(folder: Path) -> dict[str, Any]:
    card = load_card(folder)
    return {
        "name": card.name, "version": card.version, "sha256": card.sha256, "threshold": card.threshold,
        "trained_on": card.trained_on, "templates": card.training.get("templates"),
    }  # fmt: skip


def _statements(manifest: Manifest, patch: Path, antra: Path) -> list[str]:
    said = [f"Data: {manifest.statement or manifest.folder.name}"]
    if manifest.templates:
        said.append(f"Anatomies in these data: {', '.join(manifest.templates)}.")
    trained_on = [str(name) for folder in (patch, antra) for name in load_card(folder).training.get("templates") or ()]
    for split in manifest.splits:
        if split.startswith(ANATOMY):
            name = split.removeprefix(ANATOMY)
            seen = any(name.lower() in template.lower() for template in trained_on)
            said.append(
                f"The anatomy {name} WAS among those the models were trained on: its set is no test of an unseen head."
                if seen
                else f"The anatomy {name} was not among those the models were trained on."
            )
    for folder in (patch, antra):
        card = load_card(folder)
        anatomies = ", ".join(card.training.get("templates") or ()) or "not recorded"
        said.append(
            f"Model {card.name} {card.version} (sha256 {card.sha256[:12]}), threshold {card.threshold:.3f}. {card.trained_on} "
            f"Anatomies in its training: {anatomies}."
        )
    return said

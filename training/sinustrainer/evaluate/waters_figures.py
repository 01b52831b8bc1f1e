"""Figures of Oh 2021: ROC curves (5), outcomes (4), subclasses (6), and the reliability of the calibrated score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sinustrainer.data.film_sources import load_case_radiograph
from sinustrainer.data.manifest import Case
from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinustrainer.evaluate.waters_discrimination import of_application, of_sides
from sinustrainer.evaluate.waters_films import FilmResult
from sinustrainer.evaluate.waters_tables import SUBCLASSES, split_name
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.imaging.preprocess import FilmPreprocessing, film_input, film_source, place_whole
from sinusviewer.statistics.calibration import group_by_risk
from sinusviewer.statistics.roc import roc_curve

RIGHT_FOUND, LEFT_FOUND, RIGHT_TRUE, LEFT_TRUE, FACE = "#e03131", "#1c7ed6", "#2f9e44", "#f2c200", "#15aabf"
"""The paper's colours: found red and blue, labelled green and yellow, patch cyan."""
LABELS = ("normal", "right", "left", "bilateral")
_PICTURE = 360


def draw_roc(films: Sequence[FilmResult], splits: Sequence[str], out: Path) -> None:
    """Figure 5: curves of the score, with the operating point of the shipped threshold."""
    figure, panels = new_figure(4.2 * len(splits), 4.4, len(splits))
    for axes, split in zip(panels, splits, strict=True):
        own = [f for f in films if f.split == split and f.patch_ok]
        sides = [s for f in own for s in f.sides]
        units = (
            ("per side", [s.diseased for s in sides], [s.score for s in sides], of_sides(own), "#0072B2", "-"),
            (
                "per image",
                [f.truth != "normal" for f in own],
                [f.score for f in own],
                of_application(own),
                "#D55E00",
                "--",
            ),
        )
        for name, truth, score, line, color, style in units:
            if len(set(truth)) < 2:
                continue
            curve = roc_curve(truth, score)
            x, y = 1 - curve.specificity, curve.sensitivity
            axes.plot(x, y, color=color, linestyle=style, label=f"{name}: AUC {line.auc_score:.3f}")
            if line.sensitivity is not None and line.specificity is not None:
                axes.plot(
                    1 - line.specificity, line.sensitivity, "o", color=color,
                    label=f"cut-off ({100 * line.sensitivity:.1f}, {100 * line.specificity:.1f})",
                )  # fmt: skip
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        axes.set(
            title=split_name(split),
            xlabel="1 - specificity",
            ylabel="Sensitivity",
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
        )
        axes.set_aspect("equal")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", fontsize=8, frameon=False)
    save_figure(figure, out, "figure5_roc")


def draw_reliability(films: Sequence[FilmResult], splits: Sequence[str], out: Path) -> None:
    """How often a side with a given score is diseased."""
    figure, panels = new_figure(3.6 * len(splits), 3.8, len(splits))
    for axes, split in zip(panels, splits, strict=True):
        sides = [s for f in films if f.split == split and f.patch_ok for s in f.sides]
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        if len({s.diseased for s in sides}) == 2:
            groups = group_by_risk([s.diseased for s in sides], [s.score for s in sides])
            axes.plot(groups.mean_predicted, groups.observed_rate, "o-", color="#0072B2")
        axes.set(
            title=split_name(split), xlabel="Score (calibrated)", ylabel="Share diseased", xlim=(0, 1), ylim=(0, 1)
        )
    save_figure(figure, out, "reliability")


def draw_outcomes(
    films: Sequence[FilmResult], cases: dict[str, Case], splits: Sequence[str], out: Path, found: dict[str, Any]
) -> None:
    """Figure 4: for each set one correct film of each label, or a wrong one, marked so, where none is right."""
    figure, _ = new_figure(2.6 * len(LABELS), 2.9 * len(splits), 1)
    figure.clear()
    for row, split in enumerate(splits):
        for column, label in enumerate(LABELS):
            axes = figure.add_subplot(len(splits), len(LABELS), row * len(LABELS) + column + 1)
            candidates = sorted(
                (f for f in films if f.split == split and f.truth == label and not f.error), key=lambda f: not f.correct
            )
            axes.set_axis_off()
            if candidates:
                _show(axes, candidates[0], cases[candidates[0].case_id], found)
                wrong = "" if candidates[0].correct else f", reported {candidates[0].found}"
                axes.set_title(f"{split_name(split)}\n{label}{wrong}", fontsize=7)
            else:
                _say(axes, f"{split_name(split)}:\nno {label} film")
    save_figure(figure, out, "figure4_outcomes")


def draw_subclasses(films: Sequence[FilmResult], cases: dict[str, Case], out: Path, found: dict[str, Any]) -> None:
    """Figure 6: one found film of each form above, one missed film of it below."""
    figure, _ = new_figure(2.6 * len(SUBCLASSES), 5.8, 1)
    figure.clear()
    for column, (form, title) in enumerate(SUBCLASSES.items()):
        for row, hit in enumerate((True, False)):
            axes = figure.add_subplot(2, len(SUBCLASSES), row * len(SUBCLASSES) + column + 1)
            axes.set_axis_off()
            for film in films:
                if any(s.diseased and s.subclass == form and s.positive == hit for s in film.sides) and not film.error:
                    _show(axes, film, cases[film.case_id], found)
                    break
            else:
                _say(axes, "none")
            axes.set_title(f"{title}: {'found' if hit else 'missed'}", fontsize=8)
    save_figure(figure, out, "figure6_subclasses")


def _say(axes: Any, text: str) -> None:
    """An empty panel that says why it is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, color="0.4", transform=axes.transAxes)


def _show(axes: Any, film: FilmResult, case: Case, found: dict[str, Any]) -> None:
    """A film with labelled and found boxes, on its letterboxed canvas."""
    source = film_source(load_case_radiograph(case))
    rows, columns = source.values.shape
    placement = place_whole((rows, columns), _PICTURE)
    axes.imshow(film_input(source, placement, FilmPreprocessing(size=_PICTURE))[0, 0], cmap="gray", vmin=0, vmax=1)
    reading = found.get(film.case_id)
    boxes: list[tuple[Any, str, float]] = []
    for antrum in case.labels.get("antra", case.labels.get("boxes", ())):
        if antrum.get("diseased", True):
            boxes.append((antrum["xyxy"], RIGHT_TRUE if antrum["side"] == "right" else LEFT_TRUE, 1.0))
    if reading is not None:
        boxes.append((reading.face_box, FACE, 0.8))
        positive = {s.side for s in reading.sides if s.positive}
        called = {s.side for s in film.sides if s.positive}
        boxes += [(b.xyxy, _colour(b.side, called, len(positive)), 1.4) for b in reading.boxes if b.side in positive]
    for xyxy, color, width in boxes:
        x0, y0, x1, y1 = placement.boxes_to_canvas(xyxy) - 0.5
        axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=color, linewidth=width)


def _colour(side: AnySide, called: set[str], found: int) -> str:
    """Red for the patient's right, blue for the left; where only the image's side is known, by what the labels told."""
    if isinstance(side, Side):
        return RIGHT_FOUND if side is Side.RIGHT else LEFT_FOUND
    if found == 1 and len(called) == 1:
        return RIGHT_FOUND if "right" in called else LEFT_FOUND
    return RIGHT_FOUND if side is ImageSide.IMAGE_LEFT else LEFT_FOUND

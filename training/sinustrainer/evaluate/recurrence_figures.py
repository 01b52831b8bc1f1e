"""Figures 3 and 4 of He 2023 for the recurrence network: ROC curves of folds and test, contours of the segmentation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from sinustrainer.evaluate.grad_cam_figure import mark_sides
from sinustrainer.evaluate.nomogram_figures import Axes, Rows, new_figure, save_figure
from sinustrainer.evaluate.recurrence_scores import SeenBox, SplitScores
from sinusviewer.statistics.delong import auc
from sinusviewer.statistics.roc import roc_curve

# Okabe and Ito's colours, with dashes for print
_LINES: dict[str, dict[str, Any]] = {
    "multi_task": {"color": "#009E73", "linestyle": "-", "linewidth": 2.0},
    "single_classification": {"color": "#0072B2", "linestyle": "--"},
    "radiomics": {"color": "#E69F00", "linestyle": "-."},
    "ceiling": {"color": "0.45", "linestyle": ":"},
}
_SHOWN = {
    "joined": _LINES["multi_task"],
    "network": {"color": "#0072B2", "linestyle": "--"},
    "ceiling": _LINES["ceiling"],
}
_SHORT = {
    "multi_task": "Multi-task",
    "single_classification": "Single task",
    "joined": "Network and extent",
    "network": "Network alone",
}
_FOLDS = ("#56B4E9", "#E69F00", "#CC79A7", "#0072B2", "#D55E00")
_TRUE, _FOUND = "#0000FF", "#FF0000"  # the paper's own: blue is the truth, red what was found
_WINDOW_HU = (-700, 1300)
_COLUMNS, _LEVELS = 5, (0.2, 0.5, 0.75)


def draw_figure_3(
    train: dict[str, SplitScores], test: dict[str, SplitScores], shown: dict[str, SplitScores]
) -> tuple[Any, Rows]:
    """Draw the folds' ROC curves and that of all out-of-fold scores; the networks in the test cohort; the score that is shown.

    A panel with nothing to draw is left out.
    """
    folds = train.get("multi_task")
    draw: list[tuple[str, Callable[[Axes, Rows], None]]] = []
    if folds is not None and folds.ids:
        draw.append(("Five-fold cross-validation", lambda axes, points: _draw_folds(axes, folds, points)))
    if any(test[name].ids for name in test if name != "ceiling") or not shown:
        draw.append(("Test cohort", lambda axes, points: _draw_lines(axes, "test", test, _LINES, points)))
    if shown:
        draw.append(("Test cohort, as shown", lambda axes, points: _draw_lines(axes, "shown", shown, _SHOWN, points)))
    figure, all_axes = new_figure(4.8 * len(draw), 4.8, len(draw))
    points: Rows = []
    for letter, axes, (title, lines) in zip("ABC", all_axes, draw, strict=False):
        lines(axes, points)
        axes.set_title(f"{letter}. {title}" if len(draw) > 1 else title)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", fontsize=8)
    return figure, points


def _draw_folds(axes: Axes, folds: SplitScores, points: Rows) -> None:
    numbers, y, scores = np.array(folds.folds), np.array(folds.y), np.array(folds.scores)
    for fold in np.unique(numbers):
        chosen = numbers == fold
        style = {"color": _FOLDS[int(fold) % len(_FOLDS)], "linewidth": 1.0}
        _curve(axes, "five folds", f"Fold {fold + 1}", y[chosen], scores[chosen], style, points)
    _curve(axes, "five folds", "All folds", y, scores, {"color": "0.1", "linewidth": 2.2}, points)


def _draw_lines(
    axes: Axes, panel: str, scores: dict[str, SplitScores], lines: dict[str, dict[str, Any]], points: Rows
) -> None:
    for name, line in lines.items():
        if name in scores and scores[name].ids:
            label = _SHORT.get(name, name.capitalize())
            _curve(axes, panel, label, np.array(scores[name].y), np.array(scores[name].scores), line, points)


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


def draw_figure_4(seen: Sequence[SeenBox], out: Path) -> bool:
    """Draw five patients from the lowest to the highest Dice, three levels each, as the network saw them; whether there were any."""
    if not seen:
        return False
    ordered = sorted(seen, key=lambda box: box.dice)
    chosen = [
        ordered[i] for i in dict.fromkeys(np.linspace(0, len(ordered) - 1, _COLUMNS).round().astype(int).tolist())
    ]
    figure, _ = new_figure(2.5 * len(chosen), 2.6 * len(_LEVELS) + 0.5, 1)
    figure.clear()
    for column, box in enumerate(chosen):
        held = np.flatnonzero(box.truth.any(axis=(1, 2)))
        for row, share in enumerate(reversed(_LEVELS)):
            z = int(held[int(share * (held.size - 1))]) if held.size else box.hu.shape[0] // 2
            axes = figure.add_subplot(len(_LEVELS), len(chosen), row * len(chosen) + column + 1)
            axes.imshow(box.hu[z], cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1], interpolation="bilinear")
            for mask, color in ((box.truth[z], _TRUE), (box.found[z], _FOUND)):
                if mask.any():
                    axes.contour(mask, levels=[0.5], colors=[color], linewidths=1.0)
            mark_sides(axes)
            if not row:
                axes.set_title(f"{box.case_id}\nDice {box.dice:.3f}", fontsize=8)
    figure.legend(
        handles=[Line2D([], [], color=_TRUE, label="truth"), Line2D([], [], color=_FOUND, label="found")],
        loc="outside lower center", ncols=2, fontsize=8, frameon=False,
    )  # fmt: skip
    save_figure(figure, out, "figure4")
    return True

"""Figures 3, 5, 6 and 7 of He 2023, drawn from any cohort: ROC curves, the nomogram, calibration, decision curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation
from sinusviewer.nomogram import Nomogram, Tick
from sinusviewer.statistics.calibration import group_by_risk, smooth_calibration
from sinusviewer.statistics.decision_curve import decision_curve
from sinusviewer.statistics.delong import clopper_pearson
from sinusviewer.statistics.roc import roc_curve

Axes = Any  # matplotlib ships no types
Rows = list[dict[str, Any]]

NAMES = {"nomogram": "Nomogram", "clinical": "Clinical model", "dlr": "DLR-score"}
# Okabe and Ito's colours, told apart by colour-blind readers; the dashes tell them apart in print.
STYLES: dict[str, dict[str, Any]] = {
    "nomogram": {"color": "#D55E00", "linestyle": "-"},
    "clinical": {"color": "#0072B2", "linestyle": "--"},
    "dlr": {"color": "#009E73", "linestyle": "-."},
}
COHORT_NAMES = {"train": "training", "test": "test"}
NOTE = "Research use only."


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure that no window knows of, with its axes in one row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, columns, i + 1) for i in range(columns)]


def save_figure(figure: Figure, out_dir: Path, name: str) -> None:
    """Write PNG and SVG; the same figure gives the same bytes."""
    figure.savefig(out_dir / f"{name}.png", dpi=150, metadata={"Software": None})
    with mpl.rc_context({"svg.hashsalt": "sinustrainer", "svg.fonttype": "path"}):
        figure.savefig(out_dir / f"{name}.svg", metadata={"Date": None, "Creator": None})


def draw_rocs(
    panels: Sequence[tuple[str, SplitEvaluation, Sequence[str]]],
) -> tuple[Figure, Rows]:
    """Draw one panel per (title, split, models)."""
    figure, all_axes = new_figure(4.6 * len(panels), 4.6, len(panels))
    rows: Rows = []
    for axes, (title, split, models) in zip(all_axes, panels, strict=True):
        for model in models:
            if model in split.scores:
                _draw_roc(axes, split, model, rows)
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
        axes.set(title=title, xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", fontsize=8)
    return figure, rows


def _draw_roc(axes: Axes, split: SplitEvaluation, model: str, rows: Rows) -> None:
    curve, estimate = roc_curve(split.y, split.scores[model]), split.roc[model]
    if estimate.auc is None:
        axes.text(0.5, 0.5, "not estimable: one outcome class", ha="center")
        return
    interval = "" if estimate.ci95 is None else f" ({estimate.ci95[0]:.3f}-{estimate.ci95[1]:.3f})"
    axes.plot(
        1.0 - curve.specificity,
        curve.sensitivity,
        label=f"{NAMES[model]} {estimate.auc:.3f}{interval}",
        **STYLES[model],
    )
    rows += [
        {"split": split.predictions.split, "model": model, "threshold": t, "sensitivity": se, "specificity": sp}
        for t, se, sp in zip(curve.thresholds, curve.sensitivity, curve.specificity, strict=True)
    ]


def draw_calibration_and_decision(splits: dict[str, SplitEvaluation]) -> tuple[Figure, Rows]:
    """Draw Figure 6: calibration of the nomogram above, decision curves below, one column per split."""
    figure = Figure(figsize=(4.6 * len(splits), 8.6), layout="constrained")
    FigureCanvasAgg(figure)
    rows: Rows = []
    for column, (name, split) in enumerate(splits.items(), start=1):
        upper = figure.add_subplot(2, len(splits), column)
        _draw_calibration(upper, split, rows)
        upper.set_title(f"Calibration, {COHORT_NAMES[name]} cohort")
        lower = figure.add_subplot(2, len(splits), len(splits) + column)
        _draw_decision(lower, split, rows)
        lower.set_title(f"Decision curves, {COHORT_NAMES[name]} cohort")
    return figure, rows


def _draw_calibration(axes: Axes, split: SplitEvaluation, rows: Rows) -> None:
    p, name = split.probabilities["nomogram"], split.predictions.split
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, label="Ideal")
    predicted, observed = smooth_calibration(split.y, p)
    axes.plot(predicted, observed, label="Smooth (lowess)", **STYLES["nomogram"])
    groups = group_by_risk(split.y, p, groups=10 if split.y.size >= 100 else 5)
    intervals = [clopper_pearson(int(e), int(n)) for e, n in zip(groups.observed, groups.n, strict=True)]
    rates = groups.observed_rate
    spread = np.abs(np.array(intervals).T - rates)
    axes.errorbar(
        groups.mean_predicted,
        rates,
        yerr=spread,
        fmt="o",
        color="0.2",
        markersize=4,
        capsize=2,
        label="Groups, 95 % CI",
    )
    axes.plot(p, np.where(split.y == 1.0, 1.03, -0.03), "|", color="0.5", markersize=5)
    c = split.calibration["nomogram"]
    if c.intercept is not None and c.slope is not None:
        axes.text(0.98, 0.12, f"intercept {c.intercept:.2f}, slope {c.slope:.2f}", ha="right", fontsize=8)
    axes.text(0.98, 0.05, f"Brier {c.brier:.3f}", ha="right", fontsize=8)
    axes.set(xlabel="Predicted risk", ylabel="Observed share", xlim=(0, 1), ylim=(-0.06, 1.06))
    axes.legend(loc="upper left", fontsize=8)
    rows += [
        {"split": name, "curve": "calibration_smooth", "model": "nomogram", "x": x, "y": y}
        for x, y in zip(predicted, observed, strict=True)
    ]
    rows += [
        {"split": name, "curve": "calibration_group", "model": "nomogram", "x": x, "y": y, "n": n}
        for x, y, n in zip(groups.mean_predicted, rates, groups.n, strict=True)
    ]


def _draw_decision(axes: Axes, split: SplitEvaluation, rows: Rows) -> None:
    curves = {model: decision_curve(split.y, p) for model, p in split.probabilities.items()}
    thresholds, treat_all = curves["nomogram"].thresholds, curves["nomogram"].treat_all
    lines = {model: (curve.net_benefit, NAMES[model], STYLES[model]) for model, curve in curves.items()}
    lines["treat_all"] = (treat_all, "Treat all", {"color": "0.5", "linestyle": "-", "linewidth": 1.0})
    lines["treat_none"] = (np.zeros(99), "Treat none", {"color": "0.1", "linestyle": "-", "linewidth": 1.0})
    for model, (benefit, text, style) in lines.items():
        axes.plot(thresholds, benefit, label=text, **style)
        rows += [
            {"split": split.predictions.split, "curve": "net_benefit", "model": model, "x": t, "y": b}
            for t, b in zip(thresholds, benefit, strict=True)
        ]
    top = max(float(split.y.mean()), 0.05)
    axes.set(xlabel="Threshold probability", ylabel="Net benefit", xlim=(0, 1), ylim=(-0.25 * top, 1.1 * top))
    axes.legend(loc="upper right", fontsize=8)


def draw_nomogram(nomogram: Nomogram) -> tuple[Figure, Rows]:
    """Draw Figure 5C, laid out as rms does: points, one axis per predictor, total points, linear predictor, risk."""
    scales: list[tuple[str, Sequence[Tick], bool]] = [
        ("Points", [Tick(float(v), float(v)) for v in range(0, 101, 10)], False)
    ]
    for predictor in nomogram.predictors:
        text = predictor.label + (f" ({predictor.unit})" if predictor.unit else "")
        scales.append((text, nomogram.predictor_ticks(predictor.name), False))
    scales.append(("Total points", [Tick(v, v) for v in nomogram.total_points_axis], True))
    scales.append(("Linear predictor", nomogram.linear_predictor_axis, True))
    scales.append((f"Risk of {nomogram.outcome}", nomogram.risk_axis, True))
    figure, (axes,) = new_figure(10.0, 0.62 * len(scales) + 1.0)
    width = nomogram.total_points_axis[-1]
    rows: Rows = []
    for line, (text, ticks, total) in enumerate(scales):
        factor = 100.0 / width if total else 1.0
        shown = [tick for tick in ticks if not total or 0.0 <= tick.points <= width]
        _draw_scale(axes, -float(line), text, shown, factor)
        rows += [{"axis": text, "value": t.value, "points": t.points} for t in ticks]
    axes.set(xlim=(-38.0, 103.0), ylim=(-len(scales) + 0.3, 0.7))
    axes.axis("off")
    axes.text(-38.0, -len(scales) + 0.42, f"{NOTE} {nomogram.trained_on}", fontsize=7, color="0.35")
    return figure, rows


def _draw_scale(axes: Axes, y: float, text: str, ticks: Sequence[Tick], factor: float) -> None:
    axes.text(-38.0, y, text, va="center", fontsize=9)
    if not ticks:
        return
    places = [tick.points * factor for tick in ticks]
    axes.plot([min(places), max(places)], [y, y], color="0.1", linewidth=1.0)
    last_label = {1: -np.inf, -1: -np.inf}
    for i in np.argsort(places):
        place, value = places[int(i)], f"{ticks[int(i)].value:g}"
        axes.plot([place, place], [y, y + 0.14], color="0.1", linewidth=0.8)
        room = 0.8 * len(value) + 0.5
        # Labels that would touch go below the line, as rms alternates them.
        side = 1 if place - last_label[1] >= room else -1
        if place - last_label[side] >= room:
            axes.text(place, y + 0.2 * side, value, ha="center", va="bottom" if side > 0 else "top", fontsize=8)
            last_label[side] = place

"""Figures 4 and 6 of Hua 2022: what was seen while networks trained, from their runs' ``metrics.jsonl``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinustrainer.run_folder import METRICS_FILE, load_run
from sinusviewer.errors import InputError

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_LINES = ("-", "--", ":", "-.")
LOSS = "train/loss"


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """A run's figures by name, each as places on the axis (``unit``: epoch or step) and values."""

    network: str
    unit: str
    figures: dict[str, tuple[list[float], list[float]]]


def read_curve(run: Path, *, by_step: bool = False) -> LearningCurve | None:
    """What a run logged, by epoch where its recipe counts in epochs; None where it kept no log."""
    path = run / METRICS_FILE
    if not path.is_file():
        return None
    recipe, summary = load_run(run)
    network = recipe.options.get("network") or recipe.options.get("architecture") or recipe.name
    whole = not by_step and recipe.loop.epochs is not None and recipe.loop.max_minutes is None and summary.steps > 0
    per_epoch = summary.steps / recipe.loop.epochs if whole and recipe.loop.epochs else 1.0
    figures: dict[str, tuple[list[float], list[float]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            places, values = figures.setdefault(str(event["name"]), ([], []))
            places.append(event["step"] / per_epoch)
            values.append(float(event["value"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The {METRICS_FILE} of “{run.name}” cannot be read.", "Train anew.") from error
    return LearningCurve(f"{network} ({run.name})", "Epoch" if whole else "Training step", figures)


def draw_learning(runs: Sequence[Path], shown: Mapping[str, str], out: Path, name: str) -> str | None:
    """Draw the named figures of the held-out patients, and the loss, of all runs; returns what to say where there is nothing.

    Parameters
    ----------
    shown
        Logged name to its words, e.g. ``{"validation/dice": "Dice"}``; all of them share one axis.
    """
    curves = [c for run in runs if (c := read_curve(run)) is not None]
    if len({c.unit for c in curves}) > 1:  # one axis, one unit
        curves = [c for run in runs if (c := read_curve(run, by_step=True)) is not None]
    if not curves:
        return "No run was given (--run), so what was seen while the networks trained is not drawn."
    if not any(key in c.figures for c in curves for key in shown):
        return "The runs held no patients out while they trained, so no figure by epoch can be drawn."
    figure, (left, right) = new_figure(9.6, 3.8, 2)
    for place, curve in enumerate(curves):
        color = _COLORS[place % len(_COLORS)]
        for line, (key, words) in zip(_LINES, shown.items(), strict=False):
            if key in curve.figures:
                left.plot(
                    *curve.figures[key], line, marker="o", markersize=3, color=color, label=f"{curve.network}, {words}"
                )
        if LOSS in curve.figures:
            right.plot(*curve.figures[LOSS], color=color, linewidth=0.8, label=curve.network)
    left.set(xlabel=curves[0].unit, ylabel="Held-out patients")
    right.set(xlabel=curves[0].unit, ylabel="Training loss")
    for axes in (left, right):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, frameon=False)
    save_figure(figure, out, name)
    return None

"""Figures 5, 7 and 8 of Hua 2022 for any networks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sinustrainer.evaluate.endotype_scores import UNIT_NAMES, NetworkScores, network_summary, units_of
from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinusviewer.statistics.delong import estimate_auc
from sinusviewer.statistics.roc import roc_curve

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_LINES = {"image": "--", "patient": "-", "patient_model": ":"}


def draw_confusion(results: Sequence[NetworkScores], out: Path) -> None:
    """Figures 7 and 8: a row of matrices per network, a column per unit."""
    figure, _ = new_figure(2.6 * len(UNIT_NAMES), 2.6 * max(1, len(results)), 1)
    figure.clear()
    for row, r in enumerate(results):
        figures = network_summary(r)
        for column, (unit, title) in enumerate(UNIT_NAMES.items()):
            if unit not in figures or not figures[unit]["confusion"]:
                continue
            tp, fp, fn, tn = figures[unit]["confusion"]
            counts = np.array([[tp, fn], [fp, tn]])
            share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axes = figure.add_subplot(len(results), len(UNIT_NAMES), row * len(UNIT_NAMES) + column + 1)
            axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
            for y, x in np.ndindex(2, 2):
                tone = "white" if share[y, x] > 0.6 else "black"
                axes.text(
                    x, y, f"{counts[y, x]}\n{100 * share[y, x]:.0f} %", ha="center", va="center", color=tone, fontsize=8
                )
            axes.set_xticks([0, 1], ["ECRS", "NECRS"], fontsize=7)
            axes.set_yticks([0, 1], ["ECRS", "NECRS"], fontsize=7)
            axes.set_xlabel("called", fontsize=7)
            axes.set_ylabel("truth", fontsize=7)
            axes.set_title(f"{r.network}\n{title}", fontsize=7)
    save_figure(figure, out, "figure7_8_confusion")


def draw_roc(results: Sequence[NetworkScores], out: Path) -> None:
    """Figure 5: curves of all networks for both units."""
    figure, (axes,) = new_figure(5.2, 5.2)
    for place, r in enumerate(results):
        color = _COLORS[place % len(_COLORS)]
        for name, truth, score in units_of(r):
            if name in _LINES and len(set(truth.tolist())) == 2:
                curve = roc_curve(truth, score)
                unit = name.replace("patient_model", "slices and extent")
                label = f"{r.network}, {unit}: {estimate_auc(truth, score).auc:.3f}"
                axes.plot(1 - curve.specificity, curve.sensitivity, _LINES[name], color=color, label=label)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=7, frameon=False)
    else:
        axes.text(0.5, 0.5, "not estimable: one endotype only", ha="center")
    save_figure(figure, out, "figure5_roc")

"""Figures 9 to 12 of Hua 2022: Grad-CAM of patients of either endotype, in the bone and in the soft-tissue window."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, AxialStack, axial_input, settings_from_card
from sinusviewer.inference.activation_map import METHOD, enlarge, grad_cam, to_unit_range
from sinusviewer.inference.classifier import PatientScore
from sinusviewer.inference.model_card import ModelCard

_OUTLINE = "#56B4E9"
_BONE_WIDTH_HU = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One patient: endotype in the tissue, stack, masks on it, scores, and the patient's probability as it is shown."""

    endotype: str
    case_id: str
    stack: AxialStack
    labels: npt.NDArray[np.uint8]
    score: PatientScore
    shown: float


def draw_grad_cam(examples: Sequence[Example], card: ModelCard, out: Path) -> tuple[str, ...]:
    """One picture for each endotype and window that there is; returns the files' names.

    Above the slice as the network sees it with the sinuses' outline, below it the same with the map. Heat runs from 0 to the hottest
    place of that slice.
    """
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    windows: Sequence[int | None] = range(len(settings.windows)) if settings.each_window_alone else (None,)
    names = []
    for endotype in ("ECRS", "NECRS"):
        chosen = [e for e in examples if e.endotype == endotype]
        for window in windows if chosen else ():
            center, width = settings.windows[window or 0]
            kind = "all windows" if window is None else "bone" if width >= _BONE_WIDTH_HU else "soft tissue"
            words = f"{kind} window (L {center:g}, W {width:g})" if window is not None else kind
            name = f"grad_cam_{card.name}_{endotype.lower()}_{kind.replace(' ', '_')}"
            _draw(chosen, card, settings, window, words, out, name)
            names.append(f"{name}.png")
    return tuple(names)


def _draw(
    examples: Sequence[Example], card: ModelCard, settings: AxialPreprocessing, window: int | None, words: str, out: Path, name: str
) -> None:  # fmt: skip
    figure, _ = new_figure(2.7 * len(examples) + 0.9, 6.2, 1)
    figure.clear()
    grid: list[Any] = []
    heat_image = None
    for column, e in enumerate(examples):
        place = int(np.argmax(e.score.slice_probabilities))
        index = int(e.score.slices[place])
        seen = axial_input(e.stack, index, settings, region=e.labels[index] > 0, window=window)[0]
        heat = grad_cam(e.score.features[window or 0, place].astype(np.float32), card.parameters["class_weights"])
        for row in range(2):
            axes = figure.add_subplot(2, len(examples), row * len(examples) + column + 1)
            axes.imshow(seen, cmap="gray")
            if row:
                whole = to_unit_range(enlarge(heat, (e.labels.shape[1], e.labels.shape[2])))
                heat_image = axes.imshow(whole, cmap="viridis", vmin=0, vmax=1, alpha=0.45)
            if (e.labels[index] > 0).any():
                axes.contour(e.labels[index] > 0, levels=[0.5], colors=[_OUTLINE], linewidths=0.8)
            mark_sides(axes)
            grid.append(axes)
        own = _as_shown(card, float(e.score.by_window[window or 0, place]))
        grid[-2].set_title(
            f"{e.case_id}, slice {index}\nmean of slices p = {e.shown:.2f}, this image p = {own:.2f}", fontsize=7
        )
    figure.suptitle(f"{examples[0].endotype}, {words}", fontsize=9)
    if heat_image is not None:
        bar = figure.colorbar(heat_image, ax=grid, shrink=0.6, pad=0.02)
        bar.set_label(f"{METHOD}, share of the slice's hottest place", fontsize=7)
        bar.ax.tick_params(labelsize=7)
    save_figure(figure, out, name)


def mark_sides(axes: Any) -> None:
    """R and L of the patient on an axial or coronal picture as radiologists hang it, and no axes."""
    for x, side, anchor in ((0.02, "R", "left"), (0.98, "L", "right")):
        axes.text(x, 0.97, side, transform=axes.transAxes, ha=anchor, va="top", color="white", fontsize=8,
                  bbox={"facecolor": "black", "edgecolor": "none", "pad": 1, "alpha": 0.6})  # fmt: skip
    axes.set_axis_off()


def _as_shown(card: ModelCard, probability: float) -> float:
    return probability if card.calibration is None else card.calibration.apply(probability)

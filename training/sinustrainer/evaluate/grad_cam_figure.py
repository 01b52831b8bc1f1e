"""Grad-CAM of a slice classifier over a few patients' most suspicious slices, in each window."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, AxialStack, axial_input, settings_from_card
from sinusviewer.inference.activation_map import enlarge, grad_cam, to_unit_range
from sinusviewer.inference.classifier import PatientScore
from sinusviewer.inference.model_card import ModelCard

Example = tuple[str, AxialStack, npt.NDArray[np.uint8], PatientScore]
"""Title, stack, masks on it and scores of one patient."""


def draw_grad_cam(examples: Sequence[Example], card: ModelCard, out: Path) -> None:
    """The most suspicious slice of a few patients in each window, under its Grad-CAM."""
    if not examples:
        return
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    windows = len(settings.windows) if settings.each_window_alone else 1
    figure, _ = new_figure(2.8 * len(examples), 2.9 * windows, 1)
    figure.clear()
    for column, (title, stack, labels, score) in enumerate(examples):
        place = int(np.argmax(score.slice_probabilities))
        index = int(score.slices[place])
        for row in range(windows):
            axes = figure.add_subplot(windows, len(examples), row * len(examples) + column + 1)
            window = row if settings.each_window_alone else None
            axes.imshow(axial_input(stack, index, settings, region=labels[index] > 0, window=window)[0], cmap="gray")
            heat = grad_cam(score.features[row, place].astype(np.float32), card.parameters["class_weights"])
            axes.imshow(to_unit_range(enlarge(heat, (labels.shape[1], labels.shape[2]))), cmap="viridis", alpha=0.4)
            axes.set_axis_off()
            axes.set_title(f"{title}\np = {score.by_window[row, place]:.2f}", fontsize=7)
    save_figure(figure, out, f"grad_cam_{card.name}")

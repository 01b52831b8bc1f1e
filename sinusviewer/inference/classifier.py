"""Slice probabilities and a patient's probability from a slice classifier (Hua 2022)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    AxialStack,
    axial_input,
    lesion_shares,
    settings_from_card,
)
from sinusviewer.inference.detector import sigmoid
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.jobs.runner import CancelToken, Progress

Run = Callable[[npt.NDArray[np.float32]], Mapping[str, npt.NDArray[np.float32]]]
"""``[n, 1, size, size]`` to the outputs "logit", "attention", "evidence" ``[n, 1]`` and "features" ``[n, c, h, w]``."""
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PatientScore:
    """What a network says of one patient's slices.

    Attributes
    ----------
    slices
        Indices in the stack (the canonical volume's z).
    slice_probabilities
        ``[slices]``, mean over windows, uncalibrated.
    by_window
        ``[windows, slices]``.
    probability
        Mean of ``slice_probabilities``, uncalibrated; None where no slice counts.
    attention_probability
        Of the attention head over the same slices and windows.
    features
        ``[windows, slices, c, h, w]`` float16 for heatmaps.
    """

    slices: npt.NDArray[np.intp]
    slice_probabilities: npt.NDArray[np.float64]
    by_window: npt.NDArray[np.float64]
    probability: float | None
    attention_probability: float | None
    features: npt.NDArray[np.float16]


def choose_slices(
    stack: AxialStack, labels: npt.NDArray[np.uint8], lesion_share: float, step_mm: float
) -> npt.NDArray[np.intp]:
    """Slices that show sinus and lesion, at least ``step_mm`` apart, from feet to head.

    Parameters
    ----------
    labels
        ``[z, size, size]`` Structure codes on the stack.
    lesion_share
        Smallest share of the lumen without air; 0 takes every slice that shows a sinus.
    """
    if lesion_share > 0:
        found = np.flatnonzero(lesion_shares(stack, labels) >= lesion_share)
    else:
        found = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    chosen: list[int] = []
    for index in found:
        if not chosen or (index - chosen[-1]) * stack.slice_mm >= step_mm - 1e-6:
            chosen.append(int(index))
    return np.array(chosen, dtype=np.intp)


def classify(
    run: Run,
    stack: AxialStack,
    labels: npt.NDArray[np.uint8],
    card: ModelCard,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    *,
    batch: int = 16,
) -> PatientScore:
    """Run the network on every chosen slice in every window.

    Parameters
    ----------
    stack
        Made with the card's own preprocessing.
    labels
        Structure codes on that stack.
    """
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    chosen = choose_slices(
        stack, labels, float(card.parameters["lesion_share"]), float(card.parameters["slice_step_mm"])
    )
    windows = range(len(settings.windows)) if settings.each_window_alone else [None]
    jobs = [(window, int(index)) for window in windows for index in chosen]
    outputs: list[Mapping[str, npt.NDArray[np.float32]]] = []
    for start in range(0, len(jobs), batch):
        if token is not None:
            token.raise_if_cancelled()
        images = np.stack(
            [
                axial_input(stack, index, settings, region=labels[index] > 0, window=window)
                for window, index in jobs[start : start + batch]
            ]
        )
        outputs.append(run(images))
        if progress is not None:
            progress("Classifying slices", min(1.0, (start + batch) / len(jobs)))
    if not outputs:
        empty = np.zeros((len(windows), 0))
        return PatientScore(
            chosen, empty.mean(axis=0), empty, None, None, np.zeros((len(windows), 0, 0, 0, 0), np.float16)
        )
    joined = {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}
    by_window = sigmoid(joined["logit"][:, 0]).reshape(len(windows), len(chosen))
    by_slice = by_window.mean(axis=0)
    features = joined["features"].astype(np.float16)
    return PatientScore(
        chosen,
        by_slice,
        by_window,
        float(by_slice.mean()),
        attention_probability(joined["attention"][:, 0], joined["evidence"][:, 0]),
        features.reshape(len(windows), len(chosen), *features.shape[1:]),
    )


def attention_probability(attention: npt.NDArray[np.floating], evidence: npt.NDArray[np.floating]) -> float:
    """Probability of the attention head: evidence weighted by the softmax of attention (Ilse 2018)."""
    weights = np.exp(attention.astype(np.float64) - float(attention.max()))
    return float(sigmoid(np.array((weights * evidence).sum() / weights.sum())))

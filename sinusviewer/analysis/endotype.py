"""Eosinophilic CRS from a sinus CT (Hua 2022): slice probabilities, their mean per patient, and where the network looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.analysis.networks import runner
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.finding import Heatmap, Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import EndotypeReading, Reason, SliceProbability
from sinusviewer.imaging import resample
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    AxialStack,
    axial_stack,
    labels_on_stack,
    settings_from_card,
)
from sinusviewer.inference import activation_map
from sinusviewer.inference.classifier import PatientScore, classify
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.inference.patient_model import SLICES, log_odds
from sinusviewer.inference.registry import LoadedModel

STAGE = "Reading the endotype"
BATCH = 16
_WINDOW_NAMES = {"soft": "Soft tissue", "bone": "Bone"}


@dataclass(frozen=True, slots=True, eq=False)
class EndotypeResult:
    """The reading, and heatmaps on the volume's own grid."""

    reading: EndotypeReading
    heatmaps: tuple[Heatmap, ...]


def withheld(models: Sequence[LoadedModel], reason: str) -> EndotypeReading:
    """The part of a reading that says why there is no probability, and which networks would have given it."""
    return EndotypeReading(
        probability_ecrs=None,
        slices=(),
        models=tuple(model.card.reference for model in models),
        threshold=models[0].card.result_threshold,
        withheld=reason,
    )


def read_endotype(
    volume: Volume,
    segmentation: Segmentation,
    models: Sequence[LoadedModel],
    context: Context,
    extent: Mapping[str, float | None],
) -> EndotypeResult | None:
    """Read with every network and average the patient probabilities.

    A patient's probability is the card's patient model's, of slices and measured extent, where it has one; else the calibrated
    mean of the slices, as published, which is always given beside it.

    Parameters
    ----------
    extent
        What was measured of the disease, by the names that patient models use.

    Returns
    -------
    EndotypeResult or None
        None where no slice shows lesion, so that there is nothing to read.
    """
    canonical = resample.canonical(volume)
    labels = resample.reorient_array(segmentation.labels, segmentation.affine)
    results: list[tuple[LoadedModel, AxialStack, npt.NDArray[np.uint8], PatientScore]] = []
    for model in models:
        context.token.raise_if_cancelled()
        settings = settings_from_card(AxialPreprocessing, model.card.input.preprocessing)
        stack = axial_stack(canonical, settings)
        on_stack = labels_on_stack(labels, stack)
        run = runner(model, context)
        score = classify(run, stack, on_stack, model.card, context.progress, context.token, batch=BATCH)
        if score.probability is not None:
            results.append((model, stack, on_stack, score))
    if not results:
        return None
    means = [_calibrated(s.probability or 0.0, m) for m, _, _, s in results]
    values = [{**extent} | {SLICES: log_odds(s.probability or 0.0)} for *_, s in results]
    probabilities = [
        mean if model.card.patient_model is None else model.card.patient_model.probability(known)
        for mean, known, (model, *_) in zip(means, values, results, strict=True)
    ]
    first_model, stack, on_stack, first = results[0]
    heatmaps, inside, even = _heat(volume, canonical, first_model, stack, on_stack, first, context)
    card = first_model.card
    attentions = [s.attention_probability for *_, s in results if s.attention_probability is not None]
    reading = EndotypeReading(
        probability_ecrs=float(np.mean(probabilities)),
        slices=_slices(canonical, [score for *_, score in results]),
        models=tuple(model.card.reference for model, *_ in results),
        threshold=card.result_threshold,
        attention_probability=float(np.mean(attentions)) if attentions else None,
        spread=float(np.std(probabilities)) if len(probabilities) > 1 else None,
        heat_inside_mask=inside,
        heat_if_even=even,
        calibrated_on=card.calibration.fitted_on if card.calibration is not None else "",
        network_threshold=card.threshold,
        slice_threshold=card.threshold if card.calibration is None else card.calibration.undo(card.threshold),
        mean_probability=float(np.mean(means)),
        patient_model="" if card.patient_model is None else card.patient_model.fitted_on,
        reasons=_reasons(card, values[0]),
    )
    return EndotypeResult(reading, heatmaps)


def _reasons(card: ModelCard, values: Mapping[str, float | None]) -> tuple[Reason, ...]:
    if card.patient_model is None:
        return ()
    added = card.patient_model.contributions(values)
    found = [Reason(t.name, added[t.name], added[t.name] * t.weight > 0) for t in card.patient_model.terms]
    return tuple(sorted(found, key=lambda reason: -abs(reason.log_odds)))


def _calibrated(probability: float, model: LoadedModel) -> float:
    calibration = model.card.calibration
    return probability if calibration is None else float(calibration.apply(probability))


def _slices(canonical: Volume, scores: Sequence[PatientScore]) -> tuple[SliceProbability, ...]:
    """Mean over the networks that read a slice; indices are the canonical volume's (feet to head)."""
    by_index: dict[int, list[float]] = {}
    for score in scores:
        for index, probability in zip(score.slices, score.slice_probabilities, strict=True):
            by_index.setdefault(int(index), []).append(float(probability))
    uids = canonical.sop_instance_uids
    return tuple(
        SliceProbability(uids[index] if index < len(uids) else "", float(np.mean(found)), index)
        for index, found in sorted(by_index.items())
    )


def _heat(
    volume: Volume,
    canonical: Volume,
    model: LoadedModel,
    stack: AxialStack,
    on_stack: npt.NDArray[np.uint8],
    score: PatientScore,
    context: Context,
) -> tuple[tuple[Heatmap, ...], float | None, float | None]:
    """Heatmaps of each window on the volume's own grid, the share of heat within nose and sinuses, and that of even heat."""
    weights = model.card.parameters.get("class_weights")
    if weights is None or score.features.size == 0:
        return (), None, None
    heat = activation_map.to_unit_range(activation_map.grad_cam(score.features, weights))
    size = stack.hu.shape[1]
    mask = on_stack[score.slices] > 0
    enlarged = np.stack([[activation_map.enlarge(h, (size, size)) for h in window] for window in heat])
    inside = activation_map.share_inside(enlarged, np.broadcast_to(mask, enlarged.shape))
    settings = settings_from_card(AxialPreprocessing, model.card.input.preprocessing)
    shape = canonical.voxels.shape
    maps = []
    for number, window_heat in enumerate(heat):
        context.token.raise_if_cancelled()
        on_volume = activation_map.heat_on_volume(window_heat, score.slices, stack, (shape[0], shape[1], shape[2]))
        stored = np.ascontiguousarray(resample.restore_array(on_volume, volume.affine))
        name = _window_name(settings, number) if settings.each_window_alone else ""
        layer = str(model.card.parameters.get("layer", "last convolution"))
        maps.append(Heatmap(stored, activation_map.METHOD, f"{model.card.name}, {layer}", name))
    return tuple(maps), inside, float(mask.mean())


def _window_name(settings: AxialPreprocessing, number: int) -> str:
    center, width = settings.windows[number]
    kind = "bone" if width >= 1000 else "soft"
    return f"{_WINDOW_NAMES[kind]} (W {width:g} L {center:g})"

"""What the endotype networks say of patients and slices, and the figures that follow: image and patient as units (Hua 2022)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.evaluate.endotype_patient_model import PatientModelScores
from sinustrainer.evaluate.evaluation_json import calibration_to_json, delong_to_json
from sinustrainer.evaluate.grad_cam_figure import Example, draw_grad_cam
from sinustrainer.evaluate.intervals import (
    Interval,
    auc_interval,
    clustered_auc,
    compare_units,
    mean_interval,
    patient_pairs,
    rate_intervals,
)
from sinusviewer.inference.activation_map import enlarge, grad_cam, share_inside
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import ModelCard, verify_weights
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.calibration import calibrate
from sinusviewer.statistics.delong import compare_aucs
from sinusviewer.statistics.roc import count_at_threshold

UNIT_NAMES = {
    "image": "image",
    "patient": "patient (mean of slices)",
    "patient_attention": "patient (attention)",
    "patient_model": "patient (slices and extent)",
}

EXAMPLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class NetworkScores:
    """One network on one split: truth and scores of patients (mean, attention, the card's patient model) and of slices.

    ``slice_ids`` and ``slice_index`` say of each slice whose it is and where in the axial stack it lies; scores are uncalibrated.
    """

    card: ModelCard
    patient_ids: tuple[str, ...]
    patient_truth: npt.NDArray[np.bool_]
    patient_mean: npt.NDArray[np.float64]
    patient_attention: npt.NDArray[np.float64]
    slice_truth: npt.NDArray[np.bool_]
    slice_score: npt.NDArray[np.float64]
    without_slices: int
    heat_inside: float | None
    by_model: PatientModelScores | None = None
    slice_ids: tuple[str, ...] = ()
    slice_index: tuple[int, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def network(self) -> str:
        """The architecture's name."""
        return str(self.card.parameters.get("network", self.card.name))


def score_network(
    folder: Path,
    card: ModelCard,
    cases: CtCases,
    out: Path,
    progress: Progress,
    token: CancelToken,
    share: tuple[float, float],
) -> NetworkScores:
    """Run one network on all patients and draw Grad-CAM of the first ``EXAMPLES`` of each endotype."""
    session = onnxruntime.InferenceSession(verify_weights(card, folder))
    names = [output.name for output in card.outputs]

    def run(images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(names, session.run(names, {card.input.name: images}), strict=True))

    ids: list[str] = []
    truth: list[bool] = []
    mean: list[float] = []
    attention: list[float] = []
    slice_truth: list[bool] = []
    slice_score: list[float] = []
    slice_ids: list[str] = []
    slice_index: list[int] = []
    inside: list[float] = []
    examples: list[Example] = []
    missing = 0
    for index, case in enumerate(cases.cases):
        token.raise_if_cancelled()
        prepared = cases.stack(index)
        labels = np.asarray(prepared.labels)
        score = classify(run, prepared.stack, labels, card, None, token)
        progress(f"Reading with {card.name}", share[0] + share[1] * (index + 1) / len(cases))
        if score.probability is None or score.attention_probability is None:
            missing += 1
            continue
        sick = case.labels["endotype"] == "ecrs"
        ids.append(case.case_id)
        truth.append(sick)
        mean.append(score.probability)
        attention.append(score.attention_probability)
        slice_truth += [sick] * len(score.slices)
        slice_score += [float(p) for p in score.slice_probabilities]
        slice_ids += [case.case_id] * len(score.slices)
        slice_index += [int(n) for n in score.slices]
        heat = grad_cam(score.features.astype(np.float32), card.parameters["class_weights"])
        size = (labels.shape[1], labels.shape[2])
        masks = labels[score.slices] > 0
        part = share_inside(np.stack([enlarge(h, size) for h in heat.mean(axis=0)]), masks)
        if part is not None:
            inside.append(part)
        endotype = "ECRS" if sick else "NECRS"
        if sum(e.endotype == endotype for e in examples) < EXAMPLES:
            shown = float(calibrated(card, np.array([score.probability]))[0])
            examples.append(Example(endotype, case.case_id, prepared.stack, labels, score, shown))
    pictures = draw_grad_cam(examples, card, out)
    return NetworkScores(
        card, tuple(ids), np.array(truth), np.array(mean), np.array(attention), np.array(slice_truth), np.array(slice_score),
        missing, float(np.mean(inside)) if inside else None, None, tuple(slice_ids), tuple(slice_index), pictures,
    )  # fmt: skip


def calibrated(card: ModelCard, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores as they are shown, and to which the threshold belongs."""
    if card.calibration is None:
        return scores
    return np.array([card.calibration.apply(float(s)) for s in scores])


def network_summary(r: NetworkScores) -> dict[str, Any]:
    """All figures of one network, unrounded."""
    paired = None
    if len(set(r.patient_truth.tolist())) == 2:
        test = compare_aucs(r.patient_truth, r.patient_attention, r.patient_mean)
        paired = delong_to_json(test)
    gained = None
    if r.by_model is not None and len(set(r.by_model.truth.tolist())) == 2:
        test = compare_aucs(r.by_model.truth, r.by_model.probability, r.by_model.mean)
        mean = auc_interval(r.by_model.truth, r.by_model.mean).auc
        gained = {**delong_to_json(test), "auc_mean": mean}
    result: dict[str, Any] = {
        "attention_minus_mean": paired,
        "patient_model_minus_mean": gained,
        "patients": len(r.patient_ids),
        "without_slices": r.without_slices,
        "heat_inside": r.heat_inside,
    }
    for name, truth, score in units_of(r):
        if not len(truth):
            result[name] = {"n": 0, "positive": 0, "auc": None, "ci95": None, "confusion": None}
            continue
        area = clustered_auc(truth, score, r.slice_ids) if name == "image" else auc_interval(truth, score)
        own = r.card.result_threshold if name == "patient_model" else r.card.threshold
        c = count_at_threshold(truth, score, own)
        result[name] = {
            "n": len(truth),
            "positive": c.tp + c.fn,
            "auc": area.auc,
            "ci95": area.ci95,
            "ci95_method": area.method,
            "accuracy": c.accuracy,
            "sensitivity": c.sensitivity,
            "specificity": c.specificity,
            "ci95_rates": _clustered_rates(r, truth, score) if name == "image" else rate_intervals(c),
            "confusion": [c.tp, c.fp, c.fn, c.tn],
        }
        if name != "image":  # slices of one patient are alike: no test of fit holds for them
            result[name]["calibration"] = calibration_to_json(calibrate(truth, score, external=True))
    result["patient_minus_image"] = _units_compared(r)
    return result


def _clustered_rates(
    r: NetworkScores, truth: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]
) -> dict[str, Interval | None]:
    """Intervals of the slices' rates, patients drawn with all their slices: Wilson's would take slices for patients."""
    right, ids = (score >= r.card.threshold) == truth, np.array(r.slice_ids)

    def interval(chosen: npt.NDArray[np.bool_]) -> Interval | None:
        return mean_interval([right[chosen & (ids == i)].tolist() for i in np.unique(ids[chosen])])

    return {
        "accuracy": interval(np.ones_like(truth)),
        "sensitivity": interval(truth),
        "specificity": interval(~truth),
    }


def _units_compared(r: NetworkScores) -> dict[str, Any] | None:
    """Patient against image as unit on the same patients, both by the network's slices alone."""
    image = patient_pairs(r.slice_truth, r.slice_score, r.slice_ids)
    patient = patient_pairs(r.patient_truth, r.patient_mean, r.patient_ids)
    if image is None or patient is None:
        return None
    found = compare_units(patient, image)
    return {"difference": found.difference, "ci95": found.ci95, "p": found.p, "test": "bootstrap over patients"}


def units_of(r: NetworkScores) -> tuple[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float64]], ...]:
    units = (
        ("image", r.slice_truth, calibrated(r.card, r.slice_score)),
        ("patient", r.patient_truth, calibrated(r.card, r.patient_mean)),
        ("patient_attention", r.patient_truth, calibrated(r.card, r.patient_attention)),
    )
    return units if r.by_model is None else (*units, ("patient_model", r.by_model.truth, r.by_model.probability))

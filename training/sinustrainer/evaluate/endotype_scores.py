"""What the endotype networks say of patients and slices, and the figures that follow: image and patient as units (Hua 2022)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.evaluate.endotype_patient_model import PatientModelScores
from sinustrainer.evaluate.grad_cam_figure import Example, draw_grad_cam
from sinusviewer.inference.activation_map import enlarge, grad_cam, share_inside
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import ModelCard, verify_weights
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import compare_aucs, estimate_auc
from sinusviewer.statistics.roc import count_at_threshold

UNIT_NAMES = {
    "image": "image",
    "patient": "patient (mean of slices)",
    "patient_attention": "patient (attention)",
    "patient_model": "patient (slices and extent)",
}


@dataclass(frozen=True, slots=True, eq=False)
class NetworkScores:
    """One network on one split: truth and scores of patients (mean, attention, the card's patient model) and of slices."""

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


def score_network(
    folder: Path,
    card: ModelCard,
    cases: CtCases,
    out: Path,
    progress: Progress,
    token: CancelToken,
    share: tuple[float, float],
) -> NetworkScores:
    """Run one network on all patients and draw Grad-CAM of the first two of each endotype."""
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
        heat = grad_cam(score.features.astype(np.float32), card.parameters["class_weights"])
        size = (labels.shape[1], labels.shape[2])
        masks = labels[score.slices] > 0
        part = share_inside(np.stack([enlarge(h, size) for h in heat.mean(axis=0)]), masks)
        if part is not None:
            inside.append(part)
        if sum(e[0].startswith("ECRS" if sick else "NECRS") for e in examples) < 2:
            examples.append((f"{'ECRS' if sick else 'NECRS'} {case.case_id}", prepared.stack, labels, score))
    draw_grad_cam(examples, card, out)
    return NetworkScores(
        card, tuple(ids), np.array(truth), np.array(mean), np.array(attention), np.array(slice_truth), np.array(slice_score),
        missing, float(np.mean(inside)) if inside else None,
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
        paired = {"difference": test.difference, "z": test.z, "p": test.p, "ci95": test.ci95}
    gained = None
    if r.by_model is not None and len(set(r.by_model.truth.tolist())) == 2:
        test = compare_aucs(r.by_model.truth, r.by_model.probability, r.by_model.mean)
        gained = {"difference": test.difference, "z": test.z, "p": test.p, "ci95": test.ci95}
    result: dict[str, Any] = {
        "attention_minus_mean": paired,
        "patient_model_minus_mean": gained,
        "patients": len(r.patient_ids),
        "without_slices": r.without_slices,
        "heat_inside": r.heat_inside,
    }
    for name, truth, score in units_of(r):
        area = estimate_auc(truth, score) if len(truth) else None
        counts = count_at_threshold(truth, score, r.card.threshold) if len(truth) else None
        result[name] = {
            "n": len(truth),
            "auc": area.auc if area else None,
            "ci95": area.ci95 if area else None,
            "accuracy": counts.accuracy if counts else None,
            "sensitivity": counts.sensitivity if counts else None,
            "specificity": counts.specificity if counts else None,
            "confusion": [counts.tp, counts.fp, counts.fn, counts.tn] if counts else None,
        }
    return result


def units_of(r: NetworkScores) -> tuple[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float64]], ...]:
    units = (
        ("image", r.slice_truth, calibrated(r.card, r.slice_score)),
        ("patient", r.patient_truth, calibrated(r.card, r.patient_mean)),
        ("patient_attention", r.patient_truth, calibrated(r.card, r.patient_attention)),
    )
    return units if r.by_model is None else (*units, ("patient_model", r.by_model.truth, r.by_model.probability))

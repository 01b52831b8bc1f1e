"""The endotype networks judged as in Hua 2022: image and patient as units, ROC, accuracy, confusion matrices, Grad-CAM."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import TRAIN, Case, load_manifest
from sinustrainer.evaluate.endotype_cohort import cohort_table, ecrs
from sinustrainer.evaluate.endotype_figures import draw_confusion, draw_roc
from sinustrainer.evaluate.endotype_patient_model import score_patient_model
from sinustrainer.evaluate.endotype_scores import NetworkScores, calibrated, network_summary, score_network
from sinustrainer.evaluate.endotype_tables import (
    calibration_table,
    confusion_table,
    pooling_table,
    reading_table,
    unit_table,
    unit_test_table,
)
from sinustrainer.evaluate.intervals import auc_interval
from sinustrainer.evaluate.learning_curves import draw_learning
from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.evaluate.tables import Picture, Table, write_page
from sinustrainer.run_folder import write_json
from sinustrainer.tasks.segment_model import segment_with
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, settings_from_card
from sinusviewer.inference.activation_map import METHOD
from sinusviewer.inference.model_card import load_card
from sinusviewer.jobs.runner import CancelToken, Progress

_SEEN = {
    "validation/auc_patient": "AUC, patient",
    "validation/auc_image": "AUC, image",
    "validation/auc_attention": "AUC, attention",
}


def evaluate(
    models: Sequence[Path],
    segmentation: str,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
    runs: Sequence[Path] = (),
) -> dict[str, Any]:
    """Read every patient with every network; the regions are the masks' where there are any, else the segmentation model's.

    ``runs`` are the trainings behind the models, for Figure 6.
    """
    manifest = load_manifest(data)
    known = [c for c in manifest.cases if c.labels.get("endotype") in ("ecrs", "necrs")]
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    cases = tuple(c for s in chosen for c in [c for c in known if c.split == s][:limit])
    if not cases:
        raise InputError("The data folder holds no patients with an endotype in these splits.")
    training = [c for c in known if c.split == TRAIN and TRAIN not in chosen]
    segment, name = None, ""
    if segmentation and any("labels" not in c.files for c in cases):
        segment, name = segment_with(model_folder(segmentation))
    results: list[NetworkScores] = []
    for place, folder in enumerate(models):
        card = load_card(folder)
        settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
        grid = AxialPreprocessing(spacing_mm=settings.spacing_mm, size=settings.size, front_mm=settings.front_mm)
        prepared = CtCases(manifest.folder, cases, grid, segment=segment, segment_name=name)
        share = (place / len(models), 1 / len(models))
        scores = score_network(folder, card, prepared, out, progress, token, share)
        if card.patient_model is not None:
            masks = model_folder(segmentation) if segmentation else None
            scores = replace(scores, by_model=score_patient_model(folder, card, masks, cases, out, progress, token))
        results.append(scores)
    highest = _ceiling(cases)
    content = {
        "schema_version": 1,
        "patients": len(cases),
        "ecrs": sum(ecrs(c) for c in cases),
        "ceiling_auc": None if highest is None else highest["auc"],
        "ceiling": highest,
        "networks": {r.card.name: network_summary(r) for r in results},
    }
    write_json(out / "evaluation.json", content)
    write_scores(results, out)
    write_slices(results, out)
    draw_roc(results, out)
    draw_confusion(results, out)
    not_drawn = draw_learning(runs, _SEEN, out, "figure6_training")
    learning = () if not_drawn else (Picture("figure6_training.png", "Figure 6. While training", _FIGURE_6),)
    parts: list[Table | Picture] = [
        cohort_table(cases, training, Counter(results[0].slice_ids)),
        unit_table(results, highest), unit_test_table(results), pooling_table(results), calibration_table(results),
        Picture("figure5_roc.png", "Figure 5. ROC curves", "Dashed: image. Full: patient. Dotted: patient, slices and extent."),
        *learning,
        confusion_table(results),
        Picture("figure7_8_confusion.png", "Figures 7 and 8. Confusion matrices", "At the card's threshold; per cent of each row."),
        reading_table(results),
        *(Picture(file, f"Figures 9 to 12. {METHOD}, {r.network}", _cam_note(r)) for r in results for file in r.pictures),
    ]  # fmt: skip
    statements = [
        f"Data: {manifest.statement}",
        f"{len(cases)} patients, {content['ecrs']} of them with ECRS: eosinophils of at least 10 % of inflammatory cells in tissue. A "
        "slice counts where its sinuses hold a lesion; a patient's score is the mean over such slices.",
        *(f"Model {r.card.name} {r.card.version}. {r.card.trained_on}" for r in results),
        *([f"Figure 6: {not_drawn}"] if not_drawn else []),
        "Every score is in patients.csv and slices.csv, as the network gives it and calibrated; the tables are at the card's "
        "threshold on the calibrated score.",
    ]
    if highest is not None and highest["auc"] is not None:
        statements.append(
            f"Ceiling: the simulator's own image score reaches AUC {highest['auc']:.3f} on these patients."
        )
    write_page(out, "Eosinophilic chronic rhinosinusitis on CT (Hua 2022)", statements, parts)
    return content


_FIGURE_6 = "The paper draws accuracy; the training logs AUC in its held-out patients, which needs no threshold, and the training loss."


def _cam_note(r: NetworkScores) -> str:
    return (
        f"Layer: {r.card.parameters.get('layer', 'last convolution')}. The patient's most suspicious slice as the network sees "
        "it; blue: outline of nose and sinuses; below, the map. Where the network looked, not why, and not the lesion's extent. "
        "p is calibrated."
    )


def write_scores(results: Sequence[NetworkScores], out: Path) -> None:
    """Every patient's scores, so that anyone can recompute the tables: as the network gives them, calibrated, and by patient model.

    ``probability_patient_model`` comes with masks by the segmentation network, the others with the evaluation's regions; it needs no
    calibration. Called is ``score >= threshold`` on the calibrated columns, ``>= threshold_patient_model`` on its own.
    """
    with (out / "patients.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "case_id", "ecrs", "mean", "attention", "mean_calibrated", "attention_calibrated",
                         "probability_patient_model", "mean_for_patient_model", "threshold", "threshold_patient_model"])  # fmt: skip
        for r in results:
            m = r.by_model
            joined = r.card.result_threshold if m is not None else None
            of_model = {} if m is None else {i: (p, q) for i, p, q in zip(m.ids, m.probability, m.mean, strict=True)}
            truth = dict(zip(r.patient_ids, r.patient_truth, strict=True))
            truth |= {} if m is None else dict(zip(m.ids, m.truth, strict=True))
            both = [calibrated(r.card, s) for s in (r.patient_mean, r.patient_attention)]
            own = dict(zip(r.patient_ids, zip(r.patient_mean, r.patient_attention, *both, strict=True), strict=True))
            for case_id, ill in truth.items():
                cells = [_cell(v) for v in (*own.get(case_id, [None] * 4), *of_model.get(case_id, (None, None)))]
                writer.writerow([r.card.name, case_id, int(ill), *cells, _cell(r.card.threshold), _cell(joined)])


def write_slices(results: Sequence[NetworkScores], out: Path) -> None:
    """Every slice's score, the image as unit; ``slice`` counts from feet to head in the axial stack."""
    with (out / "slices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "case_id", "slice", "ecrs", "probability", "probability_calibrated", "threshold"])
        for r in results:
            columns = (r.slice_ids, r.slice_index, r.slice_truth, r.slice_score, calibrated(r.card, r.slice_score))
            for case_id, index, ill, raw, shown in zip(*columns, strict=True):
                writer.writerow(
                    [r.card.name, case_id, index, int(ill), _cell(raw), _cell(shown), _cell(r.card.threshold)]
                )


def _cell(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _ceiling(cases: Sequence[Case]) -> dict[str, Any] | None:
    """AUC of what a perfect reader of the simulated images could know; None where a patient has no such score."""
    if any(c.labels.get("true_endotype_score") is None for c in cases):
        return None
    truth = [ecrs(c) for c in cases]
    area = auc_interval(truth, [float(c.labels["true_endotype_score"]) for c in cases])
    return {"n": len(truth), "positive": sum(truth), "auc": area.auc, "ci95": area.ci95, "ci95_method": area.method}

"""The endotype networks judged as in Hua 2022: image and patient as units, ROC, accuracy, confusion matrices, Grad-CAM."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import TRAIN, load_manifest
from sinustrainer.evaluate.endotype_figures import draw_confusion, draw_roc
from sinustrainer.evaluate.endotype_patient_model import score_patient_model
from sinustrainer.evaluate.endotype_scores import UNIT_NAMES, NetworkScores, network_summary, score_network
from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.evaluate.tables import Picture, Table, number, p_value, percent, write_page
from sinustrainer.run_folder import write_json
from sinustrainer.tasks.segment_model import segment_with
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, settings_from_card
from sinusviewer.inference.model_card import load_card
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import estimate_auc


def evaluate(
    models: Sequence[Path],
    segmentation: str,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Read every patient with every network; the regions are the masks' where there are any, else the segmentation model's."""
    manifest = load_manifest(data)
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    cases = tuple(
        c
        for s in chosen
        for c in [c for c in manifest.of_split(s) if c.labels.get("endotype") in ("ecrs", "necrs")][:limit]
    )
    if not cases:
        raise InputError("The data folder holds no patients with an endotype in these splits.")
    segment, name = None, ""
    if any("labels" not in c.files for c in cases):
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
            masks = model_folder(segmentation)
            scores = replace(scores, by_model=score_patient_model(folder, card, masks, cases, out, progress, token))
        results.append(scores)
    content = {
        "schema_version": 1,
        "patients": len(cases),
        "ceiling_auc": _ceiling(cases),
        "networks": {r.card.name: network_summary(r) for r in results},
    }
    write_json(out / "evaluation.json", content)
    write_scores(results, out)
    write_slices(results, out)
    draw_roc(results, out)
    draw_confusion(results, out)
    parts: list[Table | Picture] = [
        unit_table(results), pooling_table(results), confusion_table(results),
        Picture("figure7_8_confusion.png", "Figures 7 and 8. Confusion matrices", "At the card's threshold; per cent of each row."),
        Picture("figure5_roc.png", "Figure 5. ROC curves", "Dashed: image. Full: patient. Dotted: patient, slices and extent."),
        *(Picture(f"grad_cam_{r.card.name}.png", f"Grad-CAM, {r.card.name}",
                  "Where the network looked, not why, not the lesion's extent. Upper row soft-tissue, lower row bone window.")
          for r in results),
    ]  # fmt: skip
    ceiling = content["ceiling_auc"]
    statements = [
        f"Data: {manifest.statement}",
        "ECRS: eosinophils of at least 10 % of inflammatory cells in tissue. A slice counts where its sinuses hold a lesion; a "
        "patient's score is the mean over such slices.",
        *(f"Model {r.card.name} {r.card.version}. {r.card.trained_on}" for r in results),
    ]
    if ceiling is not None:
        statements.append(f"Ceiling: the simulator's own image score reaches AUC {ceiling:.3f} on these patients.")
    write_page(out, "Eosinophilic chronic rhinosinusitis on CT (Hua 2022)", statements, parts)
    return content


def unit_table(results: Sequence[NetworkScores]) -> Table:
    """AUC and accuracy by network and unit."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Unit", "n", "AUC", "95 % CI (DeLong)", "Accuracy (%)", "Sensitivity (%)", "Specificity (%)")
    ]
    for r in results:
        for name, figures in network_summary(r).items():
            if name not in UNIT_NAMES:
                continue
            ci = figures["ci95"]
            rows.append((
                str(r.card.parameters.get("network", r.card.name)), UNIT_NAMES[name], str(figures["n"]), number(figures["auc"]),
                "–" if ci is None else f"{ci[0]:.3f} to {ci[1]:.3f}",
                *(percent(figures[key], 1) for key in ("accuracy", "sensitivity", "specificity")),
            ))  # fmt: skip
    note = (
        "At the threshold in the card, after its calibration. Slices and extent: masks by the segmentation network, as the window "
        "reads; the others by the labelled masks where there are any."
    )
    return Table("units", "Image and patient as units", tuple(rows), note)


def pooling_table(results: Sequence[NetworkScores]) -> Table:
    """How a patient's slices are put together: their mean (as published) against learned attention, DeLong's paired test."""
    rows: list[tuple[str, ...]] = [
        ("Network", "AUC, mean of slices", "AUC, attention", "Difference (95 % CI)", "p (DeLong)", "AUC, image as unit")
    ]
    for r in results:
        figures = network_summary(r)
        paired = figures["attention_minus_mean"]
        difference = "–"
        if paired is not None and paired["difference"] is not None:
            ci = paired["ci95"]
            difference = f"{paired['difference']:+.3f}" + (f" ({ci[0]:+.3f} to {ci[1]:+.3f})" if ci else "")
        rows.append((
            str(r.card.parameters.get("network", r.card.name)), number(figures["patient"]["auc"]),
            number(figures["patient_attention"]["auc"]), difference.replace("-", "−"),
            p_value(paired["p"]) if paired is not None and paired["p"] is not None else "–", number(figures["image"]["auc"]),
        ))  # fmt: skip
        gained = figures["patient_model_minus_mean"]
        if gained is not None and gained["difference"] is not None:
            rows.append((
                f"{r.card.parameters.get('network', r.card.name)}, slices and extent against mean", "–",
                number(figures["patient_model"]["auc"]), f"{gained['difference']:+.3f}".replace("-", "−"),
                p_value(gained["p"]) if gained["p"] is not None else "–", "–",
            ))  # fmt: skip
    return Table(
        "pooling", "Mean or attention over a patient's slices", tuple(rows), "Positive: attention ranks better."
    )


def confusion_table(results: Sequence[NetworkScores]) -> Table:
    """Confusion matrices (Figures 7 and 8)."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Unit", "ECRS called ECRS", "NECRS called ECRS", "ECRS called NECRS", "NECRS called NECRS")
    ]
    for r in results:
        for name, figures in network_summary(r).items():
            if name in UNIT_NAMES and figures["confusion"]:
                cells = (str(n) for n in figures["confusion"])
                rows.append((str(r.card.parameters.get("network", r.card.name)), UNIT_NAMES[name], *cells))
    return Table("confusion", "Figures 7 and 8. Confusion matrices", tuple(rows))


def write_scores(results: Sequence[NetworkScores], out: Path) -> None:
    """Every patient's score, so that anyone can recompute the figures."""
    with (out / "patients.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "case_id", "ecrs", "mean", "attention"])
        for r in results:
            for row in zip(r.patient_ids, r.patient_truth, r.patient_mean, r.patient_attention, strict=True):
                writer.writerow([r.card.name, row[0], int(row[1]), f"{row[2]:.6f}", f"{row[3]:.6f}"])


def write_slices(results: Sequence[NetworkScores], out: Path) -> None:
    """Every slice's score, the image as unit."""
    with (out / "slices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "ecrs", "probability"])
        for r in results:
            for truth, score in zip(r.slice_truth, r.slice_score, strict=True):
                writer.writerow([r.card.name, int(truth), f"{score:.6f}"])


def _ceiling(cases: Sequence[Any]) -> float | None:
    known = [(c.labels["endotype"] == "ecrs", c.labels.get("true_image_score")) for c in cases]
    if any(score is None for _, score in known):
        return None
    return estimate_auc([y for y, _ in known], [float(s) for _, s in known]).auc

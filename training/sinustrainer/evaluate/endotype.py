"""The endotype networks judged as in Hua 2022: image and patient as units, ROC, accuracy, confusion matrices, Grad-CAM."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import TRAIN, load_manifest
from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinustrainer.evaluate.tables import Picture, Table, number, p_value, percent, write_page
from sinustrainer.run_folder import write_json
from sinustrainer.tasks.segment_model import segment_with
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, AxialStack, axial_input, settings_from_card
from sinusviewer.inference.activation_map import enlarge, grad_cam, share_inside, to_unit_range
from sinusviewer.inference.classifier import PatientScore, classify
from sinusviewer.inference.model_card import ModelCard, load_card, verify_weights
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.delong import compare_aucs, estimate_auc
from sinusviewer.statistics.roc import count_at_threshold, roc_curve

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


@dataclass(frozen=True, slots=True, eq=False)
class NetworkScores:
    """One network on one split: truth and scores of patients (mean, attention) and of slices."""

    card: ModelCard
    patient_ids: tuple[str, ...]
    patient_truth: npt.NDArray[np.bool_]
    patient_mean: npt.NDArray[np.float64]
    patient_attention: npt.NDArray[np.float64]
    slice_truth: npt.NDArray[np.bool_]
    slice_score: npt.NDArray[np.float64]
    without_slices: int
    heat_inside: float | None


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
        results.append(score_network(folder, card, prepared, out, progress, token, share))
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
        Picture("figure5_roc.png", "Figure 5. ROC curves", "Dashed: image as unit. Full: patient as unit."),
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
    examples: list[tuple[str, AxialStack, npt.NDArray[np.uint8], PatientScore]] = []
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
    result: dict[str, Any] = {
        "attention_minus_mean": paired,
        "patients": len(r.patient_ids),
        "without_slices": r.without_slices,
        "heat_inside": r.heat_inside,
    }
    for name, truth, score in _units(r):
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


def _units(r: NetworkScores) -> tuple[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float64]], ...]:
    return (
        ("image", r.slice_truth, calibrated(r.card, r.slice_score)),
        ("patient", r.patient_truth, calibrated(r.card, r.patient_mean)),
        ("patient_attention", r.patient_truth, calibrated(r.card, r.patient_attention)),
    )


_UNIT_NAMES = {"image": "image", "patient": "patient (mean of slices)", "patient_attention": "patient (attention)"}


def unit_table(results: Sequence[NetworkScores]) -> Table:
    """AUC and accuracy by network and unit."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Unit", "n", "AUC", "95 % CI (DeLong)", "Accuracy (%)", "Sensitivity (%)", "Specificity (%)")
    ]
    for r in results:
        for name, figures in network_summary(r).items():
            if name not in _UNIT_NAMES:
                continue
            ci = figures["ci95"]
            rows.append((
                str(r.card.parameters.get("network", r.card.name)), _UNIT_NAMES[name], str(figures["n"]), number(figures["auc"]),
                "–" if ci is None else f"{ci[0]:.3f} to {ci[1]:.3f}",
                *(percent(figures[key], 1) for key in ("accuracy", "sensitivity", "specificity")),
            ))  # fmt: skip
    return Table(
        "units", "Image and patient as units", tuple(rows), "At the threshold in the card, after its calibration."
    )


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
            if name in _UNIT_NAMES and figures["confusion"]:
                cells = (str(n) for n in figures["confusion"])
                rows.append((str(r.card.parameters.get("network", r.card.name)), _UNIT_NAMES[name], *cells))
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


def draw_confusion(results: Sequence[NetworkScores], out: Path) -> None:
    """Figures 7 and 8: a row of matrices per network, a column per unit."""
    figure, _ = new_figure(2.6 * len(_UNIT_NAMES), 2.6 * max(1, len(results)), 1)
    figure.clear()
    for row, r in enumerate(results):
        figures = network_summary(r)
        for column, (unit, title) in enumerate(_UNIT_NAMES.items()):
            if not figures[unit]["confusion"]:
                continue
            tp, fp, fn, tn = figures[unit]["confusion"]
            counts = np.array([[tp, fn], [fp, tn]])
            share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axes = figure.add_subplot(len(results), len(_UNIT_NAMES), row * len(_UNIT_NAMES) + column + 1)
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
            axes.set_title(f"{r.card.parameters.get('network', r.card.name)}\n{title}", fontsize=7)
    save_figure(figure, out, "figure7_8_confusion")


def draw_roc(results: Sequence[NetworkScores], out: Path) -> None:
    """Figure 5: curves of all networks for both units."""
    figure, (axes,) = new_figure(5.2, 5.2)
    for place, r in enumerate(results):
        color = _COLORS[place % len(_COLORS)]
        for name, truth, score in _units(r)[:2]:
            if len(set(truth.tolist())) == 2:
                curve = roc_curve(truth, score)
                label = f"{r.card.parameters.get('network', r.card.name)}, {name}: {estimate_auc(truth, score).auc:.3f}"
                axes.plot(
                    1 - curve.specificity, curve.sensitivity, "--" if name == "image" else "-", color=color, label=label
                )
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    save_figure(figure, out, "figure5_roc")


def draw_grad_cam(
    examples: Sequence[tuple[str, AxialStack, npt.NDArray[np.uint8], PatientScore]], card: ModelCard, out: Path
) -> None:
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


def _ceiling(cases: Sequence[Any]) -> float | None:
    known = [(c.labels["endotype"] == "ecrs", c.labels.get("true_image_score")) for c in cases]
    if any(score is None for _, score in known):
        return None
    return estimate_auc([y for y, _ in known], [float(s) for _, s in known]).auc

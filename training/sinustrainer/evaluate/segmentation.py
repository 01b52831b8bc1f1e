"""Segmentation judged on volumes: Dice of region and sinuses, opacified fraction, Lund-Mackay (Hua 2022, Figure 4)."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import load_case_labels, load_case_volume
from sinustrainer.data.manifest import TRAIN, Case, load_manifest
from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinustrainer.evaluate.tables import Picture, Table, number, write_page
from sinustrainer.run_folder import write_json
from sinusviewer.analysis.sinus_measurement import measure_sinuses
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelCard, load_card, verify_weights
from sinusviewer.inference.segmenter import Run, segment_with_opacity
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.agreement import kappa
from sinusviewer.statistics.segmentation import dice, hausdorff_95

REGION = "region"
PUBLISHED_DICE = {"deeplab": "0.961", "unet": "0.953"}
"""What Hua 2022 reports for the region, by a word in the network's name."""
_NAMES = {int(s): s.name.lower() for s in Structure if 0 < s <= Structure.NASAL_CAVITY}


@dataclass(frozen=True, slots=True)
class CaseDice:
    """One CT: Dice and 95 % Hausdorff distance by structure, opacified fraction and score, true and found, by sinus."""

    case_id: str
    split: str
    dice: dict[str, float]
    hausdorff_mm: dict[str, float]
    fraction: dict[str, tuple[float, float]] = field(default_factory=dict)
    lund_mackay: dict[str, tuple[int, int]] = field(default_factory=dict)


def evaluate(
    model: Path,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
    beside: Sequence[Path] = (),
) -> dict[str, Any]:
    """Segment every labelled CT and write Dice by structure, agreement of fractions and scores, and examples.

    ``beside`` are further networks that read the same CTs, for the region Dice of all of them in one table (Hua 2022 compares
    U-Net with DeepLabv3 so).
    """
    manifest = load_manifest(data)
    networks = [(load_card(folder), folder) for folder in (model, *beside)]
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    cases = [c for s in chosen for c in [c for c in manifest.of_split(s) if "labels" in c.files][:limit]]
    if not cases:
        raise InputError(
            "The data folder holds no labelled CT in these splits.", "Segmentation is judged against masks."
        )
    runs = [_runner(card, folder) for card, folder in networks]
    results: list[list[CaseDice]] = [[] for _ in networks]
    examples: list[tuple[str, Volume, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]] = []
    for number_done, case in enumerate(cases):
        volume = load_case_volume(case)
        truth = load_case_labels(case, volume)
        for place, (card, _) in enumerate(networks):
            token.raise_if_cancelled()
            found, opacified = segment_with_opacity(runs[place], volume, card, None, token)
            results[place].append(judge(case, volume, truth, found, card, opacified))
            if place == 0 and len(examples) < 4:
                examples.append((case.case_id, volume, truth, found))
        progress("Segmenting", (number_done + 1) / len(cases))
    main = results[0]
    content = summary(main)
    first = networks[0][0]
    content["model"] = {"name": first.name, "version": first.version, "sha256": first.sha256}
    content["networks"] = {
        card.name: {"architecture": _architecture(card), "region_dice": region_dice(rows)}
        for (card, _), rows in zip(networks, results, strict=True)
    }
    write_json(out / "evaluation.json", content)
    write_cases([(card.name, rows) for (card, _), rows in zip(networks, results, strict=True)], out)
    draw_examples(examples, out)
    draw_region_dice([(_architecture(card), rows) for (card, _), rows in zip(networks, results, strict=True)], out)
    parts: list[Table | Picture] = [
        region_table([(card, rows) for (card, _), rows in zip(networks, results, strict=True)]),
        Picture(
            "figure4_region_dice.png", "Figure 4. Dice of the region by network", "A dot is one CT, the bar the mean."
        ),
        dice_table(main),
        *_agreement(main),
        Picture("examples.png", "Examples", "Labelled left, found right."),
    ]
    statements = [f"Data: {manifest.statement}", *(f"Model {c.name} {c.version}. {c.trained_on}" for c, _ in networks)]
    write_page(out, "Segmentation of nose and sinuses (Hua 2022)", statements, parts)
    return content


def _runner(card: ModelCard, folder: Path) -> Run:
    session = onnxruntime.InferenceSession(verify_weights(card, folder))
    name = card.input.name
    return lambda images: np.asarray(session.run(["probabilities"], {name: images})[0])


def _architecture(card: ModelCard) -> str:
    options = (card.training.get("recipe") or {}).get("options") or {}
    return str(options.get("architecture", card.parameters.get("architecture", card.name)))


def region_dice(results: Sequence[CaseDice]) -> dict[str, float | int | None]:
    """Mean, standard deviation and lowest Dice of nose and sinuses as one region."""
    values = [r.dice[REGION] for r in results]
    return {
        "n": len(values),
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "lowest": float(np.min(values)),
    }


def region_table(results: Sequence[tuple[ModelCard, Sequence[CaseDice]]]) -> Table:
    """One row per network; what Hua 2022 reports stands beside for its two."""
    rows: list[tuple[str, ...]] = [("Network", "Model", "CTs", "Dice of the region (mean ± SD)", "Lowest", "Hua 2022")]
    for card, cases in results:
        name, figures = _architecture(card), region_dice(cases)
        spread = f" ± {figures['sd']:.3f}" if figures["sd"] is not None else ""
        published = next((v for k, v in PUBLISHED_DICE.items() if k in name.lower()), "")
        rows.append((name, f"{card.name} {card.version}", str(figures["n"]), f"{figures['mean']:.3f}{spread}",
                     number(figures["lowest"]), published))  # fmt: skip
    return Table(
        "region", "The region, network by network", tuple(rows), "Per CT; Hua 2022 per slice on clinical images."
    )


def write_cases(results: Sequence[tuple[str, Sequence[CaseDice]]], out: Path) -> None:
    """Every figure of every CT, so that anyone can recompute the tables."""
    with (out / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "case_id", "split", "structure", "dice", "hausdorff_95_mm", "true_fraction", "found_fraction",
                         "true_score", "found_score"])  # fmt: skip
        for network, rows in results:
            for r in rows:
                for name in dict.fromkeys([*r.dice, *r.fraction]):
                    pair = r.fraction.get(name, ("", ""))
                    scores = r.lund_mackay.get(name, ("", ""))
                    measured = (r.dice.get(name, ""), r.hausdorff_mm.get(name, ""))
                    writer.writerow([network, r.case_id, r.split, name, *measured, *pair, *scores])


def draw_region_dice(results: Sequence[tuple[str, Sequence[CaseDice]]], out: Path) -> None:
    """Figure 4: the region's Dice of every CT, network by network."""
    figure, (axes,) = new_figure(1.6 + 1.5 * len(results), 3.6)
    for place, (name, rows) in enumerate(results):
        values = np.array([r.dice[REGION] for r in rows])
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(place + spread, values, "o", color="#0072B2", markersize=3, alpha=0.6)
        axes.plot([place - 0.25, place + 0.25], [values.mean()] * 2, color="0.1", linewidth=2)
        axes.annotate(f"{values.mean():.3f}", (place + 0.27, values.mean()), va="center", fontsize=8)
        axes.annotate(name, (place, 0), (0, -14), xycoords=("data", "axes fraction"), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set(ylabel="Dice of the region", xlim=(-0.5, len(results) - 0.3))
    axes.set_xticks([])
    save_figure(figure, out, "figure4_region_dice")


def judge(
    case: Case,
    volume: Volume,
    truth: npt.NDArray[np.uint8],
    found: npt.NDArray[np.uint8],
    card: ModelCard,
    opacified: npt.NDArray[np.bool_] | None = None,
) -> CaseDice:
    """Compare two label maps of one volume."""
    by_name = {REGION: dice(truth > 0, found > 0)}
    distance = {REGION: hausdorff_95(truth > 0, found > 0, volume.spacing)}
    fractions: dict[str, tuple[float, float]] = {}
    scores: dict[str, tuple[int, int]] = {}
    if REGION not in card.labels:
        for code, name in _NAMES.items():
            if (truth == code).any():
                by_name[name] = dice(truth == code, found == code)
                distance[name] = hausdorff_95(truth == code, found == code, volume.spacing)
        pairs = [
            {(m.sinus, m.side): m for m in measure_sinuses(volume, Segmentation(labels, volume.affine, opaque))}
            for labels, opaque in ((truth, None), (found, opacified))
        ]
        wanted_fraction, wanted_score = (
            case.labels.get("opacified_fraction") or {},
            case.labels.get("lund_mackay") or {},
        )
        for side in Side:
            for sinus in Sinus:
                name = f"{side.value}_{sinus.value}"
                own, other = pairs[1].get((sinus, side)), pairs[0].get((sinus, side))
                if own is None or own.opacified_fraction is None:
                    continue
                true = wanted_fraction.get(name, None if other is None else other.opacified_fraction)
                if true is not None:
                    fractions[name] = (float(true), own.opacified_fraction)
                score = wanted_score.get(name, None if other is None else other.lund_mackay)
                if score is not None and own.lund_mackay is not None:
                    scores[name] = (int(score), own.lund_mackay)
    known = {name: value for name, value in distance.items() if value is not None}
    return CaseDice(case.case_id, case.split, by_name, known, fractions, scores)


def summary(results: Sequence[CaseDice]) -> dict[str, Any]:
    """Means of all figures, unrounded."""
    names = list(dict.fromkeys(name for r in results for name in r.dice))
    pairs = [pair for r in results for pair in r.fraction.values()]
    scores = [pair for r in results for pair in r.lund_mackay.values()]
    return {
        "schema_version": 1,
        "cases": len(results),
        "dice": {name: float(np.mean([r.dice[name] for r in results if name in r.dice])) for name in names},
        "hausdorff_95_mm": {
            name: float(np.mean([r.hausdorff_mm[name] for r in results if name in r.hausdorff_mm]))
            for name in names
            if any(name in r.hausdorff_mm for r in results)
        },
        "opacified_fraction_mae": float(np.mean([abs(a - b) for a, b in pairs])) if pairs else None,
        "lund_mackay_agreement": float(np.mean([a == b for a, b in scores])) if scores else None,
    }


def dice_table(results: Sequence[CaseDice]) -> Table:
    """Dice and Hausdorff distance of every structure."""
    rows: list[tuple[str, ...]] = [("Structure", "CTs", "Dice (mean ± SD)", "Lowest", "95 % Hausdorff distance (mm)")]
    for name in dict.fromkeys(name for r in results for name in r.dice):
        values = [r.dice[name] for r in results if name in r.dice]
        far = [r.hausdorff_mm[name] for r in results if name in r.hausdorff_mm]
        spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        rows.append((
            name.replace("_", " "), str(len(values)), f"{np.mean(values):.3f}{spread}", f"{min(values):.3f}",
            number(float(np.mean(far)) if far else None, 1),
        ))  # fmt: skip
    note = "Of whole volumes on their own grid. The region is nose and sinuses as one."
    return Table("dice", "Dice similarity coefficients", tuple(rows), note)


def _agreement(results: Sequence[CaseDice]) -> list[Table]:
    pairs = [(n, *pair) for r in results for n, pair in r.fraction.items()]
    if not pairs:
        return []
    rows: list[tuple[str, ...]] = [
        ("Sinus", "Sinuses", "Opacified fraction: mean absolute error", "Lund–Mackay: same (%)", "Weighted kappa")
    ]
    for sinus in [*(s.value for s in Sinus), ""]:
        own = [(a, b) for n, a, b in pairs if n.endswith(sinus)]
        scores = [pair for r in results for n, pair in r.lund_mackay.items() if n.endswith(sinus)]
        same = 100 * float(np.mean([a == b for a, b in scores])) if scores else None
        weighted = None
        if len({a for a, _ in scores}) > 1 and len({b for _, b in scores}) > 1:
            weighted = kappa([a for a, _ in scores], [b for _, b in scores], weights="linear").value
        rows.append((
            sinus.replace("_", " ") or "all", str(len(own)),
            number(float(np.mean([abs(a - b) for a, b in own])) if own else None), number(same, 1), number(weighted, 2),
        ))  # fmt: skip
    return [Table("agreement", "Opacification against the truth", tuple(rows), "Score 0 / 1 / 2 per sinus and side.")]


def draw_examples(
    examples: Sequence[tuple[str, Volume, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]], out: Path
) -> None:
    """Two levels of a few CTs with both label maps."""
    figure, _ = new_figure(11, 2.9 * max(1, len(examples)), 1)
    figure.clear()
    for row, (name, volume, truth, found) in enumerate(examples):
        held = np.flatnonzero((truth > 0).any(axis=(1, 2)))
        levels = held[[held.size // 4, 5 * held.size // 8]] if held.size else np.array([0, 0])
        for column, (index, labels, what) in enumerate(
            (int(z), labels, what) for z in levels for labels, what in ((truth, "labelled"), (found, "found"))
        ):
            axes = figure.add_subplot(len(examples), 4, row * 4 + column + 1)
            axes.imshow(volume.voxels[index], cmap="gray", vmin=-700, vmax=1300)
            shown = np.ma.masked_equal(labels[index], 0)
            axes.imshow(shown, cmap="tab20", vmin=0, vmax=19, alpha=0.5, interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(f"{name} {what}, slice {index}", fontsize=7)
    save_figure(figure, out, "examples")

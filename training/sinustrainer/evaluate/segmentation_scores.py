"""One CT's label map against the truth: Dice by volume and by slice, distances, opacified shares, Lund-Mackay."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate.intervals import mean_interval, mean_summary
from sinusviewer.analysis.sinus_measurement import measure_sinuses
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.imaging.resample import reorient_array
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.statistics.segmentation import dice, hausdorff_95

REGION = "region"
NAMES = {int(s): s.name.lower() for s in Structure if 0 < s <= Structure.NASAL_CAVITY}
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SlicePixels:
    """The region on one axial slice, from feet to head: pixels true, found, and both."""

    index: int
    true: int
    found: int
    both: int

    @property
    def dice(self) -> float:
        return 2 * self.both / (self.true + self.found) if self.true + self.found else 1.0


@dataclass(frozen=True, slots=True)
class CaseDice:
    """One CT: Dice and 95 % Hausdorff distance by structure, opacified fraction and score, true and found, by sinus.

    ``slices`` are those where the region is labelled or found.
    """

    case_id: str
    split: str
    dice: dict[str, float]
    hausdorff_mm: dict[str, float]
    fraction: dict[str, tuple[float, float]] = field(default_factory=dict)
    lund_mackay: dict[str, tuple[int, int]] = field(default_factory=dict)
    slices: tuple[SlicePixels, ...] = ()

    @property
    def slice_dice(self) -> list[float]:
        """Of the slices that show the region, as Hua 2022's slices all do."""
        return [s.dice for s in self.slices if s.true]


def judge(
    case: Case,
    volume: Volume,
    truth: Labels,
    found: Labels,
    card: ModelCard,
    opacified: npt.NDArray[np.bool_] | None = None,
) -> CaseDice:
    """Compare two label maps of one volume."""
    by_name = {REGION: dice(truth > 0, found > 0)}
    distance = {REGION: hausdorff_95(truth > 0, found > 0, volume.spacing)}
    fractions: dict[str, tuple[float, float]] = {}
    scores: dict[str, tuple[int, int]] = {}
    if REGION not in card.labels:
        for code, name in NAMES.items():
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
    slices = _by_slice(reorient_array(truth, volume.affine) > 0, reorient_array(found, volume.affine) > 0)
    return CaseDice(case.case_id, case.split, by_name, known, fractions, scores, slices)


def _by_slice(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> tuple[SlicePixels, ...]:
    counts = [mask.sum(axis=(1, 2)).tolist() for mask in (truth, found, truth & found)]
    rows = enumerate(zip(*counts, strict=True))
    return tuple(SlicePixels(index, a, b, both) for index, (a, b, both) in rows if a or b)


def region_dice(results: Sequence[CaseDice]) -> dict[str, Any]:
    """Dice of nose and sinuses as one region: mean, spread, lowest and interval of the mean, by volume and by slice."""
    values = [r.dice[REGION] for r in results]
    slices = [r.slice_dice for r in results]
    flat = [v for own in slices for v in own]
    return {
        **mean_summary(values),
        "slices": len(flat),
        "slice_mean": float(np.mean(flat)) if flat else None,
        "slice_sd": float(np.std(flat, ddof=1)) if len(flat) > 1 else None,
        "slice_ci95": mean_interval([own for own in slices if own]),
    }


def fraction_bias(results: Sequence[CaseDice], sinus: str = "") -> dict[str, Any] | None:
    """Found minus true opacified share of the sinuses whose name ends so: bias, its interval, limits of agreement (Bland-Altman)."""
    gaps = [[b - a for name, (a, b) in r.fraction.items() if name.endswith(sinus)] for r in results]
    flat = [gap for own in gaps for gap in own]
    if not flat:
        return None
    bias = float(np.mean(flat))
    spread = float(np.std(flat, ddof=1)) if len(flat) > 1 else None
    return {
        "n": len(flat),
        "bias": bias,
        "ci95": mean_interval([own for own in gaps if own]),
        "sd": spread,
        "limits": None if spread is None else [bias - 1.96 * spread, bias + 1.96 * spread],
    }


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
        "opacified_fraction_bias": fraction_bias(results),
        "lund_mackay_agreement": float(np.mean([a == b for a, b in scores])) if scores else None,
    }


def write_cases(results: Sequence[tuple[str, Sequence[CaseDice]]], out: Path) -> None:
    """Every figure of every CT, and every slice's pixels, so that anyone can recompute the tables."""
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
    with (out / "slices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "case_id", "slice", "true_pixels", "found_pixels", "both_pixels", "dice"])
        for network, rows in results:
            for r in rows:
                writer.writerows([network, r.case_id, s.index, s.true, s.found, s.both, s.dice] for s in r.slices)

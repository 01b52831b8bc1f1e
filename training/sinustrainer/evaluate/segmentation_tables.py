"""The tables of a segmentation's evaluation: networks beside each other and tested, structures, opacified shares."""

from collections.abc import Sequence

import numpy as np

from sinustrainer.evaluate.intervals import interval_text, mean_interval, wilcoxon_p
from sinustrainer.evaluate.published import HUA, HUA_DICE
from sinustrainer.evaluate.segmentation_scores import REGION, CaseDice, fraction_bias, region_dice
from sinustrainer.evaluate.tables import Table, number, p_value
from sinusviewer.domain.anatomy import Sinus
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.statistics.agreement import kappa


def architecture(card: ModelCard) -> str:
    """What kind of network a card's is, as its recipe says."""
    options = (card.training.get("recipe") or {}).get("options") or {}
    return str(options.get("architecture", card.parameters.get("architecture", card.name)))


def region_table(results: Sequence[tuple[ModelCard, Sequence[CaseDice]]]) -> Table:
    """One row per network, by volume and by slice; what Hua 2022 reports stands beside for its two."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Model", "CTs", "Dice per volume (mean ± SD)", "95 % CI", "Lowest", "Slices", "Dice per slice (mean ± SD)",
         "95 % CI", f"{HUA}, per slice")
    ]  # fmt: skip
    for card, cases in results:
        name, f = architecture(card), region_dice(cases)
        published = next((f"{v:.3f}" for k, v in HUA_DICE.items() if k in name.lower()), "–")
        rows.append((name, f"{card.name} {card.version}", str(f["n"]), _spread(f["mean"], f["sd"]), interval_text(f["ci95"]),
                     number(f["lowest"]), str(f["slices"]), _spread(f["slice_mean"], f["slice_sd"]),
                     interval_text(f["slice_ci95"]), published))  # fmt: skip
    note = (
        "Nose and sinuses as one region. Per slice, as published: the mean over axial slices on which the region is labelled, every "
        "one counting alike. Intervals by drawing CTs with all their slices (2000 seeded resamples). The paper's CTs are patients' and "
        "its region differs: nose and sinuses between two planes, drawn by hand."
    )
    return Table("region", "The region, network by network", tuple(rows), note)


def paired_table(results: Sequence[tuple[ModelCard, Sequence[CaseDice]]]) -> Table | None:
    """Every further network against the first on the same CTs; None where there is one only."""
    if len(results) < 2:
        return None
    rows: list[tuple[str, ...]] = [
        ("Networks", "Dice", "CTs", "Mean difference", "95 % CI", "p (Wilcoxon, paired)")
    ]  # fmt: skip
    (first, own), *others = results
    for card, theirs in others:
        pairs = {
            "per volume": [(a.dice[REGION], b.dice[REGION]) for a, b in zip(theirs, own, strict=True)],
            "per slice, mean of each CT": [
                (float(np.mean(a.slice_dice)), float(np.mean(b.slice_dice)))
                for a, b in zip(theirs, own, strict=True)
                if a.slice_dice and b.slice_dice
            ],
        }
        for what, values in pairs.items():
            gaps = [a - b for a, b in values]
            if not gaps:
                continue
            p = wilcoxon_p([a for a, _ in values], [b for _, b in values])
            rows.append((f"{_named(card)} against {_named(first)}", what, str(len(gaps)),
                         f"{np.mean(gaps):+.4f}".replace("-", "−"), interval_text(mean_interval([[g] for g in gaps]), 4, signed=True),
                         p_value(p) if p is not None else "– (no CT differs)"))  # fmt: skip
    return Table(
        "paired", "Two segmenters on the same CTs", tuple(rows), "Positive: the network named first is better."
    )


def dice_table(results: Sequence[CaseDice]) -> Table:
    """Dice and Hausdorff distance of every structure."""
    rows: list[tuple[str, ...]] = [
        ("Structure", "CTs", "Dice (mean ± SD)", "95 % CI", "Lowest", "95 % Hausdorff distance (mm)")
    ]
    for name in dict.fromkeys(name for r in results for name in r.dice):
        values = [r.dice[name] for r in results if name in r.dice]
        far = [r.hausdorff_mm[name] for r in results if name in r.hausdorff_mm]
        rows.append((
            name.replace("_", " "), str(len(values)), _spread(float(np.mean(values)), _sd(values)),
            interval_text(mean_interval([[v] for v in values])), f"{min(values):.3f}",
            number(float(np.mean(far)) if far else None, 1),
        ))  # fmt: skip
    note = "Of whole volumes on their own grid. The region is nose and sinuses as one."
    return Table("dice", "Dice similarity coefficients", tuple(rows), note)


def agreement_table(results: Sequence[CaseDice]) -> Table | None:
    """Opacified shares and Lund-Mackay by sinus, found against true; None where there are none."""
    pairs = [(n, *pair) for r in results for n, pair in r.fraction.items()]
    if not pairs:
        return None
    rows: list[tuple[str, ...]] = [
        ("Sinus", "Sinuses", "Opacified share: bias (95 % CI)", "Limits of agreement", "Mean absolute error",
         "Lund–Mackay: same (%)", "Weighted kappa")
    ]  # fmt: skip
    for sinus in [*(s.value for s in Sinus), ""]:
        own = [(a, b) for n, a, b in pairs if n.endswith(sinus)]
        scores = [pair for r in results for n, pair in r.lund_mackay.items() if n.endswith(sinus)]
        same = 100 * float(np.mean([a == b for a, b in scores])) if scores else None
        weighted = None
        if len({a for a, _ in scores}) > 1 and len({b for _, b in scores}) > 1:
            weighted = kappa([a for a, _ in scores], [b for _, b in scores], weights="linear").value
        f = fraction_bias(results, sinus)
        rows.append((
            sinus.replace("_", " ") or "all", str(len(own)),
            "–" if f is None else f"{f['bias']:+.3f}".replace("-", "−") + f" ({interval_text(f['ci95'], signed=True)})",
            interval_text(f["limits"] if f else None, signed=True),
            number(float(np.mean([abs(a - b) for a, b in own])) if own else None), number(same, 1), number(weighted, 2),
        ))  # fmt: skip
    note = (
        "Bias: found minus true, positive where too much is called opacified; its interval by drawing CTs with all their sinuses. "
        "Score 0 / 1 / 2 per sinus and side."
    )
    return Table("agreement", "Opacification against the truth", tuple(rows), note)


def _named(card: ModelCard) -> str:
    return f"{architecture(card)} ({card.name} {card.version})"


def _spread(mean: float | None, sd: float | None) -> str:
    return number(mean) + (f" ± {sd:.3f}" if sd is not None else "")


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None

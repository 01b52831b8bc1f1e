"""The tables of Hua 2022 for any networks: units, patient against image, pooling of slices, confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sinustrainer.evaluate.endotype_scores import UNIT_NAMES, NetworkScores, network_summary
from sinustrainer.evaluate.intervals import interval_text
from sinustrainer.evaluate.published import HUA, HUA_MEAN, hua_auc
from sinustrainer.evaluate.tables import Table, calibrations_table, number, p_value, percent

_RATES = ("accuracy", "sensitivity", "specificity")


def unit_table(results: Sequence[NetworkScores], ceiling: dict[str, Any] | None = None) -> Table:
    """AUC and accuracy by network and unit, the networks' mean, the simulator's ceiling, and the paper's values below."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Unit", "n", "ECRS", "AUC (95 % CI)", "Accuracy, %", "Sensitivity, %", "Specificity, %")
    ]
    summaries = [(r, network_summary(r)) for r in results]
    for r, summary in summaries:
        for name in [n for n in UNIT_NAMES if n in summary]:
            f = summary[name]
            rows.append((r.network, UNIT_NAMES[name], str(f["n"]), str(f["positive"]), area_text(f),
                         *(_rate(f, key) for key in _RATES)))  # fmt: skip
    if len(results) > 1:
        for name, title in UNIT_NAMES.items():
            known = [s[name] for _, s in summaries if name in s and s[name]["auc"] is not None]
            if len(known) == len(results):
                means = [float(np.mean([f[key] for f in known])) for key in ("auc", *_RATES)]
                rows.append((f"Mean of {len(known)} networks", title, "", "", number(means[0]),
                             *(percent(m, 1) for m in means[1:])))  # fmt: skip
    if ceiling is not None:
        rows.append(("Ceiling (the simulator's true image score)", "patient", str(ceiling["n"]), str(ceiling["positive"]),
                     area_text(ceiling), "", "", ""))  # fmt: skip
    for r in results:
        published = hua_auc(r.network)
        if published:
            rows += [(f"{HUA}: {r.network}", unit, "", "", f"{area:.2f}", "", "", "")
                     for unit, area in zip(("image", "patient"), published, strict=True)]  # fmt: skip
    rows += [
        (f"{HUA}: mean of four networks", unit, "", "", f"{area:.3f}", f"{100 * accuracy:.1f}", "", "")
        for unit, (area, accuracy) in HUA_MEAN.items()
    ]
    note = (
        "At the threshold in the card, after its calibration. Intervals: of patients DeLong's for the AUC and Wilson's for rates; of "
        "images by drawing patients with all their slices (2000 seeded resamples), for slices of one patient are alike. Slices and "
        "extent: masks by the segmentation network, as the window reads; the others by the labelled masks where there are any. "
        "The paper's abstract exchanges mean AUC and mean accuracy of the patient unit; here they stand as its results say."
    )
    return Table("units", "Image and patient as units", tuple(rows), note)


def area_text(figures: dict[str, Any]) -> str:
    """``0.912 (0.861 to 0.964)``, or why there is no interval."""
    if figures["auc"] is None:
        return "–"
    if figures["ci95"] is None:
        return f"{figures['auc']:.3f} ({figures['ci95_method']})"
    return f"{figures['auc']:.3f} ({interval_text(figures['ci95'])})"


def _rate(figures: dict[str, Any], key: str) -> str:
    if not figures["confusion"] or figures[key] is None:
        return "–"
    return f"{percent(figures[key], 1)} ({interval_text(figures['ci95_rates'][key], 1, factor=100)})"


def unit_test_table(results: Sequence[NetworkScores]) -> Table:
    """Patient against image as unit: what the paper concludes from the two AUCs side by side, tested."""
    rows: list[tuple[str, ...]] = [("Network", "AUC, image", "AUC, patient", "Difference (95 % CI)", "p")]
    for r in results:
        figures = network_summary(r)
        found = figures["patient_minus_image"]
        if found is None:
            rows.append((r.network, "–", "–", "–", "– (one endotype only)"))
            continue
        rows.append((r.network, number(figures["image"]["auc"]), number(figures["patient"]["auc"]),
                     _difference(found), p_value(found["p"])))  # fmt: skip
    note = "Bootstrap over patients (2000 seeded resamples, both units on the same draws). Positive: the patient's mean ranks better."
    return Table("unit_test", "Patient against image as unit", tuple(rows), note)


def pooling_table(results: Sequence[NetworkScores]) -> Table:
    """How a patient's slices are put together: their mean (as published) against learned attention, DeLong's paired test."""
    rows: list[tuple[str, ...]] = [
        ("Network", "AUC, mean of slices", "AUC, the other", "Difference (95 % CI)", "p (DeLong)")
    ]
    for r in results:
        figures = network_summary(r)
        paired, gained = figures["attention_minus_mean"], figures["patient_model_minus_mean"]
        rows.append((f"{r.network}, attention", number(figures["patient"]["auc"]), number(figures["patient_attention"]["auc"]),
                     _difference(paired), _tested(paired)))  # fmt: skip
        if gained is not None:
            rows.append((f"{r.network}, slices and extent", number(gained["auc_mean"]), number(figures["patient_model"]["auc"]),
                         _difference(gained), _tested(gained)))  # fmt: skip
    note = (
        "Positive: the other ranks better than the mean. Slices and extent: against the mean over the same slices, masks by the "
        "segmentation network."
    )
    return Table("pooling", "Mean of a patient's slices, or something better", tuple(rows), note)


def calibration_table(results: Sequence[NetworkScores]) -> Table:
    """Whether the probabilities of patients come true: by the mean of slices, by attention, and with the extent."""
    figures = {
        f"{r.network}, {UNIT_NAMES[name]}": unit["calibration"]
        for r in results
        for name, unit in network_summary(r).items()
        if name in UNIT_NAMES and unit.get("calibration")
    }
    return calibrations_table(figures, "Probabilities as they are shown, after the card's calibration.")


def _difference(found: dict[str, Any] | None) -> str:
    if found is None or found["difference"] is None:
        return "–"
    ci = f" ({interval_text(found['ci95'], signed=True)})" if found["ci95"] else ""
    return f"{found['difference']:+.3f}".replace("-", "−") + ci


def _tested(found: dict[str, Any] | None) -> str:
    if found is None:
        return "– (one endotype only)"
    return p_value(found["p"]) if found["p"] is not None else "– (not estimable: the scores rank alike)"


def confusion_table(results: Sequence[NetworkScores]) -> Table:
    """Confusion matrices (Figures 7 and 8)."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Unit", "ECRS called ECRS", "NECRS called ECRS", "ECRS called NECRS", "NECRS called NECRS")
    ]
    for r in results:
        for name, figures in network_summary(r).items():
            if name in UNIT_NAMES and figures["confusion"]:
                rows.append((r.network, UNIT_NAMES[name], *(str(n) for n in figures["confusion"])))
    return Table("confusion", "Figures 7 and 8. Confusion matrices", tuple(rows))


def reading_table(results: Sequence[NetworkScores]) -> Table:
    """Who could be read, and whether the network looked at the sinuses."""
    rows: list[tuple[str, ...]] = [
        ("Network", "Patients read", "Without a slice that counts", "Grad-CAM's heat inside the sinuses, %")
    ]
    rows += [(r.network, str(len(r.patient_ids)), str(r.without_slices), percent(r.heat_inside, 1)) for r in results]
    note = (
        "Patients without a slice that shows a sinus with lesion have no score and are in no table above. Heat inside: the mean share "
        "of Grad-CAM's heat within nose and sinuses; the map is coarse, and its heat spreads beyond what it stands for."
    )
    return Table("reading", "What was read, and where the network looked", tuple(rows), note)

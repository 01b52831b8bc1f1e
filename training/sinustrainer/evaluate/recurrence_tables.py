"""The tables of the recurrence network's page: models, rates at the cut-off (He 2023's Table 2), Dice tested in pairs."""

from typing import Any

from sinustrainer.evaluate.intervals import interval_text, rate_text
from sinustrainer.evaluate.published import HE, HE_DICE, HE_DICE_FOLDS, HE_DICE_P, HE_TABLE_2, HE_TABLE_2_NOTE
from sinustrainer.evaluate.tables import Table, calibrations_table, number, p_value, percent

NAMES = {
    "multi_task": "Multi-task network (DLR-score)",
    "single_classification": "Single task: recurrence only",
    "single_segmentation": "Single task: segmentation only",
    "radiomics": "Radiomics baseline (own features, logistic regression)",
    "ceiling": "Ceiling (the simulator's true image score)",
}


SHOWN_NAMES = {
    "joined": "Network and extent (the score that is shown)",
    "network": "Network alone",
    "ceiling": NAMES["ceiling"],
}


def shown_table(content: dict[str, Any]) -> Table | None:
    """The score that is shown beside the network's alone: AUC, DeLong's paired test, rates at each one's own cut-off."""
    shown = content["shown"]
    if shown is None:
        return None
    rows: list[tuple[str, ...]] = [
        ("Score", "AUC (95 % CI)", "n (events)", "Difference to the network alone (95 % CI)", "p", "Cut-off", "Accuracy, %",
         "Sensitivity, %", "Specificity, %")
    ]  # fmt: skip
    for name in [name for name in SHOWN_NAMES if name in shown["roc"]]:
        roc = shown["roc"][name]
        pair = shown["delong_test"].get(f"network_vs_{name}")
        row = [SHOWN_NAMES[name], _area(roc), f"{roc['n']} ({roc['events']})"]
        row += ["", ""] if pair is None else [_turned(pair), tested(pair)]
        at = shown["cut_off"].get(name)
        if at is None:
            rows.append((*row, "", "", "", ""))
            continue
        sick, well = at["tp"] + at["fn"], at["tn"] + at["fp"]
        parts = ((at["tp"] + at["tn"], sick + well), (at["tp"], sick), (at["tn"], well))
        rows.append((*row, number(at["threshold"]), *(rate_text(part, whole) for part, whole in parts)))
    note = (
        "The product's whole path: the sinuses are found, the box is placed by them, the extent of disease is measured, the patient "
        f"model joins it with the network's score. Sinuses by {shown['masks']}. AUC with DeLong's 95 % interval; p: his paired test "
        "against the network alone; cut-offs as the card carries them, rates with Wilson's 95 % interval."
    )
    return Table("shown", "The score that is shown, and the network's alone", tuple(rows), note)


def _turned(pair: dict[str, Any]) -> str:
    """How much larger the second score's AUC is than the first's."""
    if pair["difference"] is None:
        return "–"
    text = f"{0.0 - pair['difference']:+.3f}".replace("-", "−")
    ends = None if pair["ci95"] is None else (-pair["ci95"][1], -pair["ci95"][0])
    return text if ends is None else f"{text} ({interval_text(ends, signed=True)})"


def calibration_table(content: dict[str, Any]) -> Table | None:
    """Whether the shown scores, taken for probabilities, come true."""
    shown = content["shown"]
    if shown is None or not shown["calibration"]:
        return None
    names = {SHOWN_NAMES[name]: figures for name, figures in shown["calibration"].items()}
    note = (
        "Both as they are shown, taken for a probability of recurrence; nothing was fitted on these patients. The score is an input of "
        "the nomogram, whose own calibration fit-nomogram gives."
    )
    return calibrations_table(names, note)


def model_table(content: dict[str, Any]) -> Table:
    """One row per model: AUC in cross-validation and test with patients and events, p against the multi-task network, Dice."""
    rows: list[tuple[str, ...]] = [
        ("Model", "AUC, five folds (95 % CI)", "n (events)", "p", "AUC, test (95 % CI)", "n (events)", "p", "Dice, test (mean ± SD)",
         "95 % CI")
    ]  # fmt: skip
    for name, text in NAMES.items():
        known = {split: content["roc"][split].get(name) for split in ("train", "test")}
        dice = content["dice"].get(name)
        if not any(known.values()) and not dice:
            continue
        row = [text]
        for split, roc in known.items():
            compared = content["delong_test"][split].get(f"multi_task_vs_{name}")
            row += [_area(roc), f"{roc['n']} ({roc['events']})" if roc else "", tested(compared) if compared else ""]
        measured = dice is not None and dice["mean"] is not None
        row.append(
            number(dice["mean"]) + (f" ± {dice['sd']:.3f}" if dice["sd"] is not None else "") if measured else ""
        )
        rows.append((*row, interval_text(dice["ci95"]) if measured else ""))
    rows.append((f"{HE}: multi-task network", "0.755 (mean of folds)", "200 (85)", "", "0.742 (0.619-0.865)", "65 (14)", "",
                 HE_DICE["multi_task"], ""))  # fmt: skip
    rows.append(
        (f"{HE}: single task", "", "", "", "never above 0.6", "65 (14)", "", HE_DICE["single_segmentation"], "")
    )
    note = (
        "AUC with DeLong's 95 % interval; p: DeLong's paired test against the multi-task network on the same patients. "
        "Cross-validation: every training patient is read by the fold that never saw it. Dice of nose and sinuses as one region on the "
        f"network's grid, interval by drawing patients. He 2023's Dice in cross-validation: {HE_DICE_FOLDS}."
    )
    return Table("models", "Multi-task network, its single-task variants and baselines", tuple(rows), note)


def tested(compared: dict[str, Any]) -> str:
    """P, or why there is none."""
    if compared["p"] is not None:
        return p_value(compared["p"])
    same = "alike" in compared.get("reason", "")
    return "– (the curves are equal)" if same else f"– ({compared.get('reason') or 'not estimable'})"


def rates_table(content: dict[str, Any]) -> Table | None:
    """Table 2: what each model's cut-off does in the test cohort, the paper's rows below."""
    if not content["rates"]:
        return None
    rows: list[tuple[str, ...]] = [
        ("Model", "AUC (95 % CI)", "n (events)", "Cut-off", "Accuracy, %", "Sensitivity, %", "Specificity, %", "FPR, %", "FNR, %")
    ]  # fmt: skip
    for name in NAMES:
        if name not in content["rates"] or name == "ceiling":
            continue
        at, roc = content["rates"][name], content["roc"]["test"][name]
        c = at["test"]
        sick, well = c["tp"] + c["fn"], c["tn"] + c["fp"]
        rates = ((c["tp"] + c["tn"], sick + well), (c["tp"], sick), (c["tn"], well), (c["fp"], well), (c["fn"], sick))
        rows.append((NAMES[name], _area(roc), f"{roc['n']} ({roc['events']})", number(at["threshold"]),
                     *(rate_text(part, whole) for part, whole in rates)))  # fmt: skip
    for name, text in (("dlr", "DLR model"), ("radiomics", "traditional radiomics model")):
        he = HE_TABLE_2[name]
        parts = (he.accuracy, he.sensitivity, he.specificity, he.fpr, he.fnr)
        rows.append((f"{HE}: {text}", he.auc, "", "", *(percent(p, 1) for p in parts)))
    note = (
        f"Cut-offs: the multi-task network's from {content['cut_off']['from']}; the others' by Youden on their out-of-fold scores, or, "
        "of a network without folds, on its training's held-out patients. A positive is a score at or above it. "
        "Rates with Wilson's 95 % interval. Clinical model and nomogram: see fit-nomogram, which "
        f"reads scores_train.csv and scores_test.csv for the radiomics row (--radiomics). {HE_TABLE_2_NOTE}"
    )
    return Table("table2", "Table 2. Results in the test cohort", tuple(rows), note)


def dice_table(content: dict[str, Any]) -> Table | None:
    """Segmentation alone against both tasks, on the same patients."""
    if not content["dice_paired"]:
        return None
    rows: list[tuple[str, ...]] = [("Networks", "n", "Mean difference in Dice", "95 % CI", "p (Wilcoxon, paired)")]
    for pair, f in content["dice_paired"].items():
        other = NAMES[pair.removeprefix("multi_task_vs_")]
        p = p_value(f["p"]) if f["p"] is not None else "– (no patient differs)"
        difference = f"{f['difference']:+.4f}".replace("-", "−")
        rows.append((f"Multi-task against {other[0].lower()}{other[1:]}", str(f["n"]), difference,
                     interval_text(f["ci95"], 4, signed=True), p))  # fmt: skip
    gap = float(HE_DICE["multi_task"]) - float(HE_DICE["single_segmentation"])
    rows.append((f"{HE}", "65", f"{gap:+.3f}".replace("-", "−"), "", HE_DICE_P))
    return Table(
        "dice_test", "Dice of both tasks against one", tuple(rows), "Positive: the multi-task network is better."
    )


def _area(roc: dict[str, Any] | None) -> str:
    if roc is None or roc["auc"] is None:
        return ""
    interval = roc["ci95"]
    return f"{roc['auc']:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else f" ({roc['ci95_method']})")

"""Tables of a recurrence nomogram (He 2023): the models' results with their counts, and calibration."""

from typing import Any

from sinustrainer.evaluate.intervals import auc_interval, rate_text
from sinustrainer.evaluate.nomogram_figures import COHORT_NAMES, NAMES
from sinustrainer.evaluate.published import HE, HE_TABLE_2, HE_TABLE_2_NOTE
from sinustrainer.evaluate.recurrence_evaluation import SplitEvaluation
from sinustrainer.evaluate.tables import percent

Table = list[list[str]]

TABLE_2_NOTE = (
    "AUC with DeLong's 95 % interval. Accuracy and rates, in per cent with Wilson's 95 % interval, at the training cohort's Youden "
    "cut-off, a positive being a score at or above it. FPR, FNR: false-positive, false-negative rate. p: DeLong's paired test "
    f"against the nomogram. {HE_TABLE_2_NOTE}"
)
CALIBRATION_NOTE = (
    "Brier: mean squared error of the risk. Intercept and slope of logit(outcome) on logit(risk), 0 and 1 if perfect; 0 and 1 by "
    "construction where a model is looked at on the patients it was fitted on. In the large: the intercept with the slope held at 1. "
    "Hosmer-Lemeshow over tenths of risk, with g - 2 degrees of freedom in the training and g in another cohort; a small p speaks "
    "against the risks."
)
_RATES = ("accuracy", "sensitivity", "specificity", "fpr", "fnr")
_SAME_RANKING = "alike"


def performance_table(content: dict[str, Any], splits: dict[str, SplitEvaluation]) -> Table:
    """Table 2: AUC, and what the training cut-off does in the test cohort; the paper's rows below, marked."""
    split = splits["test"] if "test" in splits else next(iter(splits.values()))
    rows = [
        [
            "Model",
            "n",
            "Events",
            "AUC (95 % CI)",
            "Cut-off",
            "Accuracy",
            "Sensitivity",
            "Specificity",
            "FPR",
            "FNR",
            "DeLong p",
        ]
    ]
    for model in ("dlr", "radiomics", "clinical", "nomogram"):
        if model == "radiomics":
            row = _radiomics(content.get("radiomics"))
            rows += [row] if row else []
            continue
        if model not in split.roc:
            continue
        area, cutoff = auc_interval(split.y, split.scores[model]), content["cutoff_from_train"].get(model, {})
        compared = split.delong.get(f"nomogram_vs_{model}")
        rows.append([
            NAMES[model], str(split.y.size), str(split.roc[model].n_positive),
            _area(area.auc, area.ci95, area.method),
            number(cutoff.get("threshold"), 3),
            *rates_of(cutoff.get("test")),
            "" if compared is None else p_or_reason(compared.p, compared.reason),
        ])  # fmt: skip
    for model, text in (
        ("dlr", "DLR model"),
        ("radiomics", "radiomics"),
        ("clinical", "clinical model"),
        ("nomogram", "nomogram"),
    ):
        he = HE_TABLE_2[model]
        shares = (he.accuracy, he.sensitivity, he.specificity, he.fpr, he.fnr)
        published_p = {"dlr": "0.130", "clinical": "0.029"}.get(model, "")
        rows.append([f"{HE}: {text}", "", "", he.auc, "", *(percent(v, 1) for v in shares), published_p])
    return rows


def _radiomics(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    compared = found["nomogram_vs_radiomics"]
    return [
        "Radiomics baseline", str(found["n"]), str(found["events"]), _area(found["auc"], found["ci95"], found["ci95_method"]),
        number(found["threshold"], 3), *rates_of(found["test"]), p_or_reason(compared["p"], compared["reason"]),
    ]  # fmt: skip


def _area(auc: float | None, interval: Any, method: str) -> str:
    if auc is None:
        return "not estimable"
    return f"{auc:.3f} ({interval[0]:.3f}-{interval[1]:.3f})" if interval else f"{auc:.3f} ({method})"


def rates_of(counts: dict[str, Any] | None) -> list[str]:
    """The five rates with Wilson's interval, of what ``counts_to_json`` wrote."""
    if counts is None:
        return ["-"] * len(_RATES)
    tp, fp, fn, tn = (counts[key] for key in ("tp", "fp", "fn", "tn"))
    parts = ((tp + tn, tp + fp + fn + tn), (tp, tp + fn), (tn, tn + fp), (fp, tn + fp), (fn, tp + fn))
    return [rate_text(part, whole) for part, whole in parts]


def p_or_reason(p: float | None, reason: str) -> str:
    """P, or why there is none."""
    if p is not None:
        return format_p(p)
    if _SAME_RANKING in reason:
        return "– (the curves are equal)"
    return f"– ({reason})" if reason else "–"


def calibration_table(content: dict[str, Any]) -> Table:
    """Brier score, slope, intercept and Hosmer-Lemeshow of every model in every cohort."""
    rows = [
        [
            "Model",
            "Cohort",
            "n",
            "Events",
            "Brier",
            "Intercept",
            "Slope",
            "In the large",
            "Hosmer-Lemeshow chi² (df)",
            "p",
        ]
    ]
    for split, models in content["calibration"].items():
        for model in ("dlr", "clinical", "nomogram"):
            if model not in models:
                continue
            c, known = models[model], content["roc"][split][model]
            fit = c["hosmer_lemeshow"]
            chi2 = "-" if fit["chi2"] is None else f"{fit['chi2']:.2f} ({fit['df']})"
            rows.append([
                NAMES[model], COHORT_NAMES[split], str(known["n"]), str(known["events"]), number(c["brier"], 3),
                number(c["intercept"], 2), number(c["slope"], 2), number(c["in_the_large"], 2), chi2,
                p_or_reason(fit["p"], fit["reason"]),
            ])  # fmt: skip
    return rows


def format_p(p: float | None) -> str:
    """As journals print it."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float | None, digits: int) -> str:
    """A number; a dash where unknown."""
    return "-" if value is None else f"{value:.{digits}f}"

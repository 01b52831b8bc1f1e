"""What stands beside a nomogram: which input feeds which axis, cohort, hints, and the paragraph for the letter."""

from collections.abc import Mapping
from dataclasses import dataclass

from sinusviewer.analysis.recurrence import clinical_name
from sinusviewer.analysis.risk_limits import calibration_sentence
from sinusviewer.domain.scoring import risk_percent, score_text
from sinusviewer.nomogram import CohortSummary, Nomogram, NomogramReading, Predictor
from sinusviewer.ui.panels.nomogram_geometry import tick_text
from sinusviewer.ui.panels.nomogram_paint import risk_text
from sinusviewer.ui.panels.units import shown_number
from sinusviewer.ui.panels.wording import lower_first


def is_dlr(name: str) -> bool:
    return clinical_name(name) == "dlr_score"


def is_eosinophils(name: str) -> bool:
    return clinical_name(name) == "eosinophils_per_ul"


@dataclass(frozen=True, slots=True)
class DlrSource:
    """The radiomic score as the CT gave it, and which network read it."""

    score: float
    model: str
    trained_on: str = ""
    note: str = ""
    """What else bears on the score, as that masks were changed since."""
    doubt: str = ""
    """Why the score may not fit this nomogram's axis; stands wherever the risk does."""


Units = Mapping[str, tuple[float, str]]
"""By predictor: (factor, unit) of the unit that the reader chose."""


def value_words(predictor: Predictor, value: float | None, units: Units | None = None) -> str:
    """E.g. "yes", "350 cells/µL", "unknown"."""
    if value is None:
        return "unknown"
    if predictor.binary:
        return "yes" if value == 1.0 else "no"
    factor, unit = (units or {}).get(predictor.name, (1.0, predictor.unit))
    return f"{shown_number(value * factor)} {unit}".strip()


def cohort_lines(nomogram: Nomogram) -> tuple[tuple[str, str], ...]:
    """Rows of (what, value): whom the nomogram was fitted on and how it does."""
    outcome = _outcome(nomogram)
    rows = [("Fitted on", _cohort(nomogram.cohort, outcome)), *_performance("training", nomogram.cohort)]
    if nomogram.fit.auc_optimism_corrected is not None:
        rows.append(
            ("AUC (corrected)", f"{nomogram.fit.auc_optimism_corrected:.3f}, corrected for optimism by bootstrap")
        )
    if nomogram.test_cohort is not None:
        rows += [("Tested on", _cohort(nomogram.test_cohort, outcome)), *_performance("test", nomogram.test_cohort)]
    else:
        rows.append(("Tested on", "no other patients"))
    if nomogram.cutoff is not None:
        rows.append(("Cut-off", f"risk {tick_text(round(nomogram.cutoff, 3))}, set on the training patients"))
    if nomogram.fit.separation:
        rows.append(("Separation", f"{', '.join(nomogram.fit.separation)}: {nomogram.fit.method} fit"))
    return tuple(rows)


def _outcome(nomogram: Nomogram) -> str:
    return nomogram.outcome.replace("_", " ")


def _cohort(cohort: CohortSummary, outcome: str) -> str:
    """A cohort that is only called by its part in the fit is not named twice."""
    name = "" if cohort.name in ("train", "test") else f"{cohort.name}: "
    return f"{name}{cohort.n} patients, {cohort.events} with {outcome}"


def _performance(where: str, cohort: CohortSummary) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if cohort.auc is not None:
        interval = f" (95 % CI {cohort.auc_ci95[0]:.3f} to {cohort.auc_ci95[1]:.3f})" if cohort.auc_ci95 else ""
        rows.append((f"AUC ({where})", f"{cohort.auc:.3f}{interval}"))
    parts = []
    if cohort.calibration_slope is not None:
        parts.append(f"slope {cohort.calibration_slope:.2f}")
    if cohort.calibration_intercept is not None:
        parts.append(f"intercept {round(cohort.calibration_intercept, 2) + 0.0:.2f}")  # never "-0.00"
    if cohort.brier is not None:
        parts.append(f"Brier {cohort.brier:.3f}")
    if parts:
        rows.append((f"Calibration ({where})", ", ".join(parts).replace("-", "−")))
    return rows


def risk_sentence(nomogram: Nomogram, reading: NomogramReading) -> str:
    """The headline: "Risk of recurrence 42 %" or an interval and what is missing."""
    outcome = nomogram.outcome.replace("_", " ")
    if reading.risk is not None:
        return f"Risk of {outcome} {risk_percent(reading.risk)}"
    return f"Risk of {outcome} {risk_text(reading)}"


def points_sentence(nomogram: Nomogram, reading: NomogramReading) -> str:
    """Total points, and where the risk stands to the cut-off."""
    if reading.total_points is None:
        low, high = reading.total_points_interval
        text = f"{low:.0f} to {high:.0f} points"
    else:
        text = f"{reading.total_points:.1f} points in all"
    if nomogram.cutoff is None:
        return f"{text}."
    low, high = reading.risk_interval
    place = "at or above" if low >= nomogram.cutoff else "below" if high < nomogram.cutoff else "on both sides of"
    return f"{text}; {place} the cut-off {tick_text(round(nomogram.cutoff, 3))}."


def missing_sentence(nomogram: Nomogram, reading: NomogramReading) -> str:
    """Which inputs are not known; empty where all are."""
    if not reading.missing:
        return ""
    labels = {p.name: p.label for p in nomogram.predictors}
    return f"Not known: {', '.join(labels[n] for n in reading.missing)}. The risk is an interval, not a guess."


def outside_sentence(
    nomogram: Nomogram, reading: NomogramReading, values: Mapping[str, float | None], units: Units | None = None
) -> str:
    """Which values no patient of the training data had; empty where none."""
    parts = []
    for name in reading.outside_training:
        predictor = nomogram.predictor(name)
        factor = (units or {}).get(name, (1.0, ""))[0]
        low, high = (shown_number(end * factor) for end in predictor.training_range)
        parts.append(
            f"{predictor.label} {value_words(predictor, values.get(name), units)} is outside the training data "
            f"({low} to {high}): the risk is extrapolated."
        )
    return " ".join(parts)


def what_if_sentence(patient: NomogramReading, what_if: NomogramReading) -> str:
    if patient.risk is None or what_if.risk is None:
        return f"Patient {risk_text(patient)}; what if {risk_text(what_if)}."
    difference = f"{(what_if.risk - patient.risk) * 100:+.1f}".replace("-", "−")
    return (
        f"Patient {risk_percent(patient.risk)}; what if {risk_percent(what_if.risk)} ({difference} percentage points)."
    )


def letter_paragraph(
    nomogram: Nomogram,
    reading: NomogramReading,
    values: Mapping[str, float | None],
    dlr: DlrSource | None,
    from_header: tuple[str, ...] = (),
    units: Units | None = None,
) -> str:
    """The paragraph for the surgeon's letter: inputs, result, what it rests on and how that held, and what it is not."""
    inputs = []
    for predictor in nomogram.predictors:
        text = f"{predictor.label} {value_words(predictor, values.get(predictor.name), units)}"
        if is_dlr(predictor.name) and dlr is not None and values.get(predictor.name) is not None:
            overruled = values[predictor.name] != dlr.score
            text += (
                f" (overruled by the reader; from the CT: {score_text(dlr.score)})"
                if overruled
                else f" (from the CT, {dlr.model})"
            )
        if clinical_name(predictor.name) in from_header:
            text += " (from the CT's header)"
        inputs.append(text)
    sentences = [
        f"Nomogram for {_outcome(nomogram)}: {'; '.join(inputs)}.",
        f"{risk_sentence(nomogram, reading)} ({points_sentence(nomogram, reading).rstrip('.')}).",
        missing_sentence(nomogram, reading),
        outside_sentence(nomogram, reading, values, units),
        calibration_sentence(nomogram, reading.risk_interval),
        _whom(nomogram),
    ]
    if dlr is not None and dlr.trained_on and dlr.trained_on.rstrip(".") != nomogram.trained_on.rstrip("."):
        sentences.append(f"Network of the radiomic score: {lower_first(dlr.trained_on.rstrip('.'))}.")
    if dlr is not None and dlr.note:
        sentences.append(f"Radiomic score: {lower_first(dlr.note)}")
    if dlr is not None:
        sentences.append(dlr.doubt)
    sentences.append("Research use only. Not for diagnostic use.")
    return " ".join(s for s in sentences if s)


def cohort_sentence(nomogram: Nomogram) -> str:
    """Whom it was fitted on, in its own words where these have the numbers."""
    said = f"{nomogram.trained_on.rstrip('.')}."
    if f"{nomogram.cohort.n} patients" not in said:
        said = f"{_cohort(nomogram.cohort, _outcome(nomogram))}. {said}"
    return said if said.startswith("Fitted on") else f"Fitted on: {said}"


def _whom(nomogram: Nomogram) -> str:
    """Whom it was fitted on, and how it did in other patients."""
    said = cohort_sentence(nomogram)
    test = nomogram.test_cohort
    if test is None:
        return f"{said} Not tested on other patients."
    auc = "" if test.auc is None else f": AUC {test.auc:.2f}"
    if test.auc is not None and test.auc_ci95 is not None:
        auc += f" (95 % CI {test.auc_ci95[0]:.2f} to {test.auc_ci95[1]:.2f})"
    return f"{said} Tested on {_cohort(test, _outcome(nomogram))}{auc}."

"""The sentences of reports: careful ones. "No finding above threshold", never "normal"."""

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.clinical import INPUT_WORDS, input_words
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.reading import (
    EndotypeReading,
    LundMackay,
    Reason,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SideScore,
    SinusMeasurement,
    Standing,
    WatersLabel,
    WatersReading,
)
from sinusviewer.domain.scoring import risk_percent, score_text, scored_complexes

RESEARCH_LINE = "Research use only. Not for diagnostic use."
HEATMAP_LINE = "Heatmap: where the network looked, not why, and not the lesion's extent."
ECRS_DEFINITION = (
    "ECRS: eosinophils at least 10 % of inflammatory cells in tissue (Hua 2022). "
    "This probability is computed from images; it is no tissue diagnosis."
)
STATUS_WORDS = {
    SeriesStatus.READ: "read",
    SeriesStatus.REFUSED: "not assessed",
    SeriesStatus.VIEWED_ONLY: "shown only",
}
SINUS_WORDS = {
    Sinus.MAXILLARY: "maxillary",
    Sinus.ANTERIOR_ETHMOID: "anterior ethmoid",
    Sinus.POSTERIOR_ETHMOID: "posterior ethmoid",
    Sinus.FRONTAL: "frontal",
    Sinus.SPHENOID: "sphenoid",
}
SUBCLASS_WORDS = {
    "air_fluid": "air-fluid level",
    "full_opacification": "full opacification",
    "cyst": "cyst or polyp",
    "mucosal_thickening": "mucosal thickening",
}


def date_words(dicom_date: str) -> str:
    """20240229 as 2024-02-29; anything else as it is."""
    whole = len(dicom_date) == 8 and dicom_date.isdigit()
    return f"{dicom_date[:4]}-{dicom_date[4:6]}-{dicom_date[6:]}" if whole else dicom_date


def age_words(dicom_age: str) -> str:
    """034Y as 34 years (PS3.5 Table 6.2-1, AS); anything else as it is."""
    unit = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}.get(dicom_age[-1:], "")
    return f"{int(dicom_age[:-1])} {unit}" if unit and dicom_age[:-1].isdigit() else dicom_age


def sex_words(dicom_sex: str) -> str:
    """M as male, F as female, O as other; anything else as it is."""
    return {"M": "male", "F": "female", "O": "other"}.get(dicom_sex.strip().upper(), dicom_sex)


def waters_sentences(waters: WatersReading) -> tuple[str, ...]:
    """The four-way report in sentences, for the finding and for each antrum."""
    threshold = f"{waters.threshold:.2f}"
    unverified = any(isinstance(s.side, ImageSide) for s in waters.sides)
    positive = [s for s in waters.sides if s.positive]
    if not positive:
        first = f"No finding above threshold {threshold} in either maxillary sinus."
    elif unverified:
        names = " and ".join(f"{s.side.value} side" for s in positive)
        first = f"Finding above threshold {threshold}: {names}. The film does not prove which is the patient's right."
    elif waters.label is WatersLabel.BILATERAL:
        first = f"Findings above threshold {threshold} in both maxillary sinuses."
    else:
        first = f"Finding above threshold {threshold} in the {positive[0].side.value} maxillary sinus."
    return (first, *(side_sentence(side, threshold) for side in waters.sides))


def side_sentence(side: SideScore, threshold: str) -> str:
    """One antrum: its score with its place, and the hint at the form of disease."""
    state = "at or above" if side.positive else "below"
    text = (
        f"{side.side.value.capitalize()} maxillary sinus: score {score_text(side.score)}, {state} threshold {threshold}"
    )
    if side.positive and side.subclass:
        text += f"; form suggested: {SUBCLASS_WORDS.get(side.subclass, side.subclass)}"
    if side.normal_evidence is not None:
        text += f"; evidence for a clear antrum {score_text(side.normal_evidence)}"
    return text + "."


def reader_sentences(detections: tuple[Detection, ...], threshold: float) -> tuple[str, ...]:
    """What a reader said of the findings; one that nobody touched, or that lies below the threshold unseen, is left out."""
    said = []
    for found in detections:
        where = f"{found.side.value} maxillary sinus"
        if found.author is Author.READER:
            if found.status is not FindingStatus.REJECTED:
                said.append(f"Reader: finding in the {where}, marked by the reader.")
        elif found.status is FindingStatus.ACCEPTED:
            said.append(f"Reader: agrees with the finding in the {where}.")
        elif found.status is FindingStatus.EDITED and found.original_side is not None:
            said.append(f"Reader: the finding is in the {where}, not in the {found.original_side.value} one.")
        elif found.status is FindingStatus.EDITED:
            said.append(f"Reader: agrees with the finding in the {where}; its box was moved.")
        elif found.status is FindingStatus.REJECTED and found.score >= threshold:
            said.append(f"Reader: does not agree with the finding in the {where}.")
    return tuple(said)


def sinus_row(sinus: SinusMeasurement) -> tuple[str, ...]:
    """Sinus, side, opacified, Lund-Mackay, volume, mean HU, remark; what is not known is a dash."""
    name = f"{sinus.side.value} {SINUS_WORDS[sinus.sinus]}"
    reason = sinus.reason.removeprefix(name).lstrip(": ")  # the row begins with it already
    incomplete = "" if sinus.complete else "incomplete"
    edited = "mask edited by the reader" if sinus.edited_by_reader else ""
    return (
        SINUS_WORDS[sinus.sinus],
        sinus.side.value,
        _value(None if sinus.opacified_fraction is None else 100 * sinus.opacified_fraction, "{:.0f} %"),
        _value(sinus.lund_mackay, "{:d}"),
        _value(sinus.volume_ml, "{:.1f}"),
        _value(sinus.mean_hu, "{:.0f}"),
        "; ".join(part for part in (reason or incomplete, edited) if part),
    )


AIR_FLUID_LEVEL = (
    "Air-fluid level, proposed from the masks: air meets the content in one plane, as above fluid (pus, blood) in a patient "
    "lying on the back or face. Check it on the slices."
)


def air_fluid_sentence(sinuses: tuple[SinusMeasurement, ...]) -> str:
    """Where an air-fluid level is proposed; empty where none is, since masks can miss one."""
    sides = [sinus.side.value for sinus in sinuses if sinus.air_fluid_level]
    if not sides:
        return ""
    return f"Air-fluid level: {' and '.join(sides)} maxillary sinus{'es' if len(sides) > 1 else ''} (proposed)."


BEFORE_EDITS = "Made from the network's own masks; the reader's changes of the masks are not in it."


def masks_edited(series: SeriesReading) -> bool:
    """Whether a reader changed a sinus' mask: measurements follow, endotype and radiomic score do not."""
    return any(sinus.edited_by_reader for sinus in series.sinuses)


def lund_mackay_sentence(totals: LundMackay) -> str:
    if totals.total is None:
        return "Lund-Mackay total: cannot be given, since not every sinus could be scored."
    return (
        f"Lund-Mackay {totals.total} of 24 (right {totals.right}, left {totals.left}); the ostiomeatal complexes "
        f"{_complexes(totals)}."
    )


NO_TOTALS = "Lund-Mackay: no totals, because left and right of the patient are not known."


def lacks_totals_for_sides(series: SeriesReading) -> bool:
    """Whether sinuses were scored and only the unverified sides keep them from being added up."""
    scored = any(sinus.lund_mackay is not None for sinus in series.sinuses)
    return series.lund_mackay is None and scored and any(isinstance(s.side, ImageSide) for s in series.sinuses)


def _complexes(totals: LundMackay) -> str:
    """Both scores, and whose each of them is."""
    scored = scored_complexes(totals)
    both = {Side.RIGHT: totals.ostiomeatal_right, Side.LEFT: totals.ostiomeatal_left}
    words = {side: f"{side.value} {_value(score, '{:d}')}" for side, score in both.items()}
    if len(scored) == 1:
        return ", ".join(
            f"{words[side]} {'as the reader scored it' if side in scored else 'as proposed'}" for side in both
        )
    return f"({', '.join(words.values())}) {'as the reader scored them' if scored else 'are proposals'}"


_LITTLE = 0.1
"""Log odds; less is not worth naming."""


def _reason_words(reason: Reason) -> str:
    """An input and which way it lies, e.g. “much disease in the posterior ethmoid sinuses”."""
    above = reason.above_usual
    sinus = reason.name.removesuffix("_extent").replace("_", " ")
    match reason.name:
        case "slices":
            return "the network's slices"
        case "nose_extent":
            return f"{'much' if above else 'little'} disease in the nose"
        case "content_median_hu":
            return f"{'dense' if above else 'hardly dense'} content"
        case "unlike_sides":
            return f"{'unlike' if above else 'alike'} sides"
        case "air_fluid_level":
            return f"{'an' if above else 'no'} air-fluid level"
        case name if name.endswith("_extent"):
            return f"{'much' if above else 'little'} disease in the {sinus} sinuses"
        case name:  # of a reading kept by another version
            return f"{'much' if above else 'little'} of “{name}”"


def endotype_headline(endotype: EndotypeReading) -> str:
    """The probability, that it is doubtful, or that it is withheld; the same words everywhere."""
    if endotype.probability_ecrs is None:
        return "Probability of eosinophilic CRS withheld"
    doubtful = " (doubtful)" if endotype.standing is Standing.DOUBTFUL else ""
    return f"Probability of eosinophilic CRS {score_text(endotype.probability_ecrs)}{doubtful}"


def endotype_made_of(endotype: EndotypeReading) -> str:
    """What the probability was made of."""
    slices = f"{len(endotype.slices)} slice{'s' if len(endotype.slices) != 1 else ''}"
    return f"from {slices} and the measured extent" if endotype.patient_model else f"mean of {slices}"


def endotype_reasons(endotype: EndotypeReading, most: int = 4) -> str:
    """What raised and what lowered the probability most, beside a usual patient of those it was fitted on; empty if unknown."""
    told = [reason for reason in endotype.reasons[:most] if abs(reason.log_odds) >= _LITTLE]
    raised = [_reason_words(reason) for reason in told if reason.log_odds > 0]
    lowered = [_reason_words(reason) for reason in told if reason.log_odds < 0]
    parts = [f"{verb} by {', '.join(names)}" for verb, names in (("raised", raised), ("lowered", lowered)) if names]
    return f"Beside a usual patient with chronic rhinosinusitis: {'; '.join(parts)}." if parts else ""


def endotype_sentences(endotype: EndotypeReading) -> tuple[str, ...]:
    """The probability with its place and what casts doubt on it, or why it is withheld."""
    if endotype.probability_ecrs is None:
        return (f"{endotype_headline(endotype)}. {endotype.withheld}", ECRS_DEFINITION)
    above = "at or above" if endotype.probability_ecrs >= endotype.threshold else "below"
    more = [
        f"{endotype_headline(endotype)}, {above} threshold {endotype.threshold:.2f} ({endotype_made_of(endotype)}).",
        *(f"Doubt: {doubt}" for doubt in endotype.doubts),
    ]
    if endotype.patient_model and endotype.mean_probability is not None:
        more.append(f"Mean of the slices alone, as published: {score_text(endotype.mean_probability)}.")
    if reasons := endotype_reasons(endotype):
        more.append(reasons)
    if endotype.attention_probability is not None:
        more.append(f"Attention-pooled probability {score_text(endotype.attention_probability)}.")
    if endotype.spread is not None:
        more.append(f"Spread between networks {endotype.spread:.2f}.")
    if endotype.heat_inside_mask is not None and not any("of the heat" in doubt for doubt in endotype.doubts):
        more.append(f"{100 * endotype.heat_inside_mask:.0f} % of the heat lies within the sinus mask.")
    if endotype.calibrated_on:
        more.append(f"Calibrated on: {endotype.calibrated_on}.")
    more += [ECRS_DEFINITION, HEATMAP_LINE]
    return tuple(more)


def dlr_made_of(recurrence: RecurrenceReading) -> str:
    """What the score joins, where it is not the network's alone."""
    if recurrence.network_score is None:
        return ""
    return f"It joins the network's own score ({score_text(recurrence.network_score)}) with the measured extent of disease."


def recurrence_sentences(recurrence: RecurrenceReading) -> tuple[str, ...]:
    """Score, then risk, or the interval where an input is missing."""
    first = f"Deep-learning radiomic score {score_text(recurrence.dlr_score)}."
    if recurrence.overruled_dlr_score is not None:
        first = (
            f"Deep-learning radiomic score {score_text(recurrence.overruled_dlr_score)}, set by the reader; "
            f"the CT gave {score_text(recurrence.dlr_score)}."
        )
    if joined := dlr_made_of(recurrence):
        first += f" {joined}"
    low, high = recurrence.risk_interval
    if recurrence.missing == ("nomogram",):
        risk = "No nomogram is installed, so no risk is given."
    elif recurrence.risk is None or recurrence.missing:
        names = ", ".join(INPUT_WORDS.get(name, name) for name in recurrence.missing)
        risk = f"Risk of recurrence between {risk_percent(low)} and {risk_percent(high)}"
        risk += f"; not known: {names}." if names else "."
    else:
        risk = f"Risk of recurrence {risk_percent(recurrence.risk)}"
        risk += f" ({recurrence.total_points:.0f} points)." if recurrence.total_points is not None else "."
    borrowed = [INPUT_WORDS.get(name, name) for name in recurrence.from_header]
    if borrowed:
        risk += f" From the image's header: {', '.join(borrowed)}."
    beyond = [input_words(name) for name in recurrence.outside_training]
    extrapolated = (f"Outside the nomogram's training data, so the risk is extrapolated: {', '.join(beyond)}.",)
    said = recurrence.nomogram_cohort
    cohort = f"Nomogram: {said}" if said.startswith("Fitted on") else f"Nomogram fitted on: {said}"
    return (risk, *(extrapolated if beyond else ()), *recurrence.doubts, first, *((cohort,) if said else ()))


def recurrence_rows(recurrence: RecurrenceReading) -> tuple[tuple[str, str, str], ...]:
    """Predictor, value, points: what went into the risk stands where it can be checked."""
    return tuple(
        (
            input_words(name),
            _predictor_value(name, recurrence.values.get(name)),
            f"{points:.1f}",
        )
        for name, points in recurrence.points.items()
    )


_YES_NO = frozenset(("asthma", "allergic_rhinitis", "female", "smoking", "drinking", "hypertension", "diabetes"))


def _predictor_value(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in _YES_NO:
        return "yes" if value else "no"
    if name == "dlr_score":
        return f"{value:.2f}"
    unit = " cells/µL" if name == "eosinophils_per_ul" else " years" if name == "age" else ""
    return f"{value:.4g}{unit}" if value < 1000 else f"{value:.0f}{unit}"


def status_sentence(series: SeriesReading) -> str:
    word = STATUS_WORDS[series.status]
    return f"{word.capitalize()}: {series.reason}" if series.reason else f"{word.capitalize()}."


def _value(value: float | int | None, form: str) -> str:
    return "–" if value is None else form.format(value)

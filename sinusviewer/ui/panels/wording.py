"""What the panels say, in a reader's words. Pure functions, so that a test can hold every sentence to account."""

from datetime import datetime

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side, Sinus, Structure
from sinusviewer.domain.display import is_drawn
from sinusviewer.domain.finding import Author, Detection, FindingStatus, ModelReference
from sinusviewer.domain.reading import Provenance, SideScore, SinusMeasurement, WatersLabel
from sinusviewer.domain.scoring import score_text
from sinusviewer.report import wording as report_wording

RESEARCH_ONLY = report_wording.RESEARCH_LINE
HEAT_CAUTION = report_wording.HEATMAP_LINE
ECRS_DEFINITION = report_wording.ECRS_DEFINITION
SUBCLASS_WORDS = report_wording.SUBCLASS_WORDS
SINUS_WORDS = {sinus: words.capitalize() for sinus, words in report_wording.SINUS_WORDS.items()}
SINUS_SHORT = {**SINUS_WORDS, Sinus.ANTERIOR_ETHMOID: "Ant. ethmoid", Sinus.POSTERIOR_ETHMOID: "Post. ethmoid"}
"""For narrow tables."""

STATUS_WORDS = {
    FindingStatus.PROPOSED: "proposed",
    FindingStatus.ACCEPTED: "accepted",
    FindingStatus.EDITED: "edited",
    FindingStatus.REJECTED: "rejected",
}


def side_letter(side: AnySide) -> str:
    """``R`` or ``L``; nothing where the patient's side is unverified, since a letter would claim it."""
    return side.value[0].upper() if isinstance(side, Side) else ""


def antrum_name(side: AnySide) -> str:
    """The maxillary sinus of a side, named from the patient's side or, unverified, from the image's."""
    if isinstance(side, ImageSide):
        return f"Maxillary sinus, {side.value}"
    return f"{side.value.capitalize()} maxillary sinus"


def structure_name(structure: Structure, *, verified: bool = True) -> str:
    """``RIGHT_ANTERIOR_ETHMOID`` as "Right anterior ethmoid", or "Image-left …" where the side is unverified."""
    name = structure.name.replace("_", " ").lower()
    first, _, rest = name.partition(" ")
    if not verified and first in (Side.RIGHT, Side.LEFT):
        name = f"{image_side(Side(first)).value} {rest}"
    return name.capitalize()


def shown_side(side: AnySide) -> Side:
    """Which of two rows a side stands in: the patient's right, or what lies on the image's left, comes first."""
    return Side.RIGHT if side in (Side.RIGHT, ImageSide.IMAGE_LEFT) else Side.LEFT


def image_side(side: Side) -> ImageSide:
    """The image's side that a canonical side is displayed on, for volumes whose left and right nothing proves."""
    return ImageSide.IMAGE_LEFT if side is Side.RIGHT else ImageSide.IMAGE_RIGHT


def four_way(sides: tuple[SideScore, ...], threshold: float) -> WatersLabel:
    """The four-way report at a threshold (a side is positive where score >= threshold)."""
    positive = {s.side for s in sides if s.score >= threshold}
    if not positive:
        return WatersLabel.NORMAL
    if any(isinstance(side, ImageSide) for side in positive):
        return WatersLabel.UNVERIFIED
    if len(positive) == 2:
        return WatersLabel.BILATERAL
    return WatersLabel.RIGHT if Side.RIGHT in positive else WatersLabel.LEFT


def four_way_sentence(sides: tuple[SideScore, ...], threshold: float) -> str:
    """The four-way result as a sentence. Never the word "normal": a network can only miss to find."""
    positive = [s.side for s in sides if s.score >= threshold]
    at = f"threshold {threshold:.2f}"
    if not positive:
        return f"No finding above {at}"
    if len(positive) == 2 and all(isinstance(side, Side) for side in positive):
        return f"Sinusitis suspected in both maxillary sinuses, right and left ({at})"
    if len(positive) == 2:
        return f"Sinusitis suspected in both maxillary sinuses ({at})"
    return f"Sinusitis suspected: {lower_first(antrum_name(positive[0]))} ({at})"


def lower_first(sentence: str) -> str:
    """For a sentence within another."""
    return sentence[:1].lower() + sentence[1:]


def detection_line(detection: Detection, threshold: float = 0.0) -> str:
    """One row of the list of boxes; one below the threshold is there to be found, not proposed."""
    who = "AI" if detection.author is Author.AI else "Reader"
    score = f" {score_text(detection.score)}" if detection.author is Author.AI else ""
    side = detection.side.value.capitalize()
    state = STATUS_WORDS[detection.status] if is_drawn(detection, threshold) else f"below {threshold:.2f}, not shown"
    return f"{side} · {who}{score} · {state}"


def measurement_sentence(m: SinusMeasurement) -> str:
    """E.g. "Right maxillary sinus: opacified 82 % (9.9 ml)"."""
    name = f"{m.side.value.capitalize()} {SINUS_WORDS[m.sinus].lower()} sinus"
    name += ", edited by the reader" if m.edited_by_reader else ""
    why = f" ({said})" if (said := bare_reason(m)) else ""
    if not m.complete:
        return f"{name}: cannot be assessed{why}"
    if m.opacified_fraction is None:
        seen = f"{m.volume_ml:.1f} ml; " if m.volume_ml is not None else ""
        return f"{name}: {seen}opacification cannot be assessed{why}"
    opacified_ml = f" ({m.opacified_fraction * m.volume_ml:.1f} ml)" if m.volume_ml is not None else ""
    return f"{name}: opacified {m.opacified_fraction * 100:.0f} %{opacified_ml}"


def bare_reason(m: SinusMeasurement) -> str:
    """Why a sinus was not measured, without its own name before it."""
    name = f"{m.side.value} {report_wording.SINUS_WORDS[m.sinus]}"
    return m.reason.removeprefix(name).lstrip(": ").rstrip(".")


def missing_lines(sinuses: tuple[SinusMeasurement, ...]) -> tuple[str, ...]:
    """What could not be assessed; sinuses with one and the same reason share a line."""
    by_reason: dict[str, list[SinusMeasurement]] = {}
    for m in sinuses:
        if not m.complete or m.opacified_fraction is None:
            by_reason.setdefault(bare_reason(m), []).append(m)
    lines = []
    for why, those in by_reason.items():
        if len(those) == 1 or not why:
            lines += [measurement_sentence(m) for m in those]
        else:
            names = ", ".join(f"{m.side.value} {SINUS_WORDS[m.sinus].lower()}" for m in those)
            lines.append(f"{why[:1].upper()}{why[1:]}: {names}")
    return tuple(lines)


def model_lines(
    models: tuple[ModelReference, ...], threshold: float | None, provenance: Provenance | None, calibrated_on: str
) -> tuple[tuple[str, str], ...]:
    """Where a number comes from: rows of (what, value)."""
    rows: list[tuple[str, str]] = []
    for model in models:
        rows.append(("Model", f"{model.name} {model.version}"))
        rows.append(("Weights", f"sha256 {model.sha256[:12]}" if model.sha256 else "no checksum"))
    if threshold is not None:
        rows.append(("Threshold", f"{threshold:.2f} (positive at or above)"))
    rows.append(("Calibrated on", calibrated_on or "not calibrated: a score, not a probability"))
    if provenance is not None:
        if provenance.device:
            rows.append(("Device", provenance.device))
        if provenance.created:
            rows.append(("Read", provenance.created.replace("T", " ")[:19]))
        if provenance.seconds:
            rows.append(("Took", f"{sum(provenance.seconds.values()):.1f} s"))
        if provenance.override_reason:
            rows.append(("Read anyway", provenance.override_reason))
    return tuple(rows)


def reading_stamp(models: tuple[ModelReference, ...], provenance: Provenance) -> str:
    """When and by which weights it was read, in this computer's zone: a reading may be older than the day it is looked at."""
    if not provenance.created:
        return ""
    try:
        made = datetime.fromisoformat(provenance.created).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        made = provenance.created
    names = ", ".join(dict.fromkeys(f"{m.name} {m.version}".strip() for m in models))
    return f"Read {made}{f' by {names}' if names else ''}."


def trained_on_statement(models: tuple[ModelReference, ...]) -> str:
    """Every distinct statement of what the weights were trained on."""
    return " ".join(dict.fromkeys(m.trained_on for m in models if m.trained_on))

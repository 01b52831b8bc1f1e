"""What a report says, as data; HTML and PDF only lay it out, and the window's report panel edits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.image import Identity
from sinusviewer.domain.reading import Reading, SeriesReading, SeriesStatus
from sinusviewer.report import wording
from sinusviewer.report.change import change_sentences


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A PNG with its caption; ``name`` is its file name below ``images/``."""

    name: str
    png: bytes
    caption: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under column heads."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of result of a series under a small heading: sentences, then its table."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One series: sentences, then its parts in a surgeon's order, pictures, warnings and where it all came from."""

    heading: str
    sentences: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    pictures: tuple[Picture, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """A whole report."""

    title: str
    research_line: str
    identity: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def build(
    reading: Reading,
    identity: Identity,
    pictures: Mapping[int, tuple[Picture, ...]] | None = None,
    title: str = "Paranasal sinus reading",
    headings: Sequence[str] = (),
    priors: Mapping[int, tuple[SeriesReading, str]] | None = None,
) -> ReportContent:
    """Everything a report of ``reading`` must say.

    Parameters
    ----------
    pictures
        By the place of their series in ``reading.series``.
    headings
        Names of the series in ``reading.series``, as people know them; without them, their UIDs.
    priors
        By the place of their series in ``reading.series``: an earlier CT's reading to compare with, and its study date.
    """
    pictures, priors = pictures or {}, priors or {}
    sections = tuple(_section(s, pictures.get(i, ()), priors.get(i)) for i, s in enumerate(reading.series))
    if headings:
        sections = tuple(replace(s, heading=name) for s, name in zip(sections, headings, strict=True))
    said = [m.trained_on for s in reading.series for m in models_of(s) if m.trained_on]
    trained = [t for t in dict.fromkeys(said) if not any(o != t and o.startswith(t) for o in said)]  # none twice
    notes = (*trained, "Computed by software; it has not been read by a physician unless a signature says so.")
    return ReportContent(title, wording.RESEARCH_LINE, _identity_rows(identity, reading), sections, notes)


def models_of(series: SeriesReading) -> tuple[ModelReference, ...]:
    """All models that had a part in a series' results, each once."""
    found: list[ModelReference] = []
    if series.waters is not None:
        found += [series.waters.model] + ([series.waters.patch_model] if series.waters.patch_model else [])
    if series.segmentation_model is not None:
        found.append(series.segmentation_model)
    if series.endotype is not None:
        found += series.endotype.models
    if series.recurrence is not None and series.recurrence.model is not None:
        found.append(series.recurrence.model)
    return tuple(dict.fromkeys(found))


def _identity_rows(identity: Identity, reading: Reading) -> tuple[tuple[str, str], ...]:
    rows = (
        ("Patient", identity.patient_name),
        ("Patient ID", identity.patient_id),
        ("Born", wording.date_words(identity.birth_date)),
        ("Sex", wording.sex_words(identity.sex)),
        ("Age", wording.age_words(identity.age)),
        ("Study date", wording.date_words(identity.study_date)),
        ("Study", identity.study_description),
        ("Accession", identity.accession_number),
        ("Study UID", reading.study_instance_uid),
    )
    return tuple((name, value) for name, value in rows if value)


def _section(
    series: SeriesReading, pictures: tuple[Picture, ...], prior: tuple[SeriesReading, str] | None = None
) -> Section:
    read_ct = series.status is SeriesStatus.READ and series.waters is None and not series.reason
    sentences = [] if read_ct else [wording.status_sentence(series)]  # a CT's parts say that it was read
    if series.waters is not None:
        sentences += wording.waters_sentences(series.waters)
        if series.waters.calibrated_on:
            sentences.append(f"Scores calibrated on: {series.waters.calibrated_on}.")
    parts = tuple(
        part for part in (_sinuses(series, prior), _endotype(series), _recurrence(series)) if part is not None
    )
    heading = " ".join(part for part in (series.modality, "series", _short(series.series_instance_uid)) if part)
    warnings = tuple(w.message for w in series.warnings if w.code not in _SAID_IN_PARTS)
    if series.provenance.override_reason:
        warnings = (
            f"Read against the input check; the reader's reason: {series.provenance.override_reason}",
            *warnings,
        )
    return Section(heading, tuple(sentences), parts, pictures, warnings, _provenance_rows(series))


_OF_ENDOTYPE = ("endotype_withheld", "endotype_doubtful", "endotype_not_assessed")
_OF_RECURRENCE = ("recurrence_doubtful", "recurrence_not_assessed")
_SAID_IN_PARTS = frozenset((*_OF_ENDOTYPE, *_OF_RECURRENCE))
"""Warnings that are said where they matter: among a part's own sentences."""


_SINUS_COLUMNS = ("Sinus", "Side", "Opacified", "Lund-Mackay", "Volume, ml", "Mean HU")


def _sinuses(series: SeriesReading, prior: tuple[SeriesReading, str] | None) -> Part | None:
    """What a surgeon asks first: the score, what changed, then how much of each sinus is opacified."""
    sentences, tables = [], []
    if series.lund_mackay is not None:
        sentences.append(wording.lund_mackay_sentence(series.lund_mackay))
    elif wording.lacks_totals_for_sides(series):
        sentences.append(wording.NO_TOTALS)
    if level := wording.air_fluid_sentence(series.sinuses):
        sentences.append(level)
    if prior is not None and series.sinuses:
        sentences += change_sentences(series, *prior)
    if series.air is not None:
        sentences.append(f"{series.air.method} Enclosed air {series.air.total_ml:.1f} ml.")
    if series.sinuses:
        rows = [wording.sinus_row(sinus) for sinus in series.sinuses]
        remarked = any(row[-1] for row in rows)
        columns = (*_SINUS_COLUMNS, "Remark") if remarked else _SINUS_COLUMNS
        tables.append(Table(columns, tuple(row[: len(columns)] for row in rows)))
    if not sentences and not tables:
        return None
    return Part("Sinuses: Lund-Mackay and opacification", tuple(sentences), tuple(tables))


def _endotype(series: SeriesReading) -> Part | None:
    heading = "Endotype (eosinophilic CRS or not)"  # no result: below the threshold too, it stands above the sentences
    if series.endotype is not None:
        return Part(heading, (*wording.endotype_sentences(series.endotype), *_before_edits(series)))
    why = _messages(series, _OF_ENDOTYPE)
    return Part(heading, why) if why else None


def _recurrence(series: SeriesReading) -> Part | None:
    heading, doubts = "Recurrence after surgery", _messages(series, _OF_RECURRENCE)
    if series.recurrence is None:
        return Part(heading, doubts) if doubts else None
    rows = wording.recurrence_rows(series.recurrence)
    tables = (Table(("Predictor", "Value", "Points"), rows),) if rows else ()
    sentences = (*doubts, *wording.recurrence_sentences(series.recurrence), *_before_edits(series))
    return Part(heading, sentences, tables)


def _before_edits(series: SeriesReading) -> tuple[str, ...]:
    """What a network read through its own masks does not follow those that a reader changed since."""
    return (wording.BEFORE_EDITS,) if wording.masks_edited(series) else ()


def _messages(series: SeriesReading, codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w.message for w in series.warnings if w.code in codes)


def _provenance_rows(series: SeriesReading) -> tuple[tuple[str, str], ...]:
    given = series.provenance
    rows = [
        (f"Model {m.name}", f"version {m.version}, weights {m.sha256[:12]}. {m.trained_on}") for m in models_of(series)
    ]
    if series.waters is not None:
        rows.append(("Threshold", f"{series.waters.threshold:.3f} (a score at or above it is a finding)"))
    if given.override_reason:
        rows.append(("Input check overruled", given.override_reason))
    rows += [("Series UID", series.series_instance_uid), ("Image UID", series.sop_instance_uid)]
    if not series.sop_instance_uid and given.input_sop_instance_uids:
        rows.append(("Images", f"{len(given.input_sop_instance_uids)} instances; their UIDs are in reading.json"))
    rows += [("Made", given.created), ("Software", given.software), ("Device", given.device)]
    if given.seconds:
        rows.append(("Time", f"{sum(given.seconds.values()):.1f} s"))
    return tuple((name, value) for name, value in rows if value)


def _short(uid: str) -> str:
    return uid if len(uid) <= 24 else f"…{uid[-20:]}"


def outdated_line(*, signed: bool) -> str:
    """Said of a reader's text beside findings that are no longer those it was written on."""
    done = "signed" if signed else "written"
    hint = "say so in an addendum where it matters." if signed else "compare it with them."
    return f"Findings, sides or measurements have changed since this text was {done}: {hint}"

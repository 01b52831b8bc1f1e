"""Reports: the proposed text, a reader's own, signing, addenda, and what is written to files."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.marking import confirmation
from sinusviewer.actions.mask_confirming import CONFIRMED, masks_confirmed
from sinusviewer.actions.prior_reading import prior_reading
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.reading import Reading, SeriesReading
from sinusviewer.domain.study import Series, Study, mark_of
from sinusviewer.errors import StorageError
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.records.findings import FindingStore, SignedReport
from sinusviewer.records.study_index import StudyIndex
from sinusviewer.report import content as report_content
from sinusviewer.report import wording
from sinusviewer.report.atomic import write_bytes, write_text
from sinusviewer.report.content import Picture, ReportContent, Section
from sinusviewer.session import Image, ImageMarks, Session


@dataclass(frozen=True, slots=True, eq=False)
class ReportOfStudy:
    """Everything a report panel shows."""

    content: ReportContent
    text: str | None
    signed: tuple[SignedReport, ...]
    outdated: bool = False
    """Whether findings, sides or measurements have changed since the text was written or signed."""


def effective_reading(reading: SeriesReading, marks: ImageMarks | None) -> SeriesReading:
    """A film's reading with the boxes as a reader left them; the network's own stay in the session and the records."""
    if reading.waters is None or marks is None:
        return reading
    kept = tuple(d for d in marks.detections if d.status.value != "rejected")
    return replace(reading, waters=replace(reading.waters, boxes=kept))


class Reporting:
    """The verbs of reporting over one session."""

    def __init__(self, session: Session, desk: JobDesk, findings: FindingStore, index: StudyIndex) -> None:
        self.session, self._desk, self._findings, self._index = session, desk, findings, index
        self._drafts: dict[str, dict[str, str]] = {}  # typed and not yet written, by study and patient

    def _parts(self, study: Study) -> tuple[tuple[Series, str, SeriesReading], ...]:
        """What is read of a study, in the order of its series: series, reading key, reading."""
        return tuple(
            (series, key, reading)
            for series in study.series
            for key, reading in self.session.readings.items()
            if key.partition("/")[0] == series.key
        )

    def reading_of(self, study: Study) -> Reading | None:
        """All readings of a study, in the order of its series."""
        found = tuple(effective_reading(r, self.session.marks.get(key)) for _, key, r in self._parts(study))
        return Reading(study.study_instance_uid, found) if found else None

    def report(self, study: Study | None) -> ReportOfStudy | None:
        """The report of a study; None while nothing of it is read."""
        reading = self.reading_of(study) if study is not None else None
        if study is None or reading is None:
            return None
        uid = self._findings.key_of(study.study_instance_uid)
        note = self._drafts.get(uid)
        if note is None:
            note = self._findings.note(uid, "report_text") or {}
            self._findings.show_note(uid, "report_text", note)
        text = str(note["text"]) if note.get("text") is not None else None
        content, signed = self._content(study, reading), self._findings.signed_reports(uid)
        written = signed[0].content if signed else note
        outdated = bool(written.get("basis")) and written["basis"] != self._basis(study, reading)
        return ReportOfStudy(content, text, signed, outdated)

    def _basis(self, study: Study, reading: Reading) -> str:
        """The mark of what is found in the study itself: opening or closing a prior changes none of that."""
        return basis_of(self._content(study, reading, compared=False))

    def _content(self, study: Study, reading: Reading, *, compared: bool = True) -> ReportContent:
        """What the report says, each part under its series' own name, with what the reader said of each finding."""
        prior = prior_reading(self.session, study) if compared else None
        priors = {} if prior is None else dict.fromkeys(range(len(reading.series)), prior)
        content = report_content.build(reading, study.identity, priors=priors)
        sections = []
        for (series, key, part), section in zip(self._parts(study), content.sections, strict=True):
            name = series.description.strip()
            named = name if name == part.modality else f"{name} ({part.modality})"
            heading = named if name else section.heading
            marks, sentences = self.session.marks.get(key), section.sentences
            if part.waters is not None and marks is not None:
                said = wording.reader_sentences(marks.detections, part.waters.threshold)
                said += (f"Reader: {confirmation(marks).lower()}",) if marks.film_confirmed else ()
                sentences = (*sentences[:2], *said, *sentences[2:])  # after the status and the four-way result
            if masks_confirmed(marks, part):
                sentences = (*sentences, f"Reader: {CONFIRMED[0].lower()}{CONFIRMED[1:]}")
            sections.append(replace(section, heading=heading, sentences=sentences))
        return replace(content, sections=tuple(sections))

    def signed_of(self, study_instance_uids: Iterable[str]) -> frozenset[str]:
        """Which of some studies have a signed report."""
        signed = self._findings.signed_keys()
        return (
            frozenset(uid for uid in study_instance_uids if self._findings.key_of(uid) in signed) if signed else signed
        )

    def set_text(self, study: Study, text: str | None) -> None:
        """Write a reader's text; None goes back to the proposal."""
        self._drafts.pop(self._findings.key_of(study.study_instance_uid), None)
        self._try(lambda: self._findings.set_note(study.study_instance_uid, "report_text", {"text": text}))

    def draft_text(self, study: Study, text: str) -> None:
        """Take over what is being typed: in force at once, on disk with the next `write_drafts`."""
        reading = self.reading_of(study)
        basis = self._basis(study, reading) if reading is not None else ""
        self._drafts[self._findings.key_of(study.study_instance_uid)] = {"text": text, "basis": basis}

    def write_drafts(self) -> None:
        """Write what was typed; a text that could not be written stays and is tried again."""
        for uid, draft in tuple(self._drafts.items()):
            if self._try(partial(self._findings.set_note, uid, "report_text", draft)):
                del self._drafts[uid]

    @property
    def drafts_wait(self) -> bool:
        """Whether anything that was typed is not on disk yet."""
        return bool(self._drafts)

    def sign(self, study: Study, reader: str, text: str) -> None:
        """Sign: from here on the text stands."""
        self.write_drafts()
        note = self._findings.note(study.study_instance_uid, "report_text") or {}
        reading = self.reading_of(study)
        now = self._basis(study, reading) if reading is not None else ""
        basis = note.get("basis", "") if note.get("text") is not None else now
        content = {"text": text, "reader": reader, "basis": basis}
        if self._try(lambda: self._findings.sign(study.study_instance_uid, content)):
            self._try(lambda: self._index.set_badge(study.study_instance_uid, "signed"))
            self.session.say(f"Signed by {reader}.")

    def add_addendum(self, study: Study, reader: str, text: str) -> None:
        uid = study.study_instance_uid
        signed = self._findings.signed_reports(uid)
        if signed:
            self._try(lambda: self._findings.sign(uid, {"text": text, "reader": reader}, signed[0].number))

    def _try(self, write: Callable[[], object]) -> bool:
        try:
            write()
        except (StorageError, ValueError) as error:
            hint = error.hint if isinstance(error, StorageError) else ""
            self.session.say(f"Not saved: {error}", "error", hint)
            return False
        return True

    def export(self, study: Study, path: Path, kind: str, text: str) -> Job | None:
        """Write the report as HTML or PDF, with pictures of what is loaded."""
        reading = self.reading_of(study)
        if reading is None:
            return None
        images = [self.session.images.get(series.key) for series, _, _ in self._parts(study)]
        report = self.report(study)
        plain = self._content(study, reading)
        signed = report.signed if report else ()
        said = text if signed or (report is not None and report.text is not None) else ""
        judged = any(self.session.marks.get(key, ImageMarks()).judged for _, key, _ in self._parts(study))
        first = _reader_section(said, signed, judged=judged, outdated=report is not None and report.outdated)

        def work(progress: Progress, token: CancelToken) -> Path:
            from sinusviewer.report import html, pdf  # here, so that the window is up before a layout engine is loaded
            from sinusviewer.report.pictures import key_pictures

            pictures: dict[int, tuple[Picture, ...]] = {}
            for number, image in enumerate(images):
                progress("Making pictures", number / max(len(images), 1))
                token.raise_if_cancelled()
                shown = _shown(image, reading.series[number])
                if shown is not None:
                    pictures[number] = key_pictures(shown, reading.series[number], f"{number + 1:03d}")
            parts = tuple(replace(s, pictures=pictures.get(n, ())) for n, s in enumerate(plain.sections))
            content = replace(plain, sections=(first, *parts))
            if kind == "pdf":
                write_bytes(path, pdf.render(content))
            else:
                write_text(path, html.render(content))
            return path

        return self._desk.submit("io", "Writing the report", work, Continuation(self._written))

    def export_sinus_table(
        self, reading: SeriesReading, path: Path, prior: SeriesReading | None = None, prior_date: str = ""
    ) -> Job:
        """Write the measurements as CSV, beside a prior's where there is one; empty cells are what could not be known."""

        def work(progress: Progress, token: CancelToken) -> Path:
            write_text(path, sinus_table(reading, prior, prior_date))
            return path

        return self._desk.submit("io", "Writing the table", work, Continuation(self._written))

    def export_masks(self, reading: SeriesReading, folder: Path) -> Job | None:
        """Write the label map as NIfTI in patient space, under names of its own: a folder may hold many CTs' masks."""
        segmentation = reading.segmentation
        if segmentation is None:
            return None

        made_by = reading.segmentation_model

        def work(progress: Progress, token: CancelToken) -> Path:
            from sinusviewer.report.masks import listed_elsewhere, write_labels, write_mask

            uid = reading.series_instance_uid
            others = listed_elsewhere(folder, uid)
            files: list[dict[str, object]] = [
                {
                    "path": path.name,
                    "series_instance_uid": uid,
                    "holds": "opacified" if path.name.endswith("_opacified.nii.gz") else "labels",
                    "made_by": f"{made_by.name} {made_by.version}" if made_by is not None else "",
                    "trained_on": made_by.trained_on if made_by is not None else "",
                    "edited_by_reader": wording.masks_edited(reading) and not path.name.endswith("_ai.nii.gz"),
                    "side_verified": not any(isinstance(s.side, ImageSide) for s in reading.sinuses),
                }
                for path in write_mask(folder, f"sinuses_{mark_of(uid)}", segmentation)
            ]
            write_labels(folder, [*others, *files])  # which code is which sinus, and which file is whose
            return folder

        return self._desk.submit("io", "Writing the masks", work, Continuation(self._written))

    def set_ostiomeatal(self, key: str, side: AnySide, score: int) -> None:
        """A reader's score of an ostiomeatal complex; the totals follow. One undoable step."""
        reading = self.session.readings.get(key)
        if reading is None or reading.lund_mackay is None or not isinstance(side, Side):
            return
        marks = self.session.marks.get(key, ImageMarks())
        self.session.edit(f"Score the {side.value} ostiomeatal complex", key, marks.with_score(side, score))

    def _written(self, path: Path) -> None:
        self.session.say(f"Saved: {path}")


def sinus_table(reading: SeriesReading, prior: SeriesReading | None = None, prior_date: str = "") -> str:
    """The measurements as CSV, and beside each what the prior (of ``prior_date``) had."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    names = (
        "sinus",
        "side",
        "volume_ml",
        "opacified_fraction",
        "mean_hu",
        "lund_mackay",
        "complete",
        "reason",
        "edited_by_reader",
        "air_fluid_level",
    )
    more = (
        "prior_date",
        "prior_opacified_fraction",
        "prior_lund_mackay",
        "opacified_fraction_change",
        "prior_air_fluid_level",
    )
    # A table that travels alone says whose it is and what it is not.
    last = ("series_instance_uid", "model", "statement")
    rows.writerow((*names, *more, *last) if prior is not None else (*names, *last))
    network = reading.segmentation_model
    origin = (
        reading.series_instance_uid,
        f"{network.name} {network.version}" if network is not None else "",
        " ".join(s for s in (wording.RESEARCH_LINE, network.trained_on if network is not None else "") if s),
    )
    before = {(s.sinus, s.side): s for s in prior.sinuses} if prior is not None else {}
    for s in reading.sinuses:
        cells = [s.sinus.value, s.side.value, _cell(s.volume_ml), _cell(s.opacified_fraction), _cell(s.mean_hu),
                 _cell(s.lund_mackay), s.complete, s.reason, s.edited_by_reader, s.air_fluid_level]  # fmt: skip
        if prior is not None:
            old = before.get((s.sinus, s.side))
            was = old.opacified_fraction if old is not None else None
            change = None if was is None or s.opacified_fraction is None else round(s.opacified_fraction - was, 4)
            cells += [
                wording.date_words(prior_date),
                _cell(was),
                _cell(old.lund_mackay if old is not None else None),
                _cell(change),
                old.air_fluid_level if old is not None else None,
            ]
        rows.writerow((*cells, *origin))
    return out.getvalue()


def _shown(image: Image | None, reading: SeriesReading) -> Volume | Radiograph | None:
    if image is None or isinstance(image, Volume):
        return image
    return next((f for f in image if f.sop_instance_uid == reading.sop_instance_uid), image[0])


def basis_of(content: ReportContent) -> str:
    """A mark of everything that a report proposes: the same as long as nothing of it has changed."""
    said = [(s.heading, s.sentences, s.parts, s.warnings) for s in content.sections]
    return hashlib.sha256(repr(said).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _reader_section(text: str, signed: tuple[SignedReport, ...], *, judged: bool, outdated: bool) -> Section:
    """What the reader wrote and signed stands first; a proposal that nobody touched follows anyway and is not said twice."""
    lines = tuple(line for line in text.splitlines() if line.strip())
    if not lines and not signed:
        lines = (
            "What follows is the software's proposal with what the reader said of it; nobody has signed it."
            if judged
            else "What follows is the software's proposal; no physician has changed or signed it.",
        )
    stamps = tuple(
        f"{'Addendum' if s.addendum_to else 'Signed'} by {s.content.get('reader', s.reader)}, {moment(s.at)}"
        + (f": {s.content.get('text', '')}" if s.addendum_to else ".")
        for s in signed
    )
    warnings = (report_content.outdated_line(signed=bool(signed)),) if outdated else ()
    return Section("Report" if signed else "Report, not signed", (*lines, *stamps), warnings=warnings)


def moment(iso: str) -> str:
    """A stored time as people read it, in this computer's zone."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"

"""The verbs: open, look, read, accept, confirm, export. They submit jobs and change the session; they know no Qt."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import KeyImage, LayoutKind, ViewState
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.hanging import first_series, hang_film, hang_volume, layout_for
from sinusviewer.domain.image import OrientationEvidence, Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import FileStatus, ScanResult, Series, Study
from sinusviewer.jobs.events import (
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMessage,
    JobPartial,
    JobProgress,
    JobStarted,
)
from sinusviewer.jobs.runner import CancelToken, Job, JobRunner, Progress, Work
from sinusviewer.session import VIEWS, Image, ImageMarks, JobState, Message, Session, reading_key

Scan = Callable[[Sequence[Path], Progress, CancelToken], ScanResult]
Load = Callable[[Series, Progress, CancelToken], Image]
Read = Callable[[Image, ClinicalData, str, Progress, CancelToken], tuple[SeriesReading, ...]]


@dataclass(frozen=True, slots=True)
class Engines:
    """The three pieces of background work, as plain functions; ``app`` puts the real ones in, tests their own."""

    scan: Scan
    load: Load
    read: Read


@dataclass(slots=True)
class _Continuation:
    on_finished: Callable[[Any], None]
    on_partial: Callable[[Any], None] | None = None
    on_failed: Callable[[JobFailed], None] | None = None
    group: str = ""


class Actions:
    """All verbs over one session and one runner. Call only from the GUI thread, `handle` included."""

    def __init__(self, session: Session, runner: JobRunner, engines: Engines) -> None:
        self.session, self._runner, self._engines = session, runner, engines
        self._continuations: dict[str, _Continuation] = {}
        self._jobs: dict[str, Job] = {}
        self._wanted_film: dict[str, ViewState] = {}

    # -- jobs --------------------------------------------------------------------------------------------------------
    def submit(self, lane: str, title: str, work: Work, continuation: _Continuation) -> Job:
        job = self._runner.submit(lane, work, title)
        self._continuations[job.id] = continuation
        self._jobs[job.id] = job
        self.session.set_job(JobState(job.id, title))
        return job

    def handle(self, event: Event) -> None:
        """The one place where background events reach the session."""
        session = self.session
        match event:
            case JobStarted(job_id=job_id):
                if job_id in session.jobs:
                    session.set_job(replace(session.jobs[job_id], stage=""))
            case JobProgress(job_id=job_id, stage=stage, fraction=fraction, seconds_left=left):
                if job_id in session.jobs:
                    session.set_job(replace(session.jobs[job_id], stage=stage, fraction=fraction, seconds_left=left))
            case JobMessage(text=text, level=level):
                session.say(text, level)
            case JobPartial(job_id=job_id, value=value):
                known = self._continuations.get(job_id)
                if known and known.on_partial and not self._jobs[job_id].token.cancelled:
                    known.on_partial(value)
            case JobFinished(job_id=job_id, result=result):
                known = self._end(job_id)
                if known:
                    known.on_finished(result)
            case JobFailed(job_id=job_id, message=message, hint=hint, details=details):
                known = self._end(job_id)
                session.say(message, "error", hint, details)
                if known and known.on_failed:
                    known.on_failed(event)
            case JobCancelled(job_id=job_id):
                title = session.jobs[job_id].title if job_id in session.jobs else ""
                if self._end(job_id) and title:
                    session.say(f"Cancelled: {title}.")

    def _end(self, job_id: str) -> _Continuation | None:
        self._jobs.pop(job_id, None)
        self.session.end_job(job_id)
        return self._continuations.pop(job_id, None)

    def cancel(self, job_id: str) -> None:
        if job_id in self._jobs:
            self._jobs[job_id].cancel()

    def cancel_all(self) -> bool:
        """Cancel everything under way; True if there was something."""
        jobs = tuple(self._jobs.values())
        for job in jobs:
            job.cancel()
        return bool(jobs)

    def _cancel_group(self, prefix: str) -> None:
        for job_id, continuation in tuple(self._continuations.items()):
            if continuation.group.startswith(prefix):
                self.cancel(job_id)

    # -- opening -----------------------------------------------------------------------------------------------------
    def open_paths(self, paths: Sequence[Path]) -> Job:
        """Scan files, folders, archives; then show the first study found."""

        def work(progress: Progress, token: CancelToken) -> ScanResult:
            return self._engines.scan(paths, progress, token)

        return self.submit("io", "Looking through the files", work, _Continuation(self._scanned, group="scan"))

    def _scanned(self, result: ScanResult) -> None:
        failed = [f for f in result.files if f.status is FileStatus.FAILED]
        if failed:
            details = "\n".join(f"{Path(f.path).name}: {f.reason}" for f in failed)
            files = "1 file" if len(failed) == 1 else f"{len(failed)} files"
            self.session.say(f"{files} could not be opened.", "warning", "Click for the list.", details)
        if not result.studies:
            self.session.say(
                "No images were found there.", "warning", "Choose DICOM files, a ZIP, NIfTI, NRRD, PNG, JPEG or TIFF."
            )
            return
        self.session.add_studies(result.studies)
        self.show_study(result.studies[0].study_instance_uid)

    def show_study(self, study_uid: str) -> None:
        """Make a study the current one: work for the former is cancelled, its images are given back."""
        study = self.session.studies.get(study_uid)
        if study is None:
            return
        if study_uid != self.session.study_uid:
            self._cancel_group("load:")
            self._cancel_group("read:")
            self.session.forget_images(frozenset(s.key for s in study.series))
        self.session.set_study(study_uid)
        first = first_series(study.series)
        if first is not None:
            self.show_series(first.key)

    def show_series(self, key: str, view: str = "") -> None:
        """Hang a series in the usual layout, or put it into one view; its pixels are loaded if they are not here."""
        if view:
            self.session.set_view(view, **_fields(ViewState(key)))
            self._wanted_film[view] = ViewState(key)
        else:
            self.session.set_layout(
                self.session.display.layout, {v: ViewState(key if v == VIEWS[0] else "") for v in VIEWS}
            )
        if key in self.session.images:
            self._hang(key)
        else:
            self.load(key)

    def load(self, key: str) -> None:
        series = self.session.series(key)
        group = f"load:{key}"
        if series is None or any(c.group == group for c in self._continuations.values()):
            return

        def work(progress: Progress, token: CancelToken) -> Image:
            return self._engines.load(series, progress, token)

        def finished(image: Image) -> None:
            fresh = key not in self.session.images
            self.session.set_image(key, image)
            if fresh or isinstance(image, Volume):
                self._hang(key, keep=not fresh)

        def partial(image: Image) -> None:
            fresh = key not in self.session.images
            self.session.set_image(key, image)
            if fresh:
                self._hang(key)

        def failed(event: JobFailed) -> None:
            self.session.fail_image(key, Message(event.message, "error", event.hint, event.details))

        self.submit("io", "Opening the series", work, _Continuation(finished, partial, failed, group))

    def _hang(self, key: str, *, keep: bool = False) -> None:
        """Hang a series that has just been loaded, unless a reader has moved on."""
        session = self.session
        image = session.images[key]
        asked = [view for view in VIEWS if session.views[view].series_key == key]
        if not asked or (keep and len([v for v in session.shown_views if session.views[v].series_key == key]) > 1):
            return
        alone = all(session.views[v].series_key in ("", key) for v in session.shown_views)
        if not alone:
            for view in asked:
                state = (
                    hang_film(key, image[0])
                    if not isinstance(image, Volume)
                    else hang_volume(key, image, LayoutKind.ONE)["A"]
                )
                session.set_view(view, **_fields(state))
            return
        if isinstance(image, Volume):
            layout = layout_for(image, 0)
            states = hang_volume(key, image, layout)
        else:
            layout = layout_for(None, len(image))
            states = {v: hang_film(key, image[n], n) for n, v in zip(range(len(image)), VIEWS, strict=False)}
        session.set_layout(layout, {v: states.get(v, ViewState()) for v in VIEWS})

    def set_layout(self, layout: LayoutKind) -> None:
        """Arrange the views anew for what the active one shows; slice, window and zoom of a plane that stays are kept."""
        session = self.session
        key = session.views[session.active_view].series_key
        volume = session.volume(session.active_view)
        if volume is None:
            session.set_layout(layout)
            return
        place = session.cursor_lps(session.active_view)
        session.set_layout(
            layout, {v: s for v, s in hang_volume(key, volume, layout).items() if not self._other_study(v, key)}
        )
        if place is not None:
            session.go_to_point(VIEWS[0], place)

    def _other_study(self, view: str, key: str) -> bool:
        other = self.session.views[view].series_key
        return bool(other) and self.session.study_of(other) is not self.session.study_of(key)

    def compare_study(self, study_uid: str) -> None:
        """Show another study of the same patient beside the current one."""
        study = self.session.studies.get(study_uid)
        first = first_series(study.series) if study else None
        current = self.session.views[VIEWS[0]]
        if first is None or not current.series_key or study is None:
            return
        here = self.session.study_of(current.series_key)
        if here is not None and here.identity.patient_id != study.identity.patient_id:
            self.session.say(
                "That study is of another patient.", "warning", "Only studies of one patient are shown side by side."
            )
            return
        self.session.set_layout(LayoutKind.TWO, {"A": current, "B": ViewState(first.key)})
        if first.key in self.session.images:
            self._hang(first.key)
        else:
            self.load(first.key)

    def close_study(self) -> None:
        """Close the current study; what was found is kept in the records."""
        uid = self.session.study_uid
        self.cancel_all()
        self.session.studies.pop(uid, None)
        self.session.forget_images()
        self.session.set_layout(LayoutKind.ONE, {v: ViewState() for v in VIEWS})
        self.session.set_study("")
        self.session.studies_changed.emit()

    def step_study(self, by: int) -> None:
        uids = list(self.session.studies)
        if uids:
            at = uids.index(self.session.study_uid) if self.session.study_uid in uids else -1
            self.show_study(uids[min(max(at + by, 0), len(uids) - 1)])

    # -- reading -----------------------------------------------------------------------------------------------------
    def read(self, override_reason: str = "") -> Job | None:
        """Let the networks read what the active view shows; the image stays usable."""
        session = self.session
        key = session.views[session.active_view].series_key
        image = session.images.get(key)
        if image is None or self.is_reading(key):
            return None
        film = session.film(session.active_view)
        subject: Image = (film,) if film is not None else image
        study = session.study_of(key)
        clinical = session.clinical.get(study.study_instance_uid if study else "", ClinicalData())

        def work(progress: Progress, token: CancelToken) -> tuple[SeriesReading, ...]:
            return self._engines.read(subject, clinical, override_reason, progress, token)

        def finished(readings: tuple[SeriesReading, ...]) -> None:
            for reading in readings:
                session.set_reading(reading, key)
                session.say(f"Read: {reading.reason}" if reading.reason else "Read.")

        def partial(value: object) -> None:
            if isinstance(value, SeriesReading):
                session.set_reading(value, key)

        return self.submit("gpu", "Reading", work, _Continuation(finished, partial, None, f"read:{key}"))

    def is_reading(self, key: str) -> bool:
        return any(c.group == f"read:{key}" for c in self._continuations.values())

    # -- findings ----------------------------------------------------------------------------------------------------
    def set_status(self, identifier: str, status: FindingStatus) -> None:
        """Accept or reject a finding; a reader's own one that is rejected is deleted. One undoable step."""
        for key, marks in self.session.marks.items():
            found = next((d for d in marks.detections if d.identifier == identifier), None)
            if found is not None:
                changed = replace(found, status=status)
                own = found.author is Author.READER and status is FindingStatus.REJECTED
                rest = tuple(changed if d is found else d for d in marks.detections if not (own and d is found))
                words = {FindingStatus.ACCEPTED: "Accept finding", FindingStatus.REJECTED: "Reject finding"}
                self.session.edit(words.get(status, "Change finding"), key, replace(marks, detections=rest))
                return
            if status is FindingStatus.REJECTED and any(m.identifier == identifier for m in marks.measurements):
                rest_marks = tuple(m for m in marks.measurements if m.identifier != identifier)
                self.session.edit("Delete mark", key, replace(marks, measurements=rest_marks))
                return

    def change_marks(self, view: str, label: str, marks: ImageMarks) -> None:
        self.session.edit(label, self.session.image_key(view), marks, self.session.views[view].slice_index)

    def delete_measurements(self, view: str) -> None:
        key = self.session.image_key(view)
        marks = self.session.marks.get(key, ImageMarks())
        self.session.edit("Delete measurements", key, replace(marks, measurements=()))

    def step_finding(self, view: str, by: int) -> None:
        """Select the next or the previous finding of an image."""
        marks = self.session.marks.get(self.session.image_key(view), ImageMarks())
        ids = [d.identifier for d in marks.detections]
        if ids:
            at = ids.index(self.session.selected) if self.session.selected in ids else (-1 if by > 0 else 0)
            self.session.select(ids[(at + by) % len(ids)])

    def confirm_side(self, view: str, *, patient_right_is_image_left: bool) -> None:
        """A person says which side is the patient's right; the wording, the letters and the reading follow."""
        session = self.session
        film = session.film(view)
        if film is None:
            return
        key, series_key = session.image_key(view), session.views[view].series_key
        confirmed = replace(
            film,
            patient_right_is_image_left=patient_right_is_image_left,
            orientation_evidence=OrientationEvidence.CONFIRMED,
            warnings=tuple(w for w in film.warnings if w.code != "side_unverified"),
        )
        session.replace_film(series_key, confirmed)
        state = hang_film(series_key, confirmed, session.views[view].slice_index)
        session.set_view(view, flipped=state.flipped, quarter_turns=state.quarter_turns)
        marks = session.marks.get(key)
        if marks is not None:
            sided = tuple(replace(d, side=_confirmed_side(d, confirmed)) for d in marks.detections)
            session.edit("Confirm side", key, replace(marks, detections=sided))
        side = "left" if patient_right_is_image_left else "right"
        session.say(f"Side confirmed: the patient's right is on the image's {side}.")
        if key in session.readings:
            self.read()

    # -- key images --------------------------------------------------------------------------------------------------
    def toggle_key_image(self, view: str) -> None:
        session = self.session
        state = session.views[view]
        stack = session.stack(state.series_key, state.plane)
        if stack is None:
            return
        film = session.film(view)
        uid = film.sop_instance_uid if film else ""
        session.toggle_key_image(KeyImage(state.series_key, stack.plane, state.slice_index, uid))

    def show_key_image(self, key_image: KeyImage) -> None:
        session = self.session
        view = next(
            (v for v in session.shown_views if session.views[v].series_key == key_image.series_key
             and session.views[v].plane is key_image.plane),
            session.active_view,
        )  # fmt: skip
        if key_image.series_key in session.images:
            session.set_view(view, series_key=key_image.series_key, plane=key_image.plane)
            session.go_to_slice(view, key_image.slice_index)
            session.set_active_view(view)


def _fields(state: ViewState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in ViewState.__slots__}


def _confirmed_side(detection: Detection, film: Radiograph) -> Side | ImageSide:
    """The patient's side of what was image-left or image-right until now."""
    match detection.side:
        case ImageSide.IMAGE_LEFT:
            return Side.RIGHT if film.patient_right_is_image_left else Side.LEFT
        case ImageSide.IMAGE_RIGHT:
            return Side.LEFT if film.patient_right_is_image_left else Side.RIGHT
    return detection.side


def new_identifier() -> str:
    return uuid.uuid4().hex[:12]


def study_title(study: Study | None) -> str:
    """Patient and date for the title bar."""
    if study is None:
        return ""
    who = study.identity
    return " · ".join(p for p in (who.patient_name.replace("^", " ").strip(), who.patient_id, who.study_date) if p)


__all__ = ["Actions", "Engines", "reading_key", "study_title"]

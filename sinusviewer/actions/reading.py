"""Reading: let the networks read, confirm a side, accept a geometry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.keeping import Trace, Traces, hanging_of, no_traces
from sinusviewer.actions.siding import TURNED, confirm_volume_side, is_turned
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.film_turns import side_of_box, turned_upright, turns_on_screen
from sinusviewer.domain.finding import Detection
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.image import OrientationEvidence, Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import MASKS_ALONE, Series
from sinusviewer.errors import SinusViewerError
from sinusviewer.jobs.runner import CancelToken, Job, Progress, silent_progress
from sinusviewer.report.content import models_of
from sinusviewer.session import Image, ImageMarks, Session, reading_key

Read = Callable[[Image, ClinicalData, str, Progress, CancelToken], tuple[SeriesReading, ...]]
Load = Callable[[Series, Progress, CancelToken], Image]


NO_IMAGE = "These are masks alone: there is no image to read or to paint on."
NO_IMAGE_HINT = "Open their CT: they are shown over it."


class ReadingActions:
    """The verbs of reading over one session."""

    def __init__(
        self,
        session: Session,
        desk: JobDesk,
        read: Read,
        load: Load,
        tidy: Callable[[], None],
        trace: Trace = no_traces,
    ) -> None:
        self.session, self._desk, self._read, self._load, self._tidy = session, desk, read, load, tidy
        self._trace = trace
        self.settle: Callable[[str, Image], Image] = lambda _key, image: image
        """Gives an image that is read without being shown the sides that a person gave it; called in the background."""

    def read(self, override_reason: str = "") -> Job | None:
        """Let the networks read what the active view shows; the image stays usable."""
        session = self.session
        key = session.views[session.active_view].series_key
        image = session.images.get(key)
        if image is None or self.is_reading(key):
            return None
        if _is_masks_alone(session.series(key)):
            session.say(NO_IMAGE, "warning", NO_IMAGE_HINT)
            return None
        film = session.film(session.active_view)
        subject: Image = (film,) if film is not None else image
        study = session.study_of(key)
        clinical = session.clinical.get(study.study_instance_uid if study else "", ClinicalData())

        def work(progress: Progress, token: CancelToken) -> tuple[tuple[SeriesReading, ...], dict[str, Traces]]:
            readings = self._read(subject, clinical, override_reason, progress, token)
            return readings, self._trace(subject, readings, token)

        def finished(result: tuple[tuple[SeriesReading, ...], dict[str, Traces]]) -> None:
            readings, traces = result
            if self._settled_since(key, subject):
                session.say("What was settled of the image meanwhile is taken into account: it is read again.")
                self.read(override_reason)
                return
            for reading in readings:
                self._file(reading, key, traces)
                if override_reason:
                    decided = reading_key(key, reading.sop_instance_uid)
                    session.decided.emit(decided, "override", {"reason": override_reason})
                done = reading.status is SeriesStatus.READ
                seconds = sum(reading.provenance.seconds.values())
                session.say(f"Read in {seconds:.1f} s." if done else f"Not read. {reading.reason or ''}".rstrip(),
                            "info" if done else "warning")  # fmt: skip

        def partial(value: object) -> None:
            if isinstance(value, SeriesReading) and not self._settled_since(key, subject):
                session.set_reading(value, key)

        return self._desk.submit("gpu", "Reading", work, Continuation(finished, partial, None, f"read:{key}"))

    def _file(self, reading: SeriesReading, series_key: str, traces: Mapping[str, Traces]) -> None:
        """Show a finished reading, and have it kept."""
        self.session.set_reading(reading, series_key)
        key = reading_key(series_key, reading.sop_instance_uid)
        self.session.reading_finished.emit(key, reading, traces.get(reading.sop_instance_uid))

    def _settled_since(self, key: str, subject: Image) -> bool:
        """Whether sides or geometry of an image were settled while it was read: what was read bears the names of before."""
        now = self.session.images.get(key)
        if isinstance(subject, Volume):
            same = not isinstance(now, Volume) or hanging_of(now) == hanging_of(subject)
            return not same or (isinstance(now, Volume) and not np.array_equal(now.affine, subject.affine))
        films = [self.session.film_of(reading_key(key, film.sop_instance_uid)) for film in subject]
        pairs = zip(films, subject, strict=True)
        return any(film is not None and hanging_of(film) != hanging_of(before) for film, before in pairs)

    def is_reading(self, key: str) -> bool:
        return self._desk.works_for(f"read:{key}")

    def confirm_side(self, view: str, *, patient_right_is_image_left: bool) -> None:
        """A person says which side is the patient's right; the wording, the letters and the reading follow."""
        session = self.session
        film = session.film(view)
        if film is None:
            if confirm_volume_side(session, view, right_is_image_left=patient_right_is_image_left):
                self.read()
            return
        if film.patient_right_is_image_left is None and is_turned(session, view):
            session.say(TURNED, "warning", "Reset it first (R), then say which side is the patient's right.")
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

        swapped = film.patient_right_is_image_left not in (None, patient_right_is_image_left)

        def sided(marks: ImageMarks) -> ImageMarks:
            return replace(marks, detections=tuple(_confirmed(d, confirmed, swapped=swapped) for d in marks.detections))

        session.amend_marks(key, sided)  # no step to undo: a side is confirmed anew, never undone by the way
        session.side_confirmed.emit(key, patient_right_is_image_left)
        side = "left" if patient_right_is_image_left else "right"
        session.say(
            f"Side confirmed: the patient's right is on the image's {side}.",
            hint="If that was wrong: menu Reading, Swap sides.",
        )
        if key in session.readings:
            if swapped:  # not a moment longer under the wrong sides, whatever becomes of the new reading
                session.forget_reading(key)
            self.read()

    def read_as_shown(self, view: str) -> Job | None:
        """Take a film for upright as it is turned on screen, and read it so; its sides are unverified until somebody confirms them."""
        session = self.session
        film, state = session.film(view), session.views[view]
        if film is None or self.is_reading(state.series_key):
            return None
        key, turns = session.image_key(view), turns_on_screen(state)
        turned = turned_upright(film, turns)
        session.forget_reading(key)  # with the sides that it names
        session.decided.emit(key, "turned", {"quarter_turns": turns})
        session.replace_film(state.series_key, turned)
        hung = hang_film(state.series_key, turned, state.slice_index)
        session.set_view(view, flipped=hung.flipped, quarter_turns=hung.quarter_turns, zoom=None, center=None)
        session.amend_marks(
            key,
            lambda marks: replace(
                marks,
                detections=tuple(
                    replace(d, side=side_of_box(turned, d.xyxy), original_side=None) for d in marks.detections
                ),
            ),
        )
        return self.read()

    def swap_side(self, view: str) -> None:
        """Take back a side that a person confirmed wrongly; what a file's own header says is not swapped."""
        film, volume = self.session.film(view), self.session.volume(view)
        if volume is not None and volume.right_is_image_left is not None:
            self.confirm_side(view, patient_right_is_image_left=not volume.right_is_image_left)
            return
        if film is None or film.orientation_evidence is not OrientationEvidence.CONFIRMED:
            self.session.say("Only a side that was confirmed by hand can be swapped.", "warning")
            return
        self.confirm_side(view, patient_right_is_image_left=not film.patient_right_is_image_left)

    def accept_geometry(self, view: str) -> None:
        """A reader accepts the faults of a volume's geometry: volumes are measured from now on."""
        session = self.session
        volume = session.volume(view)
        if volume is not None and not volume.measurable:
            session.set_image(session.views[view].series_key, volume.accepted())
            faults = [w.code for w in volume.warnings]
            session.decided.emit(session.image_key(view), "geometry_accepted", {"faults": faults})
            session.say("Geometry accepted: volumes will be measured; they carry the faults named.", "warning")

    def view_only(self, view: str) -> None:
        """A withheld image is only looked at: the reading says so, and offers no score any more."""
        session = self.session
        reading = session.reading(view)
        if reading is not None and reading.status is SeriesStatus.REFUSED:
            reason = f"Viewed only, on the reader's wish. {reading.reason or ''}".strip()
            viewed = replace(reading, status=SeriesStatus.VIEWED_ONLY, reason=reason)
            session.set_reading(viewed, session.views[view].series_key)
            session.decided.emit(session.image_key(view), "viewed_only", {"reason": reading.reason or ""})

    def read_many(self, keys: Sequence[str]) -> Job | None:
        """Read one series after the other; each reading is filed as soon as it is there. One that fails is named, not fatal."""
        known = (self.session.series(k) for k in keys)
        series = [found for found in known if found is not None and not _is_masks_alone(found)]
        if not series or self._desk.works_for("batch"):
            return None
        clinical = dict(self.session.clinical)

        withheld: list[str] = []

        def work(progress: Progress, token: CancelToken) -> int:
            for number, one in enumerate(series):
                token.raise_if_cancelled()
                progress(f"Reading {number + 1} of {len(series)}", number / len(series))
                traces: dict[str, Traces] = {}
                try:
                    image = self.settle(one.key, self._load(one, silent_progress(), token))
                    data = clinical.get(one.identity.study_instance_uid, ClinicalData())
                    readings = self._read(image, data, "", silent_progress(), token)
                    traces = self._trace(image, readings, token)
                except SinusViewerError as error:
                    if token.cancelled:
                        raise
                    failed = SeriesReading(
                        one.identity.series_instance_uid, one.identity.modality, SeriesStatus.REFUSED, str(error)
                    )
                    readings = (failed,)
                progress.partial((one.key, readings, traces))
            return len(series)

        def partial(value: tuple[str, tuple[SeriesReading, ...], dict[str, Traces]]) -> None:
            key, readings, traces = value
            if self.session.series(key) is None:  # its study was closed meanwhile
                return
            if any(reading.status is SeriesStatus.REFUSED for reading in readings):
                withheld.append(key)
            for reading in readings:
                self._file(reading, key, traces)
            self._tidy()

        def finished(count: int) -> None:
            if withheld:
                self.session.say(
                    f"{count - len(withheld)} series read, {len(withheld)} withheld.", "warning", "The list says why."
                )
            else:
                self.session.say(f"{count} series read.")

        return self._desk.submit("gpu", "Reading the list", work, Continuation(finished, partial, None, "batch"))


def outdated(reading: SeriesReading | None, models: Mapping[str, str]) -> str:
    """Why a reading no longer says what the models that are here now would say; empty where it still does.

    Parameters
    ----------
    models
        SHA-256 of the active weights by the model's name; empty while that is not known.
    """
    if reading is None or not models:
        return ""
    gone = [m.name for m in models_of(reading) if models.get(m.name) != m.sha256]
    if not gone:
        return ""
    made = reading.provenance.created[:10]
    return (
        f"Read{f' on {made}' if made else ''} with a model that has changed since ({', '.join(gone)}). "
        "Read again to see what the present one finds."
    )


def _is_masks_alone(series: Series | None) -> bool:
    return series is not None and any(w.code == MASKS_ALONE for w in series.warnings)


def _confirmed(detection: Detection, film: Radiograph, *, swapped: bool) -> Detection:
    original = detection.original_side
    return replace(
        detection,
        side=_confirmed_side(detection.side, film, swapped=swapped),
        original_side=None if original is None else _confirmed_side(original, film, swapped=swapped),
    )


def _confirmed_side(side: AnySide, film: Radiograph, *, swapped: bool) -> Side:
    """The patient's side of what was image-left or image-right until now, or was confirmed the other way."""
    if isinstance(side, Side):
        return side.opposite if swapped else side
    on_left = side is ImageSide.IMAGE_LEFT
    return Side.RIGHT if on_left == film.patient_right_is_image_left else Side.LEFT

"""The session: the one observable state of the window. It changes only in the GUI thread and knows no Qt."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import Signal

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import DisplayState, KeyImage, LayoutKind, Plane, ViewState
from sinusviewer.domain.frame_links import FrameLinks
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.planes import PlaneStack, film_stack, volume_stack
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.scoring import with_ostiomeatal
from sinusviewer.domain.session_parts import Edit, ImageMarks, JobState, Message
from sinusviewer.domain.study import Series, Study

if TYPE_CHECKING:
    from sinusviewer.domain.anatomy import Side

__all__ = ["VIEWS", "Edit", "Image", "ImageMarks", "JobState", "Message", "Session", "reading_key"]

Image = Volume | tuple[Radiograph, ...]
VIEWS: tuple[str, ...] = ("A", "B", "C", "D")
"""Identifiers of the views; a layout shows the first one to four of them."""
UNDO_DEPTH = 200


def reading_key(series_instance_uid: str, sop_instance_uid: str = "") -> str:
    """Key of a reading: the series, and for a radiograph also the instance."""
    return f"{series_instance_uid}/{sop_instance_uid}" if sop_instance_uid else series_instance_uid


class Session:
    """Studies, images, readings, marks and display state, with a signal for each that may change."""

    studies_changed: ClassVar[Signal] = Signal()
    study_changed: ClassVar[Signal] = Signal()
    image_changed: ClassVar[Signal] = Signal(str)  # series key
    readings_changed: ClassVar[Signal] = Signal(str)  # reading key
    marks_changed: ClassVar[Signal] = Signal(str)  # image key
    view_changed: ClassVar[Signal] = Signal(str)  # view
    layout_changed: ClassVar[Signal] = Signal()
    display_changed: ClassVar[Signal] = Signal()
    active_view_changed: ClassVar[Signal] = Signal(str)
    key_images_changed: ClassVar[Signal] = Signal()
    clinical_changed: ClassVar[Signal] = Signal(str)  # study instance UID
    models_changed: ClassVar[Signal] = Signal()
    jobs_changed: ClassVar[Signal] = Signal()
    messages_changed: ClassVar[Signal] = Signal()
    decided: ClassVar[Signal] = Signal(str, str, dict)  # image key, what a person decided of it, its particulars
    side_confirmed: ClassVar[Signal] = Signal(str, bool)  # image key, the patient's right is on the image's left
    thumbnail_changed: ClassVar[Signal] = Signal(str)  # series key
    selection_changed: ClassVar[Signal] = Signal(str)  # identifier of the selected mark, or ""

    def __init__(self) -> None:
        self.studies: dict[str, Study] = {}
        self.study_uid = ""
        self.images: dict[str, Image] = {}
        self.failures: dict[str, Message] = {}
        self.readings: dict[str, SeriesReading] = {}
        self.marks: dict[str, ImageMarks] = {}
        self.ostiomeatal: dict[
            str, dict[Side, int]
        ] = {}  # by reading key: what a reader scored; outlives a new reading
        self.views: dict[str, ViewState] = {view: ViewState() for view in VIEWS}
        self.active_view = VIEWS[0]
        self.display = DisplayState()
        self.key_images: tuple[KeyImage, ...] = ()
        self.clinical: dict[str, ClinicalData] = {}
        self.jobs: dict[str, JobState] = {}
        self.models: dict[str, str] = {}  # SHA-256 of the active weights by name; empty until they were looked at
        self.messages: tuple[Message, ...] = ()
        self.selected = ""
        self.thumbnails: dict[str, bytes] = {}
        self.study_order: tuple[str, ...] = ()  # how the worklist is sorted: next and previous study follow it
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []
        self._stacks: dict[tuple[str, Plane], PlaneStack] = {}
        self.frame_links = FrameLinks()
        self._cursors: dict[str, tuple[float, float, float]] = {}

    # -- studies and images ------------------------------------------------------------------------------------------
    def add_studies(self, studies: tuple[Study, ...]) -> None:
        for study in studies:
            self.studies[study.study_instance_uid] = study
        if studies:
            self.studies_changed.emit()

    def set_study(self, study_uid: str) -> None:
        """Make a study the current one; a second study's images stay for comparison until `forget_images`."""
        if study_uid != self.study_uid:
            self.study_uid = study_uid
            self.study_changed.emit()

    @property
    def study(self) -> Study | None:
        return self.studies.get(self.study_uid)

    def series(self, key: str) -> Series | None:
        """The series of a key, of whichever study."""
        return next((one for study in self.studies.values() for one in study.series if one.key == key), None)

    def study_of(self, key: str) -> Study | None:
        """The study that a series belongs to."""
        return next((s for s in self.studies.values() if any(one.key == key for one in s.series)), None)

    def set_image(self, key: str, image: Image) -> None:
        """File pixels under their series; planes cut from an earlier, partial image are dropped."""
        self.images[key] = image
        self.failures.pop(key, None)
        self._drop_stacks(key)
        self.image_changed.emit(key)

    def fail_image(self, key: str, message: Message) -> None:
        self.failures[key] = message
        self.image_changed.emit(key)

    def forget_images(self, keep: frozenset[str] = frozenset()) -> None:
        """Give back the memory of all images but those named."""
        for key in [k for k in self.images if k not in keep]:
            del self.images[key]
            self._drop_stacks(key)

    def _drop_stacks(self, key: str) -> None:
        for known in [k for k in self._stacks if k[0] == key]:
            del self._stacks[known]

    def stack(self, key: str, plane: Plane) -> PlaneStack | None:
        """The slices of a series in a plane; None while its pixels are not here."""
        image = self.images.get(key)
        if image is None:
            return None
        if not isinstance(image, Volume):
            plane = Plane.FILM
        elif plane is Plane.FILM:
            plane = Plane.AXIAL
        if (key, plane) not in self._stacks:
            stack = volume_stack(image, plane) if isinstance(image, Volume) else film_stack(image)
            self._stacks[key, plane] = stack
        return self._stacks[key, plane]

    def film(self, view: str) -> Radiograph | None:
        """The radiograph that a view shows, if it shows one."""
        state = self.views[view]
        image = self.images.get(state.series_key)
        if image is None or isinstance(image, Volume) or not image:
            return None
        return image[min(max(state.slice_index, 0), len(image) - 1)]

    def volume(self, view: str) -> Volume | None:
        """The volume that a view shows, if it shows one."""
        image = self.images.get(self.views[view].series_key)
        return image if isinstance(image, Volume) else None

    def image_key(self, view: str) -> str:
        """Key of what marks belong to: the instance of a film, the series of a volume."""
        film = self.film(view)
        return reading_key(self.views[view].series_key, film.sop_instance_uid if film else "")

    def replace_film(self, key: str, film: Radiograph) -> None:
        """Put a changed radiograph (its side confirmed, say) in the place of the same instance."""
        image = self.images.get(key)
        if image is not None and not isinstance(image, Volume):
            self.set_image(key, tuple(film if f.sop_instance_uid == film.sop_instance_uid else f for f in image))

    # -- readings and marks ------------------------------------------------------------------------------------------
    def set_reading(self, reading: SeriesReading, series_key: str = "") -> None:
        """File a reading under its series; its boxes become marks unless a reader has marks there already."""
        key = reading_key(series_key or reading.series_instance_uid, reading.sop_instance_uid)
        for side, score in self.ostiomeatal.get(key, {}).items():
            reading = with_ostiomeatal(reading, side, score)
        self.readings[key] = reading
        if reading.waters is not None:
            old = self.marks.get(key, ImageMarks())
            own = tuple(d for d in old.detections if d.author.value == "reader" or d.status.value != "proposed")
            kept = {d.identifier for d in own}
            fresh = tuple(
                replace(d, identifier=d.identifier or f"ai-{number}")
                for number, d in enumerate(reading.waters.boxes, 1)
            )
            marks = replace(old, detections=own + tuple(d for d in fresh if d.identifier not in kept))
            self.marks[key] = marks
            self.marks_changed.emit(key)
        self.readings_changed.emit(key)

    def reading(self, view: str) -> SeriesReading | None:
        """The reading of what a view shows."""
        return self.readings.get(self.image_key(view))

    def waters_threshold(self, view: str) -> float:
        """The threshold in force for what a view shows: the reader's, else the model's own."""
        reading = self.reading(view)
        own = reading.waters.threshold if reading is not None and reading.waters is not None else 0.0
        return self.display.thresholds.get("waters", own)

    def edit(self, label: str, image_key: str, after: ImageMarks, slice_index: int = 0) -> None:
        """Change the marks of one image, in one undoable step."""
        before = self.marks.get(image_key, ImageMarks())
        if before == after:
            return
        self._undo = [*self._undo[-UNDO_DEPTH + 1 :], Edit(label, image_key, before, after, slice_index)]
        self._redo.clear()
        self.restore_marks(image_key, after)

    def undo(self) -> Edit | None:
        """Take the last step back, whichever image it was on."""
        if not self._undo:
            return None
        step = self._undo.pop()
        self._redo.append(step)
        self.restore_marks(step.image_key, step.before)
        return step

    def redo(self) -> Edit | None:
        if not self._redo:
            return None
        step = self._redo.pop()
        self._undo.append(step)
        self.restore_marks(step.image_key, step.after)
        return step

    @property
    def undo_label(self) -> str:
        return self._undo[-1].label if self._undo else ""

    @property
    def redo_label(self) -> str:
        return self._redo[-1].label if self._redo else ""

    def restore_marks(self, image_key: str, marks: ImageMarks) -> None:
        """Put marks in place; nothing that could be undone."""
        self.marks[image_key] = marks
        self.marks_changed.emit(image_key)

    def amend_marks(self, image_key: str, change: Callable[[ImageMarks], ImageMarks]) -> None:
        """Apply what is known from now on to the marks of an image, and to those that undo and redo would bring back."""
        for steps in (self._undo, self._redo):
            steps[:] = [s.amended(change) if s.image_key == image_key else s for s in steps]
        if image_key in self.marks:
            self.restore_marks(image_key, change(self.marks[image_key]))

    def select(self, identifier: str) -> None:
        if identifier != self.selected:
            self.selected = identifier
            self.selection_changed.emit(identifier)

    # -- views -------------------------------------------------------------------------------------------------------
    def set_view(self, view: str, **changes: Any) -> None:
        """Change one view's state."""
        state = replace(self.views[view], **changes)
        if state != self.views[view]:
            self.views[view] = state
            self.view_changed.emit(view)

    def set_layout(self, layout: LayoutKind, states: Mapping[str, ViewState] | None = None) -> None:
        """Change the arrangement, and with it what the views show."""
        self.display = replace(self.display, layout=layout)
        for view, state in (states or {}).items():
            self.views[view] = state
        if self.active_view not in self.shown_views:
            self.active_view = VIEWS[0]
        self.layout_changed.emit()

    @property
    def shown_views(self) -> tuple[str, ...]:
        counts = {LayoutKind.ONE: 1, LayoutKind.TWO: 2, LayoutKind.MPR: 3}
        return VIEWS[: counts.get(self.display.layout, 4)]

    def set_active_view(self, view: str) -> None:
        if view != self.active_view:
            self.active_view = view
            self.active_view_changed.emit(view)

    def go_to_slice(self, view: str, index: int) -> None:
        """Show a slice; where views are linked, those of the same frame of reference follow."""
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        if stack is None:
            return
        index = min(max(index, 0), stack.count - 1)
        if index == state.slice_index:
            return
        place = self.cursor_lps(view)
        self.set_view(view, slice_index=index)
        if place is None or stack.affine is None or not self.display.linked:
            return
        at = stack.index_of(place)
        moved = stack.point_lps(at[0], at[1], index) if at else None
        if moved is not None:
            self._follow(view, tuple(float(v) for v in moved))

    def go_to_point(self, view: str, point_lps: tuple[float, float, float]) -> None:
        """Put the crosshair somewhere: every linked view, and this one, shows the slice through it."""
        if self.display.linked:
            self._cursors[self._frame_of_reference(view)] = point_lps
        self._show_point(view, point_lps)
        if self.display.linked:
            self._follow(view, point_lps)

    def cursor_lps(self, view: str) -> tuple[float, float, float] | None:
        """Where the crosshair of a view's frame of reference is: where its linked slices meet."""
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        if stack is None or stack.affine is None:
            return None
        frame = self._frame_of_reference(view)
        if frame in self._cursors:
            return self._cursors[frame]
        rows, columns = stack.slices[0].shape[:2]
        point = stack.point_lps((columns - 1) / 2, (rows - 1) / 2, state.slice_index)
        return None if point is None else (float(point[0]), float(point[1]), float(point[2]))

    def _follow(self, view: str, point_lps: Any) -> None:
        frame = self._frame_of_reference(view)
        self._cursors[frame] = point_lps
        for other in self.shown_views:
            theirs = self._frame_of_reference(other)
            point = self.frame_links.point(point_lps, frame, theirs)
            if other != view and point is not None:
                self._cursors[theirs] = point
                self._show_point(other, point)

    def link_here(self, view: str) -> bool:
        """Take what the views of other frames of reference show for the same place; False where there is no other."""
        places = {self._frame_of_reference(v): self.cursor_lps(v) for v in (*self.shown_views, view)}
        frame = self._frame_of_reference(view)
        here = places.pop(frame)
        others = {theirs: there for theirs, there in places.items() if there is not None}
        for theirs, there in others.items():
            if here is not None:
                self.frame_links = self.frame_links.with_link(frame, here, theirs, there)
        return here is not None and bool(others)

    def apart(self, view: str) -> bool:
        """Whether a volume is shown beside this one whose frame of reference nobody has linked to it."""
        frame, zero = self._frame_of_reference(view), (0.0, 0.0, 0.0)
        others = [self._frame_of_reference(v) for v in self.shown_views if self.volume(v) is not None]
        return self.volume(view) is not None and any(self.frame_links.point(zero, frame, f) is None for f in others)

    def _show_point(self, view: str, point_lps: tuple[float, float, float]) -> None:
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        at = stack.index_of(point_lps) if stack else None
        if stack is None or at is None:
            return
        index = min(max(round(at[2]), 0), stack.count - 1)
        if index == state.slice_index:
            self.view_changed.emit(view)
        self.set_view(view, slice_index=index)

    def _frame_of_reference(self, view: str) -> str:
        volume = self.volume(view)
        if volume is None:
            return f"none-{view}"
        return volume.identity.frame_of_reference_uid or f"series-{self.views[view].series_key}"

    # -- display, key images, clinical data --------------------------------------------------------------------------
    def set_display(self, **changes: Any) -> None:
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.display_changed.emit()

    def toggle_key_image(self, key_image: KeyImage) -> None:
        known = [k for k in self.key_images if replace(k, note="") == replace(key_image, note="")]
        others = tuple(k for k in self.key_images if k not in known)
        self.key_images = others if known else (*others, key_image)
        self.key_images_changed.emit()

    def set_thumbnail(self, key: str, png: bytes) -> None:
        self.thumbnails[key] = png
        self.thumbnail_changed.emit(key)

    def set_clinical(self, study_uid: str, clinical: ClinicalData) -> None:
        if self.clinical.get(study_uid) != clinical:
            self.clinical[study_uid] = clinical
            self.clinical_changed.emit(study_uid)

    def set_models(self, models: dict[str, str]) -> None:
        if models != self.models:
            self.models = models
            self.models_changed.emit()

    # -- jobs and messages -------------------------------------------------------------------------------------------
    def set_job(self, job: JobState) -> None:
        self.jobs[job.id] = job
        self.jobs_changed.emit()

    def end_job(self, job_id: str) -> None:
        if self.jobs.pop(job_id, None) is not None:
            self.jobs_changed.emit()

    def say(self, text: str, level: str = "info", hint: str = "", details: str = "") -> None:
        """Add a message; the last 200 are kept."""
        self.messages = (*self.messages[-199:], Message(text, level, hint, details))
        self.messages_changed.emit()

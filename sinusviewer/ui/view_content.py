"""What one view draws, resolved from the session by a pure function; the view itself holds no state of the program."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.display import DisplayState, Plane, ViewState
from sinusviewer.domain.film_turns import NOT_UPRIGHT
from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.image import Identity, LookupTable, OrientationEvidence, Radiograph, SpacingKind, Volume, Window
from sinusviewer.domain.planes import PlaneStack, hung_array
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.imaging.shutter import Border
from sinusviewer.session import ImageMarks, Message, Session
from sinusviewer.ui.image_layer import GreyScale
from sinusviewer.ui.view_geometry import film_directions

DAZZLING = 0.5
"""Share of full white from which on a blank border is covered."""
Directions = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class ViewContent:
    """All that a view paints.

    Attributes
    ----------
    directions
        LPS of one column to the right and one row down; None gives no orientation letters.
    labels, heat
        ``[slice, row, column]`` in the same hanging as the image, or None.
    cursor
        Crosshair ``(column, row)`` in pixel centres, or None.
    mask_revision, original_labels
        Counts strokes, since labels change in place; the network's labels where a reader has changed them.
    status
        What is said instead of, or over, a picture: ``empty``, ``loading``, ``failed`` or ``""``.
    """

    view: str
    state: ViewState
    display: DisplayState
    stack: PlaneStack | None = None
    film: Radiograph | None = None
    identity: Identity = field(default_factory=Identity)
    series_text: str = ""
    directions: Directions | None = None
    spacing_kind: SpacingKind = SpacingKind.NONE
    grey: GreyScale = field(default_factory=lambda: GreyScale(Window(128, 256)))
    marks: ImageMarks = field(default_factory=ImageMarks)
    reading: SeriesReading | None = None
    threshold: float | None = None
    labels: npt.NDArray[np.uint8] | None = None
    heat: npt.NDArray[np.float32] | None = None
    heatmap: Heatmap | None = None
    cursor: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    is_key_image: bool = False
    selected: str = ""
    status: str = "empty"
    message: Message | None = None
    mask_revision: int = 0
    original_labels: npt.NDArray[np.uint8] | None = None
    borders: tuple[Border, ...] = ()
    """Blank strips of a film that would be bright and are drawn black."""

    @property
    def pixels(self) -> npt.NDArray[np.generic] | None:
        """The slice on screen."""
        if self.stack is None or not self.stack.count:
            return None
        return self.stack.slices[min(max(self.state.slice_index, 0), self.stack.count - 1)]

    @property
    def window(self) -> Window:
        """The window on screen; where a table of the file is used, the one a drag starts from."""
        voi = self.grey.voi
        if isinstance(voi, Window):
            return voi
        return Window(voi.first_mapped + len(voi.values) / 2, float(len(voi.values)))

    @property
    def shows_ai(self) -> bool:
        """Whether anything on this view comes from a network."""
        reading = self.reading
        if reading is None or self.display.ai_hidden:
            return False
        return reading.waters is not None or self.labels is not None or self.heat is not None


class ContentResolver:
    """Resolves views; keeps label maps and heat maps turned into a plane, which are views and cost nothing to keep."""

    def __init__(self) -> None:
        self._turned: dict[tuple[int, Plane], npt.NDArray[Any]] = {}
        self._owners: dict[tuple[int, Plane], object] = {}
        self._initial: dict[int, tuple[Radiograph | Volume, Window | LookupTable]] = {}
        self._borders: dict[int, tuple[Radiograph, tuple[Border, ...]]] = {}

    def forget(self) -> None:
        self._turned.clear()
        self._owners.clear()
        self._initial.clear()
        self._borders.clear()

    def _in_plane(self, owner: object, array: npt.NDArray[Any], volume: Volume, plane: Plane) -> npt.NDArray[Any]:
        key = (id(owner), plane)
        if key not in self._turned:
            self._turned[key] = hung_array(array, volume.affine, plane)[0]
            self._owners[key] = owner  # kept, so that the id is not given to another array
        return self._turned[key]

    def content(self, session: Session, view: str) -> ViewContent:
        """Everything that ``view`` shows now."""
        state, display = session.views[view], session.display
        series = session.series(state.series_key)
        if not state.series_key:
            return ViewContent(view, state, display)
        identity = series.identity if series else Identity()
        failure = session.failures.get(state.series_key)
        stack = session.stack(state.series_key, state.plane)
        if stack is None or (failure is not None and stack is None):
            status = "failed" if failure else "loading"
            return ViewContent(view, state, display, identity=identity, status=status, message=failure)
        film, volume = session.film(view), session.volume(view)
        image_key = session.image_key(view)
        reading = session.readings.get(image_key)
        labels, heatmap, heat, original = None, None, None, None
        marks = session.marks.get(image_key, ImageMarks())
        if volume is not None and reading is not None:
            if reading.segmentation is not None and display.show_masks:
                labels = self._in_plane(reading.segmentation, reading.segmentation.labels, volume, stack.plane)
                own = reading.segmentation.original
                if own is not None and display.show_original_masks and marks.mask_patches:
                    original = self._in_plane(own, own.labels, volume, stack.plane)
            heatmap = self._heatmap(reading, state, display.heat_of) if display.show_heatmap else None
            if heatmap is not None and heatmap.values.ndim == 3:
                heat = self._in_plane(heatmap, heatmap.values, volume, stack.plane)
        if film is not None and reading is not None and display.show_heatmap and reading.heatmaps:
            heatmap = reading.heatmaps[0]
            heat = heatmap.values[np.newaxis] if heatmap.values.ndim == 2 else heatmap.values
        image = film or volume
        selected = session.selected if image_key == session.image_key(session.active_view) else ""
        cursor = self._cursor(session, view, stack) if volume is not None and display.show_crosshair else None
        grey = self._grey(state, film, volume)
        borders = self._bright_borders(film, grey) if film is not None and display.shutter else ()
        by_file = film is not None and film.orientation_evidence is OrientationEvidence.HEADER
        doubtful = by_file and reading is not None and any(w.code == NOT_UPRIGHT for w in reading.warnings)
        doubts = ("Not upright? The file's left, right, head and foot are not shown",) if doubtful else ()
        said = (*notes(film, volume, state), *doubts, *threshold_note(reading, display.thresholds.get(image_key)))
        return ViewContent(
            view, state, display, stack, film, image.identity if image else identity,
            series_text(series.description if series else "", stack.plane),
            None if doubtful else directions(film, stack), film.spacing_kind if film else SpacingKind.CALIBRATED,
            grey,
            marks, reading, display.thresholds.get(image_key),
            labels, heat, heatmap, cursor, said, self._is_key_image(session, view), selected,
            "", None, session.mask_revisions.get(image_key, 0), original, borders,
        )  # fmt: skip

    def _grey(self, state: ViewState, film: Radiograph | None, volume: Volume | None) -> GreyScale:
        image = film or volume
        from sinusviewer.imaging.windowing import initial_window  # here: pydicom comes with it, after the window is up

        voi: Window | LookupTable = state.window or Window(128, 256)
        if state.window is None and image is not None and not (film and film.is_color):
            if id(image) not in self._initial:
                if len(self._initial) >= 16:
                    self._initial.clear()
                self._initial[id(image)] = (image, initial_window(image))
            voi = self._initial[id(image)][1]
        if film is None:
            return GreyScale(voi, None, state.inverted, volume.padding_hu if volume else None)
        return GreyScale(voi, film.presentation_lut, state.inverted != film.inverted)

    def _bright_borders(self, film: Radiograph, grey: GreyScale) -> tuple[Border, ...]:
        """Of the blank strips of a film those that dazzle as it is windowed now."""
        from sinusviewer.imaging.shutter import blank_borders
        from sinusviewer.imaging.windowing import display_values

        if id(film) not in self._borders:
            if len(self._borders) >= 16:
                self._borders.clear()
            self._borders[id(film)] = (film, blank_borders(film))
        found = self._borders[id(film)][1]
        if not found:
            return ()
        values = np.array([b.value for b in found], np.float32)
        shown = display_values(values, grey.voi, grey.presentation, inverted=grey.inverted)
        return tuple(b for b, light in zip(found, shown, strict=True) if light >= DAZZLING)

    @staticmethod
    def _heatmap(reading: SeriesReading, state: ViewState, heat_of: str = "") -> Heatmap | None:
        """The radiomic score's map if asked for; else the endotype's made on the window that the view shows, or the first."""
        if heat_of == "recurrence" or (not reading.heatmaps and heat_of != "endotype"):
            return reading.recurrence_heat
        if not reading.heatmaps:
            return None
        name = state.window.name.casefold() if state.window else ""
        words = {"bone": "bone", "soft tissue": "soft"}.get(name, name)
        matching = [h for h in reading.heatmaps if words and words in h.window.casefold()]
        return (matching or list(reading.heatmaps))[0]

    @staticmethod
    def _cursor(session: Session, view: str, stack: PlaneStack) -> tuple[float, float] | None:
        if len(session.shown_views) < 2:
            return None
        place = session.cursor_lps(view)
        at = stack.index_of(place) if place is not None else None
        return None if at is None else (at[0], at[1])

    @staticmethod
    def _is_key_image(session: Session, view: str) -> bool:
        state = session.views[view]
        stack = session.stack(state.series_key, state.plane)
        plane = stack.plane if stack else state.plane
        return any(
            k.series_key == state.series_key and k.plane is plane and k.slice_index == state.slice_index
            for k in session.key_images
        )


def directions(film: Radiograph | None, stack: PlaneStack) -> Directions | None:
    """Where columns and rows run in the patient, from the header or the affine; None where nothing proves it."""
    if film is not None:
        return film_directions(film)
    if stack.affine is None or not stack.oriented:
        return None
    return stack.affine[:3, 0], stack.affine[:3, 1]


def series_text(description: str, plane: Plane) -> str:
    words = {Plane.AXIAL: "Axial", Plane.CORONAL: "Coronal", Plane.SAGITTAL: "Sagittal"}.get(plane, "")
    return " · ".join(part for part in (description, words) if part)


def notes(film: Radiograph | None, volume: Volume | None, state: ViewState) -> tuple[str, ...]:
    """What must be said on the picture itself."""
    result = []
    if film is not None:
        if film.patient_right_is_image_left is False:
            result.append("Stored mirrored; shown turned" if state.flipped else "Stored mirrored; shown as stored")
        if film.patient_right_is_image_left is None:
            result.append("Side unverified: no left or right is known")
        if film.upright_turns:
            result.append("Turned upright by the reader")
        if not film.for_models:
            result.append("View only")
    if volume is not None:
        if not volume.oriented:
            result.append("No patient orientation: no left or right is known")
        if not volume.measurable:
            result.append("Geometry faults: volumes withheld")
    return tuple(result)


def threshold_note(reading: SeriesReading | None, moved: float | None) -> tuple[str, ...]:
    """Said on the picture, and on any picture made of it: its boxes are not those of the result."""
    if moved is None or reading is None or reading.waters is None:
        return ()
    return (f"Boxes at threshold {moved:.2f}, moved for looking; the result is at {reading.waters.threshold:.2f}",)

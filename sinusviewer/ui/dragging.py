"""Mouse drags, one small class per tool: each turns movement into the requests of a view."""

import itertools
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QTransform

from sinusviewer.domain.display import Measurement, Tool
from sinusviewer.domain.film_turns import side_of_box
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import Window
from sinusviewer.session import ImageMarks
from sinusviewer.ui import box_editing
from sinusviewer.ui.drag_view import DragView
from sinusviewer.ui.mask_painting import BrushDrag
from sinusviewer.ui.view_geometry import Matrix, fit_zoom, panned, to_screen
from sinusviewer.ui.view_painter import shown_detections, view_aspect

Point = tuple[float, float]
GRIP = 7.0
"""How near, in screen pixels, the mouse must be to take hold of something."""


class Drag(Protocol):
    """From press to release; ``release`` says whether the drag is over."""

    def move(self, view: DragView, at: QPointF) -> None: ...

    def release(self, view: DragView, at: QPointF) -> bool: ...


def tool_for(tool: Tool, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> Tool | None:
    """Left does what the tool says; middle pans; right zooms with Ctrl, else windows."""
    if button is Qt.MouseButton.LeftButton:
        return tool
    if button is Qt.MouseButton.MiddleButton:
        return Tool.PAN
    if button is Qt.MouseButton.RightButton and modifiers & Qt.KeyboardModifier.ControlModifier:
        return Tool.ZOOM
    return None


def matrix_of(transform: QTransform) -> Matrix:
    return np.array([
        [transform.m11(), transform.m21(), transform.m31()],
        [transform.m12(), transform.m22(), transform.m32()],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip


class WindowDrag:
    """Right widens, up brightens; the step follows the width, so that bone and film feel the same."""

    def __init__(self, view: DragView, at: QPointF) -> None:
        self._start, self._window = at, view.content.window
        self._rising = -1.0 if view.content.grey.inverted else 1.0

    def move(self, view: DragView, at: QPointF) -> None:
        step = max(self._window.width, 50.0) / 300
        width = max(self._window.width + (at.x() - self._start.x()) * step, 1.0)
        center = self._window.center + (at.y() - self._start.y()) * step * self._rising
        view.state_requested.emit({"window": Window(center, width, self._window.function)})

    def release(self, view: DragView, at: QPointF) -> bool:
        return True


class ZoomDrag:
    def __init__(self, view: DragView, at: QPointF) -> None:
        self._start, self._last = at, at.y()

    def move(self, view: DragView, at: QPointF) -> None:
        view.zoom_about(1.006 ** (self._last - at.y()), self._start)
        self._last = at.y()

    def release(self, view: DragView, at: QPointF) -> bool:
        return True


class PanDrag:
    def __init__(self, view: DragView, at: QPointF) -> None:
        self._last = at

    def move(self, view: DragView, at: QPointF) -> None:
        pixels = view.content.pixels
        if pixels is None:
            return
        shape, aspect = (pixels.shape[0], pixels.shape[1]), view_aspect(view.content)
        by = (at.x() - self._last.x(), at.y() - self._last.y())
        center = panned(view.content.state, by, shape, aspect, view.logical_size)
        state = view.content.state
        zoom = state.zoom or fit_zoom(shape, aspect, state.quarter_turns, view.logical_size)
        view.state_requested.emit({"center": center, "zoom": zoom})
        self._last = at

    def release(self, view: DragView, at: QPointF) -> bool:
        return True


class MarkDrag:
    """Length, ellipse, rectangle, probe: two points (one for the probe)."""

    def __init__(self, view: DragView, at: QPointF) -> None:
        self._kind = view.content.display.tool
        self._first = view.image_point(at)
        self._start = at
        self._draw(view, self._first)

    def _draw(self, view: DragView, last: Point) -> Measurement:
        points = (last,) if self._kind is Tool.PROBE else (self._first, last)
        state = view.content.state
        mark = Measurement(self._kind, state.plane, state.slice_index, points, uuid4().hex[:12])
        view.set_draft(mark)
        return mark

    def move(self, view: DragView, at: QPointF) -> None:
        self._draw(view, view.image_point(at))

    def release(self, view: DragView, at: QPointF) -> bool:
        mark = self._draw(view, view.image_point(at))
        if self._kind is Tool.PROBE or (at - self._start).manhattanLength() > 3:
            add_mark(view, mark)
        return True


class AngleDrag:
    """First arm by a drag, second arm by a click."""

    def __init__(self, view: DragView, at: QPointF) -> None:
        self._points: tuple[Point, ...] = (view.image_point(at),)
        self._start = at
        self.waiting = False

    def _mark(self, view: DragView, last: Point) -> Measurement:
        state = view.content.state
        return Measurement(Tool.ANGLE, state.plane, state.slice_index, (*self._points, last), uuid4().hex[:12])

    def move(self, view: DragView, at: QPointF) -> None:
        view.set_draft(self._mark(view, view.image_point(at)))

    def press(self, view: DragView, at: QPointF) -> None:
        view.set_draft(self._mark(view, view.image_point(at)))

    def release(self, view: DragView, at: QPointF) -> bool:
        if self.waiting:
            add_mark(view, self._mark(view, view.image_point(at)))
            return True
        if (at - self._start).manhattanLength() <= 3:
            return True
        self._points = (*self._points, view.image_point(at))
        self.waiting = True
        return False


class BoxDrag:
    """Draws a reader's box on a film."""

    def __init__(self, view: DragView, at: QPointF) -> None:
        self._first, self._start = view.image_point(at), at

    def move(self, view: DragView, at: QPointF) -> None:
        state = view.content.state
        points = (self._first, view.image_point(at))
        view.set_draft(Measurement(Tool.RECTANGLE, state.plane, state.slice_index, points))

    def release(self, view: DragView, at: QPointF) -> bool:
        film = view.content.film
        if film is not None and (at - self._start).manhattanLength() > 6:
            xyxy = box_editing.ordered(self._first, view.image_point(at), film.pixels.shape[:2])
            if not box_editing.is_box(xyxy):
                return True
            box = Detection(xyxy, 1.0, side_of_box(film, xyxy, face_of(view)), author=Author.READER, status=FindingStatus.ACCEPTED,
                            identifier=f"reader-{uuid4().hex[:8]}")  # fmt: skip
            marks = view.content.marks
            view.marks_requested.emit("Draw box", replace(marks, detections=(*marks.detections, box)))
            view.select_requested.emit(box.identifier)
        return True


class PointerDrag:
    """Takes hold of what is under the mouse; on nothing: the crosshair on CT, the window on a film."""

    def __init__(self, view: DragView, at: QPointF) -> None:
        self._grip = box_editing.grip_at(shown_detections(view.content), view.matrix(), (at.x(), at.y()), GRIP)
        self._mark_grip = None if self._grip else mark_grip(view, at)
        self._start = at
        self._first = view.image_point(at)
        held = self._grip.identifier if self._grip else ""
        self._box = next((d for d in view.marks.detections if d.identifier == held), None)
        self._moved = False
        if self._grip:
            view.select_requested.emit(self._grip.identifier)
        elif self._mark_grip:
            view.select_requested.emit(self._mark_grip[0].identifier)
        else:
            view.select_requested.emit("")
            self.move(view, at)

    @property
    def holds(self) -> bool:
        """Whether something is in the hand."""
        return self._grip is not None or self._mark_grip is not None

    def move(self, view: DragView, at: QPointF) -> None:
        if (at - self._start).manhattanLength() > 2:
            self._moved = True
        if self._grip is None and self._mark_grip is None:
            if view.content.film is None:
                view.point_requested.emit(view.image_point(at))
            return
        if self._moved:
            view.preview_marks(self._changed(view, at))

    def _changed(self, view: DragView, at: QPointF) -> ImageMarks:
        """The marks as they stand now, with what is held where it is held."""
        now = view.image_point(at)
        by = (now[0] - self._first[0], now[1] - self._first[1])
        if self._grip is not None and self._box is not None:
            film = view.content.film
            shape = film.pixels.shape[:2] if film is not None else (10**6, 10**6)
            # The box as it was taken up: a film that was read anew meanwhile may have put another under its name.
            box = box_editing.moved(self._box, self._grip, by, shape, film, face_of(view))
            named = [d.identifier for d in view.marks.detections]
            rest = tuple(box if d.identifier == box.identifier else d for d in view.marks.detections)
            return replace(view.marks, detections=rest if box.identifier in named else (box, *rest))
        if self._mark_grip is None:
            return view.marks
        mark, which = self._mark_grip
        points = tuple(
            (p[0] + by[0], p[1] + by[1]) if which in (-1, number) else p for number, p in enumerate(mark.points)
        )
        changed = tuple(
            replace(m, points=points) if m.identifier == mark.identifier else m for m in view.marks.measurements
        )
        return replace(view.marks, measurements=changed)

    def release(self, view: DragView, at: QPointF) -> bool:
        if self._moved and (self._grip is not None or self._mark_grip is not None):
            what = "Move box" if self._grip is not None else "Move mark"
            view.marks_requested.emit(what, self._changed(view, at))
        return True


class NoDrag:
    def __init__(self, view: DragView, at: QPointF) -> None:
        pass

    def move(self, view: DragView, at: QPointF) -> None:
        pass

    def release(self, view: DragView, at: QPointF) -> bool:
        return True


DRAGS: dict[Tool, type] = {
    Tool.POINTER: PointerDrag,
    Tool.WINDOW: WindowDrag,
    Tool.ZOOM: ZoomDrag,
    Tool.PAN: PanDrag,
    Tool.LENGTH: MarkDrag,
    Tool.ANGLE: AngleDrag,
    Tool.ELLIPSE: MarkDrag,
    Tool.RECTANGLE: MarkDrag,
    Tool.PROBE: MarkDrag,
    Tool.BOX: BoxDrag,
    Tool.MAGNIFIER: NoDrag,
    Tool.BRUSH: BrushDrag,
}


def face_of(view: DragView) -> box_editing.Box | None:
    """Where the face was found on the film of a view."""
    reading = view.content.reading
    return reading.waters.face_box if reading is not None and reading.waters is not None else None


def add_mark(view: DragView, mark: Measurement) -> None:
    marks = view.content.marks
    view.marks_requested.emit(f"Add {mark.kind.value}", replace(marks, measurements=(*marks.measurements, mark)))


def mark_grip(view: DragView, at: QPointF) -> tuple[Measurement, int] | None:
    """The measurement under the mouse and which of its points, -1 for the whole."""
    matrix, state = view.matrix(), view.content.state
    here = np.array([at.x(), at.y()])
    for mark in reversed(view.content.marks.measurements):
        if mark.plane is not state.plane or mark.slice_index != state.slice_index:
            continue
        points = [np.array(to_screen(matrix, p)) for p in mark.points]
        for number, point in enumerate(points):
            if np.hypot(*(point - here)) <= GRIP:
                return mark, number
        for a, b in itertools.pairwise(points):
            if _distance(here, a, b) <= GRIP:
                return mark, -1
    return None


def _distance(point: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    along = b - a
    share = float(np.clip((point - a) @ along / max(float(along @ along), 1e-9), 0, 1))
    return float(np.hypot(*(a + share * along - point)))

"""The brush on a view: its drag, its circle under the mouse, and the strokes that a view area has under way."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from sinusviewer.domain.display import Tool
from sinusviewer.domain.mask_edit import BrushMode
from sinusviewer.ui.panels.tones import structure_color
from sinusviewer.ui.view_geometry import Matrix, to_screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinusviewer.actions import Actions
    from sinusviewer.actions.mask_editing import Stroke
    from sinusviewer.session import Session
    from sinusviewer.ui.drag_view import DragView
    from sinusviewer.ui.view_content import ViewContent

_CORNERS = 48


class BrushDrag:
    """Asks to paint from press to release; with Shift it erases, with Ctrl it takes up the structure under the mouse."""

    def __init__(self, view: "DragView", at: QPointF) -> None:
        self._picks = bool(view.modifiers & Qt.KeyboardModifier.ControlModifier)
        erases = bool(view.modifiers & Qt.KeyboardModifier.ShiftModifier)
        self._ask(view, "pick" if self._picks else "erase" if erases else "begin", at)

    @staticmethod
    def _ask(view: "DragView", phase: str, at: QPointF) -> None:
        x, y = view.image_point(at)
        view.paint_requested.emit(phase, (x - 0.5, y - 0.5))

    def move(self, view: "DragView", at: QPointF) -> None:
        if not self._picks:
            self._ask(view, "extend", at)

    def release(self, view: "DragView", at: QPointF) -> bool:
        if not self._picks:
            self._ask(view, "finish", at)
        return True

    def cancel(self, view: "DragView") -> None:
        view.paint_requested.emit("abandon", (0.0, 0.0))


class Painting:
    """Turns what a view asks for into strokes; at most one is under way."""

    def __init__(self, session: "Session", actions: "Actions") -> None:
        self._session, self._masks = session, actions.masks
        self._stroke: Stroke | None = None

    def paint(self, view: str, phase: str, at: tuple[float, float]) -> None:
        """One of ``begin``, ``erase``, ``extend``, ``finish``, ``abandon``, ``pick`` at a pixel centre (column, row)."""
        stroke = self._stroke
        if phase in ("begin", "erase"):
            self._stroke = self._masks.begin(view, at, erase=phase == "erase")
            if self._stroke is not None:
                self._masks.extend(self._stroke, at)
        elif phase == "pick":
            self._pick(view, at)
        elif stroke is not None:
            if phase == "extend":
                self._masks.extend(stroke, at)
                return
            self._stroke = None
            (self._masks.finish if phase == "finish" else self._masks.abandon)(stroke)

    def _pick(self, view: str, at: tuple[float, float]) -> None:
        structure = self._masks.structure_at(view, at)
        if structure is not None:
            self._session.set_display(brush=replace(self._session.display.brush, structure=structure))

    def display_changed(self, *_: object) -> None:
        """The brush was taken up: its masks are made ready before the first stroke."""
        if self._session.display.tool is Tool.BRUSH:
            self._masks.prepare(self._session.active_view)


def brush_verbs(session: "Session", actions: "Actions") -> "dict[str, Callable[[], object]]":
    """The brush's verbs by the ids of the table of actions."""

    def change(**changes: object) -> None:
        session.set_display(brush=replace(session.display.brush, **changes))  # type: ignore[arg-type]

    def erase() -> None:
        erasing = session.display.brush.mode is BrushMode.ERASE
        change(mode=BrushMode.PAINT if erasing else BrushMode.ERASE)

    return {
        "brush_smaller": lambda: change(radius_mm=session.display.brush.larger(0.8)),
        "brush_larger": lambda: change(radius_mm=session.display.brush.larger(1.25)),
        "brush_erase": erase,
        "brush_grow": lambda: actions.masks.step_slice(session.active_view, 1),
        "brush_shrink": lambda: actions.masks.step_slice(session.active_view, -1),
    }


def paint_cursor(painter: QPainter, content: "ViewContent", matrix: Matrix, at: QPointF) -> None:
    """The brush's outline under the mouse, in the colour of what it paints; dashed where it erases."""
    if content.stack is None or content.stack.spacing is None or content.film is not None:
        return
    brush = content.display.brush
    rows_mm, columns_mm = content.stack.spacing
    x, y = np.linalg.solve(matrix[:2, :2], np.array([at.x(), at.y()]) - matrix[:2, 2])
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    radius = 0.8 if brush.mode is BrushMode.FILL else brush.radius_mm
    ring = [
        QPointF(*to_screen(matrix, (x + radius / columns_mm * np.cos(t), y + radius / rows_mm * np.sin(t))))
        for t in turn
    ]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    style = Qt.PenStyle.DashLine if brush.mode is BrushMode.ERASE else Qt.PenStyle.SolidLine
    for color, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(structure_color(brush.structure)), 1.4)):
        painter.setPen(QPen(color, width, style))
        painter.drawPolygon(QPolygonF(ring))

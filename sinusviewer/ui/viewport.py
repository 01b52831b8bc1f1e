"""One view: paints its content and turns mouse and wheel into requests. It never changes what it shows by itself."""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from sinusviewer.domain.display import DisplayState, Measurement, Tool, ViewState
from sinusviewer.session import ImageMarks
from sinusviewer.ui import dragging
from sinusviewer.ui.mask_painting import BrushDrag, paint_cursor
from sinusviewer.ui.measuring import value_at
from sinusviewer.ui.overlays import quad
from sinusviewer.ui.panels.tones import DARK
from sinusviewer.ui.view_content import ViewContent
from sinusviewer.ui.view_geometry import Matrix, display_matrix, to_image, zoomed_about
from sinusviewer.ui.view_painter import ViewPainter, value_unit, view_aspect

if TYPE_CHECKING:
    from collections.abc import Callable

_CURSORS = {
    Tool.POINTER: Qt.CursorShape.ArrowCursor,
    Tool.WINDOW: Qt.CursorShape.SizeAllCursor,
    Tool.ZOOM: Qt.CursorShape.SizeVerCursor,
    Tool.PAN: Qt.CursorShape.OpenHandCursor,
}
MAGNIFIER_RADIUS = 110
MAGNIFICATION = 2.5


class Viewport(QWidget):
    """Shows a `ViewContent`.

    Signals
    -------
    activated(), state_requested(ViewState changes as a dict), slices_requested(int: by how many),
    point_requested(image point), marks_requested(label, ImageMarks), select_requested(identifier), hovered(text),
    menu_requested(global position), cancel_tool_requested(), paint_requested(phase, image point)
    """

    activated = Signal()
    state_requested = Signal(object)
    slices_requested = Signal(int)
    point_requested = Signal(object)
    marks_requested = Signal(str, object)
    select_requested = Signal(str)
    hovered = Signal(str)
    menu_requested = Signal(QPoint)
    maximize_requested = Signal()
    paint_requested = Signal(str, object)

    def __init__(self, view: str) -> None:
        super().__init__()
        self.view = view
        self.setObjectName(f"viewport_{view}")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(f"Image view {view}")
        self.content = ViewContent(view, ViewState(), DisplayState())
        self.marks = self.content.marks
        """As they stand; ``content`` shows what is held where it is held."""
        self.active = False
        self._painter = ViewPainter()
        self._compare_painter = ViewPainter()
        self._drag: dragging.Drag | None = None
        self._draft: Measurement | None = None
        self._mouse: QPointF | None = None
        self._wheel = 0
        self.modifiers = Qt.KeyboardModifier.NoModifier
        """Keys held when the mouse was pressed last."""

    # -- what is shown -----------------------------------------------------------------------------------------------
    def set_content(self, content: ViewContent) -> None:
        """Show this. What is being dragged ends where another image comes on screen: it may never land on that one."""
        if self._drag is not None and _subject(content, self._drag) != _subject(self.content, self._drag):
            self.cancel_drag()
        moved = _picture(content) != _picture(self.content)
        self.content, self.marks = content, content.marks
        if isinstance(self._drag, dragging.PointerDrag) and self._drag.holds and self._mouse is not None:
            self._drag.move(self, self._mouse)  # what is held stays in the hand, whatever was read meanwhile
        if moved and self._mouse is not None:
            self._say_where(self._mouse)  # the value of the former image is none of this one
        if self._drag is None:
            self.setCursor(_CURSORS.get(content.display.tool, Qt.CursorShape.CrossCursor))
        self.update()

    def preview_marks(self, marks: ImageMarks) -> None:
        """Show marks as they would be if what is held were let go; nothing is asked for yet."""
        self.content = replace(self.content, marks=marks)
        self.update()

    def forget(self) -> None:
        """Show nothing, hold nothing."""
        self.set_content(ViewContent(self.view, ViewState(), self.content.display))
        self._painter, self._compare_painter = ViewPainter(), ViewPainter()

    def set_active(self, active: bool) -> None:
        if active != self.active:
            self.active = active
            self.update()

    @property
    def logical_size(self) -> tuple[float, float]:
        return float(max(self.width(), 1)), float(max(self.height(), 1))

    def matrix(self) -> Matrix:
        """The live transform from image to screen."""
        pixels = self.content.pixels
        shape = (pixels.shape[0], pixels.shape[1]) if pixels is not None else (1, 1)
        return display_matrix(self.content.state, shape, view_aspect(self.content), self.logical_size)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        matrix = self.matrix()
        self._paint_ground(painter, matrix)
        if self.content.state.mirror_compare and self.content.pixels is not None:
            self._paint_mirrored(painter)
        else:
            self._painter.paint(painter, self.content, matrix, self.logical_size, self._draft)
        if self.content.display.tool is Tool.MAGNIFIER and self._mouse is not None and self.content.pixels is not None:
            self._paint_magnifier(painter, self._mouse)
        if self.content.display.tool is Tool.BRUSH and self._mouse is not None and self.content.pixels is not None:
            paint_cursor(painter, self.content, matrix, self._mouse)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(QColor(DARK.accent if self.active else DARK.faint), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_ground(self, painter: QPainter, matrix: Matrix) -> None:
        """Black where the image is not: filling the whole view costs as much as drawing the image."""
        pixels = self.content.pixels
        width, height = self.width(), self.height()
        covered = QRect()
        if pixels is not None and not self.content.state.mirror_compare:
            edges = quad(matrix, (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))).boundingRect().toRect()
            covered = edges.adjusted(2, 2, -2, -2).intersected(self.rect())
        if covered.isEmpty():
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
            return
        x0, y0, x1, y1 = covered.left(), covered.top(), covered.right() + 1, covered.bottom() + 1
        for part in (QRect(0, 0, width, y0), QRect(0, y1, width, height - y1), QRect(0, y0, x0, y1 - y0),
                     QRect(x1, y0, width - x1, y1 - y0)):  # fmt: skip
            painter.fillRect(part, Qt.GlobalColor.black)

    def _paint_mirrored(self, painter: QPainter) -> None:
        """The image and, beside it, the same image mirrored: like compares with like at the same place."""
        width, height = self.logical_size
        half = (width / 2, height)
        for number, (part, flip) in enumerate(((self._painter, False), (self._compare_painter, True))):
            state = self.content.state
            if flip:
                state = replace(state, flipped=not state.flipped, quarter_turns=-state.quarter_turns % 4)
            content = replace(self.content, state=state)
            if flip:
                content = replace(content, notes=(*content.notes, "Mirrored for comparison"))
            pixels = content.pixels
            if pixels is None:
                continue
            matrix = display_matrix(state, (pixels.shape[0], pixels.shape[1]), view_aspect(content), half)
            painter.save()
            painter.setClipRect(QRectF(number * half[0], 0, half[0], height))
            painter.translate(number * half[0], 0)
            part.paint(painter, content, matrix, half, self._draft)
            painter.restore()
        painter.setPen(QPen(QColor(DARK.line), 1))
        painter.drawLine(QPointF(width / 2, 0), QPointF(width / 2, height))

    def _paint_magnifier(self, painter: QPainter, at: QPointF) -> None:
        size = self.logical_size
        turned = QTransform().translate(at.x(), at.y()).scale(MAGNIFICATION, MAGNIFICATION).translate(-at.x(), -at.y())
        zoom = dragging.matrix_of(turned) @ self.matrix()
        path = QPainterPath()
        path.addEllipse(at, MAGNIFIER_RADIUS, MAGNIFIER_RADIUS)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(self.rect(), QColor("#000000"))
        display = replace(self.content.display, show_corners=False)
        bare = replace(self.content, display=display, directions=None, notes=(), cursor=None, is_key_image=False)
        self._compare_painter.paint(painter, bare, zoom, size, self._draft)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(DARK.muted), 2))
        painter.drawPath(path)

    # -- what is asked for -------------------------------------------------------------------------------------------
    def image_point(self, position: QPointF) -> tuple[float, float]:
        return to_image(self.matrix(), (position.x(), position.y()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.activated.emit()
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            self.zoom_about(1.0015 ** event.angleDelta().y(), event.position())
            return
        # Shift makes some platforms send a horizontal wheel.
        self._wheel += event.angleDelta().y() or event.angleDelta().x()
        steps, self._wheel = int(self._wheel / 120), self._wheel - int(self._wheel / 120) * 120
        if steps:
            self.slices_requested.emit(-steps * (10 if modifiers & Qt.KeyboardModifier.ShiftModifier else 1))

    def zoom_about(self, factor: float, position: QPointF | None = None) -> None:
        """Ask to zoom with the point under the mouse (or the middle) held still."""
        pixels = self.content.pixels
        if pixels is None:
            return
        at = position or QPointF(self.width() / 2, self.height() / 2)
        shape, aspect = (pixels.shape[0], pixels.shape[1]), view_aspect(self.content)
        zoom, center = zoomed_about(self.content.state, factor, (at.x(), at.y()), shape, aspect, self.logical_size)
        self.state_requested.emit({"zoom": zoom, "center": center})

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.activated.emit()
        if self.content.pixels is None:
            return
        tool = dragging.tool_for(self.content.display.tool, event.button(), event.modifiers())
        if tool is None:
            return
        if self._drag is not None and isinstance(self._drag, dragging.AngleDrag) and self._drag.waiting:
            self._drag.press(self, event.position())
            return
        self.modifiers = event.modifiers()
        start: Callable[..., dragging.Drag] = dragging.DRAGS[tool]
        self._drag = start(self, event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._mouse = event.position()
        if self._drag is not None:
            self._drag.move(self, event.position())
        if self.content.display.tool in (Tool.MAGNIFIER, Tool.BRUSH):
            self.update()
        self._say_where(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None and self._drag.release(self, event.position()):
            self._drag = None
            self.set_draft(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.content.display.tool is Tool.POINTER:
            self.maximize_requested.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is not QContextMenuEvent.Reason.Mouse or self.content.display.tool is not Tool.WINDOW:
            self.menu_requested.emit(event.globalPos())

    def leaveEvent(self, event: object) -> None:
        self._mouse = None
        self.hovered.emit("")
        self.update()

    def set_draft(self, draft: Measurement | None) -> None:
        """A mark that is being drawn, or None."""
        if draft != self._draft:
            self._draft = draft
            self.update()

    def cancel_drag(self) -> bool:
        """Forget what is being drawn; True if something was."""
        was = self._drag is not None
        if isinstance(self._drag, BrushDrag):
            self._drag.cancel(self)
        self._drag = None
        self.set_draft(None)
        return was

    def _say_where(self, position: QPointF) -> None:
        pixels, stack = self.content.pixels, self.content.stack
        if pixels is None or stack is None:
            self.hovered.emit("")
            return
        x, y = self.image_point(position)
        value = value_at(pixels, (x, y), value_unit(self.content))
        if not value:
            self.hovered.emit("")
            return
        place = stack.point_lps(x - 0.5, y - 0.5, self.content.state.slice_index)
        where = f"x {int(x)} y {int(y)}"
        if place is not None and stack.oriented:
            where = (
                "  ".join(
                    f"{pair[0] if v > 0 else pair[1]} {abs(v):.1f}"
                    for v, pair in zip(place, ("LR", "PA", "HF"), strict=True)
                )
                + " mm"
            )
        self.hovered.emit(f"{value}   {where}")


def _picture(content: ViewContent) -> tuple[object, ...]:
    """Which slice of which image is shown."""
    state = content.state
    film = content.film.sop_instance_uid if content.film is not None else ""
    return state.series_key, film, state.plane, state.slice_index, content.stack is None


def _subject(content: ViewContent, drag: dragging.Drag) -> tuple[object, ...]:
    """What a drag is about: an image, and where it marks that one, a slice of it."""
    state = content.state
    image = (state.series_key, content.film.sop_instance_uid if content.film is not None else "")
    looks = isinstance(drag, dragging.WindowDrag | dragging.ZoomDrag | dragging.PanDrag | BrushDrag)
    return image if looks else (*image, state.plane, state.slice_index)

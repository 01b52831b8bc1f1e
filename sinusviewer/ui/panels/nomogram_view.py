"""The nomogram alive: drag a marker or use the arrow keys; it asks for the value and redraws when it is told to."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from sinusviewer.nomogram import Nomogram
from sinusviewer.ui.panels.nomogram_geometry import NomogramGeometry, drag_step
from sinusviewer.ui.panels.nomogram_paint import Setting, paint_axes, paint_settings, risk_text
from sinusviewer.ui.panels.parts import describe
from sinusviewer.ui.panels.tones import current_tones


class NomogramView(QWidget):
    """Draws a nomogram with one or two settings.

    Signals
    -------
    value_requested(str, object)
        A predictor's name and the value asked for (a number in its own unit, or None for unknown).
    """

    value_requested = Signal(str, object)
    active_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        describe(
            self,
            "nomogram_view",
            "Drag a marker along its axis. Up and down choose an axis, left and right move its marker (Shift: ten steps), "
            "Del makes it unknown.",
            "arrow keys",
            "Nomogram",
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._nomogram: Nomogram | None = None
        self._settings: tuple[Setting, ...] = ()
        self._unit_labels: dict[str, tuple[float, str]] = {}
        self._show_linear = False
        self._active = ""
        self._dragged = ""
        self._geometry: NomogramGeometry | None = None
        self._still: QPixmap | None = None

    # What is shown ------------------------------------------------------------------------------------------------

    def set_nomogram(self, nomogram: Nomogram | None) -> None:
        self._nomogram = nomogram
        self._settings = ()
        self._active = nomogram.predictors[0].name if nomogram is not None else ""
        self._forget_drawing()

    def set_settings(self, settings: tuple[Setting, ...]) -> None:
        """The patient's setting, and after it a "what if" to compare; markers of the last one are dragged."""
        self._settings = settings
        if self._nomogram is not None and settings:
            reading = settings[-1].reading
            self.setAccessibleDescription(f"Risk of {self._nomogram.outcome}: {risk_text(reading)}")
        self.update()

    def set_unit_labels(self, labels: Mapping[str, tuple[float, str]]) -> None:
        if dict(labels) != self._unit_labels:
            self._unit_labels = dict(labels)
            self._forget_drawing()

    def set_linear_predictor_shown(self, shown: bool) -> None:
        self._show_linear = shown
        self._forget_drawing()

    def set_active(self, name: str) -> None:
        """The axis that the arrow keys move."""
        if name != self._active:
            self._active = name
            self._still = None
            self.update()

    def geometry_of_axes(self) -> NomogramGeometry | None:
        """Places of the axes in widget coordinates (for tests and for drawing elsewhere)."""
        if self._geometry is None and self._nomogram is not None:
            rect = QRectF(self.rect()).adjusted(2, 2, -2, -2)
            self._geometry = NomogramGeometry(
                self._nomogram,
                rect,
                QFontMetricsF(self.font()),
                show_linear=self._show_linear,
                unit_labels=self._unit_labels,
            )
        return self._geometry

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        if self._nomogram is None:
            return QSize(metrics.averageCharWidth() * 50, metrics.height() * 4)
        height = NomogramGeometry.minimum_height(self._nomogram, metrics.height(), show_linear=self._show_linear)
        return QSize(metrics.averageCharWidth() * 60, int(height))

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 20, self.sizeHint().height())

    # Drawing ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        geometry = self.geometry_of_axes()
        if geometry is None:
            return
        if self._still is None:
            self._still = self._draw_still(geometry)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_settings(painter, geometry, current_tones(), self._settings)
        painter.end()

    def _draw_still(self, geometry: NomogramGeometry) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        tones = current_tones()
        pixmap.fill(QColor(tones.field))
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        paint_axes(painter, geometry, tones, self._active if self.hasFocus() else "")
        painter.end()
        return pixmap

    def _forget_drawing(self) -> None:
        self._geometry = None
        self._still = None
        self.updateGeometry()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._geometry = None
        self._still = None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.DevicePixelRatioChange):
            self._forget_drawing()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._still = None
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._still = None
        super().focusOutEvent(event)

    # Asking -------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        geometry = self.geometry_of_axes()
        if geometry is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        self._dragged = geometry.predictor_at(event.position().y())
        if self._dragged:
            self.set_active(self._dragged)
            self.active_changed.emit(self._dragged)
            self._ask_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        geometry = self.geometry_of_axes()
        if self._dragged:
            self._ask_at(event.position().x())
        elif geometry is not None:
            over = geometry.predictor_at(event.position().y())
            self.setCursor(Qt.CursorShape.SizeHorCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged = ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._nomogram is None:
            return
        names = [p.name for p in self._nomogram.predictors]
        index = names.index(self._active) if self._active in names else 0
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.set_active(names[(index + (1 if key == Qt.Key.Key_Down else -1)) % len(names)])
            self.active_changed.emit(self._active)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            steps = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self._ask_step(names[index], steps if key == Qt.Key.Key_Right else -steps)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.value_requested.emit(names[index], None)
        else:
            super().keyPressEvent(event)

    def _ask_at(self, x: float) -> None:
        geometry = self.geometry_of_axes()
        if geometry is None or self._nomogram is None:
            return
        predictor = self._nomogram.predictor(self._dragged)
        wanted = self._nomogram.value_at_points(self._dragged, geometry.points_of_x(x))
        step = drag_step(predictor)
        low, high = predictor.axis
        value = round(min(max(round(wanted / step) * step, low), high), 10)
        if not self._settings or self._settings[-1].values.get(self._dragged) != value:
            self.value_requested.emit(self._dragged, value)

    def _ask_step(self, name: str, steps: int) -> None:
        """One step along the axis as drawn: to the right is always more points."""
        if self._nomogram is None:
            return
        predictor = self._nomogram.predictor(name)
        low, high = predictor.axis
        current = self._settings[-1].values.get(name) if self._settings else None
        if current is None:
            self.value_requested.emit(name, low if not predictor.reversed else high)
            return
        direction = -1 if predictor.reversed else 1
        value = current + direction * steps * drag_step(predictor)
        self.value_requested.emit(name, round(min(max(value, low), high), 10))

"""The strip below the pictures: where in the stack the active view is, what the network gave each slice, key images."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from sinusviewer.domain.display import Plane
from sinusviewer.session import Session
from sinusviewer.ui.panels.tones import current_tones


@dataclass(frozen=True, slots=True)
class StripContent:
    """What the strip draws; probabilities by slice of the plane shown, 0-1."""

    count: int = 0
    current: int = 0
    probabilities: tuple[tuple[int, float], ...] = ()
    threshold: float = 0.5
    key_images: tuple[int, ...] = ()


def strip_content(session: Session) -> StripContent:
    """The active view's stack; slice probabilities only on the plane that they were made on."""
    view = session.active_view
    state = session.views[view]
    stack = session.stack(state.series_key, state.plane)
    if stack is None:
        return StripContent()
    keys = tuple(
        k.slice_index for k in session.key_images if k.series_key == state.series_key and k.plane is stack.plane
    )
    reading, volume = session.reading(view), session.volume(view)
    bars: tuple[tuple[int, float], ...] = ()
    threshold = 0.5
    if reading is not None and reading.endotype is not None and volume is not None and stack.plane is Plane.AXIAL:
        own = reading.endotype.slice_threshold
        threshold = reading.endotype.threshold if own is None else own
        last = stack.count - 1
        upwards = float(volume.affine[2, 2]) >= 0
        bars = tuple(
            (s.slice_index if upwards else last - s.slice_index, s.probability)
            for s in reading.endotype.slices
            if 0 <= s.slice_index <= last
        )
    if session.display.ai_hidden:
        bars = ()
    return StripContent(stack.count, state.slice_index, bars, threshold, keys)


class Navigator(QWidget):
    """Shows a StripContent; asks for a slice. Signals: slice_requested(int)."""

    slice_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("navigator")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Click or drag: go to a slice. Bars: probability of the slice. Stars: key images.")
        self.setAccessibleName("Slice strip")
        self.content = StripContent()
        self.hide()  # nothing is open

    def sizeHint(self) -> QSize:
        return QSize(400, round(self.fontMetrics().height() * 2.0))

    def set_content(self, content: StripContent) -> None:
        if content != self.content:
            self.content = content
            self.setVisible(content.count > 1)
            self.update()

    def _x(self, index: float) -> float:
        return 10 + (self.width() - 20) * index / max(self.content.count, 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        tones, content = current_tones(), self.content
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tones.panel))
        top, bottom = 5.0, self.height() - 5.0
        painter.fillRect(QRectF(self._x(0), bottom - 3, self._x(content.count) - self._x(0), 3), QColor(tones.faint))
        width = max((self.width() - 20) / max(content.count, 1) - 0.5, 1.0)
        for index, probability in content.probabilities:
            color = QColor(tones.amber if probability >= content.threshold else tones.line)
            height = max((bottom - top - 3) * probability, 1.0)
            painter.fillRect(QRectF(self._x(index), bottom - 3 - height, width, height), color)
        if content.probabilities:
            y = bottom - 3 - (bottom - top - 3) * content.threshold
            painter.setPen(QPen(QColor(tones.muted), 1, Qt.PenStyle.DotLine))
            painter.drawLine(round(self._x(0)), round(y), round(self._x(content.count)), round(y))
        painter.setPen(QColor(tones.accent))
        for index in content.key_images:
            painter.drawText(
                QRectF(self._x(index + 0.5) - 10, top - 4, 20, bottom - top), Qt.AlignmentFlag.AlignCenter, "★"
            )
        now = QRectF(self._x(content.current) - 1, top - 2, max(width, 4.0) + 2, bottom - top + 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(tones.text), 1.5))
        painter.drawRoundedRect(now, 2, 2)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.content.count > 1:
            share = (event.position().x() - 10) / max(self.width() - 20, 1)
            self.slice_requested.emit(min(max(int(share * self.content.count), 0), self.content.count - 1))

"""The strip of slice probabilities: a navigator drawn slice by slice; a click asks for the slice."""

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from sinusviewer.domain.reading import SliceProbability
from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.parts import describe
from sinusviewer.ui.panels.tones import current_tones


class ProbabilityStrip(QWidget):
    """Bars over the slices that were read, the threshold as a line, the current slice as a frame.

    Signals
    -------
    slice_requested(int): index of a slice in the volume.
    """

    slice_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        describe(
            self,
            "probability_strip",
            "Probability of eosinophilic CRS on each slice. Click a slice to see it; left and right go to the next one read.",
            "arrow keys",
            "Slice probabilities",
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._slices: tuple[SliceProbability, ...] = ()
        self._threshold = 0.5
        self._count = 0
        self._current = -1

    def set_slices(self, slices: tuple[SliceProbability, ...], threshold: float, slice_count: int = 0) -> None:
        """Show probabilities by slice; ``slice_count`` is that of the whole volume where it is known."""
        indexed = tuple(s for s in slices if s.slice_index >= 0)
        if not indexed:  # a reading without places: drawn in the order given
            indexed = tuple(SliceProbability(s.sop_instance_uid, s.probability, i) for i, s in enumerate(slices))
        self._slices = tuple(sorted(indexed, key=lambda s: s.slice_index))
        self._threshold = threshold
        last = self._slices[-1].slice_index + 1 if self._slices else 0
        self._count = max(slice_count, last)
        self.update()

    def set_current_slice(self, index: int) -> None:
        if index != self._current:
            self._current = index
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 40, self.fontMetrics().height() * 5)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 20, self.fontMetrics().height() * 5)

    def paintEvent(self, event: QPaintEvent) -> None:
        tones = current_tones()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tones.field))
        if not self._slices:
            return
        area = self._area()
        width = area.width() / max(1, self._count)
        above, below = QColor(tones.accent), QColor(tones.accent)
        below.setAlpha(110)
        for item in self._slices:
            height = area.height() * min(1.0, max(0.0, item.probability))
            bar = QRectF(area.left() + item.slice_index * width, area.bottom() - height, max(1.0, width - 0.4), height)
            painter.fillRect(bar, above if item.probability >= self._threshold else below)
        y = area.bottom() - area.height() * self._threshold
        painter.setPen(QPen(QColor(tones.text), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(area.left(), y, area.right(), y))
        self._paint_words(painter, area, width)
        painter.end()

    def _paint_words(self, painter: QPainter, area: QRectF, width: float) -> None:
        """The current slice in words, in a frame above; first and last slice at the ends where there is room for them."""
        tones = current_tones()
        line = self.rect().adjusted(4, 0, -4, -2)
        bottom = int(Qt.AlignmentFlag.AlignBottom)
        words = ""
        if 0 <= self._current < self._count:
            x = area.left() + self._current * width
            painter.setPen(QPen(QColor(tones.amber), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(x - 1, area.top() - 1, max(3.0, width) + 1, area.height() + 2))
            words = self._words(self._current)
            painter.setPen(QColor(tones.text))
            painter.drawText(line, bottom | int(Qt.AlignmentFlag.AlignHCenter), words)
        metrics = self.fontMetrics()
        ends = ("slice 1", f"{self._count}")
        if metrics.horizontalAdvance(words) + 2 * metrics.horizontalAdvance("  slice 1  ") < line.width():
            painter.setPen(QColor(tones.muted))
            painter.drawText(line, bottom | int(Qt.AlignmentFlag.AlignLeft), ends[0])
            painter.drawText(line, bottom | int(Qt.AlignmentFlag.AlignRight), ends[1])

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._ask(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        indices = [s.slice_index for s in self._slices]
        if event.key() == Qt.Key.Key_Right and (after := [i for i in indices if i > self._current]):
            self.slice_requested.emit(after[0])
        elif event.key() == Qt.Key.Key_Left and (before := [i for i in indices if i < self._current]):
            self.slice_requested.emit(before[-1])
        elif event.key() == Qt.Key.Key_Home and indices:
            self.slice_requested.emit(max(self._slices, key=lambda s: s.probability).slice_index)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._slices:
            QToolTip.showText(
                event.globalPos(), self._words(self._index_at(event.pos().x())) + f"\n{self.toolTip()}", self
            )
            return True
        return super().event(event)

    def _words(self, index: int) -> str:
        found = next((s for s in self._slices if s.slice_index == index), None)
        return f"slice {index + 1}: {score_text(found.probability)}" if found else f"slice {index + 1}: not read"

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(4, 5, -4, -self.fontMetrics().height() * 1.2)

    def _index_at(self, x: float) -> int:
        area = self._area()
        return min(max(int((x - area.left()) / area.width() * self._count), 0), max(0, self._count - 1))

    def _ask(self, x: float) -> None:
        if self._slices:
            index = self._index_at(x)
            if index != self._current:
                self.slice_requested.emit(index)

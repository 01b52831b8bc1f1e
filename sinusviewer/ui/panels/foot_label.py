"""What must never scroll away, without taking the panel: at large type two lines, the rest in the tooltip."""

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QTextLayout, QTextOption

from sinusviewer.ui.panels.form_grid import large_type
from sinusviewer.ui.panels.parts import ToneLabel

LINES = 2
"""Lines shown at large type; the statements begin with what matters ("Trained on simulated patients only …")."""


class FootLabel(ToneLabel):
    """A wrapping label that ends in "…" after two lines where the type is large; ``text()`` is always the whole."""

    def __init__(self, text: str, tone: str, name: str) -> None:
        self._whole = False
        super().__init__(text, tone, name)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def set_whole(self, whole: bool) -> None:
        """Show all lines at any size of the type: a question must be read to its end."""
        if whole != self._whole:
            self._whole = whole
            self.updateGeometry()
            self.update()

    def _cut(self) -> bool:
        return large_type() and not self._whole

    def heightForWidth(self, width: int) -> int:
        whole = super().heightForWidth(width)
        return min(whole, self._most()) if self._cut() else whole

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), min(hint.height(), self._most())) if self._cut() else hint

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(hint.width(), min(hint.height(), self._most())) if self._cut() else hint

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._cut() or super().heightForWidth(self.width()) <= self._most():
            super().paintEvent(event)
            return
        text, metrics = self.text(), self.fontMetrics()
        layout = QTextLayout(text, self.font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout.setTextOption(option)
        starts: list[int] = []
        layout.beginLayout()
        while (line := layout.createLine()).isValid() and len(starts) <= LINES:
            line.setLineWidth(self.width())
            starts.append(line.textStart())
        layout.endLayout()
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        for number, start in enumerate(starts[:LINES]):
            last = number == LINES - 1
            rest = text[start:] if last else text[start : starts[number + 1]]
            shown = metrics.elidedText(rest, Qt.TextElideMode.ElideRight, self.width()) if last else rest
            painter.drawText(QPointF(0, number * metrics.lineSpacing() + metrics.ascent()), shown.rstrip())
        painter.end()

    def _most(self) -> int:
        return LINES * self.fontMetrics().lineSpacing()

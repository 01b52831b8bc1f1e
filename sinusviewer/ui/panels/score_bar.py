"""The score of one antrum as a bar with its threshold, always with the number beside it."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from sinusviewer.domain.reading import SideScore
from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.tones import current_tones
from sinusviewer.ui.panels.wording import SUBCLASS_WORDS, antrum_name, side_letter


class ScoreBar(QWidget):
    """Draws one ``SideScore`` against the threshold that is in force."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._score: SideScore | None = None
        self._threshold = 0.5

    def set_score(self, score: SideScore | None, threshold: float) -> None:
        self._score, self._threshold = score, threshold
        if score is not None:
            above = "at or above" if score.score >= threshold else "below"
            says = f"{antrum_name(score.side)}: score {score_text(score.score)}, {above} threshold {threshold:.2f}"
            self.setAccessibleName(says)
            self.setToolTip(
                f"{says}. The network's score for sinusitis in this antrum, 0 to 1, read from this film; "
                "the model and its threshold are named below."
            )
        self.updateGeometry()
        self.update()

    @property
    def is_positive(self) -> bool:
        return self._score is not None and self._score.score >= self._threshold

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.averageCharWidth() * 36, int(metrics.height() * 3.1))

    def minimumSizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.averageCharWidth() * 14, int(metrics.height() * 3.1))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._score is None:
            return
        tones = current_tones()
        color = QColor(tones.of_side(self._score.side))
        height = self.fontMetrics().height()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bold = QFont(self.font())
        bold.setBold(True)

        # First line: letter of the side, name, hint at the form, score.
        letter = side_letter(self._score.side)
        left = 0.0
        painter.setFont(bold)
        if letter:
            painter.setPen(color)
            painter.drawText(QRectF(0, 0, height * 1.2, height * 1.2), Qt.AlignmentFlag.AlignVCenter, letter)
            left = height * 1.1
        number = score_text(self._score.score)
        number_width = painter.fontMetrics().horizontalAdvance(">0.99") + 2.0
        painter.setPen(QColor(tones.text))
        painter.drawText(
            QRectF(self.width() - number_width, 0, number_width, height * 1.2),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
            number,
        )
        painter.setFont(self.font())
        name = antrum_name(self._score.side)
        if self.is_positive and self._score.subclass:
            name += f", {SUBCLASS_WORDS.get(self._score.subclass, self._score.subclass)}?"
        room = QRectF(left, 0, self.width() - left - number_width - 6, height * 1.2)
        painter.drawText(
            room,
            Qt.AlignmentFlag.AlignVCenter,
            self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(room.width())),
        )

        # Second line: the bar. Filled where positive, outlined where not, so that colour is not the only sign.
        bar = QRectF(0.5, height * 1.45, self.width() - 1.0, height * 0.55)
        painter.setPen(QPen(QColor(tones.line), 1))
        painter.setBrush(QColor(tones.faint))
        painter.drawRect(bar)
        filled = QRectF(bar.left(), bar.top(), bar.width() * min(1.0, max(0.0, self._score.score)), bar.height())
        painter.setPen(QPen(color, 1.5))
        fill = QColor(color)
        fill.setAlpha(255 if self.is_positive else 70)
        painter.setBrush(fill)
        painter.drawRect(filled)
        x = bar.left() + bar.width() * self._threshold
        painter.setPen(QPen(QColor(tones.text), 2))
        painter.drawLine(QPointF(x, bar.top() - height * 0.18), QPointF(x, bar.bottom() + height * 0.12))
        painter.setBrush(QColor(tones.text))
        painter.setPen(Qt.PenStyle.NoPen)
        tip = bar.bottom() + height * 0.1
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(x, tip),
                    QPointF(x - height * 0.25, tip + height * 0.35),
                    QPointF(x + height * 0.25, tip + height * 0.35),
                ]
            )
        )
        painter.setPen(QColor(tones.muted))
        small = QFont(self.font())
        small.setPointSizeF(max(6.5, small.pointSizeF() * 0.85))
        painter.setFont(small)
        text = f"threshold {self._threshold:.2f}"
        width = painter.fontMetrics().horizontalAdvance(text)
        start = x + height * 0.4 if x + height * 0.4 + width < self.width() else x - height * 0.4 - width
        painter.drawText(QPointF(start, tip + height * 0.62), text)
        painter.end()

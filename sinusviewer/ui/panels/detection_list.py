"""The boxes on a film, the AI's and the reader's, with accept, edit and reject by mouse and by key."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from sinusviewer.domain.display import is_drawn
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.parts import ToneLabel, button, describe, row
from sinusviewer.ui.panels.tones import current_tones
from sinusviewer.ui.panels.wording import antrum_name, detection_line, side_letter

_IDENTIFIER = int(Qt.ItemDataRole.UserRole)


class DetectionList(QWidget):
    """Shows detections; asks to select, accept, edit or reject one by its identifier."""

    select_requested = Signal(str)
    accept_requested = Signal(str)
    edit_requested = Signal(str)
    reject_requested = Signal(str)
    add_requested = Signal()
    confirm_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("detection_list")
        self._detections: tuple[Detection, ...] = ()
        self._threshold = 0.0
        self.rows = QListWidget()
        self.rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        describe(
            self.rows,
            "detections",
            "Boxes on this film: dashed = AI, solid = reader. Enter accepts, E edits, Del rejects, N goes to the next.",
            accessible="Boxes on this film",
        )
        self.rows.currentItemChanged.connect(self._on_current)
        self.rows.installEventFilter(self)
        self._accept = button("Accept", "accept_finding", "Agree with this box.", lambda: self._ask("accept"), "Enter")
        self._edit = button("Edit", "edit_finding", "Move or resize this box; the AI's original is kept.",
                            lambda: self._ask("edit"), "E")  # fmt: skip
        self._reject = button("Reject", "reject_finding", "Disagree with this box; it stays on record.",
                              lambda: self._ask("reject"), "Del")  # fmt: skip
        self._add = button(
            "Draw box", "add_finding", "Draw a box that the AI has missed.", self.add_requested.emit, "B"
        )
        self._empty = ToneLabel("No boxes on this film.", "muted", "no_detections")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._empty)
        layout.addWidget(self.rows)
        layout.addLayout(row(self._accept, self._edit, self._reject, self._add))
        self.set_detections(())

    def set_detections(self, detections: tuple[Detection, ...], selected: str | None = None) -> None:
        """Show these; the selection is the one named ("" is none), or without one stays where it still exists."""
        keep = self.selected() if selected is None else selected
        self._detections = detections
        self.rows.blockSignals(True)
        self.rows.clear()
        for detection in detections:
            words = detection_line(detection, self._threshold)
            item = QListWidgetItem(self._icon(detection), words)
            if not is_drawn(detection, self._threshold):
                item.setForeground(QColor(current_tones().muted))
            item.setData(_IDENTIFIER, detection.identifier)
            item.setToolTip(self._tip(detection))
            item.setData(int(Qt.ItemDataRole.AccessibleTextRole), f"{antrum_name(detection.side)}, {words}")
            if detection.status is FindingStatus.REJECTED:
                font = QFont(self.rows.font())
                font.setStrikeOut(True)
                item.setFont(font)
            self.rows.addItem(item)
            if detection.identifier == keep:
                self.rows.setCurrentItem(item)
        self.rows.blockSignals(False)
        self._empty.setVisible(not detections)
        self.rows.setVisible(bool(detections))
        line = self.rows.sizeHintForRow(0) if detections else 0
        self.rows.setFixedHeight(min(6, max(2, len(detections))) * max(line, 18) + 8)
        self._enable()

    def set_threshold(self, threshold: float) -> None:
        """Boxes below it are said not to show."""
        if threshold != self._threshold:
            self._threshold = threshold
            self.set_detections(self._detections)

    def set_selected(self, identifier: str) -> None:
        self.rows.blockSignals(True)
        if not identifier:
            self.rows.setCurrentRow(-1)
        for index in range(self.rows.count()):
            if self.rows.item(index).data(_IDENTIFIER) == identifier:
                self.rows.setCurrentRow(index)
        self.rows.blockSignals(False)
        self._enable()

    def selected(self) -> str:
        item = self.rows.currentItem()
        return str(item.data(_IDENTIFIER)) if item is not None else ""

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if watched is self.rows and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            verb = {
                Qt.Key.Key_Return: "accept",
                Qt.Key.Key_Enter: "accept",
                Qt.Key.Key_E: "edit",
                Qt.Key.Key_Delete: "reject",
            }.get(Qt.Key(event.key()))
            if verb == "accept" and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.confirm_requested.emit()
                return True
            if verb is not None and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._ask(verb)
                return True
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._detections:
            self.set_detections(self._detections)

    def _on_current(self, item: QListWidgetItem | None) -> None:
        self._enable()
        if item is not None:
            self.select_requested.emit(str(item.data(_IDENTIFIER)))

    def _ask(self, verb: str) -> None:
        if identifier := self.selected():
            {"accept": self.accept_requested, "edit": self.edit_requested, "reject": self.reject_requested}[verb].emit(
                identifier
            )

    def _enable(self) -> None:
        current = next((d for d in self._detections if d.identifier == self.selected()), None)
        self._accept.setEnabled(
            current is not None and current.status not in (FindingStatus.ACCEPTED, FindingStatus.EDITED)
        )
        self._edit.setEnabled(current is not None)
        self._reject.setEnabled(current is not None and current.status is not FindingStatus.REJECTED)

    @staticmethod
    def _tip(detection: Detection) -> str:
        x0, y0, x1, y1 = detection.xyxy
        tip = (
            f"{antrum_name(detection.side)}. Box x {x0:.0f}-{x1:.0f}, y {y0:.0f}-{y1:.0f} in pixels of the stored film."
        )
        if detection.original_xyxy is not None:
            ox0, oy0, ox1, oy1 = detection.original_xyxy
            tip += f" The AI's own box is kept: x {ox0:.0f}-{ox1:.0f}, y {oy0:.0f}-{oy1:.0f}."
        if detection.author is Author.AI:
            tip += f" Score {score_text(detection.score)} of the network for this box."
        return tip

    def _icon(self, detection: Detection) -> QIcon:
        """A box as on the film: dashed for the AI's, solid for a person's and for what a person accepted or moved."""
        side = max(16, self.fontMetrics().height() + 2)
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(QSize(side, side) * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        tones = current_tones()
        color = QColor(tones.of_side(detection.side))
        painter = QPainter(pixmap)
        painter.fillRect(QRectF(0, 0, side, side), QColor(tones.field))
        untouched = detection.status in (FindingStatus.PROPOSED, FindingStatus.REJECTED)
        dashed = detection.author is Author.AI and untouched
        painter.setPen(QPen(color, 1.6, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine))
        painter.drawRect(QRectF(1.5, 1.5, side - 3, side - 3))
        font = QFont(self.font())
        font.setBold(True)
        font.setPixelSize(int(side * 0.6))
        painter.setFont(font)
        painter.drawText(QRectF(0, 0, side, side), Qt.AlignmentFlag.AlignCenter, side_letter(detection.side))
        painter.end()
        self.rows.setIconSize(QSize(side, side))
        return QIcon(pixmap)

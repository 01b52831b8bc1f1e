"""The table of sinuses: per sinus and side what is measured, with the change against a prior."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from sinusviewer.domain.anatomy import SINUS_CODES, ImageSide, Side, Sinus, Structure
from sinusviewer.domain.reading import SinusMeasurement
from sinusviewer.report.wording import AIR_FLUID_LEVEL
from sinusviewer.ui.panels.tones import current_tones, structure_color
from sinusviewer.ui.panels.wording import (
    SINUS_SHORT,
    image_side,
    lower_first,
    measurement_sentence,
    shown_side,
    structure_name,
)

COLUMNS = ("Sinus", "ml", "Opac. %", "HU", "LM", "±")
_TIPS = (
    "Sinus and the patient's side. Enter or a click goes to its largest slice.",
    "Volume of the sinus in millilitres: voxels of the mask times the voxel's volume.",
    "Share of the sinus that is opacified, in percent of its volume; from the mask, not from the endotype network.",
    "Mean CT number inside the sinus in Hounsfield units.",
    "Lund-Mackay: 0 clear, 1 partly, 2 wholly opacified; from the opacified share.",
    "Opacified share now minus that of the prior study, in percentage points.",
)
_UNKNOWN = "–"
_HU = 3
_FRACTION = int(Qt.ItemDataRole.UserRole) + 1
_STRUCTURE = int(Qt.ItemDataRole.UserRole)
ROWS: tuple[tuple[Sinus, Side], ...] = tuple((sinus, side) for sinus in Sinus for side in (Side.RIGHT, Side.LEFT))


class _FractionBar(QStyledItemDelegate):
    """Draws a thin bar of the opacified share under the number."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        fraction = index.data(_FRACTION)
        if fraction is None:
            return
        rect = QRectF(option.rect).adjusted(4, 0, -4, 0)
        tones = current_tones()
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        bar = QRectF(rect.left(), rect.bottom() - 4, rect.width(), 3)
        painter.setBrush(QColor(tones.faint))
        painter.drawRect(bar)
        bar.setWidth(bar.width() * min(1.0, max(0.0, float(fraction))))
        painter.setBrush(QColor(tones.accent))
        painter.drawRect(bar)
        painter.restore()


class SinusTable(QTableWidget):
    """Rows per sinus and side; asks to go to a structure."""

    go_to_requested = Signal(object)  # Structure

    def __init__(self) -> None:
        super().__init__(len(ROWS), len(COLUMNS))
        self.setObjectName("sinus_table")
        self._against_prior = False
        self.setAccessibleName("Sinuses")
        for column, tip in enumerate(_TIPS):
            head = QTableWidgetItem(COLUMNS[column])
            head.setToolTip(tip)
            self.setHorizontalHeaderItem(column, head)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.moveSection(2, 1)  # what matters most stands next to the name, where a narrow table still shows it
        header.moveSection(4, 2)
        header.moveSection(5, 2)  # against a prior, the change is what is looked for
        self._bar = _FractionBar(self)
        self.setItemDelegateForColumn(2, self._bar)
        self.cellClicked.connect(lambda row, _column: self._go(row))

    def set_measurements(self, current: tuple[SinusMeasurement, ...], prior: tuple[SinusMeasurement, ...] = ()) -> None:
        """Show these; rows are named by the image's side where the patient's is unverified."""
        now = {(m.sinus, shown_side(m.side)): m for m in current}
        before = {(m.sinus, shown_side(m.side)): m for m in prior}
        verified = not any(isinstance(m.side, ImageSide) for m in current)
        self.setColumnHidden(5, not prior)
        self._against_prior = bool(prior)
        for row, key in enumerate(ROWS):
            self._fill(row, key, now.get(key), before.get(key), verified)
        self._fit()

    def set_selected(self, structure: Structure | None) -> None:
        """Highlight a structure's row; asks for nothing."""
        if structure is None or not 1 <= int(structure) <= len(ROWS):
            self.clearSelection()
            return
        for row, (sinus, side) in enumerate(ROWS):
            if SINUS_CODES[sinus, side] is structure:
                self.setCurrentCell(row, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.currentRow() >= 0:
            self._go(self.currentRow())
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 46, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 18, self.height())

    def _go(self, row: int) -> None:
        sinus, side = ROWS[row]
        self.go_to_requested.emit(SINUS_CODES[sinus, side])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Rows by the type's size; where the columns need more room than there is, the table scrolls sideways."""
        line = int(self.fontMetrics().height() * 1.5)
        for row in range(self.rowCount()):
            self.setRowHeight(row, line)
        header = self.horizontalHeader()
        wide = {c: max(self.sizeHintForColumn(c), header.sectionSizeHint(c)) for c in range(len(COLUMNS))}
        room = self.viewport().width() - sum(wide[c] for c in wide if c != _HU and not self.isColumnHidden(c))
        # A number cut off is another number: HU goes as a whole where it has no room, and stands in the row's tip.
        self.setColumnHidden(_HU, self._against_prior or room < wide[_HU])
        narrow = room < 0
        mode = QHeaderView.ResizeMode.ResizeToContents if narrow else QHeaderView.ResizeMode.Stretch
        if header.sectionResizeMode(0) is not mode:
            header.setSectionResizeMode(0, mode)
        bar = self.horizontalScrollBar().sizeHint().height() if narrow else 0
        self.setFixedHeight(line * self.rowCount() + header.sizeHint().height() + 4 + bar)

    def _fill(
        self,
        row: int,
        key: tuple[Sinus, Side],
        m: SinusMeasurement | None,
        old: SinusMeasurement | None,
        verified: bool,
    ) -> None:
        sinus, side = key
        structure = SINUS_CODES[key]
        known = m is not None and m.complete
        fraction = m.opacified_fraction if m is not None and known else None
        change = ""
        if fraction is not None and old is not None and old.opacified_fraction is not None:
            points = round((fraction - old.opacified_fraction) * 100)
            change = f"{points:+d}".replace("-", "−") if points else "0"
        place = side.value[0].upper() if verified else image_side(side).value
        volume = _UNKNOWN
        if m is not None and m.volume_ml is not None:
            volume = f"{'' if known else '≥ '}{m.volume_ml:.1f}"  # of a sinus cut off, at least what is seen
        marks = " ✎" if m is not None and m.edited_by_reader else ""
        marks += " AFL" if m is not None and m.air_fluid_level else ""
        texts = (
            f"{place}  {SINUS_SHORT[sinus]}{marks}",  # the side first: a narrow column must never cut it off
            volume,
            f"{fraction * 100:.0f}" if fraction is not None else _UNKNOWN,
            f"{m.mean_hu:.0f}".replace("-", "−") if m is not None and known and m.mean_hu is not None else _UNKNOWN,
            str(m.lund_mackay) if m is not None and known and m.lund_mackay is not None else _UNKNOWN,
            change,
        )
        tip = (
            measurement_sentence(m)
            if m is not None
            else f"{structure_name(structure, verified=verified)}: not measured."
        )
        if known and m is not None and m.mean_hu is not None:
            tip += f", mean {m.mean_hu:.0f} HU".replace("-", "−")
        if m is not None and m.air_fluid_level:
            tip += f"\nAFL: {lower_first(AIR_FLUID_LEVEL)}"
        if old is not None:
            tip += f"\nIn the prior: {measurement_sentence(old)}"
            if old.lund_mackay is not None:
                tip += f", Lund–Mackay {old.lund_mackay}"
            if old.air_fluid_level:
                tip += ", air-fluid level (proposed)"
        tones = current_tones()
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(tip)
            item.setData(_STRUCTURE, int(structure))
            if column == 0:
                swatch = QPixmap(10, 10)
                swatch.fill(structure_color(structure))
                item.setData(int(Qt.ItemDataRole.DecorationRole), swatch)
                item.setData(int(Qt.ItemDataRole.AccessibleTextRole), tip)
            else:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if column == 2:
                item.setData(_FRACTION, fraction)
            if m is not None and not m.complete:
                item.setForeground(QColor(tones.amber))
            self.setItem(row, column, item)

"""The worklist: a folder of films as a table, read in one go, worked off from the most suspicious down."""

from PySide6.QtCore import (
    QEvent,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QProgressBar, QTableView, QVBoxLayout, QWidget

from sinusviewer.ui.panels.parts import ToneLabel, button, describe, line, row
from sinusviewer.ui.panels.scroll_panel import keeps_key
from sinusviewer.ui.panels.worklist_model import (
    DATE,
    PATIENT,
    RESULT,
    SCORE,
    SORT_ROLE,
    Badge,
    WorklistItem,
    WorklistModel,
)


class _Table(QTableView):
    """Enter opens the row, PgDn and PgUp the next and the previous; everything else is Qt's own."""

    opened = Signal()
    stepped = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
            return
        if event.key() in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp) and not event.modifiers():
            self.stepped.emit(1 if event.key() == Qt.Key.Key_PageDown else -1)
            return
        super().keyPressEvent(event)


class WorklistPanel(QWidget):
    """Shows items; asks to open one or to read many.

    Signals
    -------
    open_requested(str key), read_requested(tuple of keys), cancel_requested()
    """

    open_requested = Signal(str)
    read_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("worklist_panel")
        self.setAccessibleName("Worklist")
        self._model = WorklistModel()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setFilterKeyColumn(-1)
        self._sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._order: tuple[str, ...] | None = None
        for changed in (self._sorted.layoutChanged, self._sorted.modelReset, self._sorted.rowsInserted,
                        self._sorted.rowsRemoved, self._sorted.rowsMoved, self._sorted.dataChanged):  # fmt: skip
            changed.connect(self._forget_order)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search patient, date, result, state")
        self._search.setClearButtonEnabled(True)
        describe(
            self._search,
            "worklist_search",
            "Show only the rows that contain this text.",
            accessible="Search the worklist",
        )
        self._search.textChanged.connect(self._sorted.setFilterFixedString)
        self.table = _Table()
        describe(self.table, "worklist_table", "Films, most suspicious first. Enter opens one; PgDn and PgUp go to the next and "
                 "previous.", "Enter", "Worklist")  # fmt: skip
        self.table.setModel(self._sorted)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(SCORE, Qt.SortOrder.DescendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of one family differ at their end
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(int(self.fontMetrics().height() * 1.7))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(PATIENT, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(RESULT, QHeaderView.ResizeMode.Interactive)  # a long reason stands in the tooltip
        header.resizeSection(RESULT, self.fontMetrics().horizontalAdvance("none above 0.00") + 14)
        header.setHighlightSections(False)
        self.table.opened.connect(self._open_current)
        self.table.stepped.connect(self._go)
        self.table.doubleClicked.connect(lambda _index: self._open_current())
        self._summary = ToneLabel("", "muted", "worklist_summary")
        self._read = button(
            "Read new",
            "worklist_read",
            "Read every film that is still new; where none is, every one that is out of date.",
            self.read_new,
            "Ctrl+Shift+R",
        )
        self._again = button(
            "Read selected", "worklist_read_selected", "Read the selected films (again).", self._ask_selected
        )
        self._previous = button(
            "Previous", "worklist_previous", "Open the previous film of this list.", self.go_previous, "PgUp"
        )
        self._next = button("Next", "worklist_next", "Open the next film of this list.", self.go_next, "PgDn")
        self._progress = QProgressBar()
        describe(self._progress, "worklist_progress", "Films read so far.", accessible="Films read so far")
        self._cancel = button(
            "Cancel", "worklist_cancel", "Stop reading; what has been read stays.", self.cancel_requested.emit, "Esc"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addWidget(self._search)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._summary)
        layout.addLayout(row(self._read, self._again, self._previous, self._next))
        layout.addLayout(line(self._progress, self._cancel))
        self.set_items(())
        self.set_progress(None)

    def event(self, event: QEvent) -> bool:
        return True if keeps_key(event) else super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.table.setColumnHidden(DATE, self.width() < self.fontMetrics().averageCharWidth() * 62)

    def set_items(self, items: tuple[WorklistItem, ...], current: str = "") -> None:
        """Show these; ``current`` is the one open in the viewer."""
        self._model.set_items(items)
        counts = {badge: sum(i.badge is badge for i in items) for badge in Badge}
        parts = [f"{count} {badge.value}" for badge, count in counts.items() if count]
        self._summary.setText(
            f"{len(items)} in the list: {', '.join(parts)}."
            if items
            else "No films. Open a folder to fill the worklist."
        )
        again = not counts[Badge.NEW] and counts[Badge.OUTDATED] > 0
        self._read.setText("Read again" if again else "Read new")
        self._read.setEnabled(counts[Badge.NEW] > 0 or again)
        for control in (self._again, self._previous, self._next):
            control.setEnabled(bool(items))
        if current:
            self.set_current(current)

    def set_current(self, key: str) -> None:
        """Highlight the film that is open; asks for nothing."""
        for number, item in enumerate(self._model.items):
            if item.key == key:
                index = self._sorted.mapFromSource(self._model.index(number, 0))
                if index.isValid() and index.row() != self.table.currentIndex().row():
                    self.table.setCurrentIndex(index)

    def set_progress(self, done: int | None, total: int = 0, seconds_left: float | None = None) -> None:
        """How far a batch is; None when none is under way."""
        running = done is not None
        self._progress.setVisible(running)
        self._cancel.setVisible(running)
        if done is not None:
            self._progress.setRange(0, max(1, total))
            self._progress.setValue(done)
            left = f", {seconds_left:.0f} s left" if seconds_left is not None else ""
            self._progress.setFormat(f"{done} of {total}{left}")

    def keys_in_order(self) -> tuple[str, ...]:
        """Keys as the table now stands, top to bottom."""
        if self._order is None:
            rows = range(self._sorted.rowCount())
            sources = (self._sorted.mapToSource(self._sorted.index(r, 0)).row() for r in rows)
            self._order = tuple(self._model.items[row].key for row in sources)
        return self._order

    def _forget_order(self, *_: object) -> None:
        self._order = None

    def go_next(self) -> None:
        self._go(1)

    def go_previous(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        keys = self.keys_in_order()
        if not keys:
            return
        now = self.table.currentIndex().row()
        wanted = min(max(now + step, 0), len(keys) - 1) if now >= 0 else 0
        self.open_requested.emit(keys[wanted])

    def _open_current(self) -> None:
        number = self.table.currentIndex().row()
        if number >= 0:
            self.open_requested.emit(self.keys_in_order()[number])

    def read_new(self) -> bool:
        """Ask to read every film that is still new, or else every one that is out of date; False where there is neither."""
        items = self._model.items
        wanted = (tuple(i.key for i in items if i.badge is badge) for badge in (Badge.NEW, Badge.OUTDATED))
        new = next((keys for keys in wanted if keys), ())
        if new:
            self.read_requested.emit(new)
        return bool(new)

    def _ask_selected(self) -> None:
        keys = self.keys_in_order()
        chosen = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        if chosen:
            self.read_requested.emit(tuple(keys[number] for number in chosen))

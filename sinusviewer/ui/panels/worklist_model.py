"""The rows of the worklist: items, badges, and how they sort."""

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.tones import current_tones


class Badge(StrEnum):
    """How far a film has come."""

    NEW = "new"
    READ = "read"
    EDITED = "edited"
    SIGNED = "signed"
    OUTDATED = "out of date"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WorklistItem:
    """One film or series of the list. ``score`` is the higher of its two sides, None while there is none."""

    key: str
    patient: str
    date: str = ""
    score: float | None = None
    result: str = ""
    badge: Badge = Badge.NEW


_COLUMNS = ("Score", "Patient", "Result", "State", "Date")
SCORE, PATIENT, RESULT, STATE, DATE = range(5)
_TIPS = (
    "The higher of both sides' scores, 0 to 1, by the network named in the findings; on CT the probability of ECRS.",
    "Patient as the file names him.",
    "What was found at the model's own threshold, from the patient's side.",
    "new: not read yet; read: by the program; edited: a reader changed something; signed: report signed; "
    "out of date: read with a model that has changed since, read again.",
    "Date of the study.",
)
SORT_ROLE = int(Qt.ItemDataRole.UserRole)
Index = QModelIndex | QPersistentModelIndex


class WorklistModel(QAbstractTableModel):
    """Items as rows; sorts by value, unread last."""

    def __init__(self) -> None:
        super().__init__()
        self.items: tuple[WorklistItem, ...] = ()

    def set_items(self, items: tuple[WorklistItem, ...]) -> None:
        """Rows that only changed are updated in place, so that the selection stays."""
        if [i.key for i in items] == [i.key for i in self.items]:
            changed = [n for n, (a, b) in enumerate(zip(self.items, items, strict=True)) if a != b]
            self.items = items
            if (
                changed
            ):  # in one go: told of one row after the other, the sorted table would sort among rows already new
                self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(_COLUMNS) - 1))
            return
        at = _taken_out(self.items, items)
        if at >= 0:  # a study was closed: two thousand rows need not be measured anew
            self.beginRemoveRows(QModelIndex(), at, at)
            self.items = items
            self.endRemoveRows()
            return
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def columnCount(self, parent: Index | None = None) -> int:
        return len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return _TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        item = self.items[index.row()]
        column = index.column()
        score = "–" if item.score is None else score_text(item.score)
        texts = (score, item.patient, item.result, item.badge.value, item.date)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == SORT_ROLE:
            return texts[column] if column != SCORE else -1.0 if item.score is None else item.score
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SCORE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{item.patient} {item.date}: {item.result or item.badge.value}"
        if role == Qt.ItemDataRole.ForegroundRole and column == STATE:
            tones = current_tones()
            color = {
                Badge.WITHHELD: tones.amber,
                Badge.OUTDATED: tones.amber,
                Badge.FAILED: tones.red,
                Badge.NEW: tones.muted,
                Badge.SIGNED: tones.accent,
            }
            return QColor(color[item.badge]) if item.badge in color else None
        return None


def _taken_out(before: tuple[WorklistItem, ...], now: tuple[WorklistItem, ...]) -> int:
    """The one row that is gone, the others being what they were; -1 where more has changed."""
    if len(now) != len(before) - 1:
        return -1
    at = next((n for n, (a, b) in enumerate(zip(before, now, strict=False)) if a.key != b.key), len(now))
    return at if before[:at] + before[at + 1 :] == now else -1

"""Rows of a name and its field, side by side; one under the other where the type is so large that both do not fit."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QWidget

LARGE_TYPE = 14.0
"""Point size from which names and values go one under the other."""
FONT_EVENTS = (QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange)
"""What tells a widget that the type's size was changed: with a style sheet it is a change of style alone."""


def large_type() -> bool:
    """Whether the application's type is large now."""
    return QFontInfo(QApplication.font()).pointSizeF() >= LARGE_TYPE


class FormGrid(QWidget):
    """Shows rows of (name, field) and follows a change of the type's size."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel | None, QWidget, bool]] = []
        self._stacked = large_type()

    def add(self, label: QLabel | None, field: QWidget, *, wide: bool = False) -> None:
        """Append a row; without a name the field stands below the one before, ``wide`` over both columns."""
        self._rows.append((label, field, wide))
        self._put(len(self._rows) - 1)

    def clear(self) -> None:
        """Remove all rows and their widgets."""
        for label, field, _wide in self._rows:
            for widget in (label, field):
                if widget is not None:
                    self._grid.removeWidget(widget)
                    widget.hide()
                    widget.deleteLater()
        self._rows.clear()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in FONT_EVENTS and self._stacked is not large_type():
            self._stacked = large_type()
            for label, field, _wide in self._rows:
                for widget in (label, field):
                    if widget is not None:
                        self._grid.removeWidget(widget)
            for number in range(len(self._rows)):
                self._put(number)

    def _put(self, number: int) -> None:
        label, field, wide = self._rows[number]
        line = 2 * number
        if label is not None and self._stacked:
            self._grid.addWidget(label, line, 0, 1, 2)
            self._grid.addWidget(field, line + 1, 0, 1, 2)
        elif label is not None:
            self._grid.addWidget(label, line, 0)
            self._grid.addWidget(field, line, 1)
        elif wide or self._stacked:
            self._grid.addWidget(field, line, 0, 1, 2)
        else:
            self._grid.addWidget(field, line, 1)

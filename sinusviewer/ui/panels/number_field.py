"""A field for a number that may be unknown: blank is missing, never zero."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit

from sinusviewer.errors import InputError
from sinusviewer.ui.panels.units import parse_number, shown_number


class NumberField(QLineEdit):
    """A number or nothing; asks when Enter is pressed or the field is left, and only if what stands there changed."""

    value_entered = Signal(object)  # float | None
    rejected = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._shown = ""
        self.setPlaceholderText("unknown")
        self.editingFinished.connect(self._ask)

    def set_value(self, value: float | None) -> None:
        self._shown = shown_number(value)
        if self.text() != self._shown:
            self.setText(self._shown)

    def _ask(self) -> None:
        if self.text().strip() == self._shown:
            return
        self._shown = self.text().strip()
        try:
            value = parse_number(self.text())
        except InputError as error:
            self.rejected.emit(error.message)
            return
        self.value_entered.emit(value)

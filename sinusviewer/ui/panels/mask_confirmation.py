"""What the reader says of a CT's masks as a whole, above them: that all were looked at and are right."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sinusviewer.ui.panels.parts import ToneLabel, button

_KEY = "Shift+Enter"


class MaskConfirmation(QWidget):
    """Shows whether the masks are confirmed; asks to confirm them, or to take that back, by one signal: confirm_requested()."""

    confirm_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("mask_confirmation")
        self.said = ToneLabel("Confirmed by the reader: the masks are right.", "text", "masks_confirmed")
        self.ask = button(
            "Confirm", "confirm_masks", "You looked at every sinus on every slice, and the masks are right as they stand. "
            "Recorded; only masks that a reader confirmed or edited become training data.", self.confirm_requested.emit, _KEY,
        )  # fmt: skip
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.said)
        layout.addWidget(self.ask)
        self.set_confirmed(False)

    def set_confirmed(self, confirmed: bool) -> None:
        """Whether the reader confirmed the masks as they stand."""
        self.said.setVisible(confirmed)
        self.ask.setText("Take the confirmation back" if confirmed else "Confirm: the masks are right")

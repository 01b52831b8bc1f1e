"""What the reader says of a film as a whole, below its boxes: that nothing is to be seen but what is marked."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sinusviewer.domain.finding import Detection, FindingStatus
from sinusviewer.ui.panels.parts import ToneLabel, button

_KEY = "Shift+Enter"


class FilmConfirmation(QWidget):
    """Shows whether the film is confirmed; asks to confirm it, or to take that back, by one signal: confirm_requested()."""

    confirm_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("film_confirmation")
        self.said = ToneLabel("", "text", "film_confirmed")
        self.ask = button(
            "Confirm", "confirm_film", "You looked at the whole film and see nothing but what is marked. Recorded; only then "
            "does a film teach that a sinus is clear.", self.confirm_requested.emit, _KEY,
        )  # fmt: skip
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.said)
        layout.addWidget(self.ask)

    def set_film(self, detections: tuple[Detection, ...], *, confirmed: bool) -> None:
        """The boxes in force and whether the reader confirmed the film with them."""
        marked = any(d.status in (FindingStatus.ACCEPTED, FindingStatus.EDITED) for d in detections)
        what = "nothing else" if marked else "no sinusitis"
        self.said.setText(f"Confirmed by the reader: {what} on this film.")
        self.said.setVisible(confirmed)
        self.ask.setText("Take the confirmation back" if confirmed else f"Confirm: {what}")

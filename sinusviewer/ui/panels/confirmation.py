"""What the reader says of a whole film or of all masks of a CT: that it was looked at and is right."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from sinusviewer.domain.finding import Detection, FindingStatus
from sinusviewer.ui.panels.parts import ToneLabel, button

_KEY = "Shift+Enter"
MASKS_RIGHT = "the masks are right"


class Confirmation(QWidget):
    """Shows whether something is confirmed; asks to confirm it, or to take that back, by one signal: confirm_requested()."""

    confirm_requested = Signal()

    def __init__(self, what: str, tip: str) -> None:
        super().__init__()
        self.setObjectName(f"{what}_confirmation")
        self.said = ToneLabel("", "text", f"{what}_confirmed")
        self.ask = button("Confirm", f"confirm_{what}", tip, self.confirm_requested.emit, _KEY)
        self.ask.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )  # at large type it would widen the panel
        self._words = ("", "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.said)
        layout.addWidget(self.ask)

    def set_confirmed(self, confirmed: bool, what: str, where: str = "") -> None:
        """Whether the reader confirmed it, and in which words."""
        self.said.setText(f"Confirmed by the reader: {what}{where}.")
        self.said.setVisible(confirmed)
        self._words = ("Take the confirmation back", "Take it back") if confirmed else (f"Confirm: {what}", "Confirm")
        self._word()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._word()

    def _word(self) -> None:
        """The whole sentence where there is room for it."""
        whole, short = self._words
        room = self.width() - self.fontMetrics().horizontalAdvance("MMM")
        self.ask.setText(
            whole if not self.isVisible() or self.fontMetrics().horizontalAdvance(whole) <= room else short
        )


def film_confirmation() -> Confirmation:
    """Below the boxes of a film: nothing is to be seen but what is marked."""
    return Confirmation(
        "film", "You looked at the whole film and see nothing but what is marked. Recorded; only then does a film teach that a "
        "sinus is clear.",
    )  # fmt: skip


def film_words(detections: tuple[Detection, ...]) -> str:
    """What is said of a film with these boxes in force."""
    marked = any(d.status in (FindingStatus.ACCEPTED, FindingStatus.EDITED) for d in detections)
    return "nothing else" if marked else "no sinusitis"


def mask_confirmation() -> Confirmation:
    """Above the masks of a CT: all of them were looked at and are right."""
    confirmation = Confirmation(
        "masks", "You looked at every sinus on every slice, and the masks are right as they stand. Recorded; only masks that a "
        "reader confirmed or edited become training data.",
    )  # fmt: skip
    confirmation.set_confirmed(False, MASKS_RIGHT)
    return confirmation

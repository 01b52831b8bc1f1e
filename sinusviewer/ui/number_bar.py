"""The line that asks whether a patient whose number differs is the one whose records bear the other number."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton

from sinusviewer.actions.carrying_over import CarryingOver, Offer
from sinusviewer.session.connections import Connections
from sinusviewer.ui.panels.foot_label import FootLabel
from sinusviewer.ui.panels.form_grid import FONT_EVENTS, large_type

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow


class NumberBar(QFrame):
    """Signals: carry_over_requested(), keep_apart_requested()."""

    carry_over_requested = Signal()
    keep_apart_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("amber_bar")
        self._text = FootLabel("", "text", "number_offer")
        self._text.set_whole(True)
        self._carry = QPushButton("One person: carry over")
        self._carry.setObjectName("carry_over")
        self._carry.setToolTip(
            "The number was corrected: readings, boxes, masks and reports come with it. This is recorded."
        )
        self._carry.clicked.connect(self.carry_over_requested)
        self._apart = QPushButton("Two people")
        self._apart.setObjectName("keep_apart")
        self._apart.setToolTip("What is kept under the two numbers stays apart. This is recorded, and not asked again.")
        self._apart.clicked.connect(self.keep_apart_requested)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(12, 5, 12, 5)
        self._row.addWidget(self._text, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self._carry)
        buttons.addWidget(self._apart)
        self._row.addLayout(buttons)
        self.hide()

    def set_offer(self, offer: Offer | None) -> None:
        """Ask, or ask nothing."""
        if offer is not None:
            what = "A signed report is" if offer.signed else "Readings or marks are"
            self._text.setText(
                f"{what} kept under number {offer.former_number}, of the same study, name and birth date. "
                f"Is that the patient of {offer.number}?"
            )
        self._lay()
        self.setVisible(offer is not None)

    def _lay(self) -> None:
        below = large_type()  # beside its buttons the question would be a narrow column
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in FONT_EVENTS:
            self._lay()


class NumberWiring:
    """Owns the bar's connections; the window owns the bar."""

    def __init__(self, window: "MainWindow", carrying: CarryingOver) -> None:
        self._carrying = carrying
        self.bar = NumberBar()
        window.middle.insertWidget(1, self.bar)
        self.bar.carry_over_requested.connect(self._carry_over)
        self.bar.keep_apart_requested.connect(self._keep_apart)
        session = window.session
        self._connections = Connections(
            (session.study_changed, self.refresh),
            (session.studies_changed, self.refresh),
        )

    def release(self) -> None:
        """Ask the records no more: they are about to be closed."""
        self._connections.release()

    def refresh(self) -> None:
        self.bar.set_offer(self._carrying.offered())

    def _carry_over(self) -> None:
        self._carrying.carry_over()
        self.refresh()

    def _keep_apart(self) -> None:
        self._carrying.keep_apart()
        self.refresh()

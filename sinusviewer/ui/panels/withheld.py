"""The notice of a withheld result: why, and the two ways on: look only, or read anyway with a reason that is recorded."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from sinusviewer.ui.panels.parts import Notice, button, describe, row

SHORTEST_REASON = 5
"""Characters; "ok" is no reason."""


class WithheldNotice(Notice):
    """Says why nothing is shown.

    Signals
    -------
    view_only_requested(), read_anyway_requested(str: the reason)
    """

    view_only_requested = Signal()
    read_anyway_requested = Signal(str)

    def __init__(self, name: str, prefix: str = "", example: str = "steep but usable projection") -> None:
        """``prefix`` tells the widgets of several panels apart; ``example`` shows what a reason may be."""
        super().__init__(name)
        self._view = view = button(
            "View only", f"{prefix}view_only", "Look at the image without any result.", self.view_only_requested.emit
        )
        anyway = button("Read anyway …", f"{prefix}read_anyway",
                        "Read in spite of the failed check; asks for a reason, which is recorded.", self._open_reason)  # fmt: skip
        self._reason = QLineEdit()
        self._reason.setPlaceholderText(f"Reason, e.g. {example}")
        describe(self._reason, f"{prefix}override_reason", "Why this image should be read in spite of the failed check. Recorded.",
                 "Enter", "Reason for reading anyway")  # fmt: skip
        self._confirm = button("Read with this reason", f"{prefix}read_anyway_confirm",
                               "Read now; the reason stands in the reading and the report.", self._ask, "Enter")  # fmt: skip
        self._confirm.setEnabled(False)
        self._reason.textChanged.connect(lambda text: self._confirm.setEnabled(len(text.strip()) >= SHORTEST_REASON))
        self._reason.returnPressed.connect(self._ask)
        self._part = QWidget()
        inside = QVBoxLayout(self._part)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._reason)
        inside.addLayout(row(self._confirm))
        self._part.hide()
        self.body.addLayout(row(view, anyway))
        self.body.addWidget(self._part)
        view.clicked.connect(self._part.hide)

    def set_view_only_offered(self, offered: bool) -> None:
        """Looking without results is offered where nothing was read; not where one result of many is withheld."""
        self._view.setVisible(offered)

    def set_text(self, text: str) -> None:
        """Another image's reason never carries over what was typed for the one before."""
        if text != self.label.text():
            self._reason.clear()
            self._part.hide()
        super().set_text(text)

    def _open_reason(self) -> None:
        self._part.show()
        self._reason.setFocus()

    def _ask(self) -> None:
        reason = self._reason.text().strip()
        if len(reason) >= SHORTEST_REASON:
            self._part.hide()
            self._reason.clear()
            self.read_anyway_requested.emit(reason)

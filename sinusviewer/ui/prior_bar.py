"""The line that offers a prior study of the same patient which the index knows and which is not beside the current one."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from sinusviewer.domain.prior import Prior
from sinusviewer.report.wording import date_words
from sinusviewer.ui.panels.foot_label import FootLabel


class PriorBar(QFrame):
    """Signals: beside_requested(), dismissed(str: study instance UID)."""

    beside_requested = Signal()
    dismissed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("prior_bar")
        self._prior: Prior | None = None
        self._text = FootLabel("", "text", "prior_offer")  # at large type two lines, begun with the date
        self._open = QPushButton("Open beside")
        self._open.setObjectName("open_prior")
        self._open.setToolTip("Show it beside the present study  [Ctrl+D]")
        self._open.clicked.connect(self.beside_requested)
        self._hide = QPushButton("Not now")
        self._hide.setObjectName("dismiss_prior")
        self._hide.setToolTip("Do not offer it again until the next start; Ctrl+D still opens it")
        self._hide.clicked.connect(self._dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.addWidget(self._text, 1)
        row.addWidget(self._open)
        row.addWidget(self._hide)
        self.hide()

    def _dismiss(self) -> None:
        if self._prior is not None:
            self.dismissed.emit(self._prior.study_instance_uid)

    def set_prior(self, prior: Prior | None) -> None:
        """Offer a study, or nothing."""
        self._prior = prior
        if prior is not None:
            named = prior.description.upper().startswith(prior.modalities.upper())
            words = " ".join(p for p in ("" if named else prior.modalities, prior.description) if p)
            kind = "Prior" if prior.is_earlier else "Another study"
            of = f" of {date_words(prior.study_date)}" if prior.study_date else ""
            more = f", and {prior.others} more" if prior.others else ""
            under = f", under the former number {prior.former_number}" if prior.former_number else ""
            self._text.setText(f"{kind}{of} available{f': {words}' if words else ''}{under}{more}.")
        self.setVisible(prior is not None)

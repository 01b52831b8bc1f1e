"""Wires the offer of a prior study: what the index knows of the patient on screen, one click or Ctrl+D to see it beside."""

from typing import TYPE_CHECKING

from sinusviewer.actions.priors import Priors
from sinusviewer.session.connections import Connections
from sinusviewer.ui.prior_bar import PriorBar

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow


class PriorWiring:
    """Owns the bar's connections; the window owns the bar."""

    def __init__(self, window: "MainWindow", priors: Priors) -> None:
        self._session, self._priors = window.session, priors
        self.bar = PriorBar()
        window.middle.insertWidget(1, self.bar)
        self.bar.beside_requested.connect(self._open)
        self.bar.dismissed.connect(self._dismiss)
        window.prior_requested.connect(self._open)
        session = self._session
        self._connections = Connections(
            (session.study_changed, self.refresh),
            (session.studies_changed, self.refresh),
            (session.layout_changed, self.refresh),
        )

    def release(self) -> None:
        """Ask the index no more: it is about to be closed."""
        self._connections.release()

    def refresh(self) -> None:
        self.bar.set_prior(self._priors.offered())

    def _open(self, *_: object) -> None:
        prior = self._priors.offered(even_dismissed=True)
        if prior is not None:
            self._priors.open_beside(prior)
        else:
            self._session.say(
                "No other study of this patient is known here.", "warning", "Open it; it then shows beside this one."
            )

    def _dismiss(self, study_instance_uid: str) -> None:
        self._priors.dismiss(study_instance_uid)
        self.refresh()

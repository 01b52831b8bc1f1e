"""What the bottom line says: the work under way, the last message while it is of the image on screen, why a key does nothing."""

from PySide6.QtGui import QAction, QKeyEvent, QKeySequence

from sinusviewer.session import Session
from sinusviewer.session.connections import Connections
from sinusviewer.ui.job_bar import JobBar
from sinusviewer.ui.why_not import why_not


class BottomLine:
    """Listens to a session for a job bar."""

    def __init__(self, session: Session, bar: JobBar) -> None:
        self._session, self._bar = session, bar
        self._image = ("", "", 0)
        self._connections = Connections(
            (session.jobs_changed, self._show_jobs),
            (session.messages_changed, self.show_message),
            (session.view_changed, self._leave_image),
            (session.layout_changed, self._leave_image),
            (session.active_view_changed, self._leave_image),
        )

    def release(self) -> None:
        self._connections.release()

    def show_message(self) -> None:
        self._bar.set_message(self._session.messages[-1] if self._session.messages else None)

    def say_why_not(self, event: QKeyEvent, verbs: dict[str, QAction]) -> bool:
        """Of a key that nobody took: why the verb it stands for is greyed; False where it stands for none."""
        keys = QKeySequence(event.keyCombination())
        for name, action in verbs.items():
            if not action.isEnabled() and action.shortcut() == keys:
                reason = why_not(self._session, name, enabled=False)
                self._session.say(reason or f"{action.text()}: there is nothing to do that with here.")
                return True
        return False

    def _show_jobs(self) -> None:
        self._bar.set_jobs(tuple(self._session.jobs.values()))

    def _leave_image(self, *_: object) -> None:
        """What was said of one film is not said of the next; scrolling through a CT is no next one."""
        session = self._session
        state = session.views[session.active_view]
        number = 0 if session.volume(session.active_view) is not None else state.slice_index
        image = (session.study_uid, state.series_key, number)
        if image != self._image:
            if self._image[1]:
                self._bar.leave_image()
            self._image = image

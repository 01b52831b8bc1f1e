"""What a reader did and the disk refused: kept in its order, tried again with the next write and on closing."""

from collections.abc import Callable

from sinusviewer.errors import StorageError
from sinusviewer.session import Session

TRIED_AGAIN = "What could not be written is tried again by itself, with your next change and on closing."
WRITTEN_NOW = "What the disk had refused is written now."


class PendingWrites:
    """One for all that writes a reader's work. A failure is said aloud and never stops reading; call only from the GUI thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: dict[tuple[str, str], Callable[[], object]] = {}
        self._count = 0

    def write(self, subject: str, work: Callable[[], object], name: str = "") -> bool:
        """Write now, after what waits; whether it is on disk.

        Parameters
        ----------
        subject
            What it is about (an image, a study): writes of one subject never overtake one another.
        name
            A later write of the same subject and name takes the place of one that waits. Without one every write counts,
            as rows of a history do.
        """
        self._count += 1
        key = (subject, name or f"row {self._count}")
        self._waiting.pop(key, None)
        self._waiting[key] = work
        self.flush()
        return key not in self._waiting

    @property
    def waits(self) -> bool:
        """Whether anything is not on disk yet."""
        return bool(self._waiting)

    def try_again(self) -> None:
        """Try what waits, and say so only where nothing does any more."""
        if self._waiting:
            self.flush(quietly=True)
            if not self._waiting:
                self._session.say(WRITTEN_NOW)

    def flush(self, *, quietly: bool = False) -> None:
        """Try everything that waits."""
        refused: set[str] = set()
        fault: StorageError | None = None
        for key, work in tuple(self._waiting.items()):
            if key[0] in refused:
                continue
            try:
                work()
            except StorageError as error:
                refused.add(key[0])
                fault = error
            else:
                self._waiting.pop(key, None)
        if fault is not None and not quietly:
            self._session.say(fault.message, "error", f"{fault.hint} {TRIED_AGAIN}".strip())

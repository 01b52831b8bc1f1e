"""Carries events of background work, and other news from threads, to the GUI thread: one object, one signal each."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from sinusviewer.jobs.events import Event


class JobBridge(QObject):
    """Give `post` to the runner as its listener; `listen` in the GUI thread; `close` it before what the listeners use."""

    _arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("job_bridge")
        self._open = True
        self._slots: list[Callable[[Event], None]] = []
        # Delivered through the event loop, also where the sender happens to be the GUI thread.
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, event: Event) -> None:
        """Call from any thread."""
        if self._open:
            self._arrived.emit(event)

    def listen(self, slot: Callable[[Event], None]) -> None:
        """Call ``slot`` in the GUI thread with every event."""
        self._slots.append(slot)

    def close(self) -> None:
        """From now on nothing is delivered, not even what waits in the event loop: disconnecting alone would not stop that."""
        self._open = False
        self._slots.clear()

    def _deliver(self, event: Event) -> None:
        for slot in tuple(self._slots):
            slot(event)


class Bell(QObject):
    """Rung in any thread, heard in the GUI thread; several rings before it is heard may be heard as many times."""

    _rung = Signal()

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard: Callable[[], None] | None = heard
        self._rung.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ring(self) -> None:
        if self._heard is not None:
            self._rung.emit()

    def close(self) -> None:
        """Nothing is heard from now on, not even what waits in the event loop."""
        self._heard = None

    def _deliver(self) -> None:
        if self._heard is not None:
            self._heard()

"""Carries events of background work to the GUI thread: one object, one signal."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from sinusviewer.jobs.events import Event


class JobBridge(QObject):
    """Give `post` to the runner as its listener; connect `arrived` in the GUI thread."""

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("job_bridge")

    def post(self, event: Event) -> None:
        """Call from any thread."""
        self.arrived.emit(event)

    def listen(self, slot: Callable[[Event], None]) -> None:
        """Deliver through the event loop, also where the sender happens to be the GUI thread."""
        self.arrived.connect(slot, Qt.ConnectionType.QueuedConnection)

"""Measures how long the GUI thread keeps events waiting."""

import time

from PySide6.QtCore import QObject, Qt, QTimer


class Watchdog(QObject):
    """A timer that should fire every few milliseconds; the longest lateness is the longest stall of the event loop."""

    def __init__(self, interval_ms: int = 5, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._interval = interval_ms / 1000
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self._tick)
        self._last = 0.0
        self.stalls_ms: list[float] = []

    def start(self) -> None:
        """Begin to measure, from nothing."""
        self.stalls_ms.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> float:
        """End measuring; the longest stall in milliseconds. A second call changes nothing."""
        if self._timer.isActive():
            self._tick()
            self._timer.stop()
        return self.longest_ms

    @property
    def longest_ms(self) -> float:
        return max(self.stalls_ms, default=0.0)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.stalls_ms.append(max((now - self._last - self._interval) * 1000, 0.0))
        self._last = now

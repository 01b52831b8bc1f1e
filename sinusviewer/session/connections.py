"""Signals and the slots that listen to them, let go of together."""

from collections.abc import Callable
from typing import Any


class Connections:
    """Connects each signal to its slot at once; what holds it releases it, so that a session keeps no listener alive."""

    def __init__(self, *pairs: tuple[Any, Callable[..., None]]) -> None:
        self._pairs = pairs
        for signal, slot in pairs:
            signal.connect(slot)

    def release(self) -> None:
        """Disconnect all; a second call does nothing."""
        for signal, slot in self._pairs:
            signal.disconnect(slot)
        self._pairs = ()

"""Whether files and folders are there, asked in the background: a share that does not answer must not stop the window."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

QUICK_S = 0.025
"""How long the first question waits: a disk of this computer has answered long before, a share that hangs costs this once."""
FRESH_S = 10.0
"""From then on a known answer is asked for anew; until that one comes it stands."""


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False


class Places:
    """Answers what it knows; one thread looks for each root, so that a share that hangs keeps none but its own waiting.

    Attributes
    ----------
    on_changed
        Called, in any thread, when an answer came late or has changed.
    """

    def __init__(self, exists: Callable[[str], bool] = _exists) -> None:
        self._exists = exists
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[bool, float]] = {}
        self._waiting: dict[tuple[str, ...], list[str]] = {}  # by root; there while a thread looks
        self._owed: set[str] = set()  # asked for, and not waited for
        self.on_changed: Callable[[], None] = lambda: None

    def there(self, source: str) -> bool | None:
        """Whether a path exists; None while that is not known."""
        if not source:
            return False
        with self._lock:
            known = self._answers.get(source)
        if known is None or time.monotonic() - known[1] > FRESH_S:
            self._ask(source, wait=known is None)
            with self._lock:
                known = self._answers.get(source)
        return known[0] if known is not None else None

    def close(self) -> None:
        """Tell nobody any more; a thread that a share holds up ends with the program."""
        self.on_changed = lambda: None

    def _ask(self, source: str, *, wait: bool) -> None:
        root, answered = Path(source).parts[:3], threading.Event()
        with self._lock:
            wait = wait and not self._waiting  # somebody hangs already: wait for nobody
            queue = self._waiting.get(root)
            if queue is None:
                self._waiting[root] = [source]
            elif source not in queue:
                queue.append(source)
        if queue is None:
            threading.Thread(target=self._look, args=(root, answered), daemon=True, name="places").start()
            if wait:
                answered.wait(QUICK_S)
        with self._lock:
            if source not in self._answers:
                self._owed.add(source)

    def _look(self, root: tuple[str, ...], answered: threading.Event) -> None:
        news = False
        while True:
            with self._lock:
                queue = self._waiting[root]
                if not queue:
                    del self._waiting[root]
                    break
                source = queue[0]
            there = self._exists(source)
            with self._lock:
                before = self._answers.get(source)
                news = news or source in self._owed or (before is not None and before[0] != there)
                self._owed.discard(source)
                self._answers[source] = there, time.monotonic()
                queue.remove(source)
            answered.set()
        if news:
            self.on_changed()

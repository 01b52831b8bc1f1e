from functools import partial

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from window_parts import open_window

from sinusviewer.jobs import places


@pytest.fixture(autouse=True)
def _no_widget_outlives_its_test():
    """A change of theme or type size would style every one of them anew; without an event loop nobody else deletes them."""
    yield
    if QApplication.instance() is not None:
        for widget in QApplication.topLevelWidgets():
            widget.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(autouse=True)
def _a_path_of_this_computer_is_answered_at_once(monkeypatch):
    """On a busy machine a thread may need longer than a window would wait for it."""
    monkeypatch.setattr(places, "QUICK_S", 20.0)


@pytest.fixture
def qtbot(qtbot):
    """Waits four times as long as usual before it gives up: on a busy machine five seconds are soon over."""
    for name in ("waitUntil", "waitSignal", "waitExposed", "waitActive"):
        setattr(qtbot, name, partial(getattr(qtbot, name), timeout=20_000))
    return qtbot


@pytest.fixture
def program_with(qtbot):
    """Opens a window over an image and closes it after the test; its threads must all end."""
    opened = []

    def make(image, **options):
        opened.append(open_window(image, qtbot, **options))
        return opened[-1]

    yield make
    for program in opened:
        assert program.close()

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from window_parts import open_window

from sinusviewer.ui.viewport import Viewport


@pytest.fixture
def program_with(qtbot):
    """Opens a window over an image and closes it after the test; its threads must all end, its widgets go."""
    opened = []

    def make(image, **options):
        opened.append(open_window(image, qtbot, **options))
        return opened[-1]

    yield make
    for program in opened:
        assert program.close()
        program.window.deleteLater()
    # Spare views hang on no parent; left alive, hundreds of them would be styled anew at every change of the theme.
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, Viewport):
            widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def nothing_left_over(qapp):
    """No widget of an earlier test is alive: a change of theme or type size would style every one of them anew."""
    for widget in QApplication.topLevelWidgets():
        widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

"""A panel on screen, its parts found by name and used as a person would."""

from typing import TypeVar

from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

_Kind = TypeVar("_Kind", bound=QWidget)


def on_screen(panel: _Kind, qtbot: QtBot, width: int, height: int) -> _Kind:
    """Shown at that size; it goes with the test."""
    qtbot.addWidget(panel)
    panel.resize(width, height)
    panel.show()
    return panel


def find(parent: QWidget, kind: type[_Kind], name: str) -> _Kind:
    found = parent.findChild(kind, name)
    assert found is not None, name
    return found


def text(parent: QWidget, name: str) -> str:
    return find(parent, QLabel, name).text()


def shown_text(parent: QWidget) -> str:
    """All that labels say which can be seen."""
    return " ".join(label.text() for label in parent.findChildren(QLabel) if label.isVisible())


def press(parent: QWidget, name: str) -> None:
    """Only what a person could press."""
    button = find(parent, QPushButton, name)
    assert button.isVisible(), name
    assert button.isEnabled(), name
    button.click()

"""Dialogs: keys, messages, about. None of them blocks reading."""

from importlib import metadata
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from sinusviewer.actions.table import ACTIONS, BY_ID, conflicts, shortcuts
from sinusviewer.session import Message

if TYPE_CHECKING:
    from collections.abc import Callable


class ShortcutsDialog(QDialog):
    """All actions with their keys; a key can be changed in its row, and two actions with one key are pointed out."""

    def __init__(self, parent: QWidget | None, changed: dict[str, str]) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts_dialog")
        self.setWindowTitle("Keys")
        self.resize(620, 640)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._filter)
        self.table = QTableWidget(len(ACTIONS), 3)
        self.table.setObjectName("shortcuts_table")
        self.table.setHorizontalHeaderLabels(["Menu", "Action", "Key"])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(2, 150)
        self.editors: dict[str, QKeySequenceEdit] = {}
        keys = shortcuts(changed)
        for row, action in enumerate(ACTIONS):
            self.table.setItem(row, 0, QTableWidgetItem(action.menu))
            item = QTableWidgetItem(action.text.rstrip(" …"))
            item.setToolTip(action.tooltip)
            self.table.setItem(row, 1, item)
            editor = QKeySequenceEdit(QKeySequence(keys[action.id]))
            editor.setObjectName(f"key_{action.id}")
            editor.setMaximumSequenceLength(1)
            editor.setClearButtonEnabled(True)
            editor.keySequenceChanged.connect(self._check)
            self.table.setCellWidget(row, 2, editor)
            self.editors[action.id] = editor
        self._warning = QLabel()
        self._warning.setObjectName("error")
        self._warning.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )  # fmt: skip
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults).clicked.connect(self._restore)
        column = QVBoxLayout(self)
        note = QLabel(
            "Wheel: slices · Shift+wheel: ten at once · Ctrl+wheel: zoom · middle button: pan · right button: menu"
        )
        note.setObjectName("muted")
        note.setWordWrap(True)
        for widget in (self._search, self.table, note, self._warning, buttons):
            column.addWidget(widget)
        self._check()

    def keys(self) -> dict[str, str]:
        return {name: editor.keySequence().toString() for name, editor in self.editors.items()}

    def changed(self) -> dict[str, str]:
        """Only what differs from the defaults."""
        return {
            name: key for name, key in self.keys().items()
            if key != QKeySequence(BY_ID[name].shortcut).toString()
        }  # fmt: skip

    def _restore(self) -> None:
        for action in ACTIONS:
            self.editors[action.id].setKeySequence(QKeySequence(action.shortcut))

    def _check(self) -> None:
        twice = conflicts(self.keys())
        words = [
            f"{key.upper()} is on: " + ", ".join(BY_ID[i].text.rstrip(" …") for i in ids) for key, ids in twice.items()
        ]
        self._warning.setText("\n".join(words))
        self._warning.setVisible(bool(words))
        self._ok.setEnabled(not words)

    def _filter(self, text: str) -> None:
        for row, action in enumerate(ACTIONS):
            content = f"{action.menu} {action.text} {action.tooltip} {self.editors[action.id].keySequence().toString()}"
            self.table.setRowHidden(row, text.casefold() not in content.casefold())


def show_shortcuts(window: QWidget, changed: dict[str, str], take: "Callable[[dict[str, str]], None]") -> None:
    """All keys; ``take`` is given a reader's own ones when the dialog is accepted."""
    dialog = ShortcutsDialog(window, changed)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.accepted.connect(lambda: take(dialog.changed()))
    dialog.open()


def show_messages(window: QWidget, messages: tuple[Message, ...]) -> None:
    """All messages with their details, to be copied."""
    dialog = QDialog(window)
    dialog.setObjectName("messages_dialog")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("Messages")
    dialog.resize(720, 460)
    text = QPlainTextEdit()
    text.setReadOnly(True)
    text.setPlainText("\n\n".join(message_text(m) for m in reversed(messages)) or "No messages yet.")
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    copy = buttons.addButton("Copy all", QDialogButtonBox.ButtonRole.ActionRole)
    copy.clicked.connect(lambda: QApplication.clipboard().setText(text.toPlainText()))
    buttons.rejected.connect(dialog.close)
    column = QVBoxLayout(dialog)
    column.addWidget(text)
    column.addWidget(buttons)
    dialog.open()


def message_text(message: Message) -> str:
    marks = {"error": "Error: ", "warning": "Note: "}
    first = f"{marks.get(message.level, '')}{message.text} {message.hint}".strip()
    return f"{first}\n{message.details}".strip()


def show_about(window: QWidget) -> None:
    dialog = QDialog(window)
    dialog.setObjectName("about_dialog")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("About SinusViewer")
    words = QLabel(
        f"<h3>SinusViewer {metadata.version('sinusviewer')}</h3>"
        "<p><b>Research use only. Not for diagnostic use.</b></p>"
        "<p>The bundled networks are trained on simulated patients only; no clinical images were used.<br>"
        "No claim of accuracy on patients is made.</p>"
        "<p>Apache License 2.0. Qt and PySide6 are used under LGPL-3.</p>"
    )
    words.setWordWrap(True)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.close)
    column = QVBoxLayout(dialog)
    column.addWidget(words)
    column.addWidget(buttons)
    dialog.open()

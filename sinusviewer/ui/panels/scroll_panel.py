"""The column that every panel is: it scrolls, keeps a footer in sight, and keeps the keys that belong to forms."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

_PANEL_KEYS = frozenset(
    {
        Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Up,
        Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Delete,
        Qt.Key.Key_Backspace,
    }
)  # fmt: skip


def keeps_key(event: QEvent) -> bool:
    """Whether a panel that has the focus keeps a key from the window's shortcuts; the event is then accepted.

    Tab, Enter, Space and the arrows do in a panel what they do in any form; letters and PgUp/PgDn stay the window's.
    """
    if event.type() is not QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    if event.modifiers() & others or Qt.Key(event.key()) not in _PANEL_KEYS:
        return False
    event.accept()
    return True


class ScrollPanel(QWidget):
    """A column that scrolls when it must (200 %, small screens); fill it through ``column``."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setAutoFillBackground(True)  # one ground under column and footer, whatever hosts the panel
        inside = QWidget()
        inside.setObjectName(f"{name}_content")
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(12, 10, 12, 10)
        self.column.setSpacing(8)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll)
        self.footer = QVBoxLayout()  # never scrolls away: what the weights were trained on, research use only
        self.footer.setContentsMargins(12, 4, 12, 6)
        self.footer.setSpacing(2)
        layout.addLayout(self.footer)

    def event(self, event: QEvent) -> bool:
        return True if keeps_key(event) else super().event(event)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 56, self.fontMetrics().height() * 34)

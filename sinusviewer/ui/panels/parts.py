"""Small parts that every panel is made of: toned labels, notices, rows of facts, a scrolling column."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QPalette, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sinusviewer.ui.panels.flow import FlowRow
from sinusviewer.ui.panels.form_grid import FONT_EVENTS, large_type
from sinusviewer.ui.panels.tones import current_tones
from sinusviewer.ui.panels.wording import RESEARCH_ONLY


def describe(widget: QWidget, name: str, says: str, key: str = "", accessible: str = "") -> None:
    """Name a widget for tests and screen readers, and say in its tooltip what it does and by which key."""
    widget.setObjectName(name)
    widget.setToolTip(f"{says} Key: {key}." if key else says)
    text = widget.text() if isinstance(widget, (QAbstractButton, QLabel)) else ""
    widget.setAccessibleName(accessible or text or says)
    widget.setAccessibleDescription(says)


def button(text: str, name: str, says: str, on_click: Callable[[], object], key: str = "") -> QPushButton:
    result = QPushButton(text)
    result.setAutoDefault(False)
    describe(result, name, says, key, text)
    result.clicked.connect(lambda _checked=False: on_click())
    return result


class ToneLabel(QLabel):
    """A wrapping label in one of the theme's tones; follows a change of theme."""

    def __init__(
        self, text: str = "", tone: str = "text", name: str = "", *, scale: float = 1.0, bold: bool = False
    ) -> None:
        super().__init__(text)
        self._tone, self._scale, self._bold = tone, scale, bold
        self._dress: tuple[str, float] | None = None
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)  # names and reasons come from files: never markup
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        if name:
            self.setObjectName(name)
        self._restyle()

    def set_tone(self, tone: str) -> None:
        self._tone = tone
        self._restyle()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ParentChange, *FONT_EVENTS):
            self._restyle()

    def showEvent(self, event: QShowEvent) -> None:
        self._restyle()
        super().showEvent(event)

    def _restyle(self) -> None:
        # By palette and font: a style sheet of its own would make each label dearer in every change of theme.
        color = getattr(current_tones(), self._tone)
        points = QFontInfo(QApplication.font()).pointSizeF() * self._scale
        own_font = self._scale != 1.0 or self._bold
        # Asked of our own copy, since what is set raises a change in turn; but a change of style puts the old font back.
        if (color, points) == self._dress and (not own_font or self.font().pointSizeF() == points):
            return
        self._dress = (color, points)
        ink = self.palette()
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            ink.setColor(group, QPalette.ColorRole.WindowText, QColor(color))
        self.setPalette(ink)
        if own_font:
            font = QFont(QApplication.font())
            font.setPointSizeF(points)
            font.setWeight(QFont.Weight.DemiBold if self._bold else QFont.Weight.Normal)
            self.setFont(font)


def heading(text: str) -> ToneLabel:
    return ToneLabel(text, "text", bold=True)


class Notice(QFrame):
    """A bar that says "look at this" with what can be done about it, in the panel and never in the way."""

    def __init__(self, name: str, tone: str = "amber") -> None:
        super().__init__()
        self.setObjectName(name)
        self._tone = tone
        self._sheet = ""
        self.label = ToneLabel("", "text", f"{name}_text")
        self.body = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 8, 8)
        layout.addWidget(self.label)
        layout.addLayout(self.body)
        self._restyle()

    def set_text(self, text: str) -> None:
        self.label.setText(text)
        self.setAccessibleName(text)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def _restyle(self) -> None:
        tones = current_tones()
        color = getattr(tones, self._tone)
        ground = tones.amber_ground if self._tone == "amber" else tones.field
        sheet = (
            f"QFrame#{self.objectName()} {{ border: 1px solid {color}; border-left: 4px solid {color}; "
            f"border-radius: 3px; background: {ground}; }}"
        )
        if sheet != self._sheet:
            self._sheet = sheet
            self.setStyleSheet(sheet)


class Facts(QWidget):
    """Rows of (what, value), e.g. where a number comes from."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._rows: tuple[tuple[str, str], ...] = ()
        self._stacked = False

    def set_rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show the rows; where the type is large each value stands under its name, or the panel would have to scroll sideways."""
        wanted = tuple(rows)
        stacked = large_type()
        if wanted == self._rows and stacked is self._stacked:
            return
        self._rows, self._stacked = wanted, stacked
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for index, (what, value) in enumerate(wanted):
            if stacked:
                self._grid.addWidget(ToneLabel(what, "muted"), 2 * index, 0, 1, 2)
                self._grid.addWidget(ToneLabel(value), 2 * index + 1, 0, 1, 2)
            else:
                self._grid.addWidget(ToneLabel(what, "muted"), index, 0, Qt.AlignmentFlag.AlignTop)
                self._grid.addWidget(ToneLabel(value), index, 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in FONT_EVENTS and self._stacked is not large_type():
            self.set_rows(self._rows)

    def text(self) -> str:
        return "\n".join(f"{what}: {value}" for what, value in self._rows)


class Fold(QWidget):
    """A section that folds away with one key (Space or Enter on its title)."""

    opened = Signal()

    def __init__(self, title: str, content: QWidget, name: str, *, open_at_start: bool = False) -> None:
        super().__init__()
        self._content = content
        self._title = QToolButton()
        self._title.setText(title)
        self._title.setCheckable(True)
        self._title.setChecked(open_at_start)
        self._title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._title.setAutoRaise(True)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # never widens its panel
        describe(self._title, name, f"Show or hide: {title}.", "Space", title)
        self._title.toggled.connect(self._toggle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._title)
        layout.addWidget(content)
        self._toggle(open_at_start)

    def _toggle(self, shown: bool) -> None:
        self._title.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._content.setVisible(shown)
        if shown:
            self.opened.emit()

    def open(self) -> None:
        self._title.setChecked(True)

    @property
    def is_open(self) -> bool:
        return self._title.isChecked()


class StillLabels(QWidget):
    """Labels one under the other, without a layout, each with room for a sample of its longest text.

    A wrapped label in a layout lays the whole column out anew whenever its text changes; where text follows a dragged
    marker that costs more than all the drawing.
    """

    def __init__(self, *labels: tuple[QLabel, str]) -> None:
        super().__init__()
        self._labels = labels
        for label, _sample in labels:
            label.setParent(self)
            label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()

    def _place(self) -> None:
        top = 0
        for label, sample in self._labels:
            wrapped = int(Qt.TextFlag.TextWordWrap)
            height = label.fontMetrics().boundingRect(0, 0, max(80, self.width()), 9999, wrapped, sample).height() + 4
            label.setGeometry(0, top, self.width(), height)
            top += height
        if top != self.height() or self.minimumHeight() != top:
            self.setFixedHeight(top)


def research_line() -> ToneLabel:
    """Stands on everything that shows an AI's result."""
    return ToneLabel(RESEARCH_ONLY, "muted", "research_only")


def row(*widgets: QWidget) -> FlowRow:
    """Widgets side by side that go on below where the panel is too narrow."""
    return FlowRow(*widgets)


def line(*widgets: QWidget) -> QHBoxLayout:
    """Widgets that share one line whatever its width, e.g. a slider with its number."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def choice(*options: str) -> QComboBox:
    """A box to choose from that may become narrow."""
    box = QComboBox()
    box.addItems(list(options))
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    return box

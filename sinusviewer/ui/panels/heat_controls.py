"""How the heat is drawn: shown or not, how dense, in which colours; and what it is, in words."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from sinusviewer.domain.finding import Heatmap
from sinusviewer.ui.panels.parts import ToneLabel, choice, describe, line, row
from sinusviewer.ui.panels.tones import current_tones
from sinusviewer.ui.panels.wording import HEAT_CAUTION

HEAT_NOT_KEPT = "No heat was kept with this reading: read again to see it (Ctrl+R)."
NO_HEAT = "No heatmap was made for this series."
LOW_HEAT_INSIDE = 0.5
"""Below this share of heat inside the sinus mask a reader is told to distrust the result."""

COLOR_MAPS: dict[str, tuple[str, ...]] = {
    # Perceptually even, five stops each, from matplotlib's inferno, viridis and cividis (CC0).
    "inferno": ("#000004", "#57106e", "#bc3754", "#f98e09", "#fcffa4"),
    "viridis": ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
    "cividis": ("#00224e", "#434e6c", "#7d7c78", "#bcae6c", "#fee838"),
}


@dataclass(frozen=True, slots=True)
class HeatStyle:
    """How heat is drawn; ``opacity`` 0-1."""

    visible: bool = False
    opacity: float = 0.45
    color_map: str = "inferno"


class ColorBar(QWidget):
    """The colours with their unit."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("heat_color_bar")
        self.setAccessibleName("Colour bar: heat from 0 (least) to 1 (most), relative to this image")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._stops = COLOR_MAPS["inferno"]

    def set_color_map(self, name: str) -> None:
        self._stops = COLOR_MAPS.get(name, COLOR_MAPS["inferno"])
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 30, int(self.fontMetrics().height() * 2.1))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        height = self.fontMetrics().height()
        bar = QRectF(0.5, 0.5, self.width() - 1.0, height * 0.8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for index, color in enumerate(self._stops):
            gradient.setColorAt(index / (len(self._stops) - 1), QColor(color))
        painter.setPen(QColor(current_tones().line))
        painter.setBrush(gradient)
        painter.drawRect(bar)
        painter.setPen(QColor(current_tones().muted))
        text = QRectF(0, height * 0.9, self.width(), height * 1.15)
        for align, words in (
            (Qt.AlignmentFlag.AlignLeft, "0 least"),
            (Qt.AlignmentFlag.AlignHCenter, "relative heat"),
            (Qt.AlignmentFlag.AlignRight, "1 most"),
        ):
            painter.drawText(text, align, words)
        painter.end()


class HeatControls(QWidget):
    """Shows a HeatStyle, asks for another, and says what the heat is."""

    style_requested = Signal(object)  # HeatStyle

    def __init__(self, prefix: str = "", result: str = "probability", without: str = NO_HEAT) -> None:
        """``prefix`` tells the widgets of two panels apart; ``result`` is what low heat in the sinuses casts doubt on.

        ``without`` is said where there is no heat.
        """
        super().__init__()
        self._result, self._without = result, without
        self.setObjectName(f"{prefix}heat_controls")
        self._visible = QCheckBox("Heatmap")
        describe(
            self._visible, f"{prefix}heat_visible", f"Show the heatmap over the CT. {HEAT_CAUTION}", "G", "Heatmap"
        )
        self._map = choice(*COLOR_MAPS)
        describe(
            self._map,
            f"{prefix}heat_color_map",
            "Colours of the heat; all three are perceptually even.",
            "arrow keys",
            "Colour map",
        )
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(5, 100)
        describe(
            self._opacity, f"{prefix}heat_opacity", "Density of the heat, in percent.", "arrow keys", "Heat opacity"
        )
        self._percent = QLabel()
        self._bar = ColorBar()
        self._what = ToneLabel("", "muted", f"{prefix}heat_method")
        self._caution = ToneLabel(HEAT_CAUTION, "text", f"{prefix}heat_caution")
        self._inside = ToneLabel("", "text", f"{prefix}heat_inside")
        self._visible.clicked.connect(self._ask)
        self._map.activated.connect(self._ask)
        self._opacity.valueChanged.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self._visible, self._map))
        layout.addLayout(line(QLabel("Opacity"), self._opacity, self._percent))
        for widget in (self._bar, self._caution, self._what, self._inside):
            layout.addWidget(widget)
        self.set_heat_style(HeatStyle())
        self.set_heat((), None)

    def set_heat_style(self, style: HeatStyle) -> None:
        with QSignalBlocker(self._opacity), QSignalBlocker(self._map):
            self._opacity.setValue(round(style.opacity * 100))
            self._map.setCurrentText(style.color_map)
        self._visible.setChecked(style.visible)
        self._percent.setText(f"{style.opacity * 100:.0f} %")
        self._bar.set_color_map(style.color_map)

    def set_heat(
        self,
        heatmaps: tuple[Heatmap, ...],
        inside_mask: float | None,
        *,
        if_even: float | None = None,
        low: bool | None = None,
    ) -> None:
        """Which maps there are, and the share of their heat inside the sinus mask (0-1).

        ``if_even`` is what that share would be were the heat spread evenly; ``low`` says whether it casts doubt on the result
        (None: where less than half lies inside).
        """
        lines = dict.fromkeys(
            f"{h.method}, layer {h.layer}{f', {h.window} window' if h.window else ''}" for h in heatmaps
        )
        kept = not lines and inside_mask is not None  # of a kept reading: there was heat, but it is not stored
        self._what.setText("\n".join(lines) if lines else HEAT_NOT_KEPT if kept else self._without)
        for control in (self._visible, self._map, self._opacity):
            control.setEnabled(bool(heatmaps))
        self._inside.setVisible(inside_mask is not None)
        if inside_mask is not None:
            low = inside_mask < LOW_HEAT_INSIDE if low is None else low
            text = f"{inside_mask * 100:.0f} % of the heat lies inside the sinus mask"
            if if_even is not None:
                text += f" (spread evenly it would be {if_even * 100:.0f} %)"
            self._inside.setText(f"{text}: low, so distrust this {self._result}." if low else f"{text}.")
            self._inside.set_tone("amber" if low else "text")

    def _ask(self) -> None:
        self.style_requested.emit(
            HeatStyle(self._visible.isChecked(), self._opacity.value() / 100, self._map.currentText())
        )

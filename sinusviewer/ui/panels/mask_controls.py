"""How the sinus masks are drawn over the CT: shown or not, filled or outlined, how dense, which ones."""

from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QSlider, QVBoxLayout, QWidget

from sinusviewer.domain.anatomy import Structure
from sinusviewer.ui.panels.parts import Fold, describe, line, row
from sinusviewer.ui.panels.tones import structure_color
from sinusviewer.ui.panels.wording import structure_name

MASKED = tuple(s for s in Structure if 1 <= s <= 11)


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """How masks are drawn; ``opacity`` 0-1."""

    visible: bool = True
    outlined: bool = False
    opacity: float = 0.35
    hidden: frozenset[Structure] = frozenset()


class MaskControls(QWidget):
    """Shows a MaskStyle and asks for another."""

    style_requested = Signal(object)  # MaskStyle

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("mask_controls")
        self._style = MaskStyle()
        self._visible = QCheckBox("Masks")
        describe(self._visible, "masks_visible", "Show the sinus masks on all planes.", "T")
        self._outlined = QCheckBox("Outline only")
        describe(self._outlined, "masks_outlined", "Draw outlines instead of fills, so that the CT stays readable.")
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(5, 100)
        describe(self._opacity, "mask_opacity", "Density of the masks, in percent.", "arrow keys", "Mask opacity")
        self._percent = QLabel()
        self._percent.setObjectName("mask_opacity_text")
        self._boxes: dict[Structure, QCheckBox] = {}
        each = QWidget()
        grid = QGridLayout(each)
        grid.setContentsMargins(0, 0, 0, 0)
        for index, structure in enumerate(MASKED):
            box = QCheckBox(structure_name(structure))
            swatch = QPixmap(10, 10)
            swatch.fill(structure_color(structure))
            box.setIcon(QIcon(swatch))
            describe(
                box, f"mask_{structure.name.lower()}", f"Show the mask of the {structure_name(structure).lower()}."
            )
            box.clicked.connect(self._ask)
            grid.addWidget(box, index, 0)
            self._boxes[structure] = box
        for control in (self._visible, self._outlined):
            control.clicked.connect(self._ask)
        self._opacity.valueChanged.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self._visible, self._outlined))
        layout.addLayout(line(QLabel("Opacity"), self._opacity, self._percent))
        layout.addWidget(Fold("Single masks", each, "single_masks_fold"))
        self.set_mask_style(self._style)

    def set_mask_style(self, style: MaskStyle) -> None:
        self._style = style
        with QSignalBlocker(self._opacity):
            self._opacity.setValue(round(style.opacity * 100))
        self._percent.setText(f"{style.opacity * 100:.0f} %")
        self._visible.setChecked(style.visible)
        self._outlined.setChecked(style.outlined)
        for structure, box in self._boxes.items():
            box.setChecked(structure not in style.hidden)

    def set_side_verified(self, verified: bool) -> None:
        """Name single masks by the patient's side only where that is proved."""
        for structure, box in self._boxes.items():
            name = structure_name(structure, verified=verified)
            box.setText(name)
            box.setAccessibleName(name)
            box.setToolTip(f"Show the mask of the {name.lower()}.")

    def _ask(self) -> None:
        hidden = frozenset(s for s, box in self._boxes.items() if not box.isChecked())
        wanted = MaskStyle(self._visible.isChecked(), self._outlined.isChecked(), self._opacity.value() / 100, hidden)
        self.style_requested.emit(wanted)

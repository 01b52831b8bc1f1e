"""How masks are edited: which sinus, what the brush does, how large it is, which voxels it takes."""

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.mask_edit import RADIUS_MM, Brush, BrushMode, HuRange
from sinusviewer.ui.panels.mask_controls import MASKED
from sinusviewer.ui.panels.parts import ToneLabel, button, choice, describe, line, row
from sinusviewer.ui.panels.tones import structure_color
from sinusviewer.ui.panels.wording import structure_name

_MODES = (
    (BrushMode.PAINT, "Paint", "The brush adds voxels to the structure."),
    (BrushMode.ERASE, "Erase", "The brush takes voxels of the structure away; holding Shift does so too."),
    (BrushMode.FILL, "Fill", "A click fills what hangs together in the range of density; with “all densities”, holes."),
)
_RANGES = (
    (HuRange.ANY, "All densities"),
    (HuRange.AIR, "Air only (below −400 HU)"),
    (HuRange.SOFT, "Soft tissue only (−400 to 250 HU)"),
)


class BrushControls(QWidget):
    """Shows a Brush and asks for another.

    Signals
    -------
    brush_requested(Brush), tool_requested(bool: take it up or lay it down), step_slice_requested(int: +1 grow, -1 shrink,
    0 clear), restore_requested(), original_requested(bool)
    """

    brush_requested = Signal(object)
    tool_requested = Signal(bool)
    step_slice_requested = Signal(int)
    restore_requested = Signal()
    original_requested = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("brush_controls")
        self._brush = Brush()
        self._tool = QPushButton("Brush")
        self._tool.setCheckable(True)
        self._tool.setAutoDefault(False)
        describe(self._tool, "brush_tool", "Paint on the masks, on any plane.", "M")
        self._tool.clicked.connect(self.tool_requested)
        self._structure = choice(*(structure_name(s) for s in MASKED))
        describe(self._structure, "brush_structure", "What is painted. Ctrl+click on a mask takes it up.", "arrow keys",
                 "Structure to paint")  # fmt: skip
        for index, structure in enumerate(MASKED):
            swatch = QPixmap(10, 10)
            swatch.fill(structure_color(structure))
            self._structure.setItemIcon(index, QIcon(swatch))
        self._modes: dict[BrushMode, QPushButton] = {}
        group = QButtonGroup(self)
        for mode, words, says in _MODES:
            one = QPushButton(words)
            one.setCheckable(True)
            one.setAutoDefault(False)
            describe(one, f"brush_{mode.value}", says, "Shift+M" if mode is BrushMode.ERASE else "")
            one.clicked.connect(self._ask)
            group.addButton(one)
            self._modes[mode] = one
        self._radius = QSlider(Qt.Orientation.Horizontal)
        self._radius.setRange(round(RADIUS_MM[0] * 2), round(RADIUS_MM[1] * 2))
        describe(self._radius, "brush_radius", "Radius of the brush in millimetres.", "[ and ]", "Brush radius")
        self._millimetres = QLabel()
        self._millimetres.setObjectName("brush_radius_text")
        self._ball = QCheckBox("Through slices (ball)")
        describe(self._ball, "brush_ball", "Paint a ball through neighbouring slices, not a disc in this one.")
        self._protect = QCheckBox("Protect other sinuses")
        describe(self._protect, "brush_protect", "Leave voxels of other structures as they are.")
        self._range: QComboBox = choice(*(words for _, words in _RANGES))
        describe(self._range, "brush_range", "Which densities the brush takes.", "arrow keys", "Densities to paint")
        self._original = QCheckBox("AI's outline where edited")
        describe(self._original, "brush_original", "Dashed: the AI's own outline of what you have changed.")
        self._original.clicked.connect(self.original_requested)
        self._edited = ToneLabel("", "muted", "brush_edited")
        for control in (self._ball, self._protect):
            control.clicked.connect(self._ask)
        self._radius.valueChanged.connect(self._ask)
        self._structure.activated.connect(self._ask)
        self._range.activated.connect(self._ask)
        ask = self.step_slice_requested.emit
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self._tool, *self._modes.values()))
        layout.addWidget(self._structure)
        layout.addLayout(line(QLabel("Radius"), self._radius, self._millimetres))
        layout.addWidget(self._range)
        layout.addLayout(row(self._ball, self._protect))
        layout.addLayout(
            row(
                button("Grow", "grow_slice", "Grow it by one voxel in this slice.", lambda: ask(1), "Ctrl+]"),
                button("Shrink", "shrink_slice", "Shrink it by one voxel in this slice.", lambda: ask(-1), "Ctrl+["),
                button("Clear slice", "clear_slice", "Take it out of this slice.", lambda: ask(0)),
                button("Back to the AI's", "restore_masks", "Take all your changes back; undo brings them again.",
                       self.restore_requested.emit),
            )
        )  # fmt: skip
        layout.addWidget(self._original)
        layout.addWidget(self._edited)
        self.set_brush(self._brush)
        self.set_edits(0)

    def set_brush(self, brush: Brush, *, held: bool = False, original: bool = True) -> None:
        """Show a brush, whether it is the tool in hand, and whether the AI's outline shows."""
        self._brush = brush
        self._tool.setChecked(held)
        self._original.setChecked(original)
        self._structure.setCurrentIndex(MASKED.index(brush.structure))
        self._modes[brush.mode].setChecked(True)
        with QSignalBlocker(self._radius):
            self._radius.setValue(round(brush.radius_mm * 2))
        self._millimetres.setText(f"{brush.radius_mm:.1f} mm")
        self._ball.setChecked(brush.ball)
        self._protect.setChecked(brush.protect_others)
        self._range.setCurrentIndex([r for r, _ in _RANGES].index(brush.hu))

    def set_edits(self, count: int) -> None:
        """How many changes a reader has made; what was changed is said, and the AI's original stays."""
        words = "1 change" if count == 1 else f"{count} changes"
        self._edited.setText(f"{words} by the reader; the AI's original is kept." if count else "Not edited.")

    def set_side_verified(self, verified: bool) -> None:
        for index, structure in enumerate(MASKED):
            self._structure.setItemText(index, structure_name(structure, verified=verified))

    def _ask(self) -> None:
        mode = next(mode for mode, one in self._modes.items() if one.isChecked())
        self.brush_requested.emit(
            replace(
                self._brush, structure=Structure(MASKED[self._structure.currentIndex()]), mode=mode,
                radius_mm=self._radius.value() / 2, ball=self._ball.isChecked(),
                hu=_RANGES[self._range.currentIndex()][0], protect_others=self._protect.isChecked(),
            )
        )  # fmt: skip

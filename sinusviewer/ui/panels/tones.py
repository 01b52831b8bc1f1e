"""Colours the panels paint with, chosen by whether the palette is dark. Contrast: text >= 7:1, lines >= 3:1."""

from dataclasses import dataclass

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side, Structure
from sinusviewer.domain.mask_colors import mask_rgb


@dataclass(frozen=True, slots=True)
class Tones:
    """One theme's colours, as #rrggbb."""

    text: str
    muted: str
    line: str
    faint: str
    panel: str
    field: str
    accent: str
    right: str
    left: str
    unverified: str
    amber: str
    red: str
    amber_ground: str

    def of_side(self, side: AnySide) -> str:
        """Right red, left blue (as in Oh 2021); neither while the side is unverified."""
        if isinstance(side, ImageSide):
            return self.unverified
        return self.right if side is Side.RIGHT else self.left


DARK = Tones(
    text="#d5dbe1", muted="#a3adb8", line="#5d6975", faint="#2a323b", panel="#171b21", field="#0f1216", accent="#4fc3c9",
    right="#ff6b6b", left="#66b2ff", unverified="#c9b27c", amber="#f5b942", red="#ff7b72", amber_ground="#332a15",
)  # fmt: skip
LIGHT = Tones(
    text="#14181d", muted="#48525d", line="#7d8894", faint="#dfe4e9", panel="#ffffff", field="#f4f6f8", accent="#00697a",
    right="#b3261e", left="#0b57a8", unverified="#6b5417", amber="#7a4b00", red="#a3120a", amber_ground="#fff4da",
)  # fmt: skip
PAPER = LIGHT
"""What is printed is always dark on white, whatever the window wears."""


def current_tones() -> Tones:
    """The tones that suit the application's palette (a widget's own may be altered by its style sheet)."""
    return DARK if QApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def structure_color(structure: Structure) -> QColor:
    """The colour of a structure's mask: one hue per sinus, right and left in two shades."""
    return QColor(*mask_rgb(structure))

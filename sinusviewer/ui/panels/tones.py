"""Colours the panels paint with, chosen by whether the palette is dark. Contrast: text >= 7:1, lines >= 3:1."""

import colorsys
from dataclasses import dataclass

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side, Structure


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


# Okabe and Ito's set, which the common colour-vision deficiencies can tell apart; right full, left lighter.
_SINUS_HUES = ("#e69f00", "#56b4e9", "#0072b2", "#cc79a7", "#009e73")
_LEFT_POSTERIOR_ETHMOID = QColor("#8a7fe0")
"""Not the lighter blue: that is the right anterior ethmoid's, of the other sinus and the other side."""
_STRUCTURES = tuple(s for s in Structure if 1 <= s <= 10)


def structure_color(structure: Structure) -> QColor:
    """The colour of a structure's mask: one hue per sinus, right and left in two shades."""
    if structure not in _STRUCTURES:
        return QColor("#9aa4ae")
    base = QColor(_SINUS_HUES[(int(structure) - 1) // 2])
    if int(structure) % 2:
        return base
    if structure is Structure.LEFT_POSTERIOR_ETHMOID:
        return _LEFT_POSTERIOR_ETHMOID
    hue, lightness, saturation = colorsys.rgb_to_hls(base.redF(), base.greenF(), base.blueF())
    return QColor.fromRgbF(*colorsys.hls_to_rgb(hue, min(0.82, lightness + 0.25), 0.65 * saturation))

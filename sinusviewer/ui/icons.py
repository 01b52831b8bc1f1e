"""Icons in the theme's ink."""

import qtawesome
from PySide6.QtGui import QIcon

from sinusviewer.ui.panels.tones import current_tones


def icon(name: str) -> QIcon:
    tones = current_tones()
    made: QIcon = qtawesome.icon(
        name, color=tones.text, color_active=tones.text, color_on=tones.accent, color_disabled=tones.line
    )
    return made

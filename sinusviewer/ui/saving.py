"""Asking where to save: a name of the study's own is proposed, and nothing is replaced that nobody was asked about."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget


def ask_file(window: QWidget, title: str, proposed: str, kinds: str = "") -> Path | None:
    """The file to write, with the ending of ``proposed``; None where nothing was chosen.

    A name without the ending gets it. The dialog asked about the name as it was typed, so what is replaced by then is asked about here.
    """
    suffix = Path(proposed).suffix
    name, _ = QFileDialog.getSaveFileName(window, title, proposed, kinds or f"*{suffix}")
    if not name:
        return None
    path = Path(name)
    if path.suffix.lower() == suffix:
        return path
    path = path.with_name(f"{path.name}{suffix}")
    if path.exists():
        buttons = QMessageBox.StandardButton
        asked = QMessageBox.question(window, title, f"“{path.name}” is there already. Replace it?")
        return path if asked == buttons.Yes else None
    return path

"""Starting: records that cannot be opened are said in a window, and a second window over the same records is told of the first."""

from pathlib import Path

from PySide6.QtCore import QLockFile
from PySide6.QtWidgets import QMessageBox

from sinusviewer.errors import SinusViewerError, StorageError

SECOND_WINDOW = "Another window of this program is open on the same records."
SECOND_HINT = (
    "What both do is kept, but neither shows what the other does, and of a text the last one stands:"
    " use one window for a study."
)


def claim_records(folder: Path) -> QLockFile | None:
    """Hold this in the first window; None in a second one. A lock whose program was killed counts for nothing."""
    lock = QLockFile(str(folder / "window.lock"))
    lock.setStaleLockTime(0)  # held for as long as the program lives, however long that is
    if lock.tryLock(0):
        return lock
    # On a medium where no lock can be made nothing is known of another window.
    return None if lock.error() is QLockFile.LockError.LockFailedError else lock


def unusable_folder(error: OSError) -> SinusViewerError:
    """What to say of a folder of the user's data that cannot be made or written."""
    return StorageError(
        f"The program's data folder cannot be used ({error.strerror or type(error).__name__}).",
        "Check its rights and the free space, or set SINUSVIEWER_HOME to another folder.",
    )


def say_why_not(error: SinusViewerError) -> None:
    """Where there is no window yet to say it in."""
    QMessageBox.critical(None, "SinusViewer", f"{error.message}\n\n{error.hint}".strip())

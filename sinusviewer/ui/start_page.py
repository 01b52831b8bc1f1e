"""What stands in the middle while nothing is open: drop here, open, recent, sample study."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from sinusviewer.ui.panels.parts import ToneLabel


class StartPage(QWidget):
    """Signals: open_files_requested(), open_folder_requested(), open_sample_requested(), path_requested(str)."""

    open_files_requested = Signal()
    open_folder_requested = Signal()
    open_sample_requested = Signal()
    path_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("start_page")
        self._recent: tuple[tuple[str, bool], ...] | None = None
        self._there: Callable[[str], bool | None] = lambda _path: None
        title = ToneLabel("Drop images, a folder or a ZIP here", "text", scale=1.6)
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        kinds = ToneLabel("DICOM X-ray and CT · ZIP · DICOMDIR · NIfTI · NRRD · PNG · JPEG · TIFF", "muted")
        kinds.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        self._sample = QPushButton("Sample study")
        for text, name, says, signal in (
            ("Open files …", "start_files", "Open images, a ZIP or a DICOMDIR  [Ctrl+O]", self.open_files_requested),
            (
                "Open folder …",
                "start_folder",
                "Open all studies in a folder  [Ctrl+Shift+O]",
                self.open_folder_requested,
            ),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(says)
            button.clicked.connect(signal)
            buttons.addWidget(button)
        self._sample.setObjectName("start_sample")
        self._sample.setToolTip("A simulated patient: nobody's images")
        self._sample.clicked.connect(self.open_sample_requested)
        buttons.addWidget(self._sample)
        buttons.addStretch(1)
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        self._heading = QLabel("Recent")
        self._heading.setObjectName("heading")
        self._heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        warning = ToneLabel("Research use only. Not for diagnostic use.", "amber")
        warning.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.addStretch(3)
        column.addWidget(title)
        column.addSpacing(4)
        column.addWidget(kinds)
        column.addSpacing(18)
        column.addLayout(buttons)
        column.addSpacing(28)
        column.addWidget(self._heading)
        column.addLayout(self._list)
        column.addStretch(4)
        column.addWidget(warning)
        column.addSpacing(12)

    def set_there(self, there: Callable[[str], bool | None]) -> None:
        """Who says whether a path exists; None while that is not known."""
        self._there = there

    def set_recent(self, paths: tuple[str, ...], *, sample_available: bool) -> None:
        """Paths opened before; those that are gone (not those of which nothing is known yet) are shown but cannot be clicked."""
        self._sample.setVisible(sample_available)
        self._heading.setVisible(bool(paths))
        known = tuple((path, self._there(path) is not False) for path in paths[:6])
        if known == self._recent:
            return
        self._recent = known
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for path, is_there in known:
            button = QPushButton(_short(path))
            button.setObjectName("recent_path")
            button.setFlat(True)
            button.setToolTip(path)
            button.setEnabled(is_there)
            button.clicked.connect(lambda _checked=False, path=path: self.path_requested.emit(path))
            self._list.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)


def _short(path: str, longest: int = 70) -> str:
    return path if len(path) <= longest else "…" + path[-longest + 1 :]


def line() -> QFrame:
    result = QFrame()
    result.setFrameShape(QFrame.Shape.HLine)
    return result

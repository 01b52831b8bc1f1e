"""Starts the window: wires session, runner, actions and widgets together."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtWidgets import QApplication

from sinusviewer import logs
from sinusviewer.actions import Actions, Engines
from sinusviewer.actions.recording import Recorder
from sinusviewer.actions.reporting import Reporting
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import ScanResult, Series
from sinusviewer.jobs.runner import CancelToken, JobRunner, Progress
from sinusviewer.paths import user_data_dir
from sinusviewer.records.database import Database
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.study_index import StudyIndex
from sinusviewer.session import Image, Session
from sinusviewer.settings import load_settings, save_settings
from sinusviewer.ui.bridge import JobBridge
from sinusviewer.ui.main_window import MainWindow
from sinusviewer.ui.panel_wiring import PanelWiring
from sinusviewer.ui.theme import apply_theme


def engines() -> Engines:
    """The real background work; imported when first needed, so that the window is up at once."""

    def scan(paths: Sequence[Path], progress: Progress, token: CancelToken) -> ScanResult:
        from sinusviewer.imaging import scan as scanning

        return scanning.scan(paths, progress, token)

    def load(series: Series, progress: Progress, token: CancelToken) -> Image:
        from sinusviewer.imaging import load as loading

        return loading.load_series(series, progress, token, progress.partial)

    def read(
        image: Image, clinical: ClinicalData, reason: str, progress: Progress, token: CancelToken
    ) -> tuple[SeriesReading, ...]:
        from sinusviewer.analysis.read import read_series

        subjects = (image,) if isinstance(image, Volume) else image
        return tuple(
            read_series(subject, clinical=clinical, progress=progress, token=token, override_reason=reason)
            for subject in subjects
        )

    return Engines(scan, load, read)


class Program:
    """The running program: one session, one runner, one window."""

    def __init__(self, work: Engines | None = None) -> None:
        self.settings = load_settings()
        self.session = Session()
        self.bridge = JobBridge()
        self.runner = JobRunner(self.bridge.post)
        self.actions = Actions(self.session, self.runner, work or engines())
        self.bridge.listen(self.actions.desk.handle)
        self.database = Database(user_data_dir() / "records.sqlite")
        self.index = StudyIndex(self.database)
        findings = FindingStore(self.database, self.settings.reader or None)
        self.recorder = Recorder(self.session, findings, self.index)
        self.window = MainWindow(self.session, self.actions, self.settings, save_settings)
        self.wiring = PanelWiring(self.window, Reporting(self.session, self.actions.desk, findings, self.index))
        self.window.restore_place()

    def close(self) -> bool:
        """Cancel everything and end the threads; True if all ended in time."""
        self.wiring.release()
        self.window.close()
        ended = self.runner.close()
        self.database.close()
        return ended


def main(paths: list[str]) -> int:
    """Open the window with what was given; returns the exit status."""
    logs.configure()
    application = QApplication.instance() or QApplication(sys.argv[:1])
    if not isinstance(application, QApplication):
        return 2
    application.setApplicationName("SinusViewer")
    settings = load_settings()
    apply_theme(application, settings.theme, settings.scale_percent)
    program = Program()

    def on_error(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            application.quit()
            return
        details = "".join(traceback.format_exception(kind, error, where))
        program.session.say(
            "Something went wrong in the window.", "error", "Your findings are safe. Copy the details.", details
        )

    sys.excepthook = on_error
    program.window.show()
    if paths:
        program.window.open_paths([Path(p) for p in paths])
    status = application.exec()
    program.close()
    return status

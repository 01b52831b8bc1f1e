"""Starts the window: wires session, runner, actions and widgets together."""

import contextlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from sinusviewer import logs
from sinusviewer.actions import Actions, Continuation, Engines
from sinusviewer.actions.carrying_over import CarryingOver
from sinusviewer.actions.keeping import ReadingKeeper, tracer
from sinusviewer.actions.mask_folder import MaskFolder
from sinusviewer.actions.mask_recording import MaskRecorder
from sinusviewer.actions.pending_writes import PendingWrites
from sinusviewer.actions.priors import Priors
from sinusviewer.actions.recording import Recorder
from sinusviewer.actions.reporting import Reporting
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import ScanResult, Series, SeriesKind
from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.jobs.places import Places
from sinusviewer.jobs.runner import CancelToken, JobRunner, Progress
from sinusviewer.paths import bundled_models_dir, user_data_dir, user_models_dir
from sinusviewer.records.database import Database
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.former_owner import FormerOwners
from sinusviewer.records.readings import ReadingStore
from sinusviewer.records.study_index import StudyIndex
from sinusviewer.session import Image, Session
from sinusviewer.settings import load_settings, save_settings
from sinusviewer.ui.bridge import Bell, JobBridge
from sinusviewer.ui.main_window import MainWindow
from sinusviewer.ui.number_bar import NumberWiring
from sinusviewer.ui.panel_wiring import PanelWiring
from sinusviewer.ui.prior_wiring import PriorWiring
from sinusviewer.ui.starting import SECOND_HINT, SECOND_WINDOW, claim_records, say_why_not, unusable_folder
from sinusviewer.ui.study_signs import StudySigns
from sinusviewer.ui.theme import apply_theme

MODELS_EVERY_MS = 5000
REFUSED_EVERY_MS = 30_000
"""How often what a full disk refused is tried again."""


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

    def preview(series: Series) -> bytes:
        from sinusviewer.actions.thumbnails import thumbnail
        from sinusviewer.imaging import load as loading

        if series.kind is SeriesKind.VOLUME and len(series.instances) == 1:
            raise InputError("A thumbnail would need all of the file.")
        film = loading.load_radiograph(series.instances[len(series.instances) // 2], series.identity)
        return thumbnail((film,))

    return Engines(scan, load, read, preview)


@dataclass(frozen=True, slots=True)
class Installed:
    """What the networks run on and which are here: the job bar's text and tooltip, and the active weights by name."""

    text: str
    tooltip: str
    active_sha256: dict[str, str]


def model_stamps() -> tuple[tuple[str, int], ...]:
    """Cards and choices of models with their time of change: equal while nobody has touched them. Quick enough to ask often."""
    found = []
    for folder, patterns in (
        (bundled_models_dir(), ("*/card.json",)),
        (user_models_dir(), ("*/*/card.json", "active.json")),
    ):
        for pattern in patterns:
            for path in folder.glob(pattern):
                with contextlib.suppress(OSError):  # just being replaced: seen the next time
                    found.append((str(path), path.stat().st_mtime_ns))
    return tuple(sorted(found))


def device_and_models() -> Installed:
    """Look at device and models. Verifying reads every weights file once."""
    from sinusviewer.inference.model_card import ModelTask
    from sinusviewer.inference.onnx_session import run_tiny_network
    from sinusviewer.inference.registry import ModelRegistry

    cuda = run_tiny_network().startswith("CUDA")  # what a network really ran on: the list of providers proves nothing
    registry = ModelRegistry()
    faults = {entry.name: registry.verify(entry) for entry in registry.entries()}
    good = sum(1 for fault in faults.values() if not fault)
    models = f"{good} of {len(faults)} models verified" if good < len(faults) else f"models: {good} verified"
    lines = [f"{name}: {fault or 'verified'}" for name, fault in sorted(faults.items())]
    device = "GPU (CUDA)" if cuda else "CPU (no CUDA)"
    active = {e.name: e.card.sha256 for task in ModelTask for e in registry.active(task) if e.card is not None}
    registry.close()
    return Installed(f"device: {device} · {models if faults else 'no models installed'}", "\n".join(lines), active)


class Program:
    """The running program: one session, one runner, one window."""

    def __init__(self, work: Engines | None = None) -> None:
        self.settings = load_settings()
        self.session = Session()
        self.bridge = JobBridge()
        self.runner = JobRunner(self.bridge.post)
        self._masks = masks = MaskFolder(user_data_dir() / "masks")
        self.actions = Actions(self.session, self.runner, work or engines(), tracer(masks))
        self.bridge.listen(self.actions.desk.handle)
        self.database = Database(user_data_dir() / "records.sqlite")
        self.index = StudyIndex(self.database)
        findings = FindingStore(self.database, self.settings.reader or None)
        self._readings = ReadingStore(self.database)
        self._pending = pending = PendingWrites(self.session)
        keeper = ReadingKeeper(self.session, self.actions.desk, self._readings, masks, pending)
        self.recorder = Recorder(self.session, findings, self.index, keeper, pending)
        self.actions.reading.settle = self.recorder.settled
        self.actions.opening.owned = self.recorder.owned
        self.actions.opening.together = self.recorder.together
        self.mask_recorder = MaskRecorder(self.session, findings, self.index, pending)
        self._places = Places()
        self._news = Bell(self._places_changed)
        self._places.on_changed = self._news.ring
        self.window = MainWindow(self.session, self.actions, self.settings, save_settings)
        self.window.start_page.set_there(self._places.there)
        self.window.studies_panel.set_there(self._places.there)
        reporting = Reporting(self.session, self.actions.desk, findings, self.index)
        self.wiring = PanelWiring(self.window, reporting)
        owners = FormerOwners(self.database)
        self.priors = PriorWiring(
            self.window, Priors(self.session, self.actions.opening, self.index, owners, self._places.there)
        )
        self.signs = StudySigns(self.session, self.window.studies_panel)
        carrying = CarryingOver(self.session, self.actions.opening, findings, owners, pending, reporting)
        self.numbers = NumberWiring(self.window, carrying)
        self.window.restore_place()
        self.window.studies_panel.search_requested.connect(self._show_known)
        self._badges = QTimer(self.window)
        self._badges.setSingleShot(True)
        self._badges.setInterval(250)
        self._badges.timeout.connect(self._show_known)
        self._stamps: tuple[tuple[str, int], ...] = ()
        self._models = QTimer(self.window)
        self._models.setInterval(MODELS_EVERY_MS)
        self._models.timeout.connect(self.look_at_models)
        self._refused = QTimer(self.window)
        self._refused.setInterval(REFUSED_EVERY_MS)
        self._refused.timeout.connect(pending.try_again)
        self._refused.start()
        for signal in (self.session.studies_changed, self.session.readings_changed, self.session.marks_changed):
            signal.connect(self._show_known_soon)
        self._show_known()

    def _show_known_soon(self, *_: object) -> None:
        """Badges may lag a little: a batch of two hundred films must not rebuild the list two hundred times."""
        if not self._badges.isActive():
            self._badges.start()

    def _show_known(self, *_: object) -> None:
        """Studies seen before, or those that fit what is searched for."""
        text = self.window.studies_panel.search_text
        many = 12 + len(
            self.session.studies
        )  # those that are open stand in the list already and take their badge from here
        known = self.index.search(text, many + 38) if text.strip() else self.index.recent(many)
        self.window.studies_panel.set_known(known)

    def _places_changed(self) -> None:
        """A share has answered, or a medium was put in or taken out."""
        self.window.refresh()
        self.priors.refresh()
        self._show_known()

    def show_device(self) -> None:
        """Say what the networks run on and which of them can be used; looked up in the background, and again when one changes."""
        self._stamps = model_stamps()
        self._models.start()

        def work(progress: Progress, token: CancelToken) -> Installed:
            return device_and_models()

        def finished(found: Installed) -> None:
            self.window.job_bar.set_device(found.text, found.tooltip)
            self.session.set_models(found.active_sha256)

        def cancelled() -> None:
            self._stamps = ()  # tried again

        self.actions.desk.submit(
            "gpu", "Checking the models", work, Continuation(finished, None, None, "models", cancelled)
        )

    def tidy_masks(self) -> None:
        """Delete the masks of superseded readings that nobody relied on, in the background."""

        def work(_progress: Progress, _token: CancelToken) -> int:
            return self._masks.sweep(self._readings.mask_files_needed)

        self.actions.desk.submit("io", "Tidying up", work, Continuation(lambda _count: None, group="tidy"))

    def look_at_models(self) -> None:
        """Look again where a model was installed, removed or replaced."""
        if model_stamps() != self._stamps:
            self.show_device()

    def close(self) -> bool:
        """Cancel everything and end the threads; True if all ended in time.

        In this order: what is not written yet is written, then nothing may reach the records any more, then they are closed.
        """
        self._models.stop()
        self._refused.stop()
        self._badges.stop()
        for signal in (self.session.studies_changed, self.session.readings_changed, self.session.marks_changed):
            with contextlib.suppress(ValueError):  # closed already
                signal.disconnect(self._show_known_soon)
        self._places.close()
        self._news.close()
        self.wiring.release()
        self.priors.release()
        self.signs.release()
        self.numbers.release()
        self.mask_recorder.release()
        self.window.close()
        self.recorder.release()
        self.bridge.close()
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
    try:
        lock, program = claim_records(user_data_dir()), Program()
    except (SinusViewerError, OSError) as error:
        say_why_not(error if isinstance(error, SinusViewerError) else unusable_folder(error))
        return 1
    if lock is None:
        program.session.say(SECOND_WINDOW, "warning", SECOND_HINT)

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
    program.show_device()
    program.tidy_masks()
    if paths:
        program.window.open_paths([Path(p) for p in paths])
    status = application.exec()
    program.close()
    if lock is not None:
        lock.unlock()
    return status

"""Pictures of the window for the README, made from a study on any machine, with or without a display."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtWidgets import QApplication, QWidget

from sinusviewer.actions import Actions
from sinusviewer.domain.display import LayoutKind, Plane
from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import SeriesKind
from sinusviewer.errors import InputError
from sinusviewer.session import Session
from sinusviewer.ui.main_window import MainWindow
from sinusviewer.ui.panel_wiring import PanelWiring

SIZE = (1600, 960)


class Program(Protocol):
    """What is photographed: the running program, as ``app`` puts it together."""

    session: Session
    actions: Actions
    window: MainWindow
    wiring: PanelWiring


def wait_for(done: Callable[[], bool], seconds: float) -> None:
    """Run the event loop until something has happened.

    Raises
    ------
    InputError
        If it has not in time.
    """
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise InputError("The study could not be shown in time.", "Try again while the machine is less busy.")
        QApplication.processEvents()
        time.sleep(0.005)
    for _ in range(20):  # what was asked for by timers and queued signals
        QApplication.processEvents()
        time.sleep(0.005)


class Camera:
    """Takes pictures of one program's window."""

    def __init__(self, program: Program, folder: Path, seconds: float = 600.0) -> None:
        self._program, self._folder, self._seconds = program, folder, seconds
        self.taken: list[Path] = []
        program.window.resize(*SIZE)
        program.window.show()

    def settle(self) -> None:
        wait_for(lambda: not self._program.session.jobs, self._seconds)

    def take(self, name: str) -> None:
        self.settle()
        path = self._folder / f"{name}.png"
        self._program.window.grab().save(str(path), quality=0)  # 0 is PNG's strongest compression in Qt
        self.taken.append(path)

    def read(self) -> None:
        """Let the networks read what is shown, and wait for it."""
        self.settle()
        self._program.actions.reading.read()
        self.settle()

    def show_tab(self, panel: QWidget) -> None:
        self._program.window.tabs.setCurrentWidget(panel)


def take_pictures(program: Program, study: Path, folder: Path) -> tuple[Path, ...]:
    """Open ``study``, read its first film and its first CT, and save what a reader sees.

    Returns
    -------
    tuple of Path
        ``film.png``, ``report.png``, ``ct.png``, ``heatmap.png`` and ``nomogram.png``, as far as the study holds films and CTs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    camera = Camera(program, folder)
    session, opening = program.session, program.actions.opening
    opening.open_paths([study])
    camera.settle()
    kinds = dict.fromkeys((SeriesKind.RADIOGRAPH, SeriesKind.VOLUME))
    found: dict[SeriesKind, tuple[str, str]] = {}
    for uid, one in session.studies.items():
        for series in one.series:
            if series.kind in kinds:
                found.setdefault(series.kind, (uid, series.key))
    if not found:
        raise InputError("There is neither a film nor a CT in that study.")
    if SeriesKind.RADIOGRAPH in found:
        _show(program, *found[SeriesKind.RADIOGRAPH])
        camera.read()
        program.actions.marks.step_finding(session.active_view, 1)
        camera.take("film")
        camera.show_tab(program.wiring.patient.report)
        camera.take("report")
        camera.show_tab(program.wiring.findings)
    if SeriesKind.VOLUME in found:
        _show(program, *found[SeriesKind.VOLUME])
        camera.read()
        camera.take("ct")
        _take_ct(program, camera)
    return tuple(camera.taken)


def _show(program: Program, uid: str, key: str) -> None:
    program.actions.opening.show_study(uid)
    program.actions.opening.show_series(key)
    wait_for(lambda: key in program.session.images and not program.session.jobs, 120)


def _take_ct(program: Program, camera: Camera) -> None:
    session = program.session
    view = next((v for v in session.shown_views if session.views[v].plane is Plane.AXIAL), session.active_view)
    session.set_active_view(view)
    reading = session.reading(view)
    if reading is not None and reading.heatmaps:
        session.set_display(show_heatmap=True)
        camera.show_tab(program.wiring.endotype)
        if reading.endotype is not None and reading.endotype.slices:  # elsewhere there is no heat
            highest = max(reading.endotype.slices, key=lambda s: s.probability)
            program.wiring.endotype.slice_requested.emit(highest.slice_index)
        camera.take("heatmap")
        session.set_display(show_heatmap=False)
    if isinstance(session.images.get(session.views[view].series_key), Volume):
        if reading is None or reading.recurrence is None:
            return  # a picture of "no nomogram is installed" helps nobody
        program.actions.opening.set_layout(LayoutKind.MPR)
        camera.show_tab(program.wiring.patient.nomogram)
        camera.take("nomogram")

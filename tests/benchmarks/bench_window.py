"""How the window feels, in milliseconds, measured offscreen with the raster engine that also paints on screen."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

FRAME_MS = 16.0
ROOT = Path(__file__).resolve().parents[2]


def run() -> list[dict[str, Any]]:
    """All measurements of the window; ``ratio`` is the value over the limit or over the other library."""
    application = QApplication.instance() or QApplication([])
    rows = [scroll_with_overlay(application), three_planes(application), *film_window_drag(application)]
    rows += [window_up(), *gui_stall(application), *reading_stall_and_cancel(application)]
    return rows


class Times(list[float]):
    """Milliseconds by the clock; beside them the GUI thread's own CPU time, which other work on the machine does not lengthen."""

    cpu: list[float]


def _row(name: str, values: Times, limit: float, n: int, against: str = "one frame, 16 ms") -> dict[str, Any]:
    value = float(np.percentile(values, 99))
    return {
        "name": name, "value": round(value, 2), "unit": "ms (p99)", "compared_with": against,
        "ratio": round(value / limit, 3), "n": n, "median": round(float(np.median(values)), 2),
        "cpu_p99": round(float(np.percentile(values.cpu, 99)), 2), "cpu_median": round(float(np.median(values.cpu)), 2),
    }  # fmt: skip


def _volume(shape: tuple[int, int, int]) -> Any:
    from sinusviewer.domain.image import Identity, Volume

    rng = np.random.default_rng(1)
    _, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    radius = np.sqrt(((x - shape[2] / 2) / 180.0) ** 2 + ((y - shape[1] / 2) / 220.0) ** 2)
    voxels = np.where(radius < 1, 40, -1000).astype(np.int16) + np.zeros(shape, np.int16)
    voxels += rng.integers(-30, 30, shape, dtype=np.int16)
    voxels[:, 150:200, 180:330] -= 700
    identity = Identity(
        "Bench^Mark", "1", modality="CT", study_instance_uid="s", series_instance_uid="v", study_date="20240101"
    )
    return Volume(voxels, np.diag([0.45, 0.45, 0.6, 1.0]), identity)


def _program(image: Any, kind: str) -> Any:
    from sinusviewer.app import Program
    from sinusviewer.domain.study import Instance, Series, SeriesKind, Study
    from sinusviewer.ui.theme import apply_theme

    application = QApplication.instance()
    assert isinstance(application, QApplication)
    apply_theme(application, "dark", 100)
    program = Program()
    identity = (image[0] if isinstance(image, tuple) else image).identity
    series = Series(identity, SeriesKind(kind), (Instance(Path("x"), "1"),), "Bench", key="v")
    program.session.add_studies((Study("s", identity, (series,)),))
    program.session.set_image("v", image)
    program.actions.opening.show_study("s")
    program.window.resize(1920, 1080)
    program.window.show()
    for _ in range(5):
        application.processEvents()
    return program


def _measure(application: QApplication, act: Any, count: int) -> Times:
    """From the request to the painted window."""
    times, cpu = [], []
    for number in range(count + 5):
        start, used = time.perf_counter(), time.thread_time()
        act(number)
        application.processEvents()
        times.append((time.perf_counter() - start) * 1000)
        cpu.append((time.thread_time() - used) * 1000)
    result = Times(times[5:])
    result.cpu = cpu[5:]
    return result


def scroll_with_overlay(application: QApplication) -> dict[str, Any]:
    """One 512 x 512 axial view with masks of all sinuses, 1 slice a step."""
    from sinusviewer.domain.display import LayoutKind, Plane
    from sinusviewer.domain.finding import Segmentation
    from sinusviewer.domain.reading import SeriesReading, SeriesStatus

    volume = _volume((300, 512, 512))
    program = _program(volume, "volume")
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for code in range(1, 12):
        labels[20:280, 120 + code * 12 : 130 + code * 12, 150:350] = code
    reading = SeriesReading("v", "CT", SeriesStatus.READ, segmentation=Segmentation(labels, volume.affine))
    program.session.set_reading(reading, "v")
    program.actions.opening.set_layout(LayoutKind.ONE)
    program.session.set_view("A", plane=Plane.AXIAL, slice_index=10)
    times = _measure(application, lambda n: program.session.go_to_slice("A", 10 + n % 280), 300)
    program.close()
    return _row("scroll 512x512 CT with sinus masks", times, FRAME_MS, len(times))


def three_planes(application: QApplication) -> dict[str, Any]:
    """Three planes follow the crosshair; every step changes all three slices."""
    from sinusviewer.domain.display import LayoutKind

    program = _program(_volume((300, 512, 512)), "volume")
    program.actions.opening.set_layout(LayoutKind.MPR)

    def act(number: int) -> None:
        t = (number % 200) / 200
        program.session.go_to_point("A", (60 + 100 * t, 60 + 90 * t, 30 + 120 * t))

    times = _measure(application, act, 300)
    program.close()
    return _row("three-pane MPR 512x512x300", times, FRAME_MS, len(times))


def film_window_drag(application: QApplication) -> list[dict[str, Any]]:
    """A 2500 x 2048 film while the window is dragged; beside it pyqtgraph's ImageItem doing the same at the same size."""
    from sinusviewer.domain.display import Tool
    from sinusviewer.domain.image import Identity, Radiograph
    from sinusviewer.ui.dragging import WindowDrag

    rng = np.random.default_rng(2)
    pixels = (rng.integers(0, 500, (2500, 2048)) + np.linspace(0, 3500, 2048)[np.newaxis]).astype(np.uint16)
    identity = Identity("Bench^Mark", "1", modality="DX", study_instance_uid="s", series_instance_uid="v")
    film = Radiograph(pixels, identity, "i", patient_right_is_image_left=True, spacing=(0.15, 0.15))
    program = _program((film,), "radiograph")
    program.session.set_display(tool=Tool.WINDOW)
    port = program.window.view_area.viewports["A"]
    drag = WindowDrag(port, QPointF(400, 400))
    times = _measure(application, lambda n: drag.move(port, QPointF(400 + n % 150, 400 + n % 90)), 200)
    size = port.size()
    program.close()
    ours = _row("window drag on a 2500x2048 film", times, FRAME_MS, len(times))
    theirs = _pyqtgraph_drag(application, pixels, size.width(), size.height())
    against = {**ours, "name": "window drag on a film, beside pyqtgraph ImageItem", "unit": "ms (median)", "value": ours["median"],
               "compared_with": f"pyqtgraph ImageItem, {theirs:.1f} ms", "ratio": round(ours["median"] / theirs, 3)}  # fmt: skip
    return [ours, against]


def _pyqtgraph_drag(application: QApplication, pixels: Any, width: int, height: int) -> float:
    import pyqtgraph as pg

    pg.setConfigOptions(imageAxisOrder="row-major")
    view = pg.GraphicsView()
    item = pg.ImageItem(pixels, autoDownsample=False)
    view.addItem(item)
    view.resize(width, height)
    view.setRange(item.boundingRect(), padding=0)
    view.show()

    def act(number: int) -> None:
        item.setLevels((100 + number % 90, 2000 + number % 150))

    times = _measure(application, act, 60)
    view.close()
    return float(np.median(times))


def window_up() -> dict[str, Any]:
    """From the start of the process to the first painted window; the second start counts, with a warm disk cache."""
    code = (
        "import sys,time;from PySide6.QtWidgets import QApplication;from PySide6.QtCore import QTimer\n"
        "import sinusviewer.app as a\n"
        "app=QApplication([]);a.apply_theme(app,'dark',100)\n"
        "p=a.Program();p.window.show();app.processEvents();p.window.grab()\n"
        "print(time.time());sys.stdout.flush();p.close()"
    )
    seconds = []
    for _ in range(4):
        start = time.time()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        seconds.append(float(done.stdout.strip().splitlines()[-1]) - start)
    value = float(np.median(seconds[1:]))
    return {
        "name": "window up, warm", "value": round(value, 2), "unit": "s (median)", "compared_with": "limit 1.5 s",
        "ratio": round(value / 1.5, 3), "n": 3,
    }  # fmt: skip


def _watched(application: QApplication, done: Any, seconds: float) -> tuple[float, float, int]:
    """Run the event loop until ``done()``: the longest stall by the clock, the longest by the GUI thread's own CPU time, ticks.

    On a machine with other work the first counts what others took; the second is the program's own doing either way.
    """
    from sinusviewer.ui.watchdog import Watchdog

    dog, cpu = Watchdog(), 0.0
    dog.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        before = time.thread_time()
        application.processEvents()
        cpu = max(cpu, time.thread_time() - before)
        time.sleep(0.0005)
    return dog.stop(), cpu * 1000, len(dog.stalls_ms)


def _stalls(name: str, stall: float, cpu: float, ticks: int) -> list[dict[str, Any]]:
    common = {"unit": "ms", "compared_with": "limit 50 ms", "n": ticks}
    return [
        {"name": f"longest GUI stall while {name}", "value": round(stall, 1), "ratio": round(stall / 50, 3), **common},
        {"name": f"the same, GUI thread's own CPU time, {name}", "value": round(cpu, 1), "ratio": round(cpu / 50, 3), **common},
    ]  # fmt: skip


def reading_stall_and_cancel(application: QApplication) -> list[dict[str, Any]]:
    """The sample CT is opened and read by the real networks: stalls meanwhile, and how long a cancel takes to end it."""
    from sinusviewer.app import Program

    rows: list[dict[str, Any]] = []
    waits = []
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("SINUSVIEWER_HOME")
        os.environ["SINUSVIEWER_HOME"] = home  # no kept reading, nobody's own models
        program = Program()
        program.window.resize(1920, 1080)
        program.window.show()
        session = program.session
        for _ in range(10):
            application.processEvents()
        program.actions.opening.open_paths([ROOT / "resources" / "sample" / "ct"])
        found = _watched(application, lambda: bool(session.images) and not session.jobs, 120)
        rows += _stalls("the sample CT is opened from its files", *found)
        for seconds in (12.0, 1.0, 4.0, 7.0):  # in different steps of the reading
            if program.actions.reading.read() is None:
                break
            found = _watched(application, lambda: not session.jobs, seconds)
            if seconds == 12.0:
                rows += _stalls("the sample CT is read", *found)
            if session.jobs:
                stage = next(iter(session.jobs.values())).stage
                start = time.perf_counter()
                program.actions.desk.cancel_all()
                _watched(application, lambda: not session.jobs, 30)
                waits.append((time.perf_counter() - start, stage))
        program.close()
        if before is None:
            del os.environ["SINUSVIEWER_HOME"]
        else:
            os.environ["SINUSVIEWER_HOME"] = before
    if waits:
        longest, stage = max(waits)
        rows.append({"name": f"cancel takes effect, longest, during “{stage}”", "value": round(longest, 3), "unit": "s",
                     "compared_with": "limit 0.5 s", "ratio": round(longest / 0.5, 3), "n": len(waits)})  # fmt: skip
    return rows


def gui_stall(application: QApplication) -> list[dict[str, Any]]:
    """The longest wait of the GUI thread while a CT of 300 slices is loaded and shown."""
    from sinusviewer.actions import Engines
    from sinusviewer.app import Program
    from sinusviewer.domain.study import Instance, ScanResult, Series, SeriesKind, Study

    volume = _volume((300, 512, 512))
    first = type(volume)(volume.voxels[150:151].copy(), volume.affine, volume.identity)
    series = Series(volume.identity, SeriesKind.VOLUME, (Instance(Path("x"), "1"),), "Bench", key="v")
    study = Study("s", volume.identity, (series,))

    def load(_series: Any, progress: Any, _token: Any) -> Any:
        progress.partial(first)
        voxels = np.empty_like(volume.voxels)
        for number in range(len(voxels)):
            voxels[number] = volume.voxels[number]
            progress("Loading slices", number / len(voxels))
            time.sleep(0.002)
        return volume

    program = Program(Engines(lambda *_: ScanResult((study,)), load, lambda *_: ()))
    program.window.resize(1920, 1080)
    program.window.show()
    for _ in range(10):
        application.processEvents()
    program.actions.opening.open_paths([Path("x")])
    found = _watched(application, lambda: "v" in program.session.images and not program.session.jobs, 10)
    program.close()
    return _stalls("a 300-slice CT loads", *found)


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(run(), indent=1) + "\n")

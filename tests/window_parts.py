"""Small studies and a window over them, for tests of the user interface."""

import time
from pathlib import Path

import numpy as np

from sinusviewer.actions import Engines
from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.finding import Detection, ModelReference
from sinusviewer.domain.image import Identity, Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SideScore, WatersLabel, WatersReading
from sinusviewer.domain.study import Instance, ScanResult, Series, SeriesKind, Study

MODEL = ModelReference("waters_sinusitis", "1.0", "ab" * 32, "Trained on simulated patients only (no clinical images).")


def identity(uid: str = "study-1", modality: str = "DX", patient: str = "P1", date: str = "20240229") -> Identity:
    return Identity("Muster^Anna", patient, "19700101", "F", study_date=date, modality=modality, study_instance_uid=uid)


def film(
    *, right_is_left: bool | None = True, upside_down: bool = False, rows: int = 120, columns: int = 100, **changes
) -> Radiograph:
    y, x = np.mgrid[:rows, :columns]
    pixels = (x * 10 + y).astype(np.uint16)
    return Radiograph(
        pixels, identity(), "film-1", spacing=(0.2, 0.2), patient_right_is_image_left=right_is_left,
        upside_down=upside_down, **changes,
    )  # fmt: skip


def volume(shape=(20, 40, 30), affine=None, uid: str = "study-1", **changes) -> Volume:
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    voxels = (z * 10000 // shape[0] + y * 100 + x).astype(np.int16)
    matrix = np.diag([0.5, 0.5, 1.0, 1.0]) if affine is None else affine
    return Volume(voxels, matrix, identity(uid, "CT"), **changes)


def study(image, key: str = "series-1", uid: str = "study-1", patient: str = "P1", date: str = "20240229") -> Study:
    is_volume = isinstance(image, Volume)
    who = identity(uid, "CT" if is_volume else "DX", patient, date)
    kind = SeriesKind.VOLUME if is_volume else SeriesKind.RADIOGRAPH
    count = len(image.voxels) if is_volume else len(image)
    instances = tuple(Instance(Path(f"{n}.dcm"), f"film-{n + 1}") for n in range(count))
    return Study(
        uid, who, (Series(who, kind, instances, "Waters" if not is_volume else "Sinus", key=key),), "somewhere"
    )


def waters_reading(boxes=((20, 60, 45, 90),), threshold: float = 0.4, key: str = "series-1") -> SeriesReading:
    detections = tuple(Detection(tuple(float(v) for v in b), 0.8, Side.RIGHT) for b in boxes)
    sides = (SideScore(Side.RIGHT, 0.8, True), SideScore(Side.LEFT, 0.1, False))
    waters = WatersReading(WatersLabel.RIGHT, sides, (10.0, 40.0, 90.0, 110.0), detections, threshold, MODEL)
    return SeriesReading(key, "DX", SeriesStatus.READ, sop_instance_uid="film-1", waters=waters)


def engines(image, *, seconds: float = 0.0, reading: SeriesReading | None = None) -> Engines:
    """Background work that gives ``image``; slow where asked, and always ready to be cancelled."""

    def wait(token) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            token.raise_if_cancelled()
            time.sleep(0.005)

    def load(_series, progress, token):
        progress("Loading", 0.1)
        wait(token)
        return image

    def read(_image, _clinical, _reason, progress, token):
        progress("Reading", 0.1)
        wait(token)
        return (reading,) if reading else ()

    return Engines(lambda *_: ScanResult((study(image),)), load, read)


def open_window(image, qtbot, **options):
    """A program whose window shows ``image``; the caller closes it."""
    from sinusviewer.app import Program

    program = Program(engines(image, **options))
    program.window.resize(1100, 760)
    program.window.show()
    qtbot.waitExposed(program.window)
    program.session.add_studies((study(image),))
    program.session.set_image("series-1", image)
    program.actions.opening.show_study("study-1")
    qtbot.waitUntil(lambda: program.session.views["A"].series_key == "series-1")
    return program

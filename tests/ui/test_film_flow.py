"""A folder of films through the real program with the bundled networks: read, worklist by score, boxes, sides, report, undo."""

from pathlib import Path

import numpy as np
import pytest
from made_dicom import ROOT, write_film
from PySide6.QtWidgets import QApplication

from sinusviewer import paths
from sinusviewer.app import Program
from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.finding import Author, FindingStatus
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesStatus
from sinusviewer.imaging import load, scan

SLOW_MS = 120_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample film as it is, mirrored and named so, of unproved side, and upside down; four patients."""
    loaded = load.load_series(scan.scan([paths.resources_dir() / "sample" / "waters.dcm"]).studies[0].series[0])
    assert not isinstance(loaded, Volume)
    pixels = loaded[0].pixels.astype(np.int64)
    grey = (pixels.max() - pixels if loaded[0].inverted else pixels).astype(np.uint16)
    films = {
        "usual": (grey, "L\\F"),
        "mirrored": (grey[:, ::-1], "R\\F"),
        "unproved": (grey, None),
        "turned": (grey[::-1], "L\\F"),
    }
    out = tmp_path_factory.mktemp("films")
    for number, (name, (image, orientation)) in enumerate(films.items()):
        write_film(
            out / f"{name}.dcm", image, orientation, study=f"{ROOT}.31.{number}", PatientID=name, PatientName=name
        )
    return out


def test_a_folder_of_films_is_read_listed_decided_and_reported(folder: Path, qtbot) -> None:
    program = Program()
    try:
        session, window = program.session, program.window
        window.resize(1300, 860)
        window.show()
        program.actions.opening.open_paths([folder])
        qtbot.waitUntil(lambda: len(session.studies) == 4 and not session.jobs, timeout=SLOW_MS)
        key_of = {s.identity.patient_id: s.series[0].key for s in session.studies.values()}
        program.actions.reading.read_many(tuple(key_of.values()))
        qtbot.waitUntil(lambda: len(session.readings) == 4 and not session.jobs, timeout=SLOW_MS)
        found = {
            name: next(r for k, r in session.readings.items() if k.startswith(key)) for name, key in key_of.items()
        }
        assert found["turned"].status is SeriesStatus.REFUSED
        assert found["turned"].waters is None
        usual, mirrored, unproved = (found[name].waters for name in ("usual", "mirrored", "unproved"))
        assert usual is not None
        assert mirrored is not None
        assert unproved is not None
        score = {s.side: s.score for s in usual.sides}
        assert {s.side: s.score for s in mirrored.sides} == pytest.approx(score, abs=0.02)
        assert {s.side for s in unproved.sides} == {ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT}
        QApplication.processEvents()
        assert "3 series read, 1 withheld." in [m.text for m in session.messages]
        assert {d.author for m in session.marks.values() for d in m.detections} <= {Author.AI}
        assert set(score) == set(Side)
        assert all(d.status is FindingStatus.PROPOSED for m in session.marks.values() for d in m.detections)
    finally:
        program.close()

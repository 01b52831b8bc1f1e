"""Series whose UIDs say nothing, or say it twice: no image, box or result is ever shown on another's."""

import numpy as np
import pydicom
import pytest
from made_dicom import write_ct, write_film
from window_parts import film, study, waters_reading

from sinusviewer.app import Program
from sinusviewer.domain.display import Measurement, Plane, Tool
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import ScanResult
from sinusviewer.session import ImageMarks


@pytest.fixture
def viewer(qtbot):
    """A window with the real scanning and loading."""
    program = Program()
    program.window.show()

    def opened(*paths) -> None:
        program.window.open_paths(list(paths))
        qtbot.waitUntil(lambda: not program.session.jobs)

    program.opened = opened
    yield program
    assert program.close()


def grey(value: int) -> np.ndarray:
    return np.full((60, 50), value, np.uint16)


def without_uids(path, *keywords) -> None:
    dataset = pydicom.dcmread(path)
    for keyword in keywords or ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        del dataset[keyword]
    dataset.save_as(path)


def on_screen(program) -> int:
    shown = program.session.film("A")
    return 0 if shown is None else int(shown.pixels[30, 25])


def test_films_without_uids_keep_their_own_pixels_and_boxes(viewer, tmp_path):
    names = {}
    for number in (100, 200):
        path = write_film(tmp_path / f"{number}.dcm", grey(number))
        without_uids(path)
        names[number] = path
    viewer.opened(names[100])
    assert on_screen(viewer) == 100
    first = viewer.session.image_key("A")
    viewer.opened(names[200])
    assert on_screen(viewer) == 200, "never the pixels of the one before"
    assert viewer.session.image_key("A") != first
    viewer.opened(tmp_path)
    keys = [s.key for one in viewer.session.studies.values() for s in one.series]
    assert len(set(keys)) == len(keys)
    assert all(keys)


def test_films_of_two_studies_without_series_uid_never_stand_for_one_another(viewer, qtbot, tmp_path):
    for number in (100, 200):
        path = write_film(tmp_path / f"{number}.dcm", grey(number), study=f"1.2.{number}", PatientID=f"P{number}")
        without_uids(path, "SeriesInstanceUID")
    viewer.opened(tmp_path)
    seen = {}
    for uid in list(viewer.session.studies):
        viewer.actions.opening.show_study(uid)
        qtbot.waitUntil(lambda: not viewer.session.jobs)
        seen[uid] = on_screen(viewer)
    assert seen == {"1.2.100": 100, "1.2.200": 200}


def test_another_file_of_the_same_series_is_shown_when_it_is_opened(viewer, tmp_path):
    """Waters and Caldwell may be two files of one series."""
    one, two = (
        write_film(tmp_path / f"{n}.dcm", grey(n), SOPInstanceUID=f"1.2.3.{n}", InstanceNumber=n) for n in (100, 200)
    )
    viewer.opened(one)
    viewer.opened(two)
    assert on_screen(viewer) == 200


def test_a_reading_of_half_a_ct_is_never_shown_on_all_of_it(viewer, tmp_path):
    files = write_ct(tmp_path / "ct", np.zeros((8, 30, 30), np.int16), 1.0)
    viewer.opened(*files[:4])
    key = viewer.session.study.series[0].key
    viewer.session.set_reading(SeriesReading(key, "CT", SeriesStatus.READ), key)
    length = Measurement(Tool.LENGTH, Plane.AXIAL, 1, ((1.0, 1.0), (9.0, 9.0)), "m-1")
    viewer.session.edit("Length", key, ImageMarks(measurements=(length,)))
    viewer.opened(tmp_path / "ct")
    assert len(viewer.session.images[key].voxels) == 8
    assert viewer.session.reading("A") is None
    assert viewer.session.undo() is None, "nothing brings marks of other slices back"
    viewer.actions.opening.close_study()
    viewer.opened(*files[:4])
    assert len(viewer.session.images[key].voxels) == 4
    assert [m.identifier for m in viewer.session.marks[key].measurements] == ["m-1"], (
        "kept for the images it was drawn on"
    )
    viewer.opened(tmp_path / "ct")
    assert not viewer.session.marks.get(key, ImageMarks()).measurements


def test_two_studies_with_one_series_uid_are_not_open_together(program_with):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading(), "series-1")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    other = study((film(),), uid="study-2", patient="P2")
    program.actions.opening._scanned(ScanResult((other,)))
    assert list(session.studies) == ["study-1"]
    assert session.messages[-1].level == "error"
    program.actions.opening.close_study()
    program.actions.opening._scanned(ScanResult((other,)))
    assert list(session.studies) == ["study-2"]
    assert not session.readings, "what was read of the other patient's series of that UID is gone"
    assert "series-1/film-1" not in session.marks
    program.actions.opening.close_study()
    program.actions.opening._scanned(ScanResult((study((film(),)),)))
    assert [d.status for d in session.marks["series-1/film-1"].detections] == [FindingStatus.ACCEPTED], (
        "from the records"
    )

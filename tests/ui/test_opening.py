"""From the request to the picture: jobs, first image, failures, records."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from window_parts import engines, film, study, volume, waters_reading

from sinusviewer.actions import Actions, Engines
from sinusviewer.actions.thumbnails import thumbnail
from sinusviewer.domain.display import LayoutKind, Measurement, Plane, Tool, ViewState
from sinusviewer.domain.hanging import acquired_plane, face_center, first_series, hang_volume, layout_for
from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import EMPTY_FILE, FileOutcome, FileStatus, Instance, ScanResult, Series, SeriesKind
from sinusviewer.errors import DicomReadError
from sinusviewer.jobs.runner import JobRunner
from sinusviewer.session import ImageMarks, Session
from sinusviewer.settings import Settings, load_settings, save_settings


class Desk:
    """Session and actions without any Qt: events are handled when the test asks for them."""

    def __init__(self, work: Engines) -> None:
        self.events, self.lock = [], threading.Lock()
        self.session = Session()
        self.runner = JobRunner(self._keep)
        self.actions = Actions(self.session, self.runner, work)

    def _keep(self, event) -> None:
        with self.lock:
            self.events.append(event)

    def run(self) -> None:
        """Handle events until no job is left."""
        for _ in range(2000):
            with self.lock:
                events, self.events = self.events, []
            for event in events:
                self.actions.desk.handle(event)
            if not events and not self.session.jobs:
                return
            threading.Event().wait(0.003)
        raise AssertionError("jobs did not end")


@pytest.fixture
def desk():
    made = []

    def make(work) -> Desk:
        made.append(Desk(work))
        return made[-1]

    yield make
    for one in made:
        assert one.runner.close()


def test_opening_scans_loads_and_hangs_the_first_study(desk):
    one = desk(engines(volume()))
    one.actions.opening.open_paths([])
    one.run()
    assert one.session.study_uid == "study-1"
    assert one.session.display.layout is LayoutKind.SINUS_CT


def test_the_first_slice_is_shown_before_the_rest_and_then_gives_way(desk):
    whole = volume()
    first = replace(whole, voxels=whole.voxels[10:11].copy())
    seen = []

    def load(_series, progress, _token):
        progress.partial(first)
        return whole

    one = desk(replace(engines(whole), load=load))
    one.session.image_changed.connect(lambda key: seen.append(one.session.images[key].voxels.shape[0]))
    one.actions.opening.open_paths([])
    one.run()
    assert seen == [1, 20]
    assert one.session.display.layout is LayoutKind.SINUS_CT


def test_files_that_fail_are_named_and_stop_nothing(desk):
    image = (film(),)
    result = ScanResult((study(image),), (FileOutcome("/x/bad.dcm", FileStatus.FAILED, "The file ends early."),))
    one = desk(replace(engines(image), scan=lambda *_: result))
    one.actions.opening.open_paths([])
    one.run()
    assert one.session.images
    message = one.session.messages[0]
    assert message.text == "1 file could not be opened."
    assert "bad.dcm: The file ends early." in message.details


def test_a_series_that_fails_shows_its_sentence_and_the_others_still_open(desk):
    def load(*_):
        raise DicomReadError("The pixels are damaged.", "Copy the file again.")

    one = desk(replace(engines((film(),)), load=load))
    one.actions.opening.open_paths([])
    one.run()
    assert one.session.failures["series-1"].text == "The pixels are damaged."


def test_opening_another_study_cancels_loading_and_gives_memory_back(desk):
    one = desk(engines((film(),), seconds=20))
    one.session.add_studies((study((film(),)), study((film(),), "series-2", "study-2")))
    one.actions.opening.show_study("study-1")
    one.session.set_image("series-1", (film(),))
    one.actions.opening.show_study("study-2")
    assert "series-1" not in one.session.images
    one.actions.desk.cancel_all()
    one.run()
    assert one.session.failures["series-2"].text == "Loading was cancelled."


@pytest.mark.parametrize(("patient", "beside"), [("P1", True), ("P2", False), ("", False)])
def test_a_study_opened_later_stands_beside_only_if_it_is_of_the_same_patient(desk, patient, beside):
    later = volume(uid="study-2")
    scanned = [ScanResult((study(volume()),)), ScanResult((study(later, "series-2", "study-2", patient),))]
    one = desk(replace(engines(volume()), scan=lambda *_: scanned.pop(0)))
    for _ in range(2):
        one.actions.opening.open_paths([])
        one.run()
    shown = [one.session.views[v].series_key for v in one.session.shown_views]
    assert shown == ["series-1", "series-2"] if beside else set(shown) == {"series-2"}


def test_reading_a_list_names_what_fails_and_reads_the_rest(desk):
    def load(series, *_):
        if series.key == "bad":
            raise DicomReadError("Damaged.")
        return (film(),)

    one = desk(replace(engines((film(),), reading=waters_reading()), load=load))
    one.session.add_studies((study((film(),)), study((film(),), "bad", "study-2")))
    one.actions.reading.read_many(["bad", "series-1"])
    one.run()
    assert one.session.readings["bad"].status.value == "refused"
    assert one.session.readings["series-1/film-1"].waters is not None


def test_a_localizer_is_never_shown_first():
    who = study((film(),)).identity
    instances = tuple(Instance(None, str(n)) for n in range(3))
    localizer = Series(who, SeriesKind.LOCALIZER, instances, key="l")
    main = Series(who, SeriesKind.VOLUME, instances, key="v")
    assert first_series((localizer, main)) is main
    assert first_series((localizer,)) is localizer


def test_a_thin_stack_hangs_in_the_plane_of_its_slices():
    coronal = np.array([[0.5, 0, 0, 0], [0, 0, 3, 0], [0, -0.5, 0, 0], [0, 0, 0, 1.0]])
    image = volume((4, 40, 30), coronal)
    assert acquired_plane(image) is Plane.CORONAL
    assert layout_for(image, 0) is LayoutKind.ONE
    assert hang_volume("k", image, LayoutKind.ONE)["A"].plane is Plane.CORONAL


def test_a_head_opens_at_the_air_of_the_face():
    voxels = np.full((64, 64, 64), -1000, np.int16)
    voxels[8:56, 8:56, 8:56] = 40
    voxels[20:30, 14:24, 20:44] = -900  # air in the front of the head
    voxels[40:44, 46:50, 30:34] = -900  # and some at the back
    image = Volume(voxels, np.eye(4), study(volume()).identity)
    assert face_center(image) == pytest.approx((31.5, 18.5, 24.5), abs=1.0)


@pytest.mark.parametrize("image", [volume(), (film(),), (film(right_is_left=False),)], ids=["ct", "film", "mirrored"])
def test_thumbnails_are_small_pngs(image):
    assert thumbnail(image).startswith(b"\x89PNG")


def test_a_mirrored_film_has_a_turned_thumbnail():
    assert thumbnail((film(right_is_left=False),)) != thumbnail((film(),))


def test_undo_and_redo_take_back_the_last_change_wherever_it_was():
    session = Session()
    first = ImageMarks(measurements=(Measurement(Tool.LENGTH, Plane.AXIAL, 3, ((0, 0), (5, 5)), "m1"),))
    session.edit("Add length", "a", first)
    session.edit("Draw box", "b", ImageMarks(waters_reading().waters.boxes))
    assert session.undo().label == "Draw box"
    assert session.marks["b"] == ImageMarks()
    assert session.undo().image_key == "a"
    assert session.undo() is None
    assert session.redo().label == "Add length"
    assert session.marks["a"] == first
    session.edit("Another", "a", ImageMarks())
    assert session.redo() is None, "a new change ends the redoing"


def test_a_second_reading_keeps_what_a_reader_has_touched():
    session = Session()
    session.set_reading(waters_reading(), "series-1")
    key = "series-1/film-1"
    marks = session.marks[key]
    touched = replace(marks.detections[0], xyxy=(1.0, 2.0, 3.0, 4.0), status=type(marks.detections[0].status).EDITED)
    session.edit("Move box", key, ImageMarks((touched,)))
    session.set_reading(waters_reading(boxes=((5, 5, 9, 9), (50, 50, 60, 60))), "series-1")
    assert touched in session.marks[key].detections
    assert len(session.marks[key].detections) == 2


def test_settings_survive_a_restart_and_a_damaged_file(tmp_path):
    path = tmp_path / "settings.json"
    save_settings(Settings(theme="light", scale_percent=150), path)
    assert load_settings(path).scale_percent == 150
    path.write_text("{ half", encoding="utf-8")
    assert load_settings(path) == Settings()
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]


def test_views_ask_for_nothing_while_their_pixels_are_missing():
    session = Session()
    session.set_view("A", series_key="nowhere")
    session.go_to_slice("A", 4)
    session.go_to_point("A", (0.0, 0.0, 0.0))
    assert session.views["A"] == ViewState("nowhere")


def test_files_of_no_bytes_are_said_for_slices_may_be_missing(program_with):
    program = program_with((film(),))
    empty = FileOutcome("0001.dcm", FileStatus.IGNORED, EMPTY_FILE)
    program.actions.opening._scanned(ScanResult((study((film(),)),), (empty, replace(empty, path="0002.dcm"))))
    assert any(m.text == "2 files are empty (0 bytes)." and m.level == "warning" for m in program.session.messages)

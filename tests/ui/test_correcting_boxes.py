"""Correcting boxes all day: what is dragged stays with its film, and a box is always on the side that it says."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from window_parts import film, identity, study, waters_reading

from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.display import Tool
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.report.wording import reader_sentences
from sinusviewer.ui.view_geometry import to_screen

KEY = "series-1/film-1"
LEFT = Qt.MouseButton.LeftButton
NO_KEY = Qt.KeyboardModifier.NoModifier


def at(port, x, y) -> QPoint:
    sx, sy = to_screen(port.matrix(), (x, y))
    return QPoint(round(sx), round(sy))


def drag(port, a, b, before_release=lambda: None) -> None:
    QTest.mousePress(port, LEFT, NO_KEY, a)
    QTest.mouseMove(port, (a + b) / 2)
    before_release()
    QTest.mouseMove(port, b)
    QTest.mouseRelease(port, LEFT, NO_KEY, b)


def read_film(program_with, boxes=((20, 60, 45, 90),), **options):
    program = program_with((film(**options),))
    program.session.set_reading(waters_reading(boxes=boxes), "series-1")
    return program, program.window.view_area.viewports["A"]


@pytest.mark.parametrize("tool", [Tool.POINTER, Tool.BOX, Tool.LENGTH])
def test_what_is_dragged_never_lands_on_the_next_patients_film(program_with, tool):
    program, port = read_film(program_with)
    session = program.session
    other = replace(film(), sop_instance_uid="film-2", identity=identity("study-2", patient="P2"))
    session.add_studies((study((other,), "series-2", "study-2", "P2"),))
    session.set_image("series-2", (other,))
    session.set_reading(replace(waters_reading(boxes=((10, 50, 30, 80),)), sop_instance_uid="film-2"), "series-2")
    before = dict(session.marks)
    session.set_display(tool=tool)
    drag(port, at(port, 32, 75), at(port, 42, 80), lambda: program.actions.opening.show_study("study-2"))
    assert session.views["A"].series_key == "series-2"
    assert session.marks == before
    assert not session.undo_label


def test_a_box_that_is_held_stays_in_the_hand_when_the_film_is_read_anew(program_with):
    program, port = read_film(program_with)
    session = program.session
    again = waters_reading(boxes=((60, 60, 85, 90), (5, 5, 20, 20)))  # another box bears the held one's name now
    shown = []

    def read_anew():
        session.set_reading(again, "series-1")
        shown.extend(d.xyxy for d in port.content.marks.detections if d.identifier == "ai-1")

    drag(port, at(port, 32, 75), at(port, 36, 79), read_anew)
    held, other = session.marks[KEY].detections
    assert held.status is FindingStatus.EDITED
    assert held.xyxy == pytest.approx((24, 64, 49, 94), abs=1.5)
    assert held.original_xyxy == (20, 60, 45, 90)
    assert (other.identifier, other.xyxy) == ("ai-2", (5, 5, 20, 20))
    assert shown[0] == pytest.approx((22, 62, 47, 92), abs=1.5), "not even for a moment is another one drawn"


def test_a_box_that_is_held_and_no_longer_proposed_is_still_the_readers(program_with):
    program, port = read_film(program_with)
    session = program.session
    drag(port, at(port, 32, 75), at(port, 36, 79), lambda: session.set_reading(waters_reading(boxes=()), "series-1"))
    (held,) = session.marks[KEY].detections
    assert held.status is FindingStatus.EDITED


@pytest.mark.parametrize("right_is_left", [True, False, None])
def test_a_box_moved_over_the_midline_changes_its_side_and_the_report_says_so(program_with, right_is_left):
    program, port = read_film(program_with, right_is_left=right_is_left)
    session = program.session
    sides = {True: (Side.RIGHT, Side.LEFT), False: (Side.LEFT, Side.RIGHT)}.get(
        right_is_left, (ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT)
    )
    marks = session.marks[KEY]
    session.restore_marks(KEY, replace(marks, detections=(replace(marks.detections[0], side=sides[0]),)))
    drag(port, at(port, 32, 75), at(port, 72, 75))
    (box,) = session.marks[KEY].detections
    assert (box.side, box.original_side) == (sides[1], sides[0])
    said = f"Reader: the finding is in the {sides[1].value} maxillary sinus, not in the {sides[0].value} one."
    assert reader_sentences((box,), 0.4) == (said,)
    if right_is_left is None:
        program.actions.reading.confirm_side("A", patient_right_is_image_left=True)
        (box,) = session.marks[KEY].detections
        assert (box.side, box.original_side) == (Side.LEFT, Side.RIGHT)
    port_now = program.window.view_area.viewports["A"]
    drag(port_now, at(port_now, 72, 75), at(port_now, 32, 75))
    (box,) = session.marks[KEY].detections
    assert box.original_side is None, "back where the network saw it"


def test_the_sides_meet_in_the_middle_of_the_face_not_of_the_film(program_with):
    program, port = read_film(program_with, boxes=())
    reading = waters_reading(boxes=())
    face = replace(reading.waters, face_box=(40.0, 30.0, 100.0, 110.0))
    program.session.set_reading(replace(reading, waters=face), "series-1")
    program.session.set_display(tool=Tool.BOX)
    drag(port, at(port, 52, 50), at(port, 66, 80))
    (box,) = program.session.marks[KEY].detections
    assert box.side is Side.RIGHT


def test_a_box_has_an_inside(program_with):
    program, port = read_film(program_with)
    session = program.session
    drag(port, at(port, 45, 90), at(port, 45, 60))
    assert session.marks[KEY].detections[0].xyxy == (20, 60, 45, 90), "not dragged to a line"
    session.set_display(tool=Tool.BOX)
    drag(port, at(port, 60, 20), at(port, 90, 20))
    assert len(session.marks[KEY].detections) == 1


def test_a_side_that_was_corrected_comes_back_with_the_study(program_with):
    program, port = read_film(program_with)
    drag(port, at(port, 32, 75), at(port, 72, 75))
    (kept,) = program.session.marks[KEY].detections
    assert program.close()
    again = program_with((film(),))
    assert again.session.marks[KEY].detections == (kept,)

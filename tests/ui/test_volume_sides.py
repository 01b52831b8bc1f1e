"""A CT whose file proves no left and right: a person says it once, and picture, marks, masks and readings follow."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from window_parts import engines, film, volume

from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.display import KeyImage, Measurement, Plane, Tool
from sinusviewer.domain.finding import ModelReference, Segmentation
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.mask_edit import patch_between
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.session import ImageMarks

pytestmark = pytest.mark.gui
MODEL = ModelReference("sinus_segmentation", "1", "ab" * 32, "simulated")


def unproved():
    """Twenty slices of 40 x 30 voxels; the value names the column."""
    made = volume(oriented=False, warnings=(ImageWarning("side_unverified", "No side is proved."),))
    return replace(made, voxels=np.broadcast_to(np.arange(30, dtype=np.int16), (20, 40, 30)).copy())


def confirm(program, where: str) -> None:
    program.window.notice_bar.findChild(QPushButton, f"confirm_right_is_{where}").click()


def first_columns(session, plane=Plane.AXIAL):
    return list(np.asarray(session.stack("series-1", plane).slices[3])[5, :3])


def sides_recorded(program):
    history = program.recorder._findings.history("study-1")
    return [e.content["patient_right_is_image_left"] for e in history if e.action == "side_confirmed"]


def drawn_patch():
    before = np.zeros((4, 4, 4), np.uint8)
    after = np.where(np.arange(64).reshape(4, 4, 4) % 2, Structure.RIGHT_MAXILLARY, 0).astype(np.uint8)
    return patch_between(before, after, (2, 2, 2), "Paint right maxillary", "mask-1")


def test_a_mirrored_volume_is_asked_about_turned_recorded_and_turned_again_on_reopening(program_with):
    program = program_with(unproved())
    session = program.session
    bar = program.window.notice_bar
    assert "proves no left and right" in bar.findChild(QLabel, "notice_text").text()
    assert first_columns(session) == [0, 1, 2]
    confirm(program, "right")
    assert first_columns(session) == first_columns(session, Plane.CORONAL) == [29, 28, 27]
    assert session.volume("A").oriented
    assert session.volume("A").warnings == ()
    assert bar.isHidden()
    assert sides_recorded(program) == [False]
    assert program.close()
    again = program_with(unproved())
    assert again.session.volume("A").oriented
    assert first_columns(again.session) == [29, 28, 27]
    again.window.verbs["swap_side"].trigger()
    assert first_columns(again.session) == [0, 1, 2]
    assert again.close()
    assert first_columns(program_with(unproved()).session) == [0, 1, 2]


def test_the_usual_hanging_is_confirmed_without_moving_anything(program_with):
    program = program_with(unproved())
    before = program.session.volume("A").affine.copy()
    confirm(program, "left")
    assert program.session.volume("A").oriented
    assert np.array_equal(program.session.volume("A").affine, before)
    assert sides_recorded(program) == [True]


def test_marks_stay_on_their_voxels_and_masks_change_their_side_with_the_image(program_with):
    program = program_with(unproved())
    session = program.session
    line = Measurement(Tool.LENGTH, Plane.AXIAL, 3, ((4.0, 6.0), (9.0, 6.0)), "line")
    cut = Measurement(Tool.PROBE, Plane.SAGITTAL, 4, ((4.5, 6.5),), "probe")
    patch = drawn_patch()
    session.edit("Marks", "series-1", ImageMarks(measurements=(line, cut), mask_patches=(patch,)))
    session.toggle_key_image(KeyImage("series-1", Plane.SAGITTAL, 4))
    session.set_view("A", plane=Plane.SAGITTAL, slice_index=4)
    confirm(program, "right")
    marks = session.marks["series-1"]
    assert [p for m in marks.measurements for p in m.points] == [(26.0, 6.0), (21.0, 6.0), (4.5, 6.5)]
    assert [m.slice_index for m in marks.measurements] == [3, 25]
    assert (session.views["A"].slice_index, session.key_images[0].slice_index) == (25, 25)
    (mirrored,) = marks.mask_patches
    assert np.array_equal(mirrored.values() == Structure.LEFT_MAXILLARY, patch.values() == Structure.RIGHT_MAXILLARY)
    assert (mirrored.structures, mirrored.label) == ((int(Structure.LEFT_MAXILLARY),), "Paint left maxillary")
    program.window.verbs["undo"].trigger()
    program.window.verbs["redo"].trigger()
    assert session.marks["series-1"] == marks, "undo and redo keep to the sides as they are known now"
    assert program.close()
    again = program_with(unproved()).session.marks["series-1"]
    assert again.measurements == marks.measurements
    assert [p.structures for p in again.mask_patches] == [(int(Structure.LEFT_MAXILLARY),)]


def network_reading(image) -> SeriesReading:
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[4:8, 5:9, 2:9] = Structure.RIGHT_MAXILLARY
    sinuses = (SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 5.0, 0.1, -500.0, 1, True),)
    return SeriesReading("series-1", "CT", SeriesStatus.READ, sinuses=sinuses, segmentation_model=MODEL,
                         segmentation=Segmentation(labels, image.affine))  # fmt: skip


def test_a_reading_under_the_wrong_sides_is_gone_at_once_and_made_anew(program_with, qtbot):
    image = unproved()
    program = program_with(image, reading=network_reading(image))
    session = program.session
    session.set_reading(network_reading(image))
    seen = []
    session.readings_changed.connect(lambda key: seen.append(key in session.readings))
    confirm(program, "right")
    assert seen[0] is False
    qtbot.waitUntil(lambda: "series-1" in session.readings and not session.jobs)


def test_what_is_read_while_the_side_is_confirmed_is_read_again(program_with, qtbot, monkeypatch):
    image = unproved()
    program = program_with(image)
    read_with = []
    slow = engines(image, seconds=0.3, reading=network_reading(image)).read
    monkeypatch.setattr(
        program.actions.reading, "_read", lambda given, *rest: (read_with.append(given.oriented), slow(given, *rest))[1]
    )
    program.window.read()
    qtbot.waitUntil(lambda: len(read_with) == 1)
    confirm(program, "right")
    qtbot.waitUntil(lambda: "series-1" in program.session.readings and not program.session.jobs)
    assert read_with == [False, True]


def test_nobody_is_asked_which_side_is_which_of_a_view_that_is_turned(program_with):
    program = program_with(unproved())
    program.window.verbs["flip"].trigger()
    program.window.refresh()
    assert not program.window.notice_bar.findChild(QPushButton, "confirm_right_is_left").isEnabled()
    assert "reset it" in program.window.notice_bar.findChild(QLabel, "notice_text").text()
    program.actions.reading.confirm_side("A", patient_right_is_image_left=True)
    assert not program.session.volume("A").oriented
    program.window.verbs["reset"].trigger()
    program.window.refresh()
    confirm(program, "left")
    assert program.session.volume("A").oriented


def test_a_stack_without_any_positions_is_not_asked_about(program_with):
    program = program_with(volume(oriented=False, warnings=(ImageWarning("no_position", "No positions."),)))
    assert program.window.notice_bar.findChild(QPushButton, "confirm_right_is_left").isHidden()


@pytest.mark.parametrize("turn", ["flip", "rotate", "mirror_compare"])
def test_nobody_is_asked_which_side_is_which_of_a_film_that_is_shown_turned(program_with, turn):
    program = program_with((film(right_is_left=None),))
    program.window.verbs[turn].trigger()
    program.window.refresh()
    assert not program.window.notice_bar.findChild(QPushButton, "confirm_right_is_left").isEnabled()
    text = program.window.notice_bar.findChild(QLabel, "notice_text").text()
    assert "reset it" in text
    program.actions.reading.confirm_side("A", patient_right_is_image_left=True)  # of the panel's buttons
    assert program.session.film("A").patient_right_is_image_left is None
    assert "Reset it" in program.session.messages[-1].hint
    program.window.verbs["reset"].trigger()
    program.window.refresh()
    assert "stored" not in program.window.notice_bar.findChild(QLabel, "notice_text").text()
    confirm(program, "left")
    assert program.session.film("A").patient_right_is_image_left is True

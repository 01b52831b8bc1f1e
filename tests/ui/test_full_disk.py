"""A disk that is full for a while: nothing that a reader decided is lost, and the error is seen."""

import contextlib
from dataclasses import replace

import numpy as np
from panel_factories import ct_series
from PySide6.QtWidgets import QFileDialog
from window_parts import film, volume, waters_reading

from sinusviewer.actions import mask_folder
from sinusviewer.actions.keeping import tracer
from sinusviewer.actions.pending_writes import WRITTEN_NOW
from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import Measurement, Plane, Tool
from sinusviewer.domain.finding import FindingStatus, Segmentation
from sinusviewer.domain.mask_edit import patch_between
from sinusviewer.domain.reading import Provenance
from sinusviewer.errors import StorageError
from sinusviewer.jobs.runner import CancelToken
from sinusviewer.session import ImageMarks, Message
from sinusviewer.ui.job_bar import JobBar

KEY = "series-1/film-1"


@contextlib.contextmanager
def refused():
    raise StorageError("The database could not be written.", "Check that the disk is not full.")
    yield


def status_after_a_new_start(program_with):
    return [d.status for d in program_with((film(),)).session.marks[KEY].detections]


def judged_on_a_full_disk(program_with, monkeypatch):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    with monkeypatch.context() as full:
        full.setattr(program.database, "transaction", refused)
        program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    assert "tried again" in program.session.messages[-1].hint
    return program


def test_a_decision_that_the_disk_refused_is_written_with_the_next_one(program_with, monkeypatch):
    program = judged_on_a_full_disk(program_with, monkeypatch)
    program.session.restore_marks("series-1/other", program.session.marks[KEY])  # on another film
    assert program.recorder._findings.latest("study-1")[f"{KEY}#ai-1"].action == "rejected"


def test_a_decision_that_the_disk_refused_is_written_on_closing(program_with, monkeypatch):
    program = judged_on_a_full_disk(program_with, monkeypatch)
    assert program.close()
    assert status_after_a_new_start(program_with) == [FindingStatus.REJECTED]


@contextlib.contextmanager
def full_disk(program, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(program.database, "transaction", refused)
        yield
        assert any("tried again" in m.hint for m in program.session.messages)


def test_a_side_that_the_disk_refused_is_written_on_closing_even_of_a_study_that_was_closed(program_with, monkeypatch):
    program = program_with((film(right_is_left=None),))
    with full_disk(program, monkeypatch):
        program.actions.reading.confirm_side("A", patient_right_is_image_left=False)
    program.actions.opening.close_study()
    assert program.close()
    again = program_with((film(right_is_left=None),))
    assert again.session.film("A").patient_right_is_image_left is False
    sides = [e.content for e in again.recorder._findings.history("study-1") if e.action == "side_confirmed"]
    assert [s["patient_right_is_image_left"] for s in sides] == [False]


def test_what_was_said_last_counts_whatever_the_disk_refused_in_between(program_with, monkeypatch):
    program = program_with((film(right_is_left=None),))
    with full_disk(program, monkeypatch):
        program.actions.reading.confirm_side("A", patient_right_is_image_left=False)
    program.window.verbs["swap_side"].trigger()
    history = program.recorder._findings.history("study-1")
    said = [e.content["patient_right_is_image_left"] for e in history if e.action == "side_confirmed"]
    assert said == [False, True]
    assert program.recorder._findings.note("study-1", f"side {KEY}")["patient_right_is_image_left"] is True


def test_measurements_scores_and_notes_that_the_disk_refused_are_written_on_closing(program_with, monkeypatch):
    line = Measurement(Tool.LENGTH, Plane.AXIAL, 3, ((4.0, 6.0), (9.0, 6.0)), "line")
    program = program_with(volume())
    session = program.session
    with full_disk(program, monkeypatch):
        program.actions.marks.change_marks("A", "Add length", ImageMarks(measurements=(line,)).with_score(Side.LEFT, 2))
        session.set_clinical("study-1", ClinicalData(asthma=True))
        program.actions.marks.toggle_key_image("A")
    assert program.close()
    again = program_with(volume()).session
    assert again.marks["series-1"].measurements == (line,)
    assert again.marks["series-1"].ostiomeatal == ((Side.LEFT, 2),)
    assert again.clinical["study-1"].asthma is True
    assert len(again.key_images) == 1


def test_mask_strokes_that_the_disk_refused_are_written_on_closing(program_with, monkeypatch):
    program = program_with(volume())
    before = np.zeros((4, 4, 4), np.uint8)
    patch = patch_between(before, before + np.uint8(1), (2, 2, 2), "Paint right maxillary", "mask-1")
    with full_disk(program, monkeypatch):
        program.session.edit("Paint", "series-1", ImageMarks(mask_patches=(patch,)))
    assert program.close()
    again = program_with(volume()).session.marks["series-1"].mask_patches
    assert [p.identifier for p in again] == ["mask-1"]


def test_an_error_is_not_swept_away_by_the_next_remark(qtbot, monkeypatch):
    bar = JobBar()
    qtbot.addWidget(bar)
    bar.set_message(Message("The database could not be written.", "error"))
    bar.set_message(Message("Undone: reject finding."))
    assert bar._message.text() == "The database could not be written."
    bar.set_message(Message("Another error.", "error"))
    assert bar._message.text() == "Another error."
    bar._error_until = 0.0
    bar.set_message(Message("Read in 0.1 s."))
    assert bar._message.text() == "Read in 0.1 s."


def test_a_picture_that_cannot_be_saved_says_so(program_with, monkeypatch, tmp_path):
    program = program_with((film(),))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "file" / "view.png"), ""))
    program.window.verbs["export_picture"].trigger()
    said = program.session.messages[-1]
    assert said.level == "error"
    assert "view.png" in said.text


def read_ct(program, image, reading, masks):
    traces = tracer(masks)(image, (reading,), CancelToken())
    program.session.set_reading(reading, "series-1")
    program.session.reading_finished.emit("series-1", reading, traces[""])


def ct_and_reading():
    image = volume()
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[5:10, 10:20, 5:12] = 1
    made = ct_series(series_instance_uid="series-1", segmentation=Segmentation(labels, image.affine))
    return image, replace(made, provenance=Provenance("2026-11-20T10:00:00+00:00"))


def test_a_ct_reading_that_the_disk_refused_is_written_once_there_is_space(program_with, monkeypatch):
    image, reading = ct_and_reading()
    program = program_with(image)
    with full_disk(program, monkeypatch):
        read_ct(program, image, reading, program._masks)
        program._pending.try_again()  # nothing is said over and over
        assert sum("tried again" in m.hint for m in program.session.messages) == 1
    assert not program._readings.recall("study-1").readings
    program._pending.try_again()
    assert program._readings.recall("study-1").readings["series-1"].lund_mackay == reading.lund_mackay
    assert program.session.messages[-1].text == WRITTEN_NOW


def test_masks_that_the_disk_refused_come_with_their_reading_once_there_is_space(program_with, monkeypatch, qtbot):
    image, reading = ct_and_reading()
    program = program_with(image)

    def full(*_args):
        raise StorageError("“masks” could not be written: No space left on device.")

    with monkeypatch.context() as disk:
        disk.setattr(mask_folder, "write_bytes", full)
        read_ct(program, image, reading, program._masks)
    assert program._readings.recall("study-1").readings["series-1"].masks is None, "its numbers are safe at once"
    assert program.close()
    again = program_with(image).session
    qtbot.waitUntil(lambda: not again.jobs)
    assert np.array_equal(again.readings["series-1"].segmentation.labels, reading.segmentation.labels)

"""A disk that is full for a while: nothing that a reader decided is lost, and the error is seen."""

import contextlib

from PySide6.QtWidgets import QFileDialog
from window_parts import film, waters_reading

from sinusviewer.domain.finding import FindingStatus
from sinusviewer.errors import StorageError
from sinusviewer.session import Message
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

"""Judged boxes leave the window as training data: by one menu entry, and only where a person has judged them."""

import pytest
from PySide6.QtWidgets import QFileDialog
from window_parts import film, waters_reading

from sinustrainer.data.film_sources import read_film
from sinustrainer.data.manifest import load_manifest
from sinusviewer.domain.finding import FindingStatus

pytestmark = pytest.mark.gui
KEY = "series-1/film-1"


def test_a_judged_film_is_written_for_the_trainer(program_with, qtbot, tmp_path, monkeypatch):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading())
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    program.window.verbs["confirm_film"].trigger()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    program.window.verbs["export_training"].trigger()
    qtbot.waitUntil(lambda: not session.jobs and (tmp_path / "manifest.json").exists(), timeout=20000)
    (case,) = load_manifest(tmp_path).cases
    found = read_film(case)
    assert found.face_box == waters_reading().waters.face_box
    assert [(a.side, a.diseased) for a in found.antra] == [("right", True)]
    assert "Saved as training data" in session.messages[-1].text


def test_a_film_that_is_not_judged_or_not_read_says_what_is_missing(program_with, monkeypatch):
    program = program_with((film(),))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: pytest.fail("no folder is asked for"))
    program.window.verbs["export_training"].trigger()
    assert "not read yet" in program.session.messages[-1].text
    program.session.set_reading(waters_reading())
    program.window.verbs["export_training"].trigger()
    assert "not judged yet" in program.session.messages[-1].text


def test_a_film_without_boxes_is_no_normal_film_until_the_reader_says_so(program_with, qtbot, tmp_path, monkeypatch):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading(boxes=()))
    with monkeypatch.context() as asked:
        asked.setattr(QFileDialog, "getExistingDirectory", lambda *_: pytest.fail("no folder is asked for"))
        program.window.verbs["export_training"].trigger()
    assert "Nobody has said" in session.messages[-1].text
    assert "Shift+Enter" in session.messages[-1].hint
    program.window.verbs["confirm_film"].trigger()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    program.window.verbs["export_training"].trigger()
    qtbot.waitUntil(lambda: not session.jobs and (tmp_path / "manifest.json").exists(), timeout=20000)
    (case,) = load_manifest(tmp_path).cases
    assert (case.labels["label"], case.labels["confirmed_by_reader"]) == ("normal", True)


def test_a_confirmed_film_says_so_can_be_undone_and_comes_back(program_with):
    program = program_with((film(),))
    session, panel = program.session, program.wiring.findings
    session.set_reading(waters_reading(boxes=()))
    assert panel.confirmation.ask.text() == "Confirm: no sinusitis"
    panel.confirmation.ask.click()
    assert session.marks[KEY].film_confirmed
    assert "no sinusitis" in panel.confirmation.said.text()
    program.window.verbs["undo"].trigger()
    assert not session.marks[KEY].film_confirmed
    program.window.verbs["redo"].trigger()
    assert any("no sinusitis" in line for s in program.wiring.patient._reporting.report(session.study).content.sections
               for line in s.sentences)  # fmt: skip
    assert program.close()
    again = program_with((film(),))
    assert again.session.marks[KEY].film_confirmed


def test_a_film_is_confirmed_only_once_every_box_is_judged_and_a_new_box_takes_that_back(program_with):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading())
    program.window.verbs["confirm_film"].trigger()
    assert not session.marks[KEY].film_confirmed
    assert "not judged yet" in session.messages[-1].text
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    program.window.verbs["confirm_film"].trigger()
    assert session.marks[KEY].film_confirmed
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    assert not session.marks[KEY].film_confirmed, "what was confirmed is no longer what is marked"

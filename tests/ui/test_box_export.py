"""Judged boxes leave the window as training data: by one menu entry, and only where a person has judged them."""

import pytest
from PySide6.QtWidgets import QFileDialog
from window_parts import film, waters_reading

from sinustrainer.data.film_sources import read_film
from sinustrainer.data.manifest import load_manifest
from sinusviewer.domain.finding import FindingStatus

pytestmark = pytest.mark.gui


def test_a_judged_film_is_written_for_the_trainer(program_with, qtbot, tmp_path, monkeypatch):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading())
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
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

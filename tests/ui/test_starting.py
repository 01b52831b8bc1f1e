"""What a second window, a killed one and an unusable folder mean for the records."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QMessageBox
from window_parts import film, waters_reading

from sinusviewer import app
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import KeyImage, Measurement, Plane, Tool
from sinusviewer.errors import StorageError
from sinusviewer.paths import user_data_dir
from sinusviewer.ui.starting import claim_records

pytestmark = pytest.mark.gui


def test_a_second_window_knows_of_the_first_until_that_one_is_closed(tmp_path, qtbot):
    first = claim_records(tmp_path)
    assert first is not None
    assert claim_records(tmp_path) is None
    first.unlock()
    again = claim_records(tmp_path)
    assert again is not None
    again.unlock()


def test_a_lock_of_a_program_that_was_killed_counts_for_nothing(tmp_path, qtbot):
    (tmp_path / "window.lock").write_text("999999999\nsinusviewer\n\n")
    lock = claim_records(tmp_path)
    assert lock is not None
    lock.unlock()


@pytest.mark.parametrize(
    "error",
    [StorageError("The records cannot be opened.", "Check the folder."), PermissionError(13, "Permission denied")],
)
def test_records_that_cannot_be_opened_are_said_in_a_window(monkeypatch, qtbot, error):
    said = []

    def refuse():
        raise error

    monkeypatch.setattr(app, "Program", refuse)
    monkeypatch.setattr(QMessageBox, "critical", lambda _parent, _title, text: said.append(text))
    assert app.main([]) == 1
    assert "cannot be" in said[0]
    assert "Check" in said[0]
    lock = claim_records(user_data_dir())
    assert lock is not None, "nothing is held by a window that never opened"
    lock.unlock()


def test_two_windows_on_one_study_lose_nothing_of_either(program_with):
    one, other = program_with((film(),)), program_with((film(),))
    for number, program in enumerate((one, other)):
        session = program.session
        session.set_reading(waters_reading(), "series-1")
        length = Measurement(Tool.LENGTH, Plane.FILM, 0, ((1.0, 1.0), (9.0, 9.0)), f"m-{number}")
        session.edit("Length", "series-1/film-1", replace(session.marks["series-1/film-1"], measurements=(length,)))
        session.set_clinical("study-1", ClinicalData(asthma=True) if number else ClinicalData(smoking=True))
        session.toggle_key_image(KeyImage("series-1", Plane.FILM, number))
        program.wiring.patient._reporting.draft_text(session.study, f"Text {number}")
    for program in (one, other):
        program.wiring.patient._reporting.write_drafts()
    said = [m for m in other.session.messages if "nother window" in m.text]
    assert said[-1].details == "Text 0", "the text that was replaced can still be read"
    assert any("what both did is kept" in m.text for m in said)
    assert not [m for m in one.session.messages if "nother window" in m.text]
    assert one.close()
    assert other.close()

    session = program_with((film(),)).session
    assert {m.identifier for m in session.marks["series-1/film-1"].measurements} == {"m-0", "m-1"}
    assert (session.clinical["study-1"].asthma, session.clinical["study-1"].smoking) == (True, True)
    assert {k.slice_index for k in session.key_images} == {0, 1}

"""What a second window, a killed one and an unusable folder mean for the records."""

import pytest
from PySide6.QtWidgets import QMessageBox

from sinusviewer import app
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

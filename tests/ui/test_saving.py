"""What is saved goes under a name of its own: nothing of another patient is replaced unasked, nothing is left out unsaid."""

import pytest
from panel_factories import ct_series
from PySide6.QtWidgets import QFileDialog, QMessageBox
from window_parts import study, volume

from sinusviewer.domain.display import KeyImage, Plane
from sinusviewer.ui.pictures import write_key_images

pytestmark = pytest.mark.gui


def chosen(monkeypatch, name: str) -> list[str]:
    """The dialog answers with ``name``; what was proposed is kept."""
    proposed: list[str] = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda _w, _t, first, _k: (proposed.append(first), (name, ""))[1]
    )
    return proposed


def test_a_picture_keeps_a_name_with_a_full_stop_in_it(program_with, tmp_path, monkeypatch):
    program = program_with(volume())
    chosen(monkeypatch, str(tmp_path / "case 3.coronal"))
    program.window.export_picture()
    assert [p.name for p in tmp_path.iterdir()] == ["case 3.coronal.png"]


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_a_file_whose_name_was_only_completed_is_not_replaced_unasked(
    program_with, qtbot, tmp_path, monkeypatch, answer
):
    program = program_with(volume())
    program.session.set_reading(ct_series(series_instance_uid="series-1"), "series-1")
    there = tmp_path / "sinuses.csv"
    there.write_text("another patient's")
    chosen(monkeypatch, str(tmp_path / "sinuses"))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    program.wiring.sinuses.export_csv_requested.emit()
    qtbot.waitUntil(lambda: not program.session.jobs)
    assert (there.read_text() == "another patient's") is (answer == QMessageBox.StandardButton.No)


def test_tables_and_pictures_of_two_cts_are_proposed_under_two_names(program_with, monkeypatch):
    program = program_with(volume())
    proposed = chosen(monkeypatch, "")
    for uid in ("series-1", "series-2"):
        program.session.set_reading(ct_series(series_instance_uid=uid), "series-1")
        program.wiring.sinuses.export_csv_requested.emit()
    program.window.export_picture()
    other = volume(uid="study-2")
    program.session.add_studies((study(other, "series-2", "study-2"),))
    program.session.set_image("series-2", other)
    program.actions.opening.show_study("study-2")
    program.window.export_picture()
    assert len(set(proposed)) == 4
    assert not any(word in name for name in proposed for word in ("Muster", "P1", "series-"))


def test_key_images_of_two_patients_lie_side_by_side_in_one_folder(program_with, tmp_path):
    program = program_with(volume())
    session = program.session
    session.key_images = (KeyImage("series-1", Plane.CORONAL, 3),)
    write_key_images(session, tmp_path)
    other = volume(uid="study-2")
    session.add_studies((study(other, "series-2", "study-2"),))
    session.set_image("series-2", other)
    session.key_images = (KeyImage("series-2", Plane.CORONAL, 3),)
    write_key_images(session, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_key_image_that_is_left_out_is_said(program_with, tmp_path, monkeypatch):
    program = program_with(volume())
    session = program.session
    session.key_images = (KeyImage("series-1", Plane.CORONAL, 3), KeyImage("series-9", Plane.AXIAL, 1))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    program.window.export_key_images()
    assert session.messages[-1].text.startswith("1 key image saved without identity. 1 left out")
    assert session.messages[-1].level == "warning"

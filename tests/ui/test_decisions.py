"""What a reader decides and types, in the real window: it counts at once, is written down, and comes back."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton
from window_parts import film, identity, study, volume, waters_reading

from sinusviewer import app
from sinusviewer.actions.table import TABS
from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import Detection, FindingStatus
from sinusviewer.domain.image import ImageWarning, withholding
from sinusviewer.domain.reading import LundMackay, SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.session import ImageMarks

pytestmark = pytest.mark.gui
KEY = "series-1/film-1"


def actions_of(program, study="study-1"):
    return [(e.action, e.content) for e in program.recorder._findings.history(study)]


def ct_reading() -> SeriesReading:
    sinuses = tuple(
        SinusMeasurement(sinus, side, 5.0, 0.1, -500.0, 1, True) for sinus in Sinus for side in (Side.RIGHT, Side.LEFT)
    )
    return SeriesReading("series-1", "CT", SeriesStatus.READ, sinuses=sinuses, lund_mackay=LundMackay(5, 5, 0, 0))


# -- the report's text ------------------------------------------------------------------------------------------------


def test_typing_in_the_report_is_in_force_at_once_and_written_a_moment_later(program_with, qtbot, monkeypatch):
    program = program_with((film(),))
    program.session.set_reading(waters_reading())
    findings, report = program.recorder._findings, program.wiring.patient.report
    written = []
    whole = findings.set_note
    monkeypatch.setattr(findings, "set_note", lambda *given: (written.append(given[1]), whole(*given)))
    text = report.findChild(QPlainTextEdit, "report_text")
    text.setPlainText("")
    for letter in "clear":
        qtbot.keyClicks(text, letter)
    assert written == []
    assert program.wiring.patient._report_text() == "clear"
    qtbot.waitUntil(lambda: "report_text" in written)
    assert written.count("report_text") == 1
    assert findings.note("study-1", "report_text")["text"] == "clear"


def test_what_was_just_typed_is_not_lost_when_the_window_closes(program_with, qtbot):
    program = program_with((film(),))
    program.session.set_reading(waters_reading())
    text = program.wiring.patient.report.findChild(QPlainTextEdit, "report_text")
    text.setPlainText("The last words")
    program.wiring.patient.release()
    assert program.recorder._findings.note("study-1", "report_text")["text"] == "The last words"


def test_going_back_to_the_proposal_drops_what_was_just_typed(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading())
    report = program.wiring.patient.report
    report.findChild(QPlainTextEdit, "report_text").setPlainText("wrong patient")
    report.restore_requested.emit()
    program.wiring.patient.release()
    assert program.recorder._findings.note("study-1", "report_text") == {"text": None}


def test_the_report_says_what_the_reader_thinks_of_each_finding(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading())
    program.session.select("ai-1")
    program.window.verbs["reject_finding"].trigger()
    assert "does not agree with the finding in the right maxillary sinus" in program.wiring.patient._report_text()
    program.window.undo()
    assert "Reader:" not in program.wiring.patient._report_text()
    assert program.wiring.patient._report_text().startswith("Waters (DX):")


# -- findings below the threshold -------------------------------------------------------------------------------------


def test_next_finding_passes_over_what_is_below_the_threshold(program_with):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading(((20, 60, 45, 90), (60, 60, 85, 90))))
    low = replace(session.marks[KEY].detections[1], score=0.1, side=Side.LEFT)
    session.restore_marks(KEY, ImageMarks((session.marks[KEY].detections[0], low)))
    rows = program.wiring.findings.boxes.rows
    assert "below 0.40, not shown" in rows.item(1).text()
    for _ in range(3):
        program.window.verbs["next_finding"].trigger()
        assert session.selected == "ai-1"
    session.move_threshold("A", 0.05)
    assert "proposed" in rows.item(1).text()
    program.window.verbs["next_finding"].trigger()
    assert session.selected == "ai-2"


# -- two films whose findings bear the same names -----------------------------------------------------------------------


def two_films(program):
    """A second film beside the program's first one, both read, both with a box that is called ai-1."""
    session = program.session
    other = replace(film(), sop_instance_uid="film-2", identity=identity("study-2", patient="P2"))
    session.add_studies((study((other,), "series-2", "study-2", "P2"),))
    session.set_image("series-2", (other,))
    session.set_reading(waters_reading())
    session.set_reading(replace(waters_reading(key="series-2"), sop_instance_uid="film-2"))
    return session


@pytest.mark.parametrize(
    ("verb", "status"), [("reject_finding", FindingStatus.REJECTED), ("accept_finding", FindingStatus.ACCEPTED)]
)
def test_a_decision_is_about_the_film_on_screen_and_no_other(program_with, verb, status):
    program = program_with((film(),))
    session = two_films(program)
    session.set_view("A", series_key="series-2")
    session.select("ai-1")
    program.window.verbs[verb].trigger()
    assert session.marks["series-2/film-2"].detections[0].status is status
    assert session.marks[KEY].detections[0].status is FindingStatus.PROPOSED


def test_what_was_selected_on_one_film_is_not_selected_on_the_next(program_with):
    program = program_with((film(),))
    session = two_films(program)
    session.select("ai-1")
    accept = program.window.findChild(QPushButton, "accept_finding")
    assert accept.isEnabled()
    session.set_view("A", series_key="series-2")
    program.wiring.refresh()
    assert session.selected == ""
    assert not accept.isEnabled()
    program.window.verbs["reject_finding"].trigger()
    assert all(d.status is FindingStatus.PROPOSED for m in session.marks.values() for d in m.detections)


# -- decisions on the image as a whole --------------------------------------------------------------------------------


def test_looking_only_is_recorded(program_with):
    program = program_with((film(),))
    refused = SeriesReading("series-1", "DX", SeriesStatus.REFUSED, "No patch.", sop_instance_uid="film-1")
    program.session.set_reading(refused)
    program.wiring.findings.view_only_requested.emit()
    assert ("viewed_only", {"reason": "No patch."}) in actions_of(program)


def test_a_reason_for_reading_anyway_is_recorded(program_with, qtbot):
    program = program_with((film(),), reading=waters_reading())
    program.wiring.findings.read_anyway_requested.emit("steep but usable")
    qtbot.waitUntil(lambda: KEY in program.session.readings)
    assert ("override", {"reason": "steep but usable"}) in actions_of(program)


def test_accepting_a_faulty_geometry_is_recorded_with_its_faults(program_with):
    faulty = volume(measurable=False, warnings=(ImageWarning("gap", "Slices are missing."),))
    program = program_with(faulty)
    program.window.notice_bar.geometry_accepted.emit()
    assert ("geometry_accepted", {"faults": ["gap"]}) in actions_of(program)


def test_an_accepted_geometry_no_longer_says_that_volumes_are_withheld(program_with):
    gap = withholding("gap", "2 slices are missing")
    program = program_with(volume(measurable=False, warnings=(gap,)))
    bar = program.window.notice_bar
    assert "withheld" in bar.findChild(QLabel, "notice_text").text()
    bar.geometry_accepted.emit()
    said = bar.findChild(QLabel, "notice_text").text()
    assert "withheld" not in said
    assert "2 slices are missing; a reader accepted this" in said


def test_a_readers_ostiomeatal_score_is_recorded_and_outlives_a_new_reading(program_with):
    program = program_with(volume())
    program.session.set_reading(ct_reading())
    program.wiring.sinuses.ostiomeatal_requested.emit(Side.RIGHT, 2)
    assert ("scored", {"side": "right", "before": 0, "score": 2, "proposed": 0}) in actions_of(program)
    program.session.set_reading(ct_reading())
    totals = program.session.readings["series-1"].lund_mackay
    assert (totals.right, totals.ostiomeatal_right, totals.total) == (7, 2, 12)
    assert "right 2 as the reader scored it" in program.wiring.patient._report_text()


def test_a_report_of_a_ct_whose_complex_a_reader_scored_does_not_say_that_nobody_changed_it(
    program_with, qtbot, tmp_path
):
    program = program_with(volume())
    program.session.set_reading(ct_reading())
    program.wiring.sinuses.ostiomeatal_requested.emit(Side.RIGHT, 2)
    program.wiring.patient._reporting.export(program.session.study, tmp_path / "r.html", "html", "")
    qtbot.waitUntil(lambda: (tmp_path / "r.html").is_file() and not program.session.jobs)
    said = (tmp_path / "r.html").read_text()
    assert "no physician has changed" not in said
    assert "what the reader said of it" in said


def test_a_readers_ostiomeatal_scores_can_be_undone_back_to_what_was_proposed(program_with):
    program = program_with(volume())
    session, undo, redo = program.session, program.window.verbs["undo"], program.window.verbs["redo"]
    session.set_reading(ct_reading())
    proposed = session.readings["series-1"].lund_mackay
    for side, score in ((Side.RIGHT, 2), (Side.RIGHT, 0), (Side.LEFT, 2)):
        program.wiring.sinuses.ostiomeatal_requested.emit(side, score)
    assert undo.text() == "Undo score the left ostiomeatal complex"
    undo.trigger()
    undo.trigger()
    totals = session.readings["series-1"].lund_mackay
    assert (totals.right, totals.left, totals.complexes_by_reader) == (7, 5, (Side.RIGHT,))
    session.set_reading(ct_reading())  # read anew meanwhile
    undo.trigger()
    assert session.readings["series-1"].lund_mackay == proposed
    assert actions_of(program)[-1] == ("undone", {"side": "right", "before": 2, "score": None, "proposed": 0})
    redo.trigger()
    assert session.readings["series-1"].lund_mackay.right == 7
    assert program.close()
    again = program_with(volume())
    again.session.set_reading(ct_reading())
    assert again.session.readings["series-1"].lund_mackay.right == 7


def test_a_readers_ostiomeatal_score_comes_back_with_the_study(program_with):
    first = program_with(volume())
    first.session.set_reading(ct_reading())
    first.wiring.sinuses.ostiomeatal_requested.emit(Side.LEFT, 2)
    again = program_with(volume())
    again.session.set_reading(ct_reading())
    assert again.session.readings["series-1"].lund_mackay.left == 7


def test_a_decision_is_no_finding_that_comes_back_as_a_box(program_with):
    first = program_with((film(),))
    first.session.set_reading(waters_reading())
    first.session.select("ai-1")
    first.window.verbs["accept_finding"].trigger()
    first.session.decided.emit(KEY, "override", {"reason": "why not"})
    again = program_with((film(),))
    kept = again.session.marks[KEY].detections
    assert [(type(d), d.status) for d in kept] == [(Detection, FindingStatus.ACCEPTED)]


# -- tabs -------------------------------------------------------------------------------------------------------------


def test_a_key_shows_each_tab_that_the_image_has(program_with, qtbot):
    program = program_with((film(),))
    window = program.window
    assert tuple(window.tabs.tabText(i) for i in range(window.tabs.count())) == TABS
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.view_area.viewports["A"].setFocus()
    qtbot.keyClick(window, Qt.Key.Key_6, Qt.KeyboardModifier.AltModifier)
    assert window.tabs.currentWidget() is program.wiring.patient.report
    qtbot.keyClick(window, Qt.Key.Key_4, Qt.KeyboardModifier.AltModifier)
    assert window.tabs.currentWidget() is program.wiring.patient.report
    assert "nothing to say" in program.session.messages[-1].text
    program.window.toggle_right()
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert window.tabs.currentWidget() is program.wiring.findings
    assert window.tabs.isVisible()


# -- models that change under a reading -------------------------------------------------------------------------------


def test_a_reading_by_a_model_that_has_changed_says_so_and_is_read_again_in_one_click(program_with, qtbot):
    program = program_with((film(),), reading=waters_reading())
    session, bar = program.session, program.window.notice_bar
    session.set_models({"waters_sinusitis": "ab" * 32})
    session.set_reading(waters_reading())
    assert bar.isHidden()
    session.set_models({"waters_sinusitis": "cd" * 32})
    assert "has changed since (waters_sinusitis)" in bar.findChild(QLabel, "notice_text").text()
    before = len(session.messages)
    bar.findChild(QPushButton, "read_again_notice").click()
    qtbot.waitUntil(lambda: len(session.messages) > before and not session.jobs)


def test_an_unread_image_and_unknown_models_raise_no_such_notice(program_with):
    program = program_with((film(),))
    program.session.set_models({"waters_sinusitis": "cd" * 32})
    assert program.window.notice_bar.isHidden()
    program.session.set_models({})
    program.session.set_reading(waters_reading())
    assert program.window.notice_bar.isHidden()


def test_a_model_replaced_on_disk_is_noticed(program_with, qtbot, monkeypatch):
    program = program_with((film(),))
    stamps = [(("card.json", 1),)]
    monkeypatch.setattr(app, "model_stamps", lambda: stamps[0])
    found = {"waters_sinusitis": "ab" * 32}
    monkeypatch.setattr(app, "device_and_models", lambda: app.Installed("CPU", "", dict(found)))
    program.show_device()
    qtbot.waitUntil(lambda: program.session.models == found)
    found["waters_sinusitis"] = "cd" * 32
    program.look_at_models()
    assert not program.session.jobs
    stamps[0] = (("card.json", 2),)
    program.look_at_models()
    qtbot.waitUntil(lambda: program.session.models == found)


# -- a confirmed side and undo ----------------------------------------------------------------------------------------


def test_undo_after_confirming_a_side_never_brings_a_sideless_box_back(program_with):
    program = program_with((film(right_is_left=None),))
    session = program.session
    found = Detection((10.0, 20.0, 40.0, 60.0), 0.8, ImageSide.IMAGE_LEFT, identifier="ai-1")
    session.restore_marks(KEY, ImageMarks((found,)))
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    program.window.notice_bar.side_confirmed.emit(True)
    assert session.marks[KEY].detections[0].side is Side.RIGHT
    assert session.undo_label == "Accept finding"
    program.window.undo()
    back = session.marks[KEY].detections[0]
    assert (back.side, back.status) == (Side.RIGHT, FindingStatus.PROPOSED)


def test_a_withheld_film_is_not_called_new_among_the_studies(program_with):
    program = program_with((film(),))
    refused = SeriesReading("series-1", "DX", SeriesStatus.REFUSED, "No patch.", sop_instance_uid="film-1")
    program.session.set_reading(refused)
    assert program.index.recent(1)[0].badge == "withheld"
    program.session.set_reading(waters_reading())
    assert program.index.recent(1)[0].badge == "read"


def test_a_side_confirmed_wrongly_is_swapped_with_all_that_was_judged_under_it(program_with, qtbot):
    program = program_with((film(right_is_left=None),), reading=waters_reading())
    session = program.session
    assert not program.window.verbs["swap_side"].isEnabled()
    found = Detection(
        (10.0, 20.0, 40.0, 60.0), 0.8, ImageSide.IMAGE_LEFT, identifier="ai-9", status=FindingStatus.ACCEPTED
    )
    session.restore_marks(KEY, ImageMarks((found,)))
    program.window.notice_bar.side_confirmed.emit(True)
    assert session.marks[KEY].detections[0].side is Side.RIGHT
    assert program.window.verbs["swap_side"].isEnabled()
    session.set_reading(waters_reading())
    program.window.verbs["swap_side"].trigger()
    assert session.film("A").patient_right_is_image_left is False
    assert KEY not in session.readings  # nothing stays on screen under the wrong sides
    assert next(d for d in session.marks[KEY].detections if d.identifier == "ai-9").side is Side.LEFT
    qtbot.waitUntil(lambda: not session.jobs)
    sides = [c["patient_right_is_image_left"] for a, c in actions_of(program) if a == "side_confirmed"]
    assert sides == [True, False]


def test_the_side_in_a_files_own_header_is_not_swapped(program_with):
    program = program_with((film(),))
    program.actions.reading.swap_side("A")
    assert program.session.film("A").patient_right_is_image_left is True
    assert "confirmed by hand" in program.session.messages[-1].text


# -- the threshold for looking ------------------------------------------------------------------------------------------


def test_a_threshold_moved_on_one_film_is_back_at_its_own_on_the_next_and_when_the_first_returns(program_with):
    program = program_with((film(),))
    session, findings = two_films(program), program.wiring.findings
    program.actions.opening.show_study("study-1")
    session.set_image("series-1", (film(),))
    session.move_threshold("A", 0.9)
    assert session.waters_threshold("A") == 0.9
    assert any("0.90, moved for looking" in n for n in program.window.view_area.viewports["A"].content.notes)
    program.actions.opening.show_study("study-2")
    session.set_image("series-2", (replace(film(), sop_instance_uid="film-2"),))
    assert session.waters_threshold("A") == 0.4
    assert findings.findChild(QLabel, "threshold_moved").isHidden()
    program.actions.opening.show_study("study-1")
    session.set_image("series-1", (film(),))
    assert session.waters_threshold("A") == 0.4
    assert not program.window.view_area.viewports["A"].content.notes


def test_headline_report_and_list_say_the_same_however_the_slider_stands(program_with):
    program = program_with((film(),))
    session = program.session
    session.set_reading(waters_reading())
    session.move_threshold("A", 0.9)
    program.wiring.refresh()
    headline = program.wiring.findings.findChild(QLabel, "four_way_result").text()
    assert "right maxillary sinus (threshold 0.40)" in headline
    assert "threshold 0.40 in the right maxillary sinus" in program.wiring.patient._report_text()
    assert [item.result for item in program.wiring.worklist._model.items] == ["right"]
    session.set_reading(waters_reading(threshold=0.5))
    assert session.waters_threshold("A") == 0.5, "a new reading brings its own threshold"


# -- sixty films before lunch -------------------------------------------------------------------------------------------


def test_the_first_press_shows_a_box_and_the_second_judges_it(program_with):
    program = program_with((film(),))
    session, verbs = program.session, program.window.verbs
    session.set_reading(waters_reading())
    verbs["accept_finding"].trigger()
    assert session.selected == "ai-1"
    assert session.marks[KEY].detections[0].status is FindingStatus.PROPOSED
    verbs["accept_finding"].trigger()
    assert session.marks[KEY].detections[0].status is FindingStatus.ACCEPTED


def test_undo_brings_the_film_back_that_it_changes(program_with):
    program = program_with((film(),))
    session, verbs = two_films(program), program.window.verbs
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    program.actions.opening.show_study("study-2")
    verbs["undo"].trigger()
    assert session.study_uid == "study-1"
    assert session.marks[KEY].detections[0].status is FindingStatus.PROPOSED
    assert "shown again" in session.messages[-1].text
    verbs["redo"].trigger()
    assert "shown again" not in session.messages[-1].text, "it is on screen already"


def test_the_report_is_copied_and_the_list_read_by_key_from_anywhere(program_with, qtbot):
    program = program_with((film(),), reading=waters_reading())
    session, verbs = program.session, program.window.verbs
    verbs["copy_report"].trigger()
    assert "Nothing of this study is read yet." in session.messages[-1].text
    verbs["read_list"].trigger()
    qtbot.waitUntil(lambda: KEY in session.readings and not session.jobs)
    verbs["copy_report"].trigger()
    assert "right maxillary sinus" in QApplication.clipboard().text()
    assert "Not signed." in QApplication.clipboard().text()
    verbs["read_list"].trigger()
    assert session.messages[-1].text == "Nothing in the list is new or out of date."

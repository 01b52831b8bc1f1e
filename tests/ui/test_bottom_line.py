"""The bottom line speaks of the image on screen, and a key that has nothing to do there says why."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from window_parts import film, identity, study, volume, waters_reading

from sinusviewer.domain.image import Window
from sinusviewer.session import Message
from sinusviewer.ui import job_bar
from sinusviewer.ui.job_bar import JobBar

pytestmark = pytest.mark.gui


def with_next_film(program):
    other = replace(film(), pixels=film().pixels + 5000, sop_instance_uid="film-2", identity=identity("study-2"))
    program.session.add_studies((study((other,), "series-2", "study-2"),))
    program.session.set_image("series-2", (other,))
    return program.session


def test_value_and_remark_of_a_film_do_not_stay_on_the_next(program_with):
    program = program_with((film(),))
    session, bar = with_next_film(program), program.window.job_bar
    port = program.window.view_area.viewports["A"]
    QTest.mouseMove(port, QPoint(port.width() // 2, port.height() // 2))
    before = bar._where.text()
    session.say("Read in 0.4 s.")
    program.actions.opening.show_study("study-2")
    assert bar._message.text() == ""
    assert before
    assert bar._where.text() != before, "the value under the mouse is the new film's"
    port.forget()
    assert bar._where.text() == ""


def test_scrolling_through_a_ct_takes_no_remark_away(program_with):
    program = program_with(volume())
    program.session.say("Read in 0.4 s.")
    program.session.go_to_slice("A", program.session.views["A"].slice_index + 1)
    assert program.window.job_bar._message.text() == "Read in 0.4 s."


def test_errors_and_fresh_warnings_outlast_a_change_of_image(qtbot, monkeypatch):
    bar = JobBar()
    qtbot.addWidget(bar)
    for level in ("error", "warning"):
        bar.set_message(Message("One file could not be opened.", level))
        bar.leave_image()
        assert bar._message.text() == "One file could not be opened."
    monkeypatch.setattr(job_bar, "JUST_SAID_S", -1.0)
    bar.leave_image()
    assert bar._message.text() == ""


SINGLE = "This is a single image: there is nothing to scroll or play."
SAID = {
    Qt.Key.Key_6: "This film has 2 windows of its own: keys 1 to 2.",
    Qt.Key.Key_M: "The brush paints sinus masks on CT; this is a film.",
    Qt.Key.Key_Space: SINGLE,
    Qt.Key.Key_E: "No finding is shown on this film.",
    Qt.Key.Key_Home: SINGLE,
    Qt.Key.Key_C: "Planes are cut through a CT; this is a film.",
}


def test_a_key_that_does_nothing_on_a_single_film_says_why(program_with, qtbot):
    program = program_with((film(windows=(Window(100, 200), Window(300, 400))),))
    with qtbot.waitActive(program.window):
        program.window.activateWindow()
    port = program.window.view_area.viewports["A"]
    port.setFocus()
    for key, says in SAID.items():
        QTest.keyClick(port, key)
        assert program.window.job_bar._message.text() == says
    assert not program.window._play.isActive()


def test_keys_that_have_something_to_do_say_nothing_of_that_kind(program_with):
    program = program_with((film(windows=(Window(100, 200),)),))
    session = program.session
    session.set_reading(waters_reading())
    before = len(session.messages)
    program.window.verbs["preset_1"].trigger()
    program.window.verbs["next_finding"].trigger()
    program.window.verbs["edit_finding"].trigger()
    assert session.views["A"].window == Window(100, 200)
    assert len(session.messages) == before
    session.select("")
    program.window.verbs["edit_finding"].trigger()
    assert session.messages[-1].text == "No finding is selected: N selects the next one."


def test_a_ct_says_why_no_box_is_drawn_on_it(program_with):
    program = program_with(volume())
    port = program.window.view_area.viewports["A"]
    port.setFocus()
    QTest.keyClick(port, Qt.Key.Key_B)
    assert program.window.job_bar._message.text() == "Boxes are drawn on films; this is a CT."

"""Closing the program: nothing that was going to happen a moment later happens to a closed database."""

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot
from window_parts import engines, film, open_window, study, waters_reading

from sinusviewer.app import Program
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.jobs.events import JobFinished, JobMessage, JobPartial
from sinusviewer.ui.bridge import JobBridge

pytestmark = pytest.mark.gui

LONGER_THAN_ANY_TIMER_MS = 700


def test_timers_and_late_events_of_a_closed_program_do_nothing(qtbot: QtBot) -> None:
    program = open_window((film(),), qtbot, reading=waters_reading())
    with qtbot.captureExceptions() as exceptions:
        program.session.set_reading(waters_reading(), "series-1")
        program.wiring._worklist.refresh_soon()
        program._show_known_soon()
        job = program.actions.reading.read()
        assert job is not None
        assert job.done.wait(10)  # finished, and its events wait to be delivered
        program.bridge.post(JobPartial(job.id, waters_reading()))
        assert program.close()
        program.bridge.post(JobMessage(job.id, "too late"))
        program.bridge.post(JobFinished(job.id, (waters_reading(),)))
        qtbot.wait(LONGER_THAN_ANY_TIMER_MS)
    assert not exceptions
    assert "too late" not in [m.text for m in program.session.messages]
    assert not [t for t in program.window.findChildren(QTimer) if t.isActive() and t.interval() > 0]


def test_a_change_of_the_session_after_closing_is_not_written_anywhere(qtbot: QtBot) -> None:
    program = open_window((film(),), qtbot)
    assert program.close()
    with qtbot.captureExceptions() as exceptions:
        program.session.set_reading(waters_reading(), "series-1")
        program.session.set_clinical("study-1", ClinicalData(age=44.0))
        program.session.add_studies((study((film(),), uid="study-2"),))
        qtbot.wait(LONGER_THAN_ANY_TIMER_MS)
    assert not exceptions
    assert not program.session.messages  # no "could not be written" either


def test_what_was_typed_a_moment_before_closing_is_kept(qtbot: QtBot) -> None:
    program = open_window((film(),), qtbot)
    program.session.set_reading(waters_reading(), "series-1")
    program.wiring.patient.report.text_requested.emit("Typed and closed at once.")
    program.wiring.patient.clinical.clinical_requested.emit(ClinicalData(age=51.0))
    assert program.close()
    again = Program(engines((film(),)))
    again.session.add_studies((study((film(),)),))
    notes = again.recorder
    assert again.session.clinical["study-1"].age == 51.0
    assert notes is not None
    assert again.close()


def test_closing_twice_is_harmless(qtbot: QtBot) -> None:
    program = open_window((film(),), qtbot)
    assert program.close()
    assert program.close()


def test_events_that_wait_when_the_bridge_is_closed_are_never_delivered(qtbot: QtBot) -> None:
    bridge, heard = JobBridge(), []
    bridge.listen(heard.append)
    bridge.post(JobMessage("1", "delivered"))
    qtbot.waitUntil(lambda: len(heard) == 1)
    bridge.post(JobMessage("1", "waits"))
    bridge.close()
    bridge.post(JobMessage("1", "posted after"))
    qtbot.wait(50)
    assert [e.text for e in heard] == ["delivered"]

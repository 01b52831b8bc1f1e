"""Whoever sends two patients under one UID: the window never lets one take the other's findings."""

from dataclasses import replace

from window_parts import film, identity, study, waters_reading

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.study import ScanResult


def test_a_study_of_another_patient_never_replaces_the_open_one_of_the_same_uid(program_with, qtbot):
    program = program_with((film(),))
    session = program.session
    theirs = replace(study((film(),)), identity=identity(patient="P2"))
    program.actions.opening._scanned(ScanResult((theirs,)))
    assert session.study.identity.patient_id == "P1"
    assert session.messages[-1].level == "error"
    assert "another patient" in session.messages[-1].text
    again = replace(study((film(),)), source="moved")
    program.actions.opening._scanned(ScanResult((again,)))
    assert session.study.source == "moved", "the same patient's study is taken from where it is now"


def opened(program, who) -> None:
    program.actions.opening._scanned(ScanResult((replace(study((film(),)), identity=who, source="somewhere"),)))
    session = program.session
    key = session.study.series[0].key
    session.set_image(key, (film(),))
    program.actions.opening.show_study("study-1")


def test_two_patients_under_one_uid_never_share_what_is_kept_of_them(program_with):
    program = program_with((film(),))
    session, reports = program.session, program.wiring.patient._reporting
    anna, berta = session.study.identity, identity(patient="P2")
    session.set_reading(waters_reading(), "series-1")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    session.set_clinical("study-1", ClinicalData(asthma=True))
    reports.draft_text(session.study, "Anna's text")
    program.actions.opening.close_study()
    opened(program, berta)
    assert "Another patient" in session.messages[-1].text
    assert "study-1" not in session.clinical
    view_key = session.image_key("A")
    assert view_key not in session.marks
    assert session.reading("A") is None
    session.set_reading(waters_reading(), session.study.series[0].key)
    assert reports.report(session.study).text is None
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    session.set_clinical("study-1", ClinicalData(asthma=False))
    assert program.close()

    again = program_with((film(),))  # Anna
    assert again.session.clinical["study-1"].asthma is True
    assert [d.status for d in again.session.marks["series-1/film-1"].detections] == [FindingStatus.ACCEPTED]
    assert again.recorder._findings.note("study-1", "report_text")["text"] == "Anna's text"
    again.actions.opening.close_study()
    opened(again, berta)
    assert again.session.clinical["study-1"].asthma is False
    assert [d.status for d in again.session.marks[view_key].detections] == [FindingStatus.REJECTED]
    again.actions.opening.close_study()
    opened(again, anna)
    assert again.session.clinical["study-1"].asthma is True

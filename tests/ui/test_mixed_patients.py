"""Whoever sends two patients under one UID: the window never lets one take the other's findings."""

from dataclasses import replace

from window_parts import film, identity, study

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

"""Whoever sends two patients under one UID: the window never lets one take the other's findings."""

from dataclasses import replace

import pytest
from window_parts import film, identity, study, waters_reading

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.study import ScanResult
from sinusviewer.errors import StorageError


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


def corrected(program_with, **changes):
    """Anna's film was judged and signed under P1; now it is opened under P2."""
    program = program_with((film(),))
    session, reports = program.session, program.wiring.patient._reporting
    session.set_reading(waters_reading(), "series-1")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    session.set_clinical("study-1", ClinicalData(asthma=True))
    reports.sign(session.study, "Dr. Lee", "Right antrum opacified.")
    program.actions.opening.close_study()
    opened(program, replace(identity(patient="P2"), **changes))
    return program


def bar(program):
    return program.numbers.bar


def test_a_corrected_number_gets_its_readings_once_a_reader_says_that_it_is_one_person(program_with):
    program = corrected(program_with)
    session, findings = program.session, program.recorder._findings
    assert bar(program).isVisible()
    assert bar(program)._text.text().startswith("A signed report is kept under number P1")
    assert "P1" in bar(program)._text.text()
    assert session.reading("A") is None, "nothing comes over by itself"
    assert not findings.signed_reports("study-1")
    bar(program)._carry.click()
    assert session.study.identity.patient_id == "P2"
    assert [s.key for s in session.study.series] == ["series-1"]
    assert [d.status for d in session.marks["series-1/film-1"].detections] == [FindingStatus.ACCEPTED]
    assert session.clinical["study-1"].asthma is True
    assert [r.content["text"] for r in findings.signed_reports("study-1")] == ["Right antrum opacified."]
    assert not bar(program).isVisible()
    last = findings.history("study-1")[-1]
    assert (last.action, last.content) == ("number_corrected", {"former_patient_id": "P1", "patient_id": "P2"})
    assert [k.patient_id for k in program.index.recent()] == ["P2"], (
        "one line in the list of studies, with the new number"
    )
    assert program.close()

    again = program_with((film(),))
    again.actions.opening.close_study()  # which bears the old number again: asked once more, never taken silently
    opened(again, identity(patient="P2"))
    assert [d.status for d in again.session.marks["series-1/film-1"].detections] == [FindingStatus.ACCEPTED]


def test_a_carrying_over_that_the_disk_refused_leaves_no_trace(program_with, monkeypatch):
    program = corrected(program_with)
    owners = program.numbers._carrying._owners

    def refuse(*_):
        raise StorageError("The database could not be written.")

    monkeypatch.setattr(owners, "hand_over", refuse)
    bar(program)._carry.click()
    assert program.session.messages[-1].text.startswith("Not carried over.")
    assert owners.former_numbers("P2") == frozenset(), "no record says that P1 was corrected"
    assert bar(program).isVisible(), "it can be tried again"


def test_nothing_is_carried_over_while_work_under_the_new_number_waits_for_the_disk(program_with, monkeypatch):
    program = corrected(program_with)
    session = program.session
    session.set_reading(waters_reading(), session.study.series[0].key)

    def refuse(*_):
        raise StorageError("The database could not be written.")

    with monkeypatch.context() as full:
        full.setattr(program.recorder._findings, "record", refuse)
        program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
        program.numbers.refresh()
        bar(program)._carry.click()
        assert session.messages[-1].text == "Not carried over: work on this study could not be written yet."
        assert program.index.recent()[0].patient_id == "P2"
        assert session.image_key("A") in session.marks
    bar(program)._carry.click()
    assert session.messages[-1].text.startswith("Not carried over: this study was worked on")
    assert program.numbers._carrying._owners.former_numbers("P2") == frozenset()
    assert not bar(program).isVisible()


def test_a_text_typed_under_the_new_number_is_written_before_anything_is_carried_over(program_with, monkeypatch):
    program = corrected(program_with)
    session, findings = program.session, program.recorder._findings
    program.wiring.patient._reporting.draft_text(session.study, "Typed under P2")

    def refuse(*_):
        raise StorageError("The database could not be written.")

    with monkeypatch.context() as full:
        full.setattr(findings, "set_note", refuse)
        bar(program)._carry.click()
        assert session.messages[-1].text == "Not carried over: work on this study could not be written yet."
    bar(program)._carry.click()
    assert session.messages[-1].text.startswith("Not carried over: this study was worked on")
    assert findings.note("study-1", "report_text")["text"] == "Typed under P2"


def test_a_study_shown_beside_stays_there_when_a_number_is_carried_over(program_with):
    program = corrected(program_with)
    session = program.session
    session.add_studies((study((film(),), "series-2", "study-2", "P2", "20230101"),))
    session.set_image("series-2", (film(),))
    program.actions.opening.compare_study("study-2")
    assert session.views["B"].series_key == "series-2"
    bar(program)._carry.click()
    assert session.study.series[0].key == "series-1"
    assert [session.views[v].series_key for v in session.shown_views] == ["series-1", "series-2"]


def test_two_people_are_kept_apart_for_good_once_a_reader_says_so(program_with):
    program = corrected(program_with)
    bar(program)._apart.click()
    assert not bar(program).isVisible()
    program.actions.opening.close_study()
    opened(program, identity(patient="P2"))
    assert not bar(program).isVisible(), "asked once"
    assert program.session.reading("A") is None
    assert not program.recorder._findings.signed_reports("study-1")


@pytest.mark.parametrize(
    "differs", [{"patient_name": "Muster^Berta"}, {"birth_date": "19700102"}, {"birth_date": ""}, {"patient_name": ""}]
)
def test_nobody_is_asked_to_join_the_records_of_people_who_differ_otherwise(program_with, differs):
    program = corrected(program_with, **differs)
    assert not bar(program).isVisible()


def test_what_was_done_under_the_new_number_is_never_joined_with_the_old(program_with):
    program = corrected(program_with)
    session = program.session
    session.set_reading(waters_reading(), session.study.series[0].key)
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    program.numbers.refresh()
    assert not bar(program).isVisible()

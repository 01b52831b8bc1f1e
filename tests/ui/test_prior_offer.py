"""A prior study that the index knows is offered and opened beside in one step; never one that may be somebody else's."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from window_parts import film, identity, study

from sinusviewer.domain.display import LayoutKind
from sinusviewer.domain.prior import same_name, same_patient
from sinusviewer.domain.study import ScanResult

pytestmark = pytest.mark.gui


def prior_film(**changes):
    return replace(
        film(), sop_instance_uid="old-film", identity=replace(identity("study-0", date="20200302"), **changes)
    )


@pytest.fixture
def known(program_with, tmp_path):
    """A window on a film of 2024, whose patient's film of 2020 was opened on another day; with a stranger's beside it."""
    program = program_with((film(),))

    def remember(**changes):
        old = prior_film(**changes)
        before = replace(
            study((old,), "series-0", "study-0", date="20200302"), source=str(tmp_path), identity=old.identity
        )
        stranger = study((film(),), "series-7", "study-7", "P7")
        program.index.add(before)
        program.actions.opening._scan = lambda paths, *_: ScanResult((stranger, before) if paths == [tmp_path] else ())
        program.actions.opening._load = lambda *_: (old,)
        program.priors.refresh()
        return program

    return remember


def offer(program) -> str:
    return "" if program.priors.bar.isHidden() else program.window.findChild(QLabel, "prior_offer").text()


def test_a_prior_that_is_not_open_is_offered_and_one_click_shows_it_beside(known, qtbot):
    program = known()
    session = program.session
    assert offer(program) == "Prior of 2020-03-02 available: DX."
    program.window.findChild(QPushButton, "open_prior").click()
    qtbot.waitUntil(lambda: "series-0" in session.images and not session.jobs)
    assert session.display.layout is LayoutKind.TWO
    assert [session.views[v].series_key for v in "AB"] == ["series-1", "series-0"]
    assert set(session.studies) == {"study-1", "study-0"}, "what else lies in that folder stays shut"
    assert offer(program) == ""
    program.actions.opening.show_study("study-1")
    assert offer(program).startswith("Prior of 2020-03-02"), "open, but no longer beside"


def test_not_now_is_not_asked_again_and_the_key_still_opens_it(known, qtbot):
    program = known()
    program.window.findChild(QPushButton, "dismiss_prior").click()
    assert offer(program) == ""
    program.window.verbs["compare_study"].trigger()
    qtbot.waitUntil(lambda: "series-0" in program.session.images and not program.session.jobs)


def test_a_study_under_another_name_is_not_offered(known):
    assert offer(known(patient_name="Somebody^Else")) == ""


def test_a_study_of_another_birth_date_is_not_shown_beside(known, qtbot):
    program = known(birth_date="19991231")
    program.window.findChild(QPushButton, "open_prior").click()
    qtbot.waitUntil(lambda: not program.session.jobs)
    assert "another birth date" in program.session.messages[-1].text
    assert program.session.views["B"].series_key == ""


def test_who_may_be_the_same_patient():
    one = identity()
    assert same_patient(one, replace(one, patient_name="Anna Muster"))
    assert same_patient(one, replace(one, birth_date=""))
    assert not same_patient(replace(one, patient_id=""), replace(one, patient_id=""))
    assert same_name("MUSTER^ANNA", "Muster^Anna=무스터")
    assert same_name("", "Muster^Anna")
    assert not same_name("Muster^Anna", "Muster^Hanna")


def renumbered(known, **changes):
    """The prior stands under P1; a reader said that P1's present study now bears P2, and this one is on screen."""
    program = known(**changes)
    opening = program.actions.opening
    opening.close_study()
    new = replace(study((film(),)), identity=identity(patient="P2"))
    opening._scanned(ScanResult((new,)))
    program.recorder._findings.record(
        "study-1", "", "", "#decision-number_corrected", "number_corrected",
        {"former_patient_id": "P1", "patient_id": "P2"},
    )  # fmt: skip
    program.session.set_image(program.session.study.series[0].key, (film(),))
    opening.show_study("study-1")
    program.priors.refresh()
    return program


def test_a_prior_under_the_number_that_was_corrected_is_offered_and_says_so(known, qtbot):
    program = renumbered(known, birth_date="19700101")
    program.recorder._findings.claim("study-0", identity("study-0", patient="P1"))
    program.priors.refresh()
    assert offer(program) == "Prior of 2020-03-02 available: DX, under the former number P1."
    program.window.findChild(QPushButton, "open_prior").click()
    qtbot.waitUntil(lambda: "series-0" in program.session.images and not program.session.jobs)
    assert program.session.views["B"].series_key == "series-0"


@pytest.mark.parametrize(
    "changes", [{"birth_date": "19991231"}, {"patient_name": ""}, {"patient_name": "Somebody^Else"}]
)
def test_a_number_that_many_may_have_had_is_no_proof_of_one_person(known, changes):
    """An emergency admission's number, say: name and birth date must be equal too."""
    program = renumbered(known, **changes)
    program.recorder._findings.claim("study-0", replace(identity("study-0", patient="P1"), **changes))
    program.priors.refresh()
    assert offer(program) == ""
    other = replace(prior_film(**changes).identity, patient_id="P1")
    assert not program.actions.opening.one_person(program.session.study.identity, other)

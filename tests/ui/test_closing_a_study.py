"""Closing one film of many: the next comes on screen and the batch goes on."""

from dataclasses import replace

from window_parts import film, identity, study, waters_reading

from sinusviewer.session import VIEWS


def three_films(program_with, **options):
    program = program_with((film(),), **options)
    session = program.session
    for number in (2, 3):
        uid, patient = f"study-{number}", f"P{number}"
        other = replace(film(), sop_instance_uid=f"film-{number}", identity=identity(uid, patient=patient))
        session.add_studies((study((other,), f"series-{number}", uid, patient),))
        session.set_image(f"series-{number}", (other,))
    return program


def test_the_next_of_the_list_comes_on_screen_and_after_the_last_the_one_before(program_with):
    program = three_films(program_with)
    session, close = program.session, program.actions.opening.close_study
    session.study_order = ("study-3", "study-1", "study-2")
    close()
    assert (session.study_uid, session.views["A"].series_key) == ("study-2", "series-2")
    session.study_order = ("study-3", "study-2")
    close()
    assert session.study_uid == "study-3"
    close()
    assert session.study_uid == ""
    assert not any(session.views[v].series_key for v in VIEWS)


def test_a_batch_goes_on_when_one_of_its_films_is_closed(program_with, qtbot):
    program = three_films(program_with, seconds=0.05, reading=replace(waters_reading(), sop_instance_uid=""))
    session = program.session
    program.actions.reading.read_many(("series-2", "series-1", "series-3"))
    program.actions.opening.close_study()
    qtbot.waitUntil(lambda: not session.jobs)
    assert {"series-2", "series-3"} == set(session.readings), "and nothing is filed for the closed one"
    assert not any("Cancelled" in m.text for m in session.messages)

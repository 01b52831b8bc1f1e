"""What has become of each film is seen in every list, and what is out of date is read again in one go."""

import time
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QTreeWidget
from window_parts import film, identity, study, volume, waters_reading

from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.image import Identity, ImageWarning
from sinusviewer.domain.reading import Provenance
from sinusviewer.session import Session
from sinusviewer.ui.panels.worklist_model import Badge, WorklistItem
from sinusviewer.ui.panels.worklist_panel import WorklistPanel


def test_what_is_out_of_date_is_read_again_with_one_press_once_nothing_is_new(qtbot):
    panel = WorklistPanel()
    qtbot.addWidget(panel)
    asked = []
    panel.read_requested.connect(asked.append)
    old = (WorklistItem("a", "A", badge=Badge.OUTDATED), WorklistItem("b", "B", badge=Badge.READ))
    panel.set_items((*old, WorklistItem("c", "C")))
    button = panel.findChild(QPushButton, "worklist_read")
    button.click()
    panel.set_items(old)
    assert button.text() == "Read again"
    button.click()
    assert asked == [("c",), ("a",)]
    panel.set_items(old[1:])
    assert not button.isEnabled()


def test_a_reading_out_of_date_says_so_on_a_film_of_unproved_side_too(program_with):
    program = program_with((film(right_is_left=None),))
    reading = replace(waters_reading(), provenance=Provenance(created="2024-01-01T00:00:00"))
    program.session.set_reading(reading, "series-1")
    program.session.set_models({"waters_sinusitis": "cd" * 32})
    bar = program.window.notice_bar
    assert "Side unverified" in bar._text.text()
    assert "changed since" in bar._text.text()
    assert bar._again.isVisible()


def test_the_state_of_a_study_is_in_sight_however_long_its_name(program_with):
    program = program_with((film(),))
    who = Identity(
        "A name of many words that no panel has room for", "A number just as long, of many parts", study_date="20240229"
    )
    panel = program.window.studies_panel
    panel.resize(200, 600)
    panel.set_studies((replace(study((film(),)), identity=who),))
    tree = panel.findChild(QTreeWidget, "study_tree")
    lines = tree.topLevelItem(0).text(0).count("\n") + 1
    assert not tree.wordWrap()
    assert tree.visualItemRect(tree.topLevelItem(0)).height() >= lines * tree.fontMetrics().lineSpacing()


def test_among_the_studies_signed_stays_signed_and_what_was_undone_is_edited_no_more(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")

    def badge() -> str:
        return program.index.recent(1)[0].badge

    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    assert badge() == "edited"
    program.window.undo()
    assert badge() == "read"
    program.wiring.patient._sign("Dr. Lee")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    program.session.set_reading(waters_reading(), "series-1")
    assert badge() == "signed"


def test_the_sign_beside_a_series_goes_once_its_side_is_confirmed(program_with):
    open_side = ImageWarning("side_unverified", "left and right are not known")
    other = ImageWarning("gap", "two slices are missing")
    image = volume(oriented=False, warnings=(open_side,))
    program = program_with(image)
    one = study(image)

    def text(*warnings) -> str:
        changed = replace(one, series=(replace(one.series[0], warnings=warnings),))
        program.window.studies_panel.set_studies((changed,))
        return program.window.findChild(QTreeWidget, "study_tree").topLevelItem(0).child(0).text(0)

    assert "⚠" in text(open_side)
    program.actions.reading.confirm_side("A", patient_right_is_image_left=True)
    item = program.window.findChild(QTreeWidget, "study_tree").topLevelItem(0).child(0)
    assert "⚠" not in item.text(0), "at once"
    assert open_side.message not in item.toolTip(0)
    assert "⚠" not in text(open_side), "and when the list is made anew"
    assert "⚠" in text(open_side, other), "what else is to be known stays"


def test_a_decision_on_one_of_many_films_makes_no_other_line_anew(program_with):
    program = program_with((film(),))
    others = tuple(study((film(),), f"series-{n}", f"study-{n}", f"P{n}") for n in range(2, 40))
    program.session.add_studies(others)
    program._show_known()
    tree = program.window.findChild(QTreeWidget, "study_tree")
    lines = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount())]
    program.session.set_reading(waters_reading(), "series-1")
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    program._show_known()
    assert [tree.topLevelItem(n) for n in range(tree.topLevelItemCount())] == lines, "the same lines, not new ones"
    assert lines[0].text(0).endswith("edited")
    program.window.studies_panel._search.setText("P7")
    assert tree.topLevelItemCount() == 1


def test_a_search_stands_while_badges_change(program_with):
    program = program_with((film(),))
    for number in range(3):
        who = replace(identity(f"old-{number}", date="20200302"), patient_name=f"Name{number}", patient_id=f"Q{number}")
        program.index.add(replace(study((film(),), f"s-{number}", f"old-{number}"), identity=who))
    panel = program.window.studies_panel
    panel._search.setText("Name1")
    assert [k.patient_name for k in panel._earlier()] == ["Name1"]
    program._show_known()
    assert [k.patient_name for k in panel._earlier()] == ["Name1"], "a film that was read meanwhile changes no search"


def test_among_thousands_of_studies_each_series_is_found_at_once():
    """Every redraw asks for the study of every reading: looked for one by one, 2,000 films took seconds a step."""
    session = Session()
    many = [study((film(),), f"s-{n}", f"u-{n}") for n in range(3000)]
    session.add_studies(tuple(many))
    begun = time.thread_time()
    assert all(session.study_of(f"s-{n}") is many[n] for n in range(3000))
    assert session.study_of("of nobody") is None
    assert time.thread_time() - begun < 1.0
    session.studies.pop("u-7")
    assert session.study_of("s-7") is None
    session.add_studies((many[7],))
    assert session.series("s-7") is many[7].series[0]


def test_closing_a_study_takes_its_line_out_and_leaves_the_others(qtbot):
    panel = WorklistPanel()
    qtbot.addWidget(panel)
    items = tuple(WorklistItem(k, k.upper(), score=s) for k, s in (("a", 0.2), ("b", 0.9), ("c", 0.5)))
    panel.set_items(items)
    assert panel.keys_in_order() == ("b", "c", "a")
    panel.set_items((items[0], items[2]))
    assert panel.keys_in_order() == ("c", "a")
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert panel.keys_in_order() == ("a", "c")
    panel.set_items((items[0], replace(items[2], score=0.1)))
    assert panel.keys_in_order() == ("c", "a")
    panel.set_items((items[0],))
    assert panel.keys_in_order() == ("a",)

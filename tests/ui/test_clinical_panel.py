"""Clinical data: blank is missing, and what cannot be is named and refused."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, text

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.header_clinical import HeaderClinical
from sinusviewer.ui.panels.clinical_panel import ClinicalPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot: QtBot) -> ClinicalPanel:
    made = ClinicalPanel()
    made.clinical_requested.connect(made.set_clinical)
    on_screen(made, qtbot, 380, 600)
    return made


def enter(panel: QWidget, qtbot: QtBot, name: str, typed: str) -> None:
    field = find(panel, QLineEdit, name)
    field.setText(typed)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def problem(panel: QWidget) -> str:
    return text(panel, "clinical_problem_text")


def test_typing_asks_for_new_data_and_blank_is_missing(panel: ClinicalPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.clinical_requested) as asked:
        enter(panel, qtbot, "clinical_age", "48")
    assert asked.args == [ClinicalData(age=48.0)]
    with qtbot.waitSignal(panel.clinical_requested) as asked:
        enter(panel, qtbot, "clinical_age", "")
    assert asked.args == [ClinicalData()]


@pytest.mark.parametrize(
    ("name", "typed", "complaint"),
    [
        ("clinical_age", "140", "cannot be"),
        ("clinical_age", "-3", "cannot be"),
        ("clinical_age", "old", "not a number"),
        ("clinical_eosinophils", "-1", "negative"),
        ("clinical_eosinophils", "0.35", "10⁹/L"),
        ("clinical_eosinophils", "400000", "is the unit right"),
        ("clinical_eosinophils", "2,000", "2000 or 2.000"),
    ],
)
def test_impossible_values_are_named_and_not_taken_over(
    panel: ClinicalPanel, qtbot: QtBot, name: str, typed: str, complaint: str
) -> None:
    with qtbot.assertNotEmitted(panel.clinical_requested):
        enter(panel, qtbot, name, typed)
    assert complaint in problem(panel)
    assert "Not taken over" in problem(panel)


def test_the_wrong_unit_by_a_thousand_is_caught_both_ways(panel: ClinicalPanel, qtbot: QtBot) -> None:
    unit = find(panel, QComboBox, "clinical_unit")
    unit.setCurrentText("10⁹/L")
    with qtbot.assertNotEmitted(panel.clinical_requested):
        enter(panel, qtbot, "clinical_eosinophils", "350")
    assert "350" in problem(panel)
    with qtbot.waitSignal(panel.clinical_requested) as asked:
        enter(panel, qtbot, "clinical_eosinophils", "0.35")
    assert asked.args[0].eosinophils_per_ul == pytest.approx(350)


def test_a_percentage_waits_for_the_white_count_of_its_own_patient(panel: ClinicalPanel, qtbot: QtBot) -> None:
    unit = find(panel, QComboBox, "clinical_unit")
    unit.setCurrentText("% of white cells")
    panel.set_clinical(ClinicalData(), whose="1")
    with qtbot.assertNotEmitted(panel.clinical_requested):
        enter(panel, qtbot, "clinical_eosinophils", "5")
    with qtbot.waitSignal(panel.clinical_requested) as asked:
        enter(panel, qtbot, "clinical_white_cells", "8")
    assert asked.args[0].eosinophils_per_ul == pytest.approx(400)
    panel.set_clinical(ClinicalData(), whose="2")
    with qtbot.assertNotEmitted(panel.clinical_requested):
        enter(panel, qtbot, "clinical_eosinophils", "5")
    assert "white cell count" in problem(panel)


def test_yes_no_and_unknown_are_three_different_answers(panel: ClinicalPanel, qtbot: QtBot) -> None:
    box = find(panel, QComboBox, "clinical_asthma")
    for index, value in ((2, True), (1, False), (0, None)):
        with qtbot.waitSignal(panel.clinical_requested) as asked:
            box.activated.emit(index)
        assert asked.args[0].asthma is value


def test_being_shown_data_asks_for_nothing(panel: ClinicalPanel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(panel.clinical_requested):
        panel.set_clinical(ClinicalData(age=60, female=True, asthma=False, eosinophils_per_ul=210, diabetes=True))
    box = find(panel, QComboBox, "clinical_female")
    assert box.currentText() == "female"


def test_import_is_asked_for(panel: ClinicalPanel, qtbot: QtBot) -> None:
    found = find(panel, QPushButton, "clinical_import")
    with qtbot.waitSignal(panel.import_requested):
        found.click()


HEADER = HeaderClinical(ClinicalData(age=44.0, female=False))


def origin(panel: QWidget) -> str:
    return text(panel, "clinical_origin")


def test_age_and_sex_of_the_header_stand_in_their_fields_with_their_source(panel: ClinicalPanel) -> None:
    with_header = ClinicalData(asthma=True)
    panel.set_clinical(with_header, HEADER)
    age, sex = find(panel, QLineEdit, "clinical_age"), find(panel, QComboBox, "clinical_female")
    assert (age.text(), sex.currentText()) == ("44", "male")
    assert origin(panel) == "Age: from the image's header.\nSex: from the image's header."
    summary = find(panel, QLabel, "clinical_summary")
    assert summary.text().startswith("3 of 9 known")


def test_a_reader_overrules_the_header_and_clearing_takes_it_back(panel: ClinicalPanel, qtbot: QtBot) -> None:
    panel.clinical_requested.disconnect()
    panel.clinical_requested.connect(lambda data: panel.set_clinical(data, HEADER))
    panel.set_clinical(ClinicalData(), HEADER)
    with qtbot.waitSignal(panel.clinical_requested) as asked:
        enter(panel, qtbot, "clinical_age", "45")
    assert asked.args == [ClinicalData(age=45.0)]
    assert "given by the reader; the image's header says 44 years" in origin(panel)
    enter(panel, qtbot, "clinical_age", "")
    field = find(panel, QLineEdit, "clinical_age")
    assert field.text() == "44"
    with qtbot.assertNotEmitted(panel.clinical_requested):
        enter(panel, qtbot, "clinical_age", "")  # cleared again: it is the header's, and stays
    assert field.text() == "44"


def test_a_header_that_contradicts_itself_is_named(panel: ClinicalPanel) -> None:
    panel.set_clinical(ClinicalData(), HeaderClinical(ClinicalData(), "Age and birth date contradict each other."))
    assert "contradict" in origin(panel)

"""The Report tab: proposed, edited, copied, signed for good, amended."""

import pytest
from panel_factories import SIMULATED, waters_series
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, press

from sinusviewer.domain.image import Identity
from sinusviewer.domain.reading import Reading
from sinusviewer.report.content import build
from sinusviewer.ui.panels.report_panel import ReportPanel
from sinusviewer.ui.panels.report_text import Addendum, ReportState, Signature, full_text, table_line

pytestmark = pytest.mark.gui
CONTENT = build(Reading("1.2", (waters_series(),)), Identity(patient_name="Test^Anna"))
SIGNED = ReportState(CONTENT, "Right antrum: level.", Signature("Dr. Lee", "2026-11-21 22:10"))


@pytest.fixture
def panel(qtbot: QtBot) -> ReportPanel:
    return on_screen(ReportPanel(), qtbot, 420, 800)


def editor(panel: QWidget, name: str = "report_text") -> QPlainTextEdit:
    return find(panel, QPlainTextEdit, name)


def test_the_proposal_is_editable_sentence_by_sentence(panel: ReportPanel, qtbot: QtBot) -> None:
    panel.set_report(ReportState(CONTENT))
    assert "Finding above threshold 0.43 in the right maxillary sinus." in editor(panel).toPlainText()
    with qtbot.waitSignal(panel.text_requested) as asked:
        editor(panel).setPlainText("My own words.")
    assert asked.args == ["My own words."]


def test_tables_are_pasted_as_sentences() -> None:
    columns = ("Sinus", "Side", "Volume, ml", "Opacified", "Mean HU", "Lund-Mackay", "Remark")
    full = table_line(columns, ("maxillary", "right", "10.0", "50 %", "-230", "1", ""))
    assert full == "Right maxillary sinus: volume 10.0 ml, opacified 50 %, mean HU −230, Lund-Mackay 1."
    cut = table_line(columns, ("maxillary", "left", "–", "–", "–", "–", "left maxillary incomplete"))
    assert cut == "Left maxillary sinus: left maxillary incomplete."


def test_being_shown_a_text_asks_for_nothing(panel: ReportPanel, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(panel.text_requested):
        panel.set_report(ReportState(CONTENT, "Changed elsewhere."))
    assert editor(panel).toPlainText() == "Changed elsewhere."


def test_a_signed_text_cannot_be_changed_only_amended(panel: ReportPanel, qtbot: QtBot) -> None:
    panel.set_report(SIGNED)
    assert editor(panel).isReadOnly()
    sign = find(panel, QPushButton, "report_sign")
    assert not sign.isVisible()
    editor(panel, "addendum_text").setPlainText("Left side too.")
    with qtbot.waitSignal(panel.addendum_requested) as asked:
        press(panel, "addendum_add")
    assert asked.args == ["Left side too."]
    assert editor(panel).toPlainText() == "Right antrum: level."


def test_signing_needs_a_name(panel: ReportPanel, qtbot: QtBot) -> None:
    panel.set_report(ReportState(CONTENT))
    sign = find(panel, QPushButton, "report_sign")
    name = find(panel, QLineEdit, "report_reader")
    assert not sign.isEnabled()
    name.setText("Dr. Lee")
    with qtbot.waitSignal(panel.sign_requested) as asked:
        sign.click()
    assert asked.args == ["Dr. Lee"]


def test_what_is_copied_carries_signature_addenda_and_limits(panel: ReportPanel, qtbot: QtBot) -> None:
    state = ReportState(CONTENT, "Text.", Signature("Dr. Lee", "today"), (Addendum("More.", "Dr. Kim", "tomorrow"),))
    panel.set_report(state)
    with qtbot.waitSignal(panel.copy_requested) as asked:
        press(panel, "report_copy")
    for part in ("Text.", "Addendum (Dr. Kim, tomorrow): More.", "Signed by Dr. Lee", SIMULATED, "Research use only"):
        assert part in asked.args[0]
    assert "Not signed." in full_text(ReportState(CONTENT))


@pytest.mark.parametrize("kind", ["html", "pdf", "png"])
def test_exports_are_asked_for(panel: ReportPanel, qtbot: QtBot, kind: str) -> None:
    panel.set_report(ReportState(CONTENT))
    with qtbot.waitSignal(panel.export_requested) as asked:
        press(panel, f"report_{kind}")
    assert asked.args == [kind]


def test_without_a_reading_there_is_no_report(panel: ReportPanel) -> None:
    panel.set_report(None)
    label = find(panel, QLabel, "report_state")
    assert label.isVisible()
    assert not editor(panel).isVisible()

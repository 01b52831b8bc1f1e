"""What holds for all panels: names for screen readers, tooltips, contrast, plain text."""

from collections.abc import Callable
from itertools import combinations

import pytest
from panel_factories import PATIENT, ct_series, nomogram, refused, waters_series
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QLabel, QLineEdit, QScrollBar, QWidget
from pytestqt.qtbot import QtBot

from sinusviewer.domain.anatomy import Structure
from sinusviewer.ui.panels.clinical_panel import ClinicalPanel
from sinusviewer.ui.panels.endotype_panel import EndotypePanel
from sinusviewer.ui.panels.findings_panel import FindingsPanel
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.report_panel import ReportPanel
from sinusviewer.ui.panels.sinus_panel import SinusPanel
from sinusviewer.ui.panels.tones import DARK, LIGHT, Tones, structure_color
from sinusviewer.ui.panels.worklist_panel import WorklistPanel

pytestmark = pytest.mark.gui


def findings() -> QWidget:
    panel = FindingsPanel()
    panel.set_series_reading(waters_series())
    return panel


def sinuses() -> QWidget:
    panel = SinusPanel()
    panel.set_series_reading(ct_series())
    return panel


def endotype() -> QWidget:
    panel = EndotypePanel()
    panel.set_series_reading(ct_series())
    return panel


def risk() -> QWidget:
    panel = NomogramPanel()
    panel.set_nomogram(nomogram())
    panel.set_values(PATIENT)
    return panel


PANELS: tuple[Callable[[], QWidget], ...] = (
    findings,
    sinuses,
    endotype,
    risk,
    ClinicalPanel,
    ReportPanel,
    WorklistPanel,
)


@pytest.mark.parametrize("make", PANELS)
def test_every_control_has_a_name_a_spoken_name_and_a_tooltip(qtbot: QtBot, make: Callable[[], QWidget]) -> None:
    panel = make()
    qtbot.addWidget(panel)
    kinds = (QAbstractButton, QAbstractSlider, QComboBox, QLineEdit)
    checked = 0
    for control in panel.findChildren(QWidget):
        own = control.objectName() and not control.objectName().startswith(("qt_", "Scroll"))
        if isinstance(control, kinds) and not isinstance(control, QScrollBar):
            if not own and type(control.parent()).__module__ != QWidget.__module__ and control.parent() is not panel:
                continue  # Qt's own parts, e.g. the clear button of a line edit
            if control.objectName().startswith("qt_") or type(control).__name__ == "QLineEditIconButton":
                continue
            if (
                isinstance(control.parent(), (QLineEdit, QComboBox))
                or "TableCornerButton" in control.metaObject().className()
            ):
                continue
            assert control.objectName(), control
            assert control.accessibleName(), control.objectName()
            assert control.toolTip(), control.objectName()
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize("make", [findings, sinuses, endotype, risk])
def test_a_panel_with_an_ai_result_says_research_only_and_what_it_was_trained_on(
    qtbot: QtBot, make: Callable[[], QWidget]
) -> None:
    panel = make()
    qtbot.addWidget(panel)
    shown = " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisibleTo(panel))
    assert "Research use only. Not for diagnostic use." in shown
    assert "simulated patients" in shown


def test_text_from_files_is_never_taken_for_markup(qtbot: QtBot) -> None:
    panel = FindingsPanel()
    qtbot.addWidget(panel)
    panel.set_series_reading(refused("<b>bold</b> claims"))
    label = panel.findChild(QLabel, "withheld_text")
    assert label is not None
    assert label.textFormat().name == "PlainText"
    assert "<b>" in label.text()


def luminance(color: QColor) -> float:
    parts = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (color.redF(), color.greenF(), color.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    a, b = sorted((luminance(QColor(one)), luminance(QColor(other))), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("tones", [DARK, LIGHT], ids=("dark", "light"))
def test_text_stands_out_seven_to_one_and_lines_three_to_one(tones: Tones) -> None:
    for ground in (tones.panel, tones.field):
        for ink in (tones.text, tones.muted):
            assert contrast(ink, ground) >= 7.0, (ink, ground)
        for ink in (tones.amber, tones.red, tones.right, tones.left, tones.accent):
            assert contrast(ink, ground) >= 4.5, (ink, ground)
        assert contrast(tones.line, ground) >= 3.0, (tones.line, ground)
    assert contrast(tones.text, tones.amber_ground) >= 7.0


def test_right_and_left_of_one_sinus_have_two_shades_and_no_two_sinuses_share_one() -> None:
    colors = [structure_color(s).getRgb()[:3] for s in Structure if 1 <= s <= 10]
    for one, other in combinations(colors, 2):  # told apart by eye, not only by their numbers
        assert sum(abs(int(a) - int(b)) for a, b in zip(one, other, strict=True)) >= 75, (one, other)

"""The Nomogram tab: alive, honest about what is not known, printed as it is shown."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_factories import PATIENT, SIMULATED, nomogram
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPageSize
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, press, shown_text, text

from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.image import Identity
from sinusviewer.nomogram import CohortSummary, Predictor
from sinusviewer.report.wording import BEFORE_EDITS
from sinusviewer.ui.panels.nomogram_decision import decision_hint
from sinusviewer.ui.panels.nomogram_geometry import AxisKind
from sinusviewer.ui.panels.nomogram_page import page_image, paint_on, print_page, remark, write_page
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.nomogram_words import DlrSource, cohort_lines, letter_paragraph

pytestmark = pytest.mark.gui
DLR = DlrSource(0.52, "recurrence 0.3.0", SIMULATED)


@pytest.fixture
def panel(qtbot: QtBot) -> NomogramPanel:
    made = NomogramPanel()
    made.set_nomogram(nomogram())
    made.set_values(PATIENT, DLR)
    on_screen(made, qtbot, 420, 1000)
    qtbot.wait(1)
    return made


def wired(panel: NomogramPanel) -> dict[str, float | None]:
    """A session in small: what is asked for becomes true and is shown."""
    values = dict(PATIENT)

    def take(name: str, value: float | None) -> None:
        values[name] = value
        panel.set_values(values, DLR)

    panel.value_requested.connect(take)
    return values


def field(panel: QWidget, name: str) -> QLineEdit:
    return find(panel, QLineEdit, name)


def place(panel: NomogramPanel, name: str, value: float) -> QPoint:
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    axis = geometry.axis(AxisKind.PREDICTOR, name)
    return QPoint(round(geometry.x_of_points(nomogram().points(name, value))), round(axis.y))


def test_the_risk_is_the_models_own_logistic_risk(panel: NomogramPanel) -> None:
    expected = nomogram().read(PATIENT).risk
    assert expected is not None
    assert text(panel, "risk_text") == f"Risk of recurrence {expected * 100:.0f} %"


def test_axes_stand_where_rms_draws_them(panel: NomogramPanel) -> None:
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    points = geometry.axis(AxisKind.POINTS)
    widest = geometry.axis(AxisKind.PREDICTOR, "eos")
    assert (widest.x_start, widest.x_end) == pytest.approx((points.x_start, points.x_end))
    order = [a.kind for a in geometry.axes]
    assert order == [AxisKind.POINTS] + [AxisKind.PREDICTOR] * 4 + [AxisKind.TOTAL, AxisKind.RISK]
    total, risk = geometry.axis(AxisKind.TOTAL), geometry.axis(AxisKind.RISK)
    at_half = next(m for m in risk.marks if m.text == "0.5")
    assert at_half.x == pytest.approx(geometry.x_of_total(nomogram().total_points_at(0.5)))
    assert total.x_start == pytest.approx(geometry.left)


def test_a_negative_coefficient_draws_its_axis_reversed(panel: NomogramPanel) -> None:
    age = Predictor("age", "Age", "years", (-0.02,), (20.0, 40.0, 60.0, 80.0), (22.0, 79.0))
    panel.set_nomogram(nomogram(predictors=(*nomogram().predictors[:2], age)))
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    marks = {m.text: m.x for m in geometry.axis(AxisKind.PREDICTOR, "age").marks}
    assert marks["80"] < marks["20"]


def test_dragging_a_marker_asks_for_the_value_under_the_mouse(panel: NomogramPanel, qtbot: QtBot) -> None:
    values = wired(panel)
    before = text(panel, "risk_text")
    qtbot.mousePress(panel.view, Qt.MouseButton.LeftButton, pos=place(panel, "eos", 350))
    qtbot.mouseMove(panel.view, place(panel, "eos", 1000))
    qtbot.mouseRelease(panel.view, Qt.MouseButton.LeftButton, pos=place(panel, "eos", 1000))
    assert values["eos"] == pytest.approx(1000, abs=10)
    assert text(panel, "risk_text") != before


def test_without_a_session_that_agrees_a_drag_changes_nothing(panel: NomogramPanel, qtbot: QtBot) -> None:
    before = text(panel, "risk_text")
    with qtbot.waitSignal(panel.value_requested):
        qtbot.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=place(panel, "eos", 1000))
    assert text(panel, "risk_text") == before


def test_arrow_keys_choose_an_axis_move_its_marker_and_delete_makes_it_unknown(
    panel: NomogramPanel, qtbot: QtBot
) -> None:
    values = wired(panel)
    panel.view.setFocus()
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Right)
    assert values["ar"] == 1.0
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert values["eos"] == 450.0
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    assert values["eos"] is None


def test_an_unknown_input_gives_an_interval_and_names_itself(panel: NomogramPanel) -> None:
    panel.set_values(PATIENT | {"asthma": None}, DLR)
    low, high = (nomogram().read(PATIENT | {"asthma": a}).risk for a in (0.0, 1.0))
    assert low is not None
    assert high is not None
    assert text(panel, "risk_text") == f"Risk of recurrence {low * 100:.0f} to {high * 100:.0f} %"
    assert "Not known: Asthma." in text(panel, "outside_text")


def test_a_value_beyond_the_training_data_is_marked(panel: NomogramPanel) -> None:
    panel.set_values(PATIENT | {"eos": 2300.0}, DLR)
    assert "outside the training data (41 to 1511)" in text(panel, "outside_text")


def test_typed_values_are_taken_over_on_enter(panel: NomogramPanel, qtbot: QtBot) -> None:
    values = wired(panel)
    box = field(panel, "input_eos")
    box.setText("620,5")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert values["eos"] == 620.5
    box.clear()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert values["eos"] is None


@pytest.mark.parametrize(
    ("name", "typed", "complaint"),
    [
        ("input_eos", "-5", "negative"),
        ("input_eos", "many", "not a number"),
        ("input_eos", "0.35", "10⁹/L"),
        ("input_eos", "350000", "cannot be"),
        ("input_eos", "2,000", "2000 or 2.000"),
        ("input_dlr", "1.4", "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_named_and_refused(
    panel: NomogramPanel, qtbot: QtBot, name: str, typed: str, complaint: str
) -> None:
    box = field(panel, name)
    box.setText(typed)
    with qtbot.assertNotEmitted(panel.value_requested):
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert complaint in text(panel, "nomogram_problem")
    assert "Not taken over" in text(panel, "nomogram_problem")


def test_units_can_be_switched_and_the_axis_follows(panel: NomogramPanel, qtbot: QtBot) -> None:
    values = wired(panel)
    unit = find(panel, QComboBox, "eosinophil_unit")
    unit.setCurrentText("10⁹/L")
    assert field(panel, "input_eos").text() == "0.35"
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    assert geometry.axis(AxisKind.PREDICTOR, "eos").marks[-1].text == "1.6"
    field(panel, "input_eos").setText("0.5")
    qtbot.keyClick(field(panel, "input_eos"), Qt.Key.Key_Return)
    assert values["eos"] == pytest.approx(500)


def test_a_percentage_needs_the_white_count(panel: NomogramPanel, qtbot: QtBot) -> None:
    values = wired(panel)
    unit = find(panel, QComboBox, "eosinophil_unit")
    unit.setCurrentText("% of white cells")
    assert field(panel, "input_eos").placeholderText() == "350 cells/µL"
    field(panel, "input_eos").setText("5")
    qtbot.keyClick(field(panel, "input_eos"), Qt.Key.Key_Return)
    assert "white cell count" in text(panel, "nomogram_problem")
    assert values["eos"] == 350.0
    for count, cells in (("8", 400), ("10", 500)):  # the 5 % typed waits for the white count, and follows it
        field(panel, "white_cells").setText(count)
        qtbot.keyClick(field(panel, "white_cells"), Qt.Key.Key_Return)
        assert field(panel, "input_eos").text() == "5"
        assert values["eos"] == pytest.approx(cells)


def test_a_white_count_never_outlives_its_patient(panel: NomogramPanel, qtbot: QtBot) -> None:
    panel.set_values(PATIENT, DLR, Identity(patient_id="1"))
    unit = find(panel, QComboBox, "eosinophil_unit")
    unit.setCurrentText("% of white cells")
    field(panel, "white_cells").setText("8")
    qtbot.keyClick(field(panel, "white_cells"), Qt.Key.Key_Return)
    panel.set_values(PATIENT, DLR, Identity(patient_id="2"))
    assert field(panel, "white_cells").text() == ""
    field(panel, "input_eos").setText("5")
    with qtbot.assertNotEmitted(panel.value_requested):
        qtbot.keyClick(field(panel, "input_eos"), Qt.Key.Key_Return)


def test_the_score_says_where_it_comes_from_and_when_it_was_overruled(panel: NomogramPanel, qtbot: QtBot) -> None:
    values = wired(panel)
    assert "From the CT by recurrence 0.3.0" in text(panel, "dlr_origin")
    field(panel, "input_dlr").setText("0.7")
    qtbot.keyClick(field(panel, "input_dlr"), Qt.Key.Key_Return)
    assert "OVERRULED" in text(panel, "dlr_origin")
    assert "0.52" in text(panel, "dlr_origin")
    press(panel, "dlr_back")
    assert values["dlr"] == 0.52


def test_what_if_never_touches_the_patient(panel: NomogramPanel, qtbot: QtBot) -> None:
    toggle = find(panel, QCheckBox, "what_if")
    before = text(panel, "risk_text")
    toggle.click()
    with qtbot.assertNotEmitted(panel.value_requested):
        qtbot.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=place(panel, "asthma", 0))
    assert text(panel, "risk_text") == before
    patient, other = (nomogram().read(PATIENT | {"asthma": a}).risk for a in (1.0, 0.0))
    assert patient is not None
    assert other is not None
    assert f"({(other - patient) * 100:+.1f}".replace("-", "−") in text(panel, "what_if_text")


def test_another_patient_ends_a_comparison(panel: NomogramPanel) -> None:
    panel.set_values(PATIENT, DLR, Identity(patient_id="1"))
    toggle = find(panel, QCheckBox, "what_if")
    toggle.click()
    panel.set_values(PATIENT, DLR, Identity(patient_id="2"))
    assert not toggle.isChecked()


def test_cohort_performance_and_origin_stand_beside_it(panel: NomogramPanel) -> None:
    shown = shown_text(panel)
    for fact in (
        "200 patients, 85 with recurrence",
        "0.870 (95 % CI 0.820 to 0.920)",
        "slope 0.90",
        "Fitted on simulated",
    ):
        assert fact in shown


def test_the_linear_predictor_axis_is_optional(panel: NomogramPanel) -> None:
    toggle = find(panel, QCheckBox, "show_linear")
    toggle.click()
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    assert geometry.has(AxisKind.LINEAR)


def test_without_a_nomogram_it_offers_ones_own(panel: NomogramPanel, qtbot: QtBot) -> None:
    panel.set_nomogram(None)
    assert "No nomogram" in text(panel, "nomogram_state")
    replace = find(panel, QPushButton, "replace_nomogram")
    with qtbot.waitSignal(panel.replace_requested):
        replace.click()


CURVE = {
    "thresholds": [0.1, 0.2, 0.3, 0.4, 0.5, 0.9],
    "nomogram": [0.40, 0.35, 0.32, 0.30, -0.08, 0.02],
    "treat_all": [0.45, 0.3, 0.2, 0.1, -0.6, -5.0],
    "treat_none": [0, 0, 0, 0, 0, 0],
}


def test_the_decision_curve_hint_names_only_thresholds_at_which_the_nomogram_does_good() -> None:
    hint = decision_hint({"decision_curve": {"test": CURVE}}, 0.4)
    assert "at thresholds 0.20 to 0.40 and 0.90 acting" in hint.text
    assert "At the cut-off 0.4 it does: net benefit 0.30 against 0.10." in hint.text
    assert not hint.harmful
    assert decision_hint(None, 0.4).text == ""


def test_a_cutoff_at_which_the_nomogram_does_harm_is_called_so(panel: NomogramPanel) -> None:
    hint = decision_hint({"decision_curve": {"test": CURVE}}, 0.503)
    assert "At the cut-off 0.503 it does not: net benefit −0.08 against 0.00." in hint.text
    assert hint.harmful
    panel.set_nomogram(nomogram(cutoff=0.503), {"decision_curve": {"test": CURVE}})
    assert "it does not" in text(panel, "decision_hint")
    assert "no threshold" not in text(panel, "decision_hint")


@pytest.mark.parametrize(
    "broken", [[], {"test": []}, {"test": {"nomogram": [0.1]}}, {"test": CURVE | {"thresholds": ["x"] * 6}}]
)
def test_an_evaluation_that_is_none_gives_no_hint_and_no_fault(broken: Any) -> None:
    assert decision_hint({"decision_curve": broken}, 0.4).text == ""


OFF = CohortSummary("test", 65, 14, 0.803, (0.68, 0.93), 0.21, -1.57, 0.49)


def test_where_risks_did_not_hold_in_the_test_patients_panel_letter_and_page_say_what_they_came_to(
    panel: NomogramPanel, tmp_path: Path
) -> None:
    made = nomogram(test_cohort=OFF)
    panel.set_nomogram(made)
    panel.set_values(PATIENT, DLR)
    risk = made.read(PATIENT).risk
    assert risk is not None
    there = 1 / (1 + np.exp(-(-1.57 + 0.49 * np.log(risk / (1 - risk)))))
    said = f"{risk * 100:.0f} % predicted corresponds to {there * 100:.0f} %."
    assert said in text(panel, "calibration_text")
    assert said in letter_paragraph(made, made.read(PATIENT), PATIENT, DLR)
    assert said in svg_text(panel, tmp_path)
    panel.set_nomogram(nomogram())  # slope 0.9, intercept -0.1: they held
    panel.set_values(PATIENT, DLR)
    assert text(panel, "calibration_text") == ""


def test_a_nomogram_that_was_not_tested_says_so() -> None:
    assert ("Tested on", "no other patients") in cohort_lines(nomogram(test_cohort=None))
    untested = nomogram(test_cohort=None)
    assert "Not tested on other patients." in letter_paragraph(untested, untested.read(PATIENT), PATIENT, DLR)


def svg_text(panel: NomogramPanel, folder: Path) -> str:
    """All words on the page, lines joined."""
    page = panel.page("2026-11-21")
    assert page is not None
    write_page(page, folder / "page.svg")
    svg = (folder / "page.svg").read_text(encoding="utf-8")
    return html.unescape(" ".join(part.strip() for part in re.findall(r">([^<>]+)</text>", svg)))


def test_patients_without_a_name_share_no_comparison_and_no_white_count(panel: NomogramPanel, qtbot: QtBot) -> None:
    nobody = Identity()
    panel.set_values(PATIENT, DLR, nobody, whose="1.1")
    unit = panel.findChild(QComboBox, "eosinophil_unit")
    unit.setCurrentIndex(2)
    white = field(panel, "white_cells")
    white.setText("7.5")
    qtbot.keyClick(white, Qt.Key.Key_Return)
    toggle = panel.findChild(QCheckBox, "what_if")
    toggle.click()
    panel.set_values(PATIENT, DLR, None)  # nothing is open for a moment
    panel.set_values(PATIENT, DLR, nobody, whose="1.2")
    assert not toggle.isChecked()
    assert white.text() == ""


def test_a_comparison_never_hides_what_is_doubtful_of_the_patient_or_of_itself(
    panel: NomogramPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    panel.set_values(PATIENT | {"eos": 1590.0}, DLR, Identity(patient_id="1"))
    panel.findChild(QCheckBox, "what_if").click()
    typed = field(panel, "input_eos")
    typed.setText("20")
    qtbot.keyClick(typed, Qt.Key.Key_Return)
    for said in (text(panel, "outside_text"), svg_text(panel, tmp_path)):
        assert "Eosinophils 1590 cells/µL is outside the training data" in said
        assert "What if: eosinophils 20 cells/µL is outside the training data" in said


def test_the_page_and_the_letter_keep_the_unit_that_the_reader_chose(panel: NomogramPanel, tmp_path: Path) -> None:
    panel.findChild(QComboBox, "eosinophil_unit").setCurrentIndex(1)
    written = svg_text(panel, tmp_path)
    assert "Eosinophils (10⁹/L)" in written
    assert "0.35 10⁹/L" in written
    assert "cells/µL" not in written


def test_the_page_says_whose_network_was_trained_on_what_and_leaves_room_for_a_name(
    panel: NomogramPanel, tmp_path: Path
) -> None:
    panel.set_values(PATIENT, DLR, Identity(study_date="20260120"))
    written = svg_text(panel, tmp_path)
    assert "Network of the radiomic score (recurrence 0.3.0): trained on simulated patients" in written
    assert "Patient: ____" in written


def test_a_page_of_many_predictors_ends_on_the_paper(qtbot: QtBot, tmp_path: Path) -> None:
    more = tuple(Predictor(f"p{n}", f"Predictor {n}", "", (0.5,), (0.0, 1.0), (0.0, 1.0)) for n in range(7))
    panel = NomogramPanel()
    qtbot.addWidget(panel)
    panel.set_nomogram(nomogram(predictors=(*nomogram().predictors, *more), trained_on="Whose they are. " * 30))
    panel.set_values(PATIENT, DLR)
    page = panel.page("2026-11-21")
    assert page is not None
    image = page_image(page, 1.0)
    dark = [y for y in range(image.height()) if any(image.pixelColor(x, y).lightness() < 200 for x in range(0, 794, 2))]
    assert max(dark) < image.height() - 10
    assert "Made 2026-11-21 with SinusViewer." in svg_text(panel, tmp_path)


def test_why_a_ct_gave_no_score_stands_where_the_score_is_looked_for(panel: NomogramPanel) -> None:
    panel.set_values(PATIENT | {"dlr": None}, None, no_score="Recurrence was not scored: left maxillary cut off.")
    assert text(panel, "dlr_origin") == "Recurrence was not scored: left maxillary cut off."


def test_drop_lines_and_cutoff_cross_no_label(panel: NomogramPanel) -> None:
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    assert geometry.stacked
    points, label = geometry.axis(AxisKind.POINTS), geometry.label_place(geometry.axis(AxisKind.PREDICTOR, "eos"))
    low = geometry.axis(AxisKind.PREDICTOR, "dlr").y
    through = geometry.beside_labels(label.left() + 10, points.y, low)
    assert all(b <= label.top() or a >= label.bottom() for a, b in through)
    assert geometry.beside_labels(geometry.right, points.y, low) == [(points.y, low)]


def test_the_letter_names_inputs_result_cohort_and_limits() -> None:
    made = nomogram()
    letter = letter_paragraph(made, made.read(PATIENT), PATIENT, DLR)
    for part in (
        "Asthma yes",
        "Eosinophils 350 cells/µL",
        "DLR score 0.52 (from the CT",
        "200 patients",
        "Research use only",
    ):
        assert part in letter
    overruled = PATIENT | {"dlr": 0.7}
    assert "overruled by the reader; from the CT: 0.52" in letter_paragraph(made, made.read(overruled), overruled, DLR)


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_page_is_written_in_every_format(panel: NomogramPanel, tmp_path: Path, suffix: str, start: bytes) -> None:
    page = panel.page("2026-11-21")
    assert page is not None
    target = tmp_path / f"nomogram.{suffix}"
    write_page(page, target)
    assert target.read_bytes().startswith(start)
    assert target.stat().st_size > 5000


def test_the_page_is_dark_on_white_and_leaves_a_margin(panel: NomogramPanel) -> None:
    page = panel.page()
    assert page is not None
    image = page_image(page, 1.0).convertToFormat(QImage.Format.Format_Grayscale8)
    assert image.pixelColor(5, 5).lightness() == 255
    bottom = [image.pixelColor(x, image.height() - 20).lightness() for x in range(0, image.width(), 7)]
    assert min(bottom) == 255


@pytest.mark.parametrize("size", [QPageSize.PageSizeId.A4, QPageSize.PageSizeId.Letter])
def test_printing_fills_one_page_of_either_paper_and_cuts_nothing_off(
    panel: NomogramPanel, tmp_path: Path, size: QPageSize.PageSizeId
) -> None:
    page = panel.page("2026-11-21")
    assert page is not None
    printer = QPrinter(QPrinter.PrinterMode.ScreenResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setPageSize(QPageSize(size))
    printer.setOutputFileName(str(tmp_path / "printed.pdf"))
    print_page(page, printer)
    written = (tmp_path / "printed.pdf").read_bytes()
    assert written.startswith(b"%PDF")
    assert b"/Count 1" in written
    paper = QImage(printer.width(), printer.height(), QImage.Format.Format_Grayscale8)
    paper.fill(255)
    paint_on(paper, page, paper.width(), paper.height())  # the same painting, on a sheet that can be looked at
    dark = np.array([[paper.pixelColor(x, y).lightness() < 200 for x in range(0, paper.width(), 3)]
                     for y in range(paper.height())])  # fmt: skip
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0)) * 3
    assert rows[0] > 15
    assert rows[-1] < paper.height() - 15
    assert columns[0] > 15
    assert columns[-1] < paper.width() - 15
    assert rows[-1] - rows[0] > 0.6 * paper.height()


def test_a_score_that_a_reader_put_beyond_the_training_data_says_both(panel: NomogramPanel) -> None:
    panel.set_values(PATIENT | {"dlr": 0.99}, DLR)
    page = panel.page()
    assert page is not None
    assert remark(page, "dlr", 0.99) == "overruled by the reader; CT gave 0.52; outside the training data"


def test_an_svg_page_carries_the_warning_as_text(panel: NomogramPanel, tmp_path: Path) -> None:
    page = panel.page()
    assert page is not None
    write_page(page, tmp_path / "page.svg")
    assert "Research use only" in (tmp_path / "page.svg").read_text(encoding="utf-8")


def test_reference_axes_of_rms_are_drawn_at_their_points(panel: NomogramPanel) -> None:
    from shared_data import shared_dir

    shared = shared_dir()
    if shared is None:
        pytest.skip("no shared reference data")
    expected: dict[str, Any] = json.loads((shared / "reference/nomogram_c0/expected.json").read_text())["nomogram"][
        "nomogram"
    ]
    assert expected["total_points_axis_max"] == 140
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    assert geometry.axis(AxisKind.TOTAL).marks[0].text == "0"


def test_the_scores_own_heat_is_named_and_never_explained_away(panel: NomogramPanel, qtbot: QtBot) -> None:
    heat = Heatmap(np.ones((4, 5, 6), np.float32), "HiResCAM", "recurrence 1.0.0, bottleneck", inside_mask=0.31)
    panel.set_heat(heat)
    words = text(panel, "dlr_heat_method") + text(panel, "dlr_heat_caution") + text(panel, "dlr_heat_inside")
    assert "HiResCAM, layer recurrence 1.0.0, bottleneck" in words
    assert "not why" in words
    assert "31 % of the heat lies inside the sinus mask: low, so distrust this score." in words
    box = find(panel, QCheckBox, "dlr_heat_visible")
    with qtbot.waitSignal(panel.heat_style_requested) as asked:
        box.click()
    assert asked.args[0].visible


def test_without_heat_of_the_score_it_says_why_and_offers_nothing(panel: NomogramPanel) -> None:
    panel.set_heat(None)
    assert "spoke for recurrence" in text(panel, "dlr_heat_method")
    assert not find(panel, QCheckBox, "dlr_heat_visible").isEnabled()


def test_a_score_read_before_masks_were_changed_says_so_beside_it_in_the_letter_and_on_the_page(
    panel: NomogramPanel,
) -> None:
    panel.set_values(PATIENT, replace(DLR, note=BEFORE_EDITS))
    assert BEFORE_EDITS in text(panel, "dlr_origin")
    page = panel.page()
    assert page is not None
    assert "changes of the masks are not in it" in remark(page, "dlr", PATIENT["dlr"])
    nomogram = page.nomogram
    paragraph = letter_paragraph(nomogram, nomogram.read(PATIENT), PATIENT, replace(DLR, note=BEFORE_EDITS))
    assert "the reader's changes of the masks are not in it" in paragraph

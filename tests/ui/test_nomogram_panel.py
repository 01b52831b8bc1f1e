"""The Nomogram tab: alive, honest about what is not known, printed as it is shown."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_factories import PATIENT, SIMULATED, nomogram
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPageSize
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.image import Identity
from sinusviewer.nomogram import Predictor
from sinusviewer.report.wording import BEFORE_EDITS
from sinusviewer.ui.panels.nomogram_geometry import AxisKind
from sinusviewer.ui.panels.nomogram_page import page_image, paint_on, print_page, remark, write_page
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.nomogram_words import DlrSource, decision_hint, letter_paragraph

pytestmark = pytest.mark.gui
DLR = DlrSource(0.52, "recurrence 0.3.0", SIMULATED)


@pytest.fixture
def panel(qtbot: QtBot) -> NomogramPanel:
    made = NomogramPanel()
    qtbot.addWidget(made)
    made.set_nomogram(nomogram())
    made.set_values(PATIENT, DLR)
    made.resize(420, 1000)
    made.show()
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


def text(panel: QWidget, name: str) -> str:
    label = panel.findChild(QLabel, name)
    assert label is not None, name
    return label.text()


def field(panel: QWidget, name: str) -> QLineEdit:
    found = panel.findChild(QLineEdit, name)
    assert found is not None, name
    return found


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
    unit = panel.findChild(QComboBox, "eosinophil_unit")
    assert unit is not None
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
    unit = panel.findChild(QComboBox, "eosinophil_unit")
    assert unit is not None
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
    unit = panel.findChild(QComboBox, "eosinophil_unit")
    assert unit is not None
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
    back = panel.findChild(QPushButton, "dlr_back")
    assert back is not None
    back.click()
    assert values["dlr"] == 0.52


def test_what_if_never_touches_the_patient(panel: NomogramPanel, qtbot: QtBot) -> None:
    toggle = panel.findChild(QCheckBox, "what_if")
    assert toggle is not None
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
    toggle = panel.findChild(QCheckBox, "what_if")
    assert toggle is not None
    toggle.click()
    panel.set_values(PATIENT, DLR, Identity(patient_id="2"))
    assert not toggle.isChecked()


def test_cohort_performance_and_origin_stand_beside_it(panel: NomogramPanel) -> None:
    shown = " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())
    for fact in (
        "200 patients, 85 with the event",
        "0.870 (95 % CI 0.820 to 0.920)",
        "slope 0.90",
        "Fitted on simulated",
    ):
        assert fact in shown


def test_the_linear_predictor_axis_is_optional(panel: NomogramPanel) -> None:
    toggle = panel.findChild(QCheckBox, "show_linear")
    assert toggle is not None
    toggle.click()
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    assert geometry.has(AxisKind.LINEAR)


def test_without_a_nomogram_it_offers_ones_own(panel: NomogramPanel, qtbot: QtBot) -> None:
    panel.set_nomogram(None)
    assert "No nomogram" in text(panel, "nomogram_state")
    replace = panel.findChild(QPushButton, "replace_nomogram")
    assert replace is not None
    with qtbot.waitSignal(panel.replace_requested):
        replace.click()


def test_the_decision_curve_hint_says_where_the_nomogram_does_good() -> None:
    curve = {
        "thresholds": [0.1, 0.4, 0.8],
        "nomogram": [0.4, 0.3, -0.1],
        "treat_all": [0.45, 0.1, -2.0],
        "treat_none": [0, 0, 0],
    }
    hint = decision_hint({"decision_curve": {"test": curve}}, 0.435)
    assert "between thresholds 0.40 and 0.40" in hint
    assert "net benefit 0.30 against 0.10" in hint
    assert decision_hint(None, 0.4) == ""


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
    box = panel.findChild(QCheckBox, "dlr_heat_visible")
    with qtbot.waitSignal(panel.heat_style_requested) as asked:
        box.click()
    assert asked.args[0].visible


def test_without_heat_of_the_score_it_says_why_and_offers_nothing(panel: NomogramPanel) -> None:
    panel.set_heat(None)
    assert "spoke for recurrence" in text(panel, "dlr_heat_method")
    assert not panel.findChild(QCheckBox, "dlr_heat_visible").isEnabled()


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

"""What is drawn on a nomogram: nothing overlaps, nothing leaves its axis unsaid, and all of it follows the size of the type."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from panel_factories import PATIENT, SIMULATED, ct_series, nomogram
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.ui.panels.clinical_panel import ClinicalPanel
from sinusviewer.ui.panels.endotype_panel import EndotypePanel
from sinusviewer.ui.panels.nomogram_geometry import AxisKind, NomogramGeometry
from sinusviewer.ui.panels.nomogram_notes import note_places
from sinusviewer.ui.panels.nomogram_paint import Setting, paint_settings
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.nomogram_words import DlrSource
from sinusviewer.ui.panels.sinus_panel import SinusPanel
from sinusviewer.ui.panels.tones import DARK
from sinusviewer.ui.theme import apply_theme

pytestmark = pytest.mark.gui
BEYOND = PATIENT | {"dlr": 1.0}
SIZE = QSize(380, 640)


def setting(values: dict[str, float | None], *, what_if: bool = False) -> Setting:
    return Setting(values, nomogram().read(values), what_if=what_if)


def drawn(settings: tuple[Setting, ...], folder: Path) -> list[tuple[str, float, float]]:
    """Every text of the living part: (text, x, y)."""
    generator = QSvgGenerator()
    generator.setFileName(str(folder / "drawing.svg"))
    generator.setSize(SIZE)
    painter = QPainter(generator)
    geometry = NomogramGeometry(nomogram(), QRectF(0, 0, SIZE.width(), SIZE.height()), QFontMetricsF(painter.font()))
    paint_settings(painter, geometry, DARK, settings)
    painter.end()
    svg = (folder / "drawing.svg").read_text(encoding="utf-8")
    found = re.findall(r'<text[^>]*? x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]*)</text>', svg)
    return [(text.strip(), float(x), float(y)) for x, y, text in found]


def test_a_score_beyond_its_axis_says_so_and_keeps_its_own_points(tmp_path: Path, qapp: QApplication) -> None:
    points = nomogram().points("dlr", 1.0)
    texts = [text for text, _, _ in drawn((setting(BEYOND),), tmp_path)]
    assert any(text.startswith(f"{points:.1f}") and "beyond" in text for text in texts)
    usual = [text for text, _, _ in drawn((setting(PATIENT),), tmp_path)]
    assert not any("beyond" in text for text in usual)


def test_an_interval_that_goes_on_beyond_the_total_axis_is_clipped_and_says_so(
    tmp_path: Path, qapp: QApplication
) -> None:
    values = dict.fromkeys(PATIENT) | {"eos": 3000.0}
    shown = setting(values)
    assert shown.reading.total_points_interval[1] > nomogram().total_points_axis[-1]
    assert any("beyond" in text or "▸" in text for text, _, _ in drawn((shown,), tmp_path))
    image = QImage(SIZE, QImage.Format.Format_RGB32)
    image.fill(QColor(DARK.field))
    painter = QPainter(image)
    geometry = NomogramGeometry(nomogram(), QRectF(0, 0, SIZE.width(), SIZE.height()), QFontMetricsF(painter.font()))
    paint_settings(painter, geometry, DARK, (shown,))
    painter.end()
    between = (geometry.axis(AxisKind.TOTAL).y + geometry.axis(AxisKind.RISK).y) / 2
    row = range(round(geometry.right) + 2, SIZE.width())
    for y in (round(between), round(geometry.axis(AxisKind.TOTAL).y) - 12):
        assert {image.pixelColor(x, y).name() for x in row} == {QColor(DARK.field).name()}


def test_the_numbers_of_two_settings_never_overlap() -> None:
    widths = [62.0, 70.0]
    for first in range(10, 390, 7):
        for second in range(10, 390, 11):
            places = note_places([first, second], widths, 8.0, (2.0, 380.0))
            spans = sorted((left, left + width) for left, width in zip(places, widths, strict=True))
            assert all(b[0] >= a[1] for a, b in pairwise(spans)), (first, second)
            assert spans[0][0] >= 2.0
            assert spans[1][1] <= 380.0


def test_of_two_settings_both_totals_and_both_risks_stand_apart(tmp_path: Path, qapp: QApplication) -> None:
    near = setting(PATIENT | {"eos": 360.0}, what_if=True)
    texts = drawn((setting(PATIENT), near), tmp_path)
    total = nomogram().read(PATIENT).total_points
    other = near.reading.total_points
    assert total is not None
    assert other is not None
    places = {text: x for text, x, _ in texts}
    assert places[f"{other:.1f}"] - places[f"{total:.1f}"] > 30


@pytest.fixture
def scale(qapp: QApplication):
    yield lambda percent: apply_theme(qapp, "dark", percent)
    apply_theme(qapp, "dark", 100)


def risk() -> QWidget:
    made = NomogramPanel()
    made.set_nomogram(nomogram())
    made.set_values(PATIENT | {"asthma": None}, DlrSource(0.52, "recurrence 0.3.0", SIMULATED))
    toggle = made.findChild(QCheckBox, "what_if")
    assert toggle is not None
    toggle.click()
    return made


def sinuses() -> QWidget:
    made = SinusPanel()
    made.set_series_reading(ct_series(incomplete=True))
    return made


def endotype() -> QWidget:
    made = EndotypePanel()
    made.set_series_reading(ct_series(), 30)
    return made


def clinical() -> QWidget:
    made = ClinicalPanel()
    made.set_clinical(ClinicalData(age=44))
    return made


@pytest.mark.parametrize("make", [risk, sinuses, endotype, clinical])
def test_no_panel_of_a_ct_scrolls_sideways_after_the_type_grew(make, scale, qtbot: QtBot) -> None:
    scale(100)
    panel = make()
    qtbot.addWidget(panel)
    panel.resize(400, 560)  # what a screen of 1366 x 768 leaves
    panel.show()
    qtbot.wait(1)
    scale(200)
    qtbot.wait(20)
    area = panel.findChild(QScrollArea)
    assert area.horizontalScrollBar().maximum() == 0
    foot = [w for w in panel.findChildren(QLabel) if w.isVisible() and not area.isAncestorOf(w)]
    assert sum(w.height() for w in foot) < panel.height() / 3


@pytest.mark.parametrize(
    ("make", "name"), [(risk, "risk_text"), (endotype, "ecrs_probability"), (sinuses, "lund_mackay_total")]
)
def test_a_headline_grows_and_shrinks_with_the_type(make, name: str, scale, qtbot: QtBot) -> None:
    scale(100)
    panel = make()
    qtbot.addWidget(panel)
    panel.show()
    label = panel.findChild(QLabel, name)
    before = label.font().pointSizeF()
    scale(200)
    qtbot.wait(1)
    assert label.font().pointSizeF() == pytest.approx(2 * before, rel=0.1)
    assert label.height() >= label.fontMetrics().height()
    scale(100)
    qtbot.wait(1)
    assert label.font().pointSizeF() == pytest.approx(before, rel=0.1)

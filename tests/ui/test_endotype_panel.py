"""The Endotype tab: probability with its definition, the strip as navigator, honest heat."""

from dataclasses import replace

import numpy as np
import pytest
from panel_factories import MODEL, ct_series, refused
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QSlider
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, shown_text, text

from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import EndotypeReading, Reason, SliceProbability
from sinusviewer.ui.panels.endotype_panel import EndotypePanel
from sinusviewer.ui.panels.heat_controls import HeatStyle

pytestmark = pytest.mark.gui
HEAT = Heatmap(np.zeros((2, 2, 2), np.float32), "Grad-CAM", "features.8", "bone")


@pytest.fixture
def panel(qtbot: QtBot) -> EndotypePanel:
    return on_screen(EndotypePanel(), qtbot, 420, 820)


def test_the_probability_comes_with_threshold_definition_and_calibration(panel: EndotypePanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series(), 30)
    assert text(panel, "ecrs_probability") == "Probability of eosinophilic CRS 0.61"
    assert "threshold 0.50" in text(panel, "ecrs_threshold")
    definition = text(panel, "ecrs_definition")
    assert "10 %" in definition
    assert "no tissue diagnosis" in definition
    qtbot.wait(1)  # new rows show themselves with the next event
    shown = shown_text(panel)
    for fact in ("0.61 (as published", "0.70 (slices weighted", "± 0.05", "simulated"):
        assert fact in shown


def test_what_casts_doubt_stands_below_a_headline_that_says_doubtful(panel: EndotypePanel) -> None:
    slices = (SliceProbability("1", 0.6, 0),)
    said = ("The networks disagree: treat this probability as undecided.", "Only 1 slices were read.")
    panel.set_series_reading(ct_series(endotype=EndotypeReading(0.6, slices, (MODEL,), 0.5, doubts=said)))
    assert text(panel, "ecrs_probability") == "Probability of eosinophilic CRS 0.60 (doubtful)"
    assert text(panel, "endotype_spread") == " ".join(said)


def test_a_withheld_probability_shows_its_reason_and_can_be_read_with_one(panel: EndotypePanel, qtbot: QtBot) -> None:
    why = "The sinuses are not wholly on this CT, or were not found: left maxillary."
    panel.set_series_reading(ct_series(endotype=EndotypeReading(None, (), (MODEL,), 0.5, withheld=why)))
    assert text(panel, "endotype_withheld_text") == f"Probability of eosinophilic CRS withheld. {why}"
    shown = [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]
    assert not any("0." in words for words in shown)
    view_only = find(panel, QPushButton, "endotype_view_only")
    assert not view_only.isVisible()  # the sinuses are read: only this one number is withheld
    anyway = find(panel, QPushButton, "endotype_read_anyway")
    reason = find(panel, QLineEdit, "endotype_override_reason")
    qtbot.mouseClick(anyway, Qt.MouseButton.LeftButton)
    reason.setText("clear on an earlier CT")
    with qtbot.waitSignal(panel.read_anyway_requested) as asked:
        qtbot.keyClick(reason, Qt.Key.Key_Return)
    assert asked.args == ["clear on an earlier CT"]


def test_a_click_on_the_strip_asks_for_the_slice_there(panel: EndotypePanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series(), 20)
    strip = panel.strip
    with qtbot.waitSignal(panel.slice_requested) as asked:
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(strip.width() // 2 + 2, 10))
    assert asked.args == [10]


def test_arrow_keys_walk_the_slices_that_were_read(panel: EndotypePanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series(), 20)
    panel.set_current_slice(2)
    with qtbot.waitSignal(panel.slice_requested) as asked:
        qtbot.keyClick(panel.strip, Qt.Key.Key_Right)
    assert asked.args == [5]
    panel.set_current_slice(20)
    with qtbot.waitSignal(panel.slice_requested) as asked:
        qtbot.keyClick(panel.strip, Qt.Key.Key_Left)
    assert asked.args == [14]


def test_heat_is_named_by_method_and_layer_and_never_explained_away(panel: EndotypePanel) -> None:
    panel.set_series_reading(ct_series(heatmaps=(HEAT,)))
    assert text(panel, "heat_method") == "Grad-CAM, layer features.8, bone window"
    assert "where the network looked, not why" in text(panel, "heat_caution")
    assert text(panel, "heat_inside") == "80 % of the heat lies inside the sinus mask."


def test_heat_mostly_outside_the_mask_is_flagged(panel: EndotypePanel) -> None:
    endotype = ct_series().endotype
    assert endotype is not None
    low = EndotypeReading(0.6, endotype.slices, (MODEL,), 0.5, heat_inside_mask=0.3)
    panel.set_series_reading(ct_series(endotype=low, heatmaps=(HEAT,)))
    assert "distrust" in text(panel, "heat_inside")


def test_slices_are_held_against_their_own_threshold(panel: EndotypePanel) -> None:
    slices = tuple(SliceProbability(str(i), p, i) for i, p in enumerate((0.3, 0.45, 0.6)))
    panel.set_series_reading(ct_series(endotype=EndotypeReading(0.6, slices, (MODEL,), 0.5, slice_threshold=0.4)))
    assert text(panel, "strip_text").startswith("2 of 3 slices at or above their threshold 0.40")


@pytest.mark.parametrize(("doubts", "said"), [((), "9 %)."), (("Only 3 % of the heat lies there.",), "distrust")])
def test_heat_is_compared_with_even_heat(panel: EndotypePanel, doubts: tuple[str, ...], said: str) -> None:
    slices = ct_series().endotype.slices
    endotype = EndotypeReading(0.6, slices, (MODEL,), 0.5, heat_inside_mask=0.12, heat_if_even=0.09, doubts=doubts)
    panel.set_series_reading(ct_series(endotype=endotype, heatmaps=(HEAT,)))
    assert said in text(panel, "heat_inside")


def test_a_probability_of_slices_and_extent_stands_beside_the_published_mean(panel: EndotypePanel) -> None:
    slices = ct_series().endotype.slices
    endotype = EndotypeReading(
        0.82, slices, (MODEL,), 0.5, mean_probability=0.55, patient_model="300 simulated patients",
        reasons=(
            Reason("anterior_ethmoid_extent", 0.9, above_usual=True), Reason("maxillary_extent", 0.5, above_usual=False),
            Reason("unlike_sides", -0.4, above_usual=True), Reason("content_hu", 0.3, above_usual=False),
            Reason("nose_extent", 0.01, above_usual=True),
        ),
    )  # fmt: skip
    panel.set_series_reading(ct_series(endotype=endotype))
    assert "0.82" in text(panel, "ecrs_probability")
    assert "and the measured extent" in text(panel, "ecrs_threshold")
    shown = " ".join(label.text() for label in panel.findChildren(QLabel))
    assert "0.55 (as published" in shown
    assert "fitted on 300 simulated patients" in shown
    assert (
        "raised by much disease in the anterior ethmoid sinuses, little disease in the maxillary sinuses, little of “content_hu”; "
        in shown
    )
    assert "lowered by unlike sides." in shown
    assert "in the nose" not in shown


def test_heat_controls_follow_the_session_and_ask_for_changes(panel: EndotypePanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series(heatmaps=(HEAT,)))
    with qtbot.assertNotEmitted(panel.heat_style_requested):
        panel.set_heat_style(HeatStyle(True, 0.7, "viridis"))
    slider = find(panel, QSlider, "heat_opacity")
    colors = find(panel, QComboBox, "heat_color_map")
    assert (slider.value(), colors.currentText()) == (70, "viridis")
    with qtbot.waitSignal(panel.heat_style_requested) as asked:
        slider.setValue(50)
    assert asked.args == [HeatStyle(True, 0.5, "viridis")]


def test_without_heat_there_is_nothing_to_switch_on(panel: EndotypePanel) -> None:
    panel.set_series_reading(ct_series())
    slider = find(panel, QSlider, "heat_opacity")
    assert not slider.isEnabled()


def test_a_refused_ct_shows_no_probability(panel: EndotypePanel) -> None:
    panel.set_series_reading(refused("Not a sinus CT.", "CT"))
    assert "No probability is shown" in text(panel, "endotype_withheld_text")
    assert not panel.strip.isVisible()


def test_a_ct_without_an_endotype_says_why(panel: EndotypePanel) -> None:
    why = "No slice shows opacified sinus; an endotype cannot be read."
    without = ct_series(endotype=None, warnings=(ImageWarning("endotype_not_assessed", why),))
    panel.set_series_reading(without)
    assert text(panel, "endotype_state") == why


def test_a_kept_reading_says_that_its_heat_must_be_read_again(panel: EndotypePanel) -> None:
    series = ct_series(heatmaps=())
    assert series.endotype is not None
    panel.set_series_reading(replace(series, endotype=replace(series.endotype, heat_inside_mask=0.8)), 110)
    found = find(panel, QLabel, "heat_method")
    assert "read again to see it" in found.text()
    assert "No heatmap was made" not in found.text()

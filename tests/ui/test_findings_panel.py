"""The Findings tab: careful words, live threshold, keys, withheld and unverified states."""

from dataclasses import replace

import pytest
from panel_factories import SIMULATED, boxes, refused, waters_series
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QSlider, QWidget
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, press, shown_text, text

from sinusviewer.ui.panels.findings_panel import FindingsPanel
from sinusviewer.ui.panels.score_bar import ScoreBar

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot: QtBot) -> FindingsPanel:
    return on_screen(FindingsPanel(), qtbot, 400, 800)


def test_without_a_reading_it_says_how_to_get_one(panel: FindingsPanel, qtbot: QtBot) -> None:
    assert "Ctrl+R" in text(panel, "findings_state")
    with qtbot.waitSignal(panel.read_requested, timeout=500):
        press(panel, "read_now")


def test_no_finding_names_the_threshold_and_never_says_normal(panel: FindingsPanel) -> None:
    panel.set_series_reading(waters_series(0.1, 0.2))
    assert text(panel, "four_way_result") == "No finding above threshold 0.43"
    shown = shown_text(panel)
    assert "normal" not in shown.lower()


@pytest.mark.parametrize(
    ("right", "left", "words"),
    [
        (0.9, 0.1, "right maxillary sinus"),
        (0.1, 0.9, "left maxillary sinus"),
        (0.9, 0.9, "both maxillary sinuses, right and left"),
    ],
)
def test_the_result_is_said_from_the_patients_side(panel: FindingsPanel, right: float, left: float, words: str) -> None:
    panel.set_series_reading(waters_series(right, left))
    assert words in text(panel, "four_way_result")


def test_a_score_at_the_threshold_counts_as_positive(panel: FindingsPanel) -> None:
    panel.set_series_reading(waters_series(0.43, 0.1))
    first = find(panel, ScoreBar, "score_first")
    assert first.is_positive


def test_the_slider_asks_for_a_threshold_and_changes_nothing_itself(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series(0.82, 0.22))
    slider = find(panel, QSlider, "threshold_slider")
    with qtbot.waitSignal(panel.threshold_changed) as asked:
        slider.setValue(20)
    assert asked.args == [0.2]
    assert "right maxillary" in text(panel, "four_way_result")
    assert "0.43" in text(panel, "four_way_result")


def test_a_moved_threshold_is_for_looking_and_the_result_stays_that_of_the_report(panel: FindingsPanel) -> None:
    panel.set_series_reading(waters_series(0.82, 0.22))
    panel.set_threshold(0.2)
    assert text(panel, "four_way_result") == "Sinusitis suspected: right maxillary sinus (threshold 0.43)"
    assert "moved to 0.20 for looking" in text(panel, "threshold_moved")
    assert "both maxillary sinuses" in text(panel, "threshold_moved")
    second = find(panel, ScoreBar, "score_second")
    assert second.is_positive
    panel.set_threshold(0.43)
    assert find(panel, QLabel, "threshold_moved").isHidden()


def test_the_slider_follows_the_session_without_asking_back(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series())
    with qtbot.assertNotEmitted(panel.threshold_changed):
        panel.set_threshold(0.3)
    slider = find(panel, QSlider, "threshold_slider")
    assert slider.value() == 30


def test_one_press_asks_for_the_models_own_threshold_again(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series())
    panel.set_threshold(0.3)
    with qtbot.waitSignal(panel.threshold_changed) as asked:
        press(panel, "threshold_reset")
    assert asked.args == [0.43]


def test_an_unverified_side_is_named_by_the_image_and_one_click_confirms(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series(0.82, 0.22, verified=False))
    assert "image-left" in text(panel, "four_way_result")
    assert "right maxillary" not in text(panel, "four_way_result")
    with qtbot.waitSignal(panel.right_side_confirmed) as asked:
        press(panel, "right_is_image_left")
    assert asked.args == [True]
    with qtbot.waitSignal(panel.right_side_confirmed) as asked:
        press(panel, "right_is_image_right")
    assert asked.args == [False]


def test_a_verified_film_asks_for_no_side(panel: FindingsPanel) -> None:
    panel.set_series_reading(waters_series())
    notice = find(panel, QWidget, "side_unverified")
    assert not notice.isVisible()


def test_a_withheld_film_shows_the_reason_and_no_score(panel: FindingsPanel) -> None:
    panel.set_series_reading(refused("This does not look like a Waters' view: no facial patch found."))
    assert "no facial patch" in text(panel, "withheld_text")
    bar = find(panel, ScoreBar, "score_first")
    assert not bar.isVisible()


def test_reading_anyway_asks_for_a_reason_first(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(refused("No facial patch."))
    press(panel, "read_anyway")
    reason = find(panel, QLineEdit, "override_reason")
    with qtbot.assertNotEmitted(panel.read_anyway_requested):
        reason.setText("  ok ")
        qtbot.keyClick(reason, Qt.Key.Key_Return)
    reason.setText("steep but usable")
    with qtbot.waitSignal(panel.read_anyway_requested) as asked:
        press(panel, "read_anyway_confirm")
    assert asked.args == ["steep but usable"]


def test_enter_e_and_delete_ask_for_the_selected_box(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series())
    panel.set_detections(boxes(), "ai-1")
    rows = panel.boxes.rows
    for key, signal in (
        (Qt.Key.Key_Return, panel.accept_requested),
        (Qt.Key.Key_E, panel.edit_requested),
        (Qt.Key.Key_Delete, panel.reject_requested),
    ):
        with qtbot.waitSignal(signal) as asked:
            qtbot.keyClick(rows, key)
        assert asked.args == ["ai-1"]


def test_selecting_a_row_asks_to_show_it_and_being_told_does_not(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series())
    panel.set_detections(boxes(), "ai-1")
    with qtbot.assertNotEmitted(panel.select_requested):
        panel.set_selected("own")
    assert panel.boxes.selected() == "own"
    with qtbot.waitSignal(panel.select_requested) as asked:
        panel.boxes.rows.setCurrentRow(1)
    assert asked.args == ["ai-2"]


def test_rejected_boxes_stay_in_the_list(panel: FindingsPanel) -> None:
    panel.set_series_reading(waters_series())
    panel.set_detections(boxes())
    lines = [panel.boxes.rows.item(n).text() for n in range(3)]
    assert lines == ["Right · AI 0.82 · proposed", "Left · AI 0.50 · rejected", "Left · Reader · accepted"]
    assert panel.boxes.rows.item(1).font().strikeOut()


def test_where_the_numbers_come_from_stands_beside_them(panel: FindingsPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(waters_series())
    assert text(panel, "trained_on") == SIMULATED
    assert text(panel, "research_only") == "Research use only. Not for diagnostic use."
    qtbot.wait(1)  # new rows show themselves with the next event
    shown = shown_text(panel)
    for fact in (
        "waters_sinusitis 0.3.0",
        "ab12cd34ef56",
        "0.43",
        "300 held-out",
        "CPU (no CUDA)",
        "2026-11-21 22:00:03",
    ):
        assert fact in shown


def test_every_control_has_a_name_for_screen_readers_and_a_tooltip(panel: FindingsPanel) -> None:
    for control in [*panel.findChildren(QPushButton), *panel.findChildren(QSlider), panel.boxes.rows]:
        assert control.objectName()
        assert control.accessibleName()
        assert control.toolTip()


def test_a_reading_against_the_input_check_says_so_above_the_result(panel: FindingsPanel) -> None:
    series = waters_series(0.9, 0.1)
    panel.set_series_reading(replace(series, provenance=replace(series.provenance, override_reason="for teaching")))
    warnings, result = (find(panel, QLabel, name) for name in ("findings_warnings", "four_way_result"))
    assert "against the input check" in warnings.text()
    assert "for teaching" in warnings.text()
    assert warnings.isVisible()
    assert warnings.mapTo(panel, warnings.rect().topLeft()).y() < result.mapTo(panel, result.rect().topLeft()).y()

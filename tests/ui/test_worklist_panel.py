"""The worklist: most suspicious first, next and previous, reading in one go."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QProgressBar
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, press

from sinusviewer.ui.panels.worklist_model import Badge, WorklistItem
from sinusviewer.ui.panels.worklist_panel import WorklistPanel

pytestmark = pytest.mark.gui
ITEMS = (
    WorklistItem("a", "Ahn", "2026-01-01", 0.2, "no finding above 0.43", Badge.READ),
    WorklistItem("b", "Bae", "2026-01-02"),
    WorklistItem("c", "Cho", "2026-01-03", 0.9, "right", Badge.SIGNED),
    WorklistItem("d", "Do", "2026-01-04", None, "no facial patch", Badge.WITHHELD),
)


@pytest.fixture
def panel(qtbot: QtBot) -> WorklistPanel:
    made = WorklistPanel()
    made.set_items(ITEMS)
    return on_screen(made, qtbot, 480, 500)


def test_the_most_suspicious_film_stands_first_and_unread_ones_last(panel: WorklistPanel) -> None:
    assert panel.keys_in_order()[:2] == ("c", "a")


def test_next_and_previous_follow_the_order_on_screen(panel: WorklistPanel, qtbot: QtBot) -> None:
    panel.open_requested.connect(panel.set_current)
    panel.set_current("c")
    with qtbot.waitSignal(panel.open_requested) as asked:
        press(panel, "worklist_next")
    assert asked.args == ["a"]
    with qtbot.waitSignal(panel.open_requested) as asked:
        press(panel, "worklist_previous")
    assert asked.args == ["c"]


def test_enter_opens_the_selected_film(panel: WorklistPanel, qtbot: QtBot) -> None:
    panel.set_current("a")
    with qtbot.waitSignal(panel.open_requested) as asked:
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert asked.args == ["a"]


def test_reading_in_one_go_asks_only_for_what_is_new(panel: WorklistPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.read_requested) as asked:
        press(panel, "worklist_read")
    assert asked.args == [("b",)]


def test_a_new_score_keeps_the_selection(panel: WorklistPanel) -> None:
    panel.set_current("a")
    panel.set_items((ITEMS[0], WorklistItem("b", "Bae", "2026-01-02", 0.95, "right", Badge.READ), *ITEMS[2:]))
    assert panel.keys_in_order()[0] == "b"
    assert panel.keys_in_order()[panel.table.currentIndex().row()] == "a"


def test_progress_shows_and_can_be_cancelled(panel: WorklistPanel, qtbot: QtBot) -> None:
    bar = find(panel, QProgressBar, "worklist_progress")
    assert not bar.isVisible()
    panel.set_progress(63, 200, 12)
    assert bar.isVisible()
    assert bar.format() == "63 of 200, 12 s left"
    with qtbot.waitSignal(panel.cancel_requested):
        press(panel, "worklist_cancel")


def test_a_search_narrows_the_rows(panel: WorklistPanel) -> None:
    search = find(panel, QLineEdit, "worklist_search")
    search.setText("cho")
    assert panel.keys_in_order() == ("c",)


def test_two_hundred_films_are_shown_without_delay(panel: WorklistPanel, qtbot: QtBot) -> None:
    many = tuple(WorklistItem(str(n), f"Patient {n}", score=n / 200) for n in range(200))
    panel.set_items(many, "150")
    assert panel.keys_in_order()[0] == "199"
    assert panel.keys_in_order()[panel.table.currentIndex().row()] == "150"


def test_rows_that_change_together_are_still_sorted_by_score(panel: WorklistPanel) -> None:
    keys = [f"film-{n}" for n in range(9)]
    panel.set_items(tuple(WorklistItem(key, key) for key in keys))
    scores = [0.43, 0.54, 0.1, 0.99, 0.2, 0.54, 0.8, 0.05, 0.3]
    for known in (3, 9):
        panel.set_items(
            tuple(
                WorklistItem(k, k, score=s if n < known else None)
                for n, (k, s) in enumerate(zip(keys, scores, strict=True))
            )
        )
    by_key = dict(zip(keys, scores, strict=True))
    assert [by_key[k] for k in panel.keys_in_order()] == sorted(scores, reverse=True)


def test_page_down_in_the_list_opens_the_next_film(panel: WorklistPanel, qtbot: QtBot) -> None:
    panel.set_items(tuple(WorklistItem(f"film-{n}", "x", score=1 - n / 10) for n in range(3)), "film-0")
    with qtbot.waitSignal(panel.open_requested) as asked:
        qtbot.keyClick(panel.table, Qt.Key.Key_PageDown)
    assert asked.args == ["film-1"]

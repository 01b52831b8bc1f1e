"""What must stay readable and within reach where the type is large and the screen is small."""

import numpy as np
import pytest
from panel_factories import ct_series
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QScrollArea, QToolButton
from widget_parts import find
from window_parts import film, volume

from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.prior import Prior
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.ui.prior_bar import PriorBar
from sinusviewer.ui.view_painter import heat_caption, small

pytestmark = pytest.mark.gui


@pytest.fixture
def large_type(program_with):
    program = program_with(volume())
    program.window.set_scale(200)
    program.window.resize(1366, 768)
    QApplication.processEvents()
    yield program
    program.window.set_scale(100)


def test_tools_that_do_not_fit_stand_behind_a_visible_button(large_type):
    toolbar = large_type.window.toolbar
    hidden = [a for a in toolbar.actions() if (w := toolbar.widgetForAction(a)) and not w.isVisible()]
    more = toolbar.findChild(QToolButton, "qt_toolbar_ext_button")
    assert hidden
    assert more.isVisible()
    assert not more.icon().isNull()
    assert more.contentsRect().width() >= 10  # the theme's padding would leave its sign no room
    assert toolbar.geometry().right() <= 1366


def test_a_wide_window_has_no_such_button(program_with):
    program = program_with(volume())
    program.window.resize(1600, 900)
    QApplication.processEvents()
    assert not program.window.toolbar.findChild(QToolButton, "qt_toolbar_ext_button").isVisible()


def test_the_caption_of_the_heat_is_never_cut_off(program_with):
    program = program_with(volume())
    heat = Heatmap(np.zeros((20, 40, 30), np.float32), "Grad-CAM", "a layer with a very long name of its own")
    program.session.set_reading(SeriesReading("series-1", "CT", SeriesStatus.READ, heatmaps=(heat,)), "series-1")
    program.session.set_display(show_heatmap=True)
    port = program.window.view_area.viewports[program.session.active_view]
    QApplication.processEvents()
    metrics = QFontMetricsF(small(port.font()))
    caption = heat_caption(port.content)
    assert " ".join(caption) == "Grad-CAM: where the network looked, not why, not the lesion's extent"
    assert max(metrics.horizontalAdvance(line) for line in caption) < 240  # the narrowest view of the smallest window


def test_the_offer_of_a_prior_never_takes_the_results_panels_room(large_type):
    window = large_type.window
    before = window.tabs.width()
    bar = window.findChild(PriorBar)
    bar.set_prior(Prior("1.2", "20160110", "CT", "PARANASAL SINUSES, A LONG DESCRIPTION", "", is_earlier=True))
    QApplication.processEvents()
    assert window.tabs.width() == before
    offer = bar.findChild(QLabel, "prior_offer")
    assert offer.height() <= 2 * offer.fontMetrics().lineSpacing() + 1
    assert offer.toolTip() == offer.text()
    assert offer.text().startswith("Prior of 2016-01-10"), "what is cut off is not the date"


def test_a_notice_that_only_tells_takes_two_lines_of_large_type_and_a_question_all_it_needs(large_type):
    window, text = large_type.window, "Read on 2026-11-20 with a model that has changed since. " * 6
    bar = window.notice_bar
    label = bar.findChild(QLabel, "notice_text")
    bar.set_image(None, None, text)
    QApplication.processEvents()
    assert label.height() <= 2 * label.fontMetrics().lineSpacing() + 1
    assert label.text() == label.toolTip() == text.strip()
    bar.set_image(film(right_is_left=None), None, text)
    QApplication.processEvents()
    assert label.text() == "Side unverified. Which side of the image is the patient's right?"
    assert label.height() >= label.heightForWidth(label.width()) - 1
    assert bar.height() < 768 * 0.2
    assert text.strip() in find(bar, QPushButton, "read_again_notice").toolTip()


def test_on_a_large_screen_the_panels_grow_with_the_type(program_with):
    window = program_with(volume()).window
    window.resize(3840, 2160)
    QApplication.processEvents()
    try:
        window.set_scale(200)
        QApplication.processEvents()
        assert window.tabs.width() >= 760
        assert window.studies_panel.width() >= 400
        assert window.view_area.width() > 1920, "the picture stays the largest thing"
        window.resize(1280, 720)
        window.fit_panels(200)
        QApplication.processEvents()
        assert window.view_area.width() >= 560
    finally:
        window.set_scale(100)


@pytest.mark.parametrize("confirmed", [False, True])
def test_the_panel_of_sinuses_never_scrolls_sideways(large_type, confirmed):
    panel = large_type.wiring.sinuses
    large_type.session.set_reading(ct_series(series_instance_uid="series-1"), "series-1")
    panel.confirmation.set_confirmed(confirmed, "the masks are right")
    large_type.window.tabs.setCurrentWidget(panel)
    QApplication.processEvents()
    (area,) = panel.findChildren(QScrollArea)
    assert area.horizontalScrollBar().maximum() == 0
    ask = panel.confirmation.ask
    assert ask.fontMetrics().horizontalAdvance(ask.text()) < ask.width(), ask.text()

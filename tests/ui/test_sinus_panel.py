"""The Sinuses tab: table, Lund-Mackay, what cannot be assessed, masks."""

from dataclasses import replace

import numpy as np
import pytest
from panel_factories import ct_series, refused
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QSlider
from pytestqt.qtbot import QtBot
from widget_parts import find, on_screen, shown_text, text

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import AirMeasurement, LundMackay, SeriesReading, SeriesStatus
from sinusviewer.domain.scoring import with_ostiomeatal
from sinusviewer.report.wording import lund_mackay_sentence
from sinusviewer.ui.panels.mask_controls import MaskStyle
from sinusviewer.ui.panels.sinus_panel import SinusPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot: QtBot) -> SinusPanel:
    return on_screen(SinusPanel(), qtbot, 420, 760)


def cell(panel: SinusPanel, row: int, column: int) -> str:
    item = panel.table.item(row, column)
    assert item is not None
    return item.text()


def test_the_table_gives_side_volume_share_density_and_score(panel: SinusPanel) -> None:
    panel.set_series_reading(ct_series(0.5))
    assert [cell(panel, 0, c) for c in range(5)] == ["R  Maxillary", "10.0", "50", "−230", "1"]
    assert cell(panel, 1, 0).startswith("L")


def test_the_total_is_given_with_both_sides(panel: SinusPanel) -> None:
    panel.set_series_reading(ct_series())
    assert text(panel, "lund_mackay_total") == "Lund–Mackay 12 of 24\nright 5, left 7 of 12 each"


def test_an_incomplete_sinus_has_dashes_a_reason_and_spoils_the_total(panel: SinusPanel) -> None:
    panel.set_series_reading(ct_series(incomplete=True))
    assert [cell(panel, 1, c) for c in range(1, 5)] == ["–"] * 4
    assert (
        text(panel, "incomplete_text")
        == "Left maxillary sinus: cannot be assessed (cut off at the lower edge of the scan)"
    )
    assert "no total" in text(panel, "lund_mackay_total")


def test_the_change_against_a_prior_stands_beside_the_share_and_is_not_cut_off(panel: SinusPanel, qtbot: QtBot) -> None:
    panel.resize(400, 800)  # what a screen of 1366 x 768 leaves
    panel.set_series_reading(ct_series(0.5), ct_series(0.25), "20250302")
    qtbot.wait(1)
    table = panel.table
    header = table.horizontalHeader()
    assert header.visualIndex(5) == header.visualIndex(2) + 1
    assert table.columnViewportPosition(5) + table.columnWidth(5) <= table.viewport().width()
    assert "In the prior: " in table.item(0, 5).toolTip()
    assert "2025-03-02" in text(panel, "prior_text")


def test_the_change_against_a_prior_is_in_percentage_points(panel: SinusPanel) -> None:
    panel.set_series_reading(ct_series(0.5), ct_series(0.8), "2025-03-02")
    assert cell(panel, 0, 5) == "−30"
    assert "2025-03-02" in text(panel, "prior_text")
    panel.set_series_reading(ct_series(0.5))
    assert panel.table.isColumnHidden(5)


def test_a_row_by_click_or_enter_asks_for_its_sinus(panel: SinusPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series())
    item = panel.table.item(3, 0)
    with qtbot.waitSignal(panel.go_to_sinus_requested) as asked:
        qtbot.mouseClick(
            panel.table.viewport(), Qt.MouseButton.LeftButton, pos=panel.table.visualItemRect(item).center()
        )
    assert asked.args == [Structure.LEFT_ANTERIOR_ETHMOID]
    with qtbot.waitSignal(panel.go_to_sinus_requested) as asked:
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert asked.args == [Structure.LEFT_ANTERIOR_ETHMOID]


def test_the_image_moves_the_row_without_asking_back(panel: SinusPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series())
    with qtbot.assertNotEmitted(panel.go_to_sinus_requested):
        panel.set_selected(Structure.RIGHT_SPHENOID)
    assert panel.table.currentRow() == 8


def test_the_ostiomeatal_complex_is_proposed_and_can_be_changed(panel: SinusPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series())
    left = find(panel, QComboBox, "ostiomeatal_left")
    right = find(panel, QComboBox, "ostiomeatal_right")
    assert (right.currentText(), left.currentText()) == ("0 · open", "2 · occluded")
    with qtbot.waitSignal(panel.ostiomeatal_requested) as asked:
        qtbot.keyClick(right, Qt.Key.Key_Down)
        right.activated.emit(2)
    assert asked.args == [Side.RIGHT, 2]


def test_a_phantom_cannot_be_assessed(panel: SinusPanel) -> None:
    panel.set_series_reading(refused("No sinus air found.", "CT"))
    assert "Cannot be assessed" in text(panel, "sinus_withheld_text")
    assert not panel.table.isVisible()


def test_mask_controls_show_the_style_and_ask_for_another(panel: SinusPanel, qtbot: QtBot) -> None:
    panel.set_series_reading(ct_series())
    with qtbot.assertNotEmitted(panel.mask_style_requested):
        panel.set_mask_style(MaskStyle(True, True, 0.8, frozenset({Structure.NASAL_CAVITY})))
    slider = find(panel, QSlider, "mask_opacity")
    nasal = find(panel, QCheckBox, "mask_nasal_cavity")
    assert slider.value() == 80
    assert not nasal.isChecked()
    with qtbot.waitSignal(panel.mask_style_requested) as asked:
        slider.setValue(40)
    assert asked.args == [MaskStyle(True, True, 0.4, frozenset({Structure.NASAL_CAVITY}))]


@pytest.mark.parametrize("kind", ["csv", "masks", "pictures"])
def test_exports_are_asked_for(panel: SinusPanel, qtbot: QtBot, kind: str) -> None:
    panel.set_series_reading(ct_series())
    found = find(panel, QPushButton, f"export_{kind}")
    with qtbot.waitSignal(getattr(panel, f"export_{kind}_requested")):
        found.click()


def test_sinuses_of_an_unproved_side_are_named_by_the_image(panel: SinusPanel) -> None:
    unproved = tuple(
        replace(m, side=ImageSide.IMAGE_LEFT if m.side is Side.RIGHT else ImageSide.IMAGE_RIGHT)
        for m in ct_series().sinuses
    )
    air = AirMeasurement("Enclosed air by threshold.", -400, 3.5, 4.0, 60.0)
    panel.set_series_reading(ct_series(sinuses=unproved, lund_mackay=None, air=air))
    assert cell(panel, 0, 0) == "image-left  Maxillary"
    assert cell(panel, 0, 1) == "10.0"
    assert "(image-left 3.5 ml, image-right 4.0 ml)" in text(panel, "air_text")
    box = find(panel, QCheckBox, "mask_right_maxillary")
    assert box.text() == "Image-left maxillary"


def test_geometry_faults_withhold_volumes_until_they_are_accepted(panel: SinusPanel, qtbot: QtBot) -> None:
    faults = (ImageWarning("uneven_spacing", "The distance between slices varies."),)
    panel.set_series_reading(ct_series(sinuses=(), lund_mackay=None, warnings=faults))
    button = find(panel, QPushButton, "accept_geometry")
    assert button.isVisible()
    with qtbot.waitSignal(panel.accept_geometry_requested):
        button.click()


def test_doubts_about_the_endotype_are_not_cast_on_the_sinuses(panel: SinusPanel) -> None:
    heat, other = (
        ImageWarning("heat_outside_sinuses", "Only 12 % of the heat"),
        ImageWarning("thick", "Slices of 5 mm."),
    )
    panel.set_series_reading(ct_series(warnings=(heat, other)))
    assert text(panel, "sinus_warnings") == "Slices of 5 mm."


def test_the_complexes_say_whether_they_are_proposed_or_a_readers(panel: SinusPanel) -> None:
    series = ct_series()
    assert series.lund_mackay is not None
    panel.set_series_reading(series)
    assert "proposed" in text(panel, "ostiomeatal_heading")
    panel.set_series_reading(replace(series, lund_mackay=replace(series.lund_mackay, ostiomeatal_by_reader=True)))
    assert "reader" in text(panel, "ostiomeatal_heading")


def test_a_complex_that_a_reader_scored_does_not_make_the_other_one_a_readers(panel: SinusPanel) -> None:
    scored = with_ostiomeatal(ct_series(), Side.LEFT, 2)
    assert scored.lund_mackay is not None
    panel.set_series_reading(scored)
    heading = text(panel, "ostiomeatal_heading")
    assert "left as the reader scored it" in heading
    assert "right proposed" in heading
    assert "left 2 as the reader scored it" in lund_mackay_sentence(scored.lund_mackay)
    assert "as proposed, left" in lund_mackay_sentence(scored.lund_mackay)
    both = with_ostiomeatal(scored, Side.RIGHT, 0).lund_mackay
    assert both is not None
    assert "(right 0, left 2) as the reader scored them" in lund_mackay_sentence(both)


def test_early_masks_do_not_ask_to_be_read_again(panel: SinusPanel) -> None:
    masks = Segmentation(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    early = replace(
        ct_series(sinuses=(), lund_mackay=None, endotype=None), status=SeriesStatus.VIEWED_ONLY, segmentation=masks
    )
    panel.set_series_reading(early)
    ask = find(panel, QPushButton, "read_sinuses")
    assert not ask.isVisibleTo(panel)


def test_a_density_without_room_goes_as_a_whole_and_stands_in_the_rows_tip(panel: SinusPanel) -> None:
    """Of "−822" a narrow table showed "−82"."""
    panel.set_series_reading(ct_series(0.5))
    for width in (700, 420, 300, 420, 700):
        panel.resize(width, 760)
        table, header = panel.table, panel.table.horizontalHeader()
        if not table.isColumnHidden(3):
            right = header.sectionViewportPosition(3) + header.sectionSize(3)
            assert right <= table.viewport().width() + 1, width
    assert not panel.table.isColumnHidden(3), "there is room again"
    item = panel.table.item(0, 0)
    assert item is not None
    assert "mean −230 HU" in item.toolTip()


def test_without_sides_it_says_why_there_is_no_total(panel: SinusPanel) -> None:
    image = {Side.RIGHT: ImageSide.IMAGE_LEFT, Side.LEFT: ImageSide.IMAGE_RIGHT}
    series = ct_series()
    sides = tuple(replace(m, side=image[m.side]) for m in series.sinuses if isinstance(m.side, Side))
    panel.set_series_reading(replace(series, sinuses=sides, lund_mackay=None))
    assert "left and right of the patient are not known" in text(panel, "lund_mackay_total")


def test_where_every_volume_is_withheld_each_sinus_says_why_and_the_masks_keep_their_origin(panel: SinusPanel) -> None:
    ct = ct_series()
    why = "withheld, because the slices do not form an even volume"
    sinuses = tuple(
        replace(s, volume_ml=None, opacified_fraction=None, mean_hu=None, lund_mackay=None, reason=why)
        for s in ct.sinuses
    )
    faults = (ImageWarning("uneven_spacing", "The distance between slices varies."),)
    panel.set_series_reading(
        replace(ct, sinuses=sinuses, lund_mackay=LundMackay(None, None, None, None), warnings=faults)
    )
    assert text(panel, "incomplete_text").startswith(
        f"W{why[1:]}: right maxillary, left maxillary, right anterior ethmoid"
    )
    assert text(panel, "incomplete_text").count("withheld") == 0, "once for all, and not sinus by sinus"
    assert find(panel, QPushButton, "accept_geometry").isVisible()
    assert find(panel, QSlider, "mask_opacity").isVisible()
    assert "simulated" in text(panel, "sinus_trained_on")
    assert find(panel, QLabel, "sinus_trained_on").isVisible()
    assert "Nothing was measured" not in shown_text(panel)


def test_no_change_has_no_sign(panel: SinusPanel) -> None:
    now, prior = ct_series(0.5), ct_series(0.503)
    panel.set_series_reading(now, prior, "20250302")
    assert cell(panel, 0, 5) == "0"


def level_on(side: Side, *, verified: bool = True) -> SeriesReading:
    series = ct_series()
    image = {Side.RIGHT: ImageSide.IMAGE_LEFT, Side.LEFT: ImageSide.IMAGE_RIGHT}
    sinuses = tuple(
        replace(
            m,
            side=m.side if verified or not isinstance(m.side, Side) else image[m.side],
            air_fluid_level=m.side is side if m.sinus is Sinus.MAXILLARY else None,
        )
        for m in series.sinuses
    )
    return replace(series, sinuses=sinuses, lund_mackay=series.lund_mackay if verified else None)


@pytest.mark.parametrize(("side", "row"), [(Side.RIGHT, 0), (Side.LEFT, 1)])
def test_an_air_fluid_level_is_marked_in_its_row_and_the_mark_says_what_it_is(
    panel: SinusPanel, side: Side, row: int
) -> None:
    panel.set_series_reading(level_on(side))
    marked = [number for number in range(10) if "AFL" in cell(panel, number, 0)]
    assert marked == [row]
    tip = panel.table.item(row, 0).toolTip()
    assert "proposed from the masks" in tip
    assert "lying on the back or face" in tip
    assert "AFL" not in panel.table.item(1 - row, 0).toolTip()
    assert text(panel, "air_fluid_text") == f"Air-fluid level: {side.value} maxillary sinus (proposed)."
    panel.set_series_reading(ct_series())
    assert not find(panel, QLabel, "air_fluid_text").isVisibleTo(panel)


def test_a_level_of_unproved_sides_is_named_by_the_images_side(panel: SinusPanel) -> None:
    panel.set_series_reading(level_on(Side.LEFT, verified=False))
    assert text(panel, "air_fluid_text") == "Air-fluid level: image-right maxillary sinus (proposed)."
    assert [number for number in range(10) if "AFL" in cell(panel, number, 0)] == [1]


def test_a_level_of_the_prior_stands_in_the_rows_tip(panel: SinusPanel) -> None:
    panel.set_series_reading(ct_series(), level_on(Side.LEFT), "20250302")
    right, left = (panel.table.item(row, 0).toolTip().partition("In the prior")[2] for row in (0, 1))
    assert "air-fluid level" in left
    assert "air-fluid level" not in right


def test_the_mark_of_a_level_makes_the_table_no_wider_than_its_longest_name(panel: SinusPanel, qtbot: QtBot) -> None:
    widths = []
    for series in (ct_series(), level_on(Side.RIGHT)):
        panel.set_series_reading(series)
        widths.append(panel.table.sizeHintForColumn(0))
    assert widths[1] <= widths[0] + panel.table.fontMetrics().averageCharWidth()

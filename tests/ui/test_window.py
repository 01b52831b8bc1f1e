"""The window over a session: two-way tests, states, closing."""

import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from window_parts import film, study, volume, waters_reading

from sinusviewer import app
from sinusviewer.actions.table import ACTIONS, MENUS, conflicts, shortcuts
from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.display import LayoutKind, Plane, Tool
from sinusviewer.domain.finding import FindingStatus, Segmentation
from sinusviewer.domain.image import BONE, SOFT_TISSUE, Identity, OrientationEvidence, Window
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.session import ImageMarks
from sinusviewer.ui.pictures import picture, without_identity
from sinusviewer.ui.theme import apply_theme
from sinusviewer.ui.view_geometry import to_screen
from sinusviewer.ui.view_painter import identity_lines, shown_detections

pytestmark = pytest.mark.gui


def port_of(program, view="A"):
    return program.window.view_area.viewports[view]


def drag(qtbot, port, start, end):
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(port, (start + end) / 2)
    qtbot.mouseMove(port, end)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)


def at(port, x, y):
    sx, sy = to_screen(port.matrix(), (x, y))
    return QPoint(round(sx), round(sy))


# -- hanging ----------------------------------------------------------------------------------------------------------


def test_a_waters_view_hangs_as_one_large_view(program_with):
    program = program_with((film(),))
    assert program.session.shown_views == ("A",)
    assert port_of(program).content.pixels.shape == (120, 100)


def test_a_stored_mirrored_film_is_turned_and_says_so(program_with):
    program = program_with((film(right_is_left=False),))
    assert program.session.views["A"].flipped
    assert any("mirrored" in note for note in port_of(program).content.notes)


def test_a_sinus_ct_hangs_with_bone_soft_tissue_and_planes(program_with):
    program = program_with(volume())
    states = [program.session.views[v] for v in program.session.shown_views]
    assert [s.plane for s in states] == [Plane.CORONAL, Plane.CORONAL, Plane.AXIAL, Plane.SAGITTAL]
    assert [s.window for s in states] == [BONE, SOFT_TISSUE, BONE, BONE]


def test_planes_follow_the_crosshair_and_scrolling(program_with):
    program = program_with(volume())
    session = program.session
    session.go_to_point("A", (5.0, 10.0, 6.0))
    assert [session.views[v].slice_index for v in "ABCD"] == [20, 20, 6, 10]
    session.go_to_slice("A", 25)
    assert session.views["B"].slice_index == 25
    assert port_of(program, "C").content.cursor[1] == pytest.approx(25)
    session.set_display(linked=False)
    session.go_to_slice("A", 3)
    assert session.views["B"].slice_index == 25


def test_a_second_study_of_the_patient_opens_beside_and_scrolls_along(program_with):
    program = program_with(volume())
    session = program.session
    prior = volume(uid="study-0")
    session.add_studies((study(prior, "prior", "study-0", date="20200101"),))
    session.set_image("prior", prior)
    program.window.compare_study()
    assert (session.views["A"].series_key, session.views["B"].series_key) == ("series-1", "prior")
    assert session.display.layout is LayoutKind.TWO


def test_a_study_of_another_patient_is_never_put_beside(program_with):
    program = program_with(volume())
    other = volume(uid="study-9")
    program.session.add_studies((study(other, "other", "study-9", patient="P2"),))
    program.actions.opening.compare_study("study-9")
    assert all(s.series_key != "other" for s in program.session.views.values())


# -- two-way ----------------------------------------------------------------------------------------------------------


def test_changing_the_window_in_the_session_changes_the_view(program_with):
    program = program_with(volume())
    program.session.set_view("A", window=SOFT_TISSUE)
    assert port_of(program).content.window == SOFT_TISSUE


def test_dragging_asks_for_another_window(program_with, qtbot):
    program = program_with((film(),))
    program.session.set_display(tool=Tool.WINDOW)
    before = port_of(program).content.window
    drag(qtbot, port_of(program), QPoint(200, 200), QPoint(300, 260))
    after = program.session.views["A"].window
    assert after.width > before.width
    assert after.center > before.center


def test_a_window_dragged_on_one_plane_is_taken_by_its_twins(program_with):
    program = program_with(volume())
    program.window.view_area.change_state("A", {"window": SOFT_TISSUE})
    assert program.session.views["C"].window == SOFT_TISSUE
    assert program.session.views["B"].window == SOFT_TISSUE


def test_nothing_open_shows_no_slice_strip(qtbot):
    program = app.Program()
    program.window.show()
    assert program.window.navigator.isHidden()
    assert program.close()
    program.window.deleteLater()


def test_the_wheel_asks_for_slices_and_the_navigator_follows(program_with, qtbot):
    program = program_with(volume())
    before = program.session.views["A"].slice_index
    port_of(program).slices_requested.emit(3)
    assert program.session.views["A"].slice_index == before + 3
    assert program.window.navigator.content.current == before + 3
    program.window.navigator.slice_requested.emit(5)
    assert program.session.views["A"].slice_index == 5


def test_each_tool_key_takes_up_its_tool(program_with, qtbot):
    program = program_with((film(),))
    assert not program.window.verbs["tool_brush"].isEnabled()  # a film has no masks to paint
    for tool in set(Tool) - {Tool.BRUSH}:
        program.window.verbs[f"tool_{tool.value}"].trigger()
        assert program.session.display.tool is tool
        assert program.window.verbs[f"tool_{tool.value}"].isChecked()


def test_every_verb_of_the_table_can_be_triggered(program_with, monkeypatch):
    program = program_with(volume())
    dialogs = {"open_files", "open_folder", "open_sample", "export_picture", "quit", "close_study", "full_screen", "shortcuts",
               "messages", "about", "export_key_images", "theme", "cancel", "next_study", "previous_study"}  # fmt: skip
    for action in ACTIONS:
        if action.id not in dialogs:
            program.window.verbs[action.id].trigger()
    assert program.session.study_uid == "study-1"


# -- AI ---------------------------------------------------------------------------------------------------------------


def test_holding_h_hides_everything_of_the_networks(program_with, qtbot):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")
    port = port_of(program)
    with qtbot.waitActive(program.window):
        program.window.activateWindow()
    qtbot.wait(150)  # the panels beside find their width
    shown = port.grab().toImage()
    assert port.content.shows_ai
    qtbot.keyPress(port, Qt.Key.Key_H)
    assert not port.content.shows_ai
    assert port.grab().toImage() != shown
    qtbot.keyRelease(port, Qt.Key.Key_H)
    assert port.grab().toImage() == shown


def test_keys_of_the_pictures_leave_lists_and_fields_alone(program_with, qtbot):
    program = program_with(volume())
    with qtbot.waitActive(program.window):
        program.window.activateWindow()
    before = program.session.views["A"].slice_index
    tree = program.window.studies_panel.findChild(QWidget, "study_tree")
    tree.setFocus()
    qtbot.keyClick(tree, Qt.Key.Key_Down)
    assert program.session.views["A"].slice_index == before
    port_of(program).setFocus()
    qtbot.keyClick(port_of(program), Qt.Key.Key_Down)
    assert program.session.views["A"].slice_index == before + 1
    search = program.window.studies_panel.findChild(QWidget, "study_search")
    search.setFocus()
    qtbot.keyClick(search, Qt.Key.Key_I)
    assert not program.session.views["A"].inverted


def test_masks_are_drawn_on_every_plane_and_vanish_with_t(program_with, qtbot):
    program = program_with(volume())
    labels = np.zeros((20, 40, 30), np.uint8)
    labels[5:15, 10:30, 5:25] = 1
    segmentation = Segmentation(labels, program.session.images["series-1"].affine)
    program.session.set_reading(
        SeriesReading("series-1", "CT", SeriesStatus.READ, segmentation=segmentation), "series-1"
    )
    program.session.go_to_point("A", (7.0, 10.0, 10.0))
    qtbot.wait(150)  # the panels beside find their width
    with_masks = {v: port_of(program, v).grab().toImage() for v in "ABCD"}
    program.window.verbs["masks"].trigger()
    for view in "ABCD":
        without = port_of(program, view).grab().toImage()
        assert without.size() == with_masks[view].size()
        assert without != with_masks[view]


def test_the_threshold_hides_boxes_without_a_new_reading(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")
    assert len(shown_detections(port_of(program).content)) == 1
    program.session.move_threshold("A", 0.9)
    assert shown_detections(port_of(program).content) == ()


def test_the_other_theme_and_back_leaves_no_trace_of_it(program_with, qtbot):
    program = program_with((film(),))
    application = QApplication.instance()
    before = application.styleSheet()
    apply_theme(application, "dark", 100)
    try:
        program.session.say("Something to read.")
        qtbot.wait(150)
        shown, sheets = [], []
        for _ in range(5):  # the first change also settles what was laid out before
            program.window.toggle_theme()
            qtbot.wait(50)
            shown.append(program.window.grab().toImage())
            sheets.append(application.styleSheet())
        assert sheets[1] == sheets[3] != sheets[2] == sheets[4]
        assert shown[1] == shown[3]
        assert shown[2] == shown[4]
        assert shown[1] != shown[2]
    finally:
        application.setStyleSheet(before)


@pytest.mark.parametrize("monochrome1", [False, True])
def test_a_dazzling_border_is_covered_on_screen_until_the_reader_wants_it_back(program_with, monochrome1):
    image = film(rows=160, columns=160)
    y, x = np.mgrid[:160, :160]
    pixels = (200 + 3 * np.minimum(x, 159 - x) + y).astype(np.uint16)
    pixels[:30] = 0 if monochrome1 else 4000
    program = program_with((replace(image, pixels=pixels, inverted=monochrome1, windows=(Window(2000, 4000),)),))
    port = port_of(program)

    def light_in_border() -> int:
        at_ = port.matrix() @ np.array([80, 20, 1])
        return port.grab().toImage().pixelColor(round(at_[0]), round(at_[1])).red()

    assert light_in_border() < 10
    assert (program.session.images["series-1"][0].pixels == pixels).all()
    program.window.verbs["shutter"].trigger()
    assert light_in_border() > 240
    program.window.verbs["shutter"].trigger()
    program.window.verbs["invert"].trigger()
    assert not port.content.borders, "what is dark already needs no cover"


@pytest.mark.parametrize("right_is_left", [True, False])
def test_a_box_is_drawn_at_its_place_however_the_film_is_hung(program_with, right_is_left):
    program = program_with((film(right_is_left=right_is_left),))
    program.session.set_reading(waters_reading(boxes=((20, 60, 45, 90),)), "series-1")
    port = port_of(program)
    box = port.matrix() @ np.array([[20, 45], [60, 90], [1, 1]])
    picture_ = port.grab().toImage()
    on_left = box[0].mean() < port.width() / 2
    assert on_left == right_is_left, "a mirrored film is turned, and its boxes with it"
    column, row = round(box[0].min()), round(box[1].mean())
    reds = [picture_.pixelColor(column + d, row + e).red() for d in range(-2, 3) for e in range(-8, 9)]
    assert max(reds) > 200


def test_a_drawn_box_gets_the_patients_side(program_with, qtbot):
    for right_is_left, side in ((True, Side.RIGHT), (False, Side.LEFT), (None, ImageSide.IMAGE_LEFT)):
        program = program_with((film(right_is_left=right_is_left),))
        program.session.set_display(tool=Tool.BOX)
        port = port_of(program)
        drag(qtbot, port, at(port, 10, 20), at(port, 40, 60))
        (box,) = program.session.marks["series-1/film-1"].detections
        assert box.side is side
        assert box.xyxy == pytest.approx((10, 20, 40, 60), abs=0.6)
        program.session.undo()


def test_moving_an_ai_box_keeps_the_original_and_can_be_undone(program_with, qtbot):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(boxes=((20, 60, 45, 90),)), "series-1")
    port = port_of(program)
    drag(qtbot, port, at(port, 32, 75), at(port, 42, 80))
    (box,) = program.session.marks["series-1/film-1"].detections
    assert box.status is FindingStatus.EDITED
    assert box.original_xyxy == (20, 60, 45, 90)
    assert box.xyxy == pytest.approx((30, 65, 55, 95), abs=1)
    program.window.undo()
    assert program.session.marks["series-1/film-1"].detections[0].xyxy == (20, 60, 45, 90)
    program.window.redo()
    assert program.session.marks["series-1/film-1"].detections[0].status is FindingStatus.EDITED


def test_undo_reaches_across_slices(program_with, qtbot):
    program = program_with(volume())
    session = program.session
    session.set_display(tool=Tool.LENGTH)
    port = port_of(program)
    for index in (3, 9):
        session.go_to_slice("A", index)
        drag(qtbot, port, QPoint(150, 120), QPoint(220, 160))
    assert [m.slice_index for m in session.marks["series-1"].measurements] == [3, 9]
    program.window.undo()
    program.window.undo()
    assert session.marks["series-1"].measurements == ()
    program.window.redo()
    assert [m.slice_index for m in session.marks["series-1"].measurements] == [3]


def test_accepting_and_rejecting_by_key_marks_the_finding(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")
    program.window.verbs["next_finding"].trigger()
    program.window.verbs["accept_finding"].trigger()
    assert program.session.marks["series-1/film-1"].detections[0].status is FindingStatus.ACCEPTED
    program.window.verbs["reject_finding"].trigger()
    assert program.session.marks["series-1/film-1"].detections[0].status is FindingStatus.REJECTED


# -- sides ------------------------------------------------------------------------------------------------------------


def test_an_unverified_film_shows_the_amber_bar_until_a_person_confirms(program_with, qtbot):
    program = program_with((film(right_is_left=None),))
    bar = program.window.notice_bar
    assert bar.isVisible()
    qtbot.mouseClick(bar.findChild(QPushButton, "confirm_right_is_right"), Qt.MouseButton.LeftButton)
    (confirmed,) = program.session.images["series-1"]
    assert confirmed.patient_right_is_image_left is False
    assert confirmed.orientation_evidence is OrientationEvidence.CONFIRMED
    assert program.session.views["A"].flipped
    assert not bar.isVisible()


def test_a_confirmed_side_and_a_drawn_box_come_back_after_a_restart(program_with, qtbot):
    first = program_with((film(right_is_left=None),))
    first.actions.reading.confirm_side("A", patient_right_is_image_left=False)
    first.session.set_display(tool=Tool.BOX)
    port = port_of(first)
    drag(qtbot, port, at(port, 60, 20), at(port, 80, 60))
    first.session.set_clinical("study-1", first.session.clinical.get("study-1") or _clinical(age=44))
    first.actions.marks.toggle_key_image("A")
    second = program_with((film(right_is_left=None),))
    assert second.session.images["series-1"][0].patient_right_is_image_left is False
    assert len(second.session.marks["series-1/film-1"].detections) == 1
    assert second.session.clinical["study-1"].age == 44
    assert len(second.session.key_images) == 1


def _clinical(**values):
    from sinusviewer.domain.clinical import ClinicalData

    return ClinicalData(**values)


# -- pictures and identity ---------------------------------------------------------------------------------------------


def test_identity_stands_in_every_view_and_in_no_exported_picture(program_with):
    program = program_with(volume())
    for view in program.session.shown_views:
        content = port_of(program, view).content
        assert any("Muster" in line for line in identity_lines(content))
        bare = without_identity(content)
        assert bare.identity == Identity(patient_name="No identity", modality="CT")
        assert not picture(content, port_of(program).size()).isNull()


def test_key_images_are_listed_and_saved_as_png_without_text(program_with, tmp_path):
    from sinusviewer.ui.pictures import write_key_images

    program = program_with(volume())
    program.window.verbs["key_image"].trigger()
    assert port_of(program).content.is_key_image
    assert write_key_images(program.session, tmp_path) == 1
    (path,) = tmp_path.iterdir()
    saved = path.read_bytes()
    assert saved.startswith(b"\x89PNG")
    assert b"tEXt" not in saved
    assert b"Muster" not in saved


# -- states and closing ------------------------------------------------------------------------------------------------


def test_nothing_open_offers_what_can_be_done(qtbot, program_with):
    program = program_with((film(),))
    program.actions.opening.close_study()
    assert program.window.start_page.isVisible()
    assert program.window.start_page.findChild(QPushButton, "start_folder").isVisible()


def test_closing_while_a_job_runs_cancels_it(program_with, qtbot):
    program = program_with((film(),), seconds=30)
    program.window.read()
    qtbot.waitUntil(lambda: any(j.stage == "Reading" for j in program.session.jobs.values()))
    start = time.monotonic()
    assert program.close()
    assert time.monotonic() - start < 1.5


def test_escape_cancels_reading_within_half_a_second(program_with, qtbot):
    program = program_with((film(),), seconds=30)
    program.window.read()
    qtbot.waitUntil(lambda: any(j.stage == "Reading" for j in program.session.jobs.values()))
    start = time.monotonic()
    program.window.verbs["cancel"].trigger()
    qtbot.waitUntil(lambda: not program.session.jobs)
    assert time.monotonic() - start < 0.5
    assert "Cancelled" in program.session.messages[-1].text


def test_a_late_reading_is_never_drawn_on_another_image(program_with):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(key="other"), "other")
    assert port_of(program).content.reading is None


def test_a_failure_shows_a_sentence_and_its_details_can_be_copied(program_with):
    from sinusviewer.jobs.events import JobFailed

    program = program_with((film(),))
    program.actions.desk.handle(JobFailed("io-99", "The file is damaged.", "Copy it again.", "Traceback ..."))
    assert program.session.messages[-1].level == "error"
    assert "damaged" in program.window.job_bar.findChild(QWidget, "message_line").text()


def test_the_window_fits_a_small_screen_at_double_size(program_with):
    from sinusviewer.ui.theme import apply_theme

    program = program_with(volume())
    application = QApplication.instance()
    try:
        apply_theme(application, "dark", 200)
        application.processEvents()
        assert program.window.minimumSizeHint().width() <= 1366
        assert program.window.minimumSizeHint().height() <= 768
    finally:
        apply_theme(application, "dark", 100)


def test_window_and_panels_open_where_they_were_left(program_with):
    first = program_with((film(),))
    first.window.toggle_left()
    first.window.resize(1000, 640)
    first.close()
    second = program_with((film(),))
    assert second.window.studies_panel.isHidden()


def test_no_widget_survives_its_window(qtbot):
    import shiboken6
    from window_parts import open_window

    before = set(QApplication.allWidgets())
    program = open_window((film(),), qtbot)  # one view: the others are spare
    assert program.close()
    program.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shiboken6.isValid(program.window)
    assert set(QApplication.allWidgets()) <= before


def test_void_calls_of_qt_lose_no_reference_to_none(program_with):
    program = program_with((film(),))
    port = port_of(program)
    port.update()
    before = sys.getrefcount(None)
    for _ in range(1000):
        port.update()
        port.setToolTip("")
    assert sys.getrefcount(None) > before - 500


# -- keys --------------------------------------------------------------------------------------------------------------


def test_every_action_has_menu_tooltip_and_no_key_is_given_twice():
    assert all(a.menu in MENUS and a.tooltip and a.text for a in ACTIONS)
    assert conflicts(shortcuts({})) == {}


def test_a_changed_key_works_and_is_remembered(program_with, qtbot):
    program = program_with((film(),))
    program.window.set_shortcuts({"invert": "Ctrl+I"})
    assert program.window.verbs["invert"].shortcut().toString() == "Ctrl+I"
    assert program_with((film(),)).window.verbs["invert"].shortcut().toString() == "Ctrl+I"


def test_two_actions_with_one_key_are_pointed_out():
    assert conflicts(shortcuts({"invert": "W"})) == {"w": ("invert", "tool_window")}


def test_marks_of_another_image_are_not_shown(program_with):
    program = program_with((film(),))
    program.session.edit("x", "elsewhere", ImageMarks(waters_reading().waters.boxes))
    assert port_of(program).content.marks == ImageMarks()


def test_the_probe_says_value_and_place(program_with):
    program = program_with(volume())
    texts = []
    port = port_of(program)
    port.hovered.connect(texts.append)
    port._say_where(QPointF(port.width() / 2, port.height() / 2))
    assert "HU" in texts[-1]
    assert "mm" in texts[-1]

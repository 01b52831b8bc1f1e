"""Painting sinus masks in the window: strokes on every plane, one undo stack, numbers that follow, the AI's original kept."""

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QSlider
from window_parts import MODEL, open_window, volume

from sinusviewer.actions.shelf import put_away, take_back
from sinusviewer.analysis import sinus_measurement
from sinusviewer.analysis.mask_follow import editable, follow
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.display import Plane, Tool
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.mask_edit import BrushMode, HuRange, patch_between
from sinusviewer.domain.reading import SeriesReading, SeriesStatus

pytestmark = pytest.mark.gui
SHAPE = (24, 48, 40)
MAXILLARY = int(Structure.RIGHT_MAXILLARY)


def head():
    """Soft tissue with air in a block that the network has found half of."""
    made = volume(SHAPE)
    voxels = np.full(SHAPE, 40, np.int16)
    voxels[6:18, 10:30, 6:18] = -900
    return replace(made, voxels=voxels)


def read(image) -> SeriesReading:
    labels = np.zeros(SHAPE, np.uint8)
    labels[6:18, 10:20, 6:18] = MAXILLARY
    opacified = sinus_measurement.opacified_voxels(image.voxels, labels, image.spacing)
    segmentation = Segmentation(labels, image.affine, opacified, opacified_by_rule=True)
    sinuses = sinus_measurement.measure_sinuses(image, segmentation)
    complexes = sinus_measurement.propose_ostiomeatal(image, segmentation, sinuses)
    totals = sinus_measurement.lund_mackay_total(sinuses, complexes)
    return SeriesReading(
        "series-1", "CT", SeriesStatus.READ, sinuses=sinuses, lund_mackay=totals, segmentation=segmentation,
        segmentation_model=MODEL,
    )  # fmt: skip


class Painter:
    """A window over a CT that was read, and a hand that paints."""

    def __init__(self, program, qtbot) -> None:
        self.program, self.qtbot, self.session = program, qtbot, program.session
        self.image = self.session.images["series-1"]
        self.reading = read(self.image)
        self.original = self.reading.segmentation.labels.copy()
        self.session.set_reading(self.reading)
        self.settle()

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: not self.session.jobs, timeout=20000)

    def brush(self, **changes) -> None:
        self.session.set_display(tool=Tool.BRUSH, brush=replace(self.session.display.brush, **changes))
        self.settle()

    def labels(self):
        return self.session.readings["series-1"].segmentation.labels

    def right_maxillary(self):
        sinuses = self.session.readings["series-1"].sinuses
        return next(s for s in sinuses if s.sinus is Sinus.MAXILLARY and s.side is Side.RIGHT)

    def stroke(self, plane, index, start, end, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """From pixel to pixel (column, row) of a slice, with the mouse."""
        session = self.session
        session.set_view("A", plane=plane, slice_index=index)
        port = self.program.window.view_area.viewports["A"]

        def at(point):
            x, y, _ = port.matrix() @ np.array([point[0] + 0.5, point[1] + 0.5, 1.0])
            return QPointF(float(x), float(y)).toPoint()

        self.qtbot.mousePress(port, Qt.MouseButton.LeftButton, modifiers, at(start))
        self.qtbot.mouseMove(port, at(end))
        self.qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, modifiers, at(end))


@pytest.fixture
def painter(program_with, qtbot):
    return Painter(program_with(head()), qtbot)


def test_a_stroke_paints_its_slice_at_once_and_the_numbers_follow(painter):
    before = painter.right_maxillary()
    painter.brush(radius_mm=1.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    assert painter.labels()[12, 24, 10] == MAXILLARY
    assert not painter.labels()[11, 24, 10]
    painter.settle()
    after = painter.right_maxillary()
    assert after.volume_ml > before.volume_ml
    assert after.edited_by_reader
    assert not before.edited_by_reader
    label = painter.program.window.findChild(QLabel, "lund_mackay_total")
    assert "edited by the reader" in label.text()


def test_the_numbers_after_strokes_are_those_of_a_whole_new_measurement(painter):
    painter.brush(radius_mm=2.0, ball=True)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 26))
    painter.brush(mode=BrushMode.ERASE)
    painter.stroke(Plane.CORONAL, 30, (8, 12), (9, 12))
    painter.settle()
    reading = painter.session.readings["series-1"]
    labels = reading.segmentation.labels
    rule = sinus_measurement.opacified_voxels(painter.image.voxels, labels, painter.image.spacing)
    assert np.array_equal(reading.segmentation.opacified, rule)
    fresh = sinus_measurement.measure_sinuses(painter.image, Segmentation(labels, painter.image.affine, rule))
    assert [replace(s, edited_by_reader=False) for s in reading.sinuses] == list(fresh)


@pytest.mark.parametrize(
    ("plane", "index", "place"),
    [(Plane.AXIAL, 12, (12, 30, 20)), (Plane.CORONAL, 30, (11, 30, 20)), (Plane.SAGITTAL, 20, (11, 30, 20))],
)
def test_painting_works_on_every_plane(painter, plane, index, place):
    painter.brush(radius_mm=0.5)
    stack = painter.session.stack("series-1", plane)
    z, y, x = place
    point = (painter.image.affine @ np.array([x, y, z, 1.0]))[:3]
    column, row, at = stack.index_of(point)
    painter.stroke(plane, round(at), (column, row), (column, row))
    assert painter.labels()[place] == MAXILLARY
    assert round(at) == index


def test_a_ball_reaches_neighbouring_slices_by_millimetres(painter):
    painter.brush(radius_mm=2.25, ball=True)
    painter.stroke(Plane.AXIAL, 12, (30, 30), (30, 30))
    painted = painter.labels() != painter.original
    assert sorted(set(np.nonzero(painted)[0].tolist())) == [10, 11, 12, 13, 14]  # slices of 1 mm
    assert painted[12].sum() == pytest.approx(np.pi * 4.5**2, rel=0.15)  # pixels of 0.5 mm


def test_shift_erases_and_ctrl_click_takes_up_what_is_under_the_mouse(painter):
    painter.brush(radius_mm=1.0, structure=Structure.LEFT_FRONTAL)
    painter.stroke(Plane.AXIAL, 12, (10, 15), (10, 15), Qt.KeyboardModifier.ControlModifier)
    assert painter.session.display.brush.structure is Structure.RIGHT_MAXILLARY
    painter.stroke(Plane.AXIAL, 12, (10, 15), (12, 15), Qt.KeyboardModifier.ShiftModifier)
    assert not painter.labels()[12, 15, 11]
    assert painter.session.undo_label == "Erase right maxillary"


def test_air_only_leaves_tissue_and_fill_stops_at_it(painter):
    painter.brush(radius_mm=4.0, hu=HuRange.AIR)
    painter.stroke(Plane.AXIAL, 12, (17, 28), (17, 28))
    added = (painter.labels() == MAXILLARY) & (painter.original == 0)
    assert added.any()
    assert (painter.image.voxels[added] < -400).all()
    painter.brush(mode=BrushMode.FILL)
    painter.stroke(Plane.AXIAL, 9, (10, 25), (10, 25))
    assert (painter.labels()[9, 10:30, 6:18] == MAXILLARY).all()
    assert (painter.labels()[9] == MAXILLARY).sum() == 20 * 12


def test_undo_and_redo_share_one_stack_with_everything_else(painter):
    session = painter.session
    painter.brush(radius_mm=1.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painted = painter.labels().copy()
    session.edit("Something else", "series-1", replace(session.marks["series-1"], measurements=()))
    painter.program.window.undo()
    painter.settle()
    assert np.array_equal(painter.labels(), painter.original)
    assert not painter.right_maxillary().edited_by_reader
    painter.program.window.redo()
    painter.settle()
    assert np.array_equal(painter.labels(), painted)


def test_the_ais_original_is_kept_and_can_be_brought_back(painter):
    painter.brush(radius_mm=2.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painter.stroke(Plane.AXIAL, 13, (8, 24), (15, 24))
    segmentation = painter.session.readings["series-1"].segmentation
    assert np.array_equal(segmentation.original.labels, painter.original)
    painter.program.window.findChild(QPushButton, "restore_masks").click()
    painter.settle()
    assert np.array_equal(painter.labels(), painter.original)
    painter.program.window.undo()
    assert not np.array_equal(painter.labels(), painter.original)


def test_growing_shrinking_and_clearing_change_only_the_slice_on_screen(painter):
    painter.brush()
    painter.session.set_view("A", plane=Plane.AXIAL, slice_index=12)
    painter.program.window.verbs["brush_grow"].trigger()
    grown = painter.labels() != painter.original
    assert grown[12].sum() == 2 * (10 + 12)
    assert grown.sum() == grown[12].sum()
    painter.program.window.verbs["brush_shrink"].trigger()
    assert (painter.labels()[12] == painter.original[12]).all()
    painter.program.window.findChild(QPushButton, "clear_slice").click()
    assert not painter.labels()[12].any()
    assert painter.labels()[11].any()


def test_a_stroke_that_is_cancelled_leaves_nothing(painter):
    painter.brush(radius_mm=2.0)
    port = painter.program.window.view_area.viewports["A"]
    painter.session.set_view("A", plane=Plane.AXIAL, slice_index=12)
    painter.qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=port.rect().center())
    assert not np.array_equal(painter.labels(), painter.original)
    painter.program.window.cancel()
    painter.qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=port.rect().center())
    assert np.array_equal(painter.labels(), painter.original)
    assert not painter.session.undo_label


def test_keys_and_slider_change_the_radius(painter):
    window = painter.program.window
    painter.brush(radius_mm=3.0)
    window.verbs["brush_larger"].trigger()
    assert painter.session.display.brush.radius_mm == 4.0
    window.verbs["brush_smaller"].trigger()
    assert painter.session.display.brush.radius_mm == 3.0
    window.findChild(QSlider, "brush_radius").setValue(11)
    assert painter.session.display.brush.radius_mm == 5.5


def test_masks_are_drawn_by_hand_where_no_network_has_been(program_with, qtbot):
    program = program_with(head())
    session = program.session
    session.set_display(tool=Tool.BRUSH, brush=replace(session.display.brush, ball=True, radius_mm=5.0))
    qtbot.waitUntil(lambda: not session.jobs)
    session.set_view("A", plane=Plane.AXIAL, slice_index=12)
    port = program.window.view_area.viewports["A"]
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=port.rect().center())
    qtbot.waitUntil(lambda: not session.jobs)
    reading = session.readings["series-1"]
    assert reading.segmentation_model is None
    assert [s.sinus for s in reading.sinuses if s.volume_ml] == [Sinus.MAXILLARY]


def test_a_new_reading_gets_the_readers_changes_put_on(painter):
    painter.brush(radius_mm=1.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painter.settle()
    edited = painter.labels().copy()
    painter.session.set_reading(read(painter.image))
    painter.settle()
    assert np.array_equal(painter.labels(), edited)
    assert painter.right_maxillary().edited_by_reader


def test_strokes_during_a_measurement_are_measured_after_it(painter):
    painter.brush(radius_mm=1.0)
    for index in range(7, 17):
        painter.stroke(Plane.AXIAL, index, (8, 24), (15, 24))
    painter.settle()
    count = int((painter.labels() == MAXILLARY).sum())
    assert painter.right_maxillary().volume_ml == pytest.approx(count * painter.image.voxel_ml, abs=1e-3)


def test_changes_come_back_after_the_program_was_closed_in_any_way(painter, qtbot):
    painter.brush(radius_mm=1.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painter.stroke(Plane.AXIAL, 13, (8, 24), (15, 24))
    painter.program.window.undo()
    painter.settle()
    edited = painter.labels().copy()
    again = open_window(painter.image, qtbot)  # the first one still stands: nothing was saved on closing
    again.session.set_reading(read(painter.image))
    qtbot.waitUntil(lambda: not again.session.jobs)
    assert len(again.session.marks["series-1"].mask_patches) == 1
    segmentation = again.session.readings["series-1"].segmentation
    assert np.array_equal(segmentation.labels, edited)
    assert np.array_equal(segmentation.original.labels, painter.original)
    assert again.index.search("", 5)[0].badge == "edited"
    assert again.close()
    again.window.deleteLater()


def test_masks_drawn_by_hand_come_back_without_a_network(program_with, qtbot):
    program = program_with(head())
    session = program.session
    session.set_display(tool=Tool.BRUSH, brush=replace(session.display.brush, ball=True, radius_mm=5.0))
    qtbot.waitUntil(lambda: not session.jobs)
    port = program.window.view_area.viewports["A"]
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=port.rect().center())
    qtbot.waitUntil(lambda: not session.jobs)
    again = program_with(head())
    qtbot.waitUntil(lambda: not again.session.jobs)
    assert np.array_equal(
        again.session.readings["series-1"].segmentation.labels, session.readings["series-1"].segmentation.labels
    )


def test_masks_put_away_with_their_study_keep_the_ais_original(painter):
    painter.brush(radius_mm=1.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painter.settle()
    edited = painter.labels().copy()
    back = take_back(put_away(painter.session.readings["series-1"]))
    assert np.array_equal(back.segmentation.labels, painter.original)
    painter.session.set_reading(back)
    painter.settle()
    assert np.array_equal(painter.labels(), edited)
    assert np.array_equal(painter.session.readings["series-1"].segmentation.original.labels, painter.original)


def test_masks_back_before_their_ct_still_get_the_readers_changes(painter):
    """Else the network's masks would stand under the numbers of the edited ones."""
    painter.brush(radius_mm=2.0)
    painter.stroke(Plane.AXIAL, 12, (8, 24), (15, 24))
    painter.settle()
    session, edited = painter.session, painter.labels().copy()
    whole = session.readings["series-1"]
    image = session.images.pop("series-1")  # put away with its study, opened again
    session.set_reading(take_back(put_away(whole)))
    painter.settle()
    session.set_image("series-1", image)
    painter.settle()
    np.testing.assert_array_equal(painter.labels(), edited)


def test_the_3d_view_waits_for_the_whole_ct(painter):
    """Of a CT under way, one slice is here: its surface is a sliver."""
    session, panel = painter.session, painter.program.wiring.sinuses
    image = session.images["series-1"]
    session.set_image("series-1", replace(image, voxels=image.voxels[:1]))
    panel._surface_fold.open()
    painter.settle()
    assert not panel.surface.has_cloud
    session.set_image("series-1", image)
    painter.settle()
    assert panel.surface.has_cloud


def test_a_stroke_on_a_large_ct_follows_quickly(program_with, qtbot):
    """256 x 256 x 256: the background measures in a fraction of a second of one core, whatever else the machine does."""
    shape = (256, 256, 256)
    rng = np.random.default_rng(0)
    image = replace(volume((20, 40, 30)), voxels=rng.integers(-1000, 300, shape).astype(np.int16))
    labels = np.zeros(shape, np.uint8)
    for code in range(1, 11):
        z, y, x = 30 + 18 * code, 60 + 6 * code, 40 + 12 * code
        labels[z : z + 40, y : y + 60, x : x + 40] = code
    reading = SeriesReading("series-1", "CT", SeriesStatus.READ)
    opacified = np.zeros(shape, bool)
    masks = editable(image, Segmentation(labels, image.affine, opacified, opacified_by_rule=True), ())
    reading = replace(reading, sinuses=sinus_measurement.measure_sinuses(image, masks.segmentation))
    crop = masks.segmentation.labels[100:120, 100:130, 90:120]
    after = np.ones_like(crop)
    patch = patch_between(crop.copy(), after, (100, 100, 90), "Paint", "mask-1")
    patch.put_on(masks.segmentation.labels)
    spent = []
    for _ in range(3):
        start = time.thread_time()
        follow(image, masks, reading, patch.box, frozenset(patch.structures))
        spent.append(time.thread_time() - start)
    assert min(spent) < 1.0


def test_a_level_that_a_reader_paints_away_goes_with_the_next_measurement():
    """The mask without its rear part, which held the fluid, holds air alone."""
    image = volume((30, 60, 60))
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[8:22, 10:40, 10:25] = MAXILLARY
    hu = np.where(labels == MAXILLARY, -900, 40).astype(np.int16)
    hu[:, 28:40] = 20
    image = replace(image, voxels=hu, affine=np.eye(4))
    masks = editable(image, Segmentation(labels, image.affine), ())
    reading = SeriesReading("series-1", "CT", SeriesStatus.READ)
    reading = replace(reading, sinuses=sinus_measurement.measure_sinuses(image, masks.segmentation))
    assert [s.side for s in reading.sinuses if s.air_fluid_level] == [Side.RIGHT]
    before = masks.segmentation.labels[8:22, 26:40, 10:25]
    patch = patch_between(before.copy(), np.zeros_like(before), (8, 26, 10), "Erase", "mask-1")
    patch.put_on(masks.segmentation.labels)
    followed = follow(image, masks, reading, patch.box, frozenset(patch.structures))
    assert [s.air_fluid_level for s in followed.sinuses if s.edited_by_reader] == [False]

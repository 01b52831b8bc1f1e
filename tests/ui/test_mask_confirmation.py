"""A CT's masks are confirmed as a whole: by one key, for these masks only, kept with the study; unjudged ones teach nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from window_parts import MODEL, volume

from sinusviewer.actions import mask_recording
from sinusviewer.actions.mask_confirming import masks_confirmed
from sinusviewer.analysis import sinus_measurement
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.display import Plane
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.mask_edit import Brush
from sinusviewer.domain.reading import Provenance, SeriesReading, SeriesStatus
from sinusviewer.errors import StorageError
from sinusviewer.records.findings import FindingStore

pytestmark = pytest.mark.gui
KEY, SHAPE = "series-1", (12, 24, 20)
MORNING, EVENING = "2026-03-01T08:00:00+00:00", "2026-03-01T18:00:00+00:00"


def reading_of(image, created=MORNING, status=SeriesStatus.READ) -> SeriesReading:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:9, 5:15, 4:12] = Structure.RIGHT_MAXILLARY
    masks = Segmentation(labels, image.affine, labels > 40, opacified_by_rule=True)
    sinuses = sinus_measurement.measure_sinuses(image, masks)
    return SeriesReading("series-1", "CT", status, sinuses=sinuses, segmentation=masks, segmentation_model=MODEL,
                         provenance=Provenance(created=created))  # fmt: skip


class Desk:
    """A window over a CT that was read."""

    def __init__(self, program, qtbot) -> None:
        self.program, self.qtbot, self.session = program, qtbot, program.session
        self.panel = program.window.findChild(object, "sinus_panel")
        self.read()

    def read(self, created=MORNING, status=SeriesStatus.READ) -> None:
        self.session.set_reading(reading_of(self.session.images[KEY], created, status))
        self.settle()

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: not self.session.jobs, timeout=20000)

    def press(self, verb: str) -> None:
        self.program.window.verbs[verb].trigger()
        self.settle()

    @property
    def confirmed(self) -> bool:
        shown = not self.panel.confirmation.said.isHidden()
        assert shown is masks_confirmed(self.session.marks.get(KEY), self.session.readings[KEY])
        return shown

    def paint(self) -> None:
        self.session.set_display(brush=Brush(Structure.RIGHT_MAXILLARY))
        self.session.set_view("A", plane=Plane.AXIAL, slice_index=6)
        self.program.actions.masks.step_slice("A", 1)
        self.settle()


@pytest.fixture
def desk(program_with, qtbot):
    return Desk(program_with(volume(SHAPE)), qtbot)


def test_one_click_confirms_the_masks_and_can_be_taken_back(desk):
    assert not desk.confirmed
    desk.panel.confirmation.ask.click()
    assert desk.confirmed
    report = desk.program.wiring.patient._reporting.report(desk.session.study).content
    assert any(line == "Reader: the sinus masks are right." for s in report.sections for line in s.sentences)
    desk.press("confirm_film")
    assert not desk.confirmed
    desk.press("undo")
    assert desk.confirmed


def test_a_stroke_makes_other_masks_and_undoing_it_brings_the_confirmed_ones_back(desk):
    desk.press("confirm_film")
    desk.paint()
    assert not desk.confirmed
    desk.press("undo")
    assert desk.confirmed
    desk.press("redo")
    desk.press("confirm_film")
    assert desk.confirmed
    desk.program.actions.masks.restore_original("A")
    desk.settle()
    assert not desk.confirmed


def test_another_reading_makes_other_masks(desk):
    desk.press("confirm_film")
    desk.read(EVENING)
    assert not desk.confirmed
    assert desk.panel.confirmation.ask.text() == "Confirm: the masks are right"


def test_a_confirmation_comes_back_with_the_study_and_holds_for_the_same_masks_only(program_with, qtbot):
    desk = Desk(program_with(volume(SHAPE)), qtbot)
    desk.press("confirm_film")
    assert desk.program.close()
    again = Desk(program_with(volume(SHAPE)), qtbot)
    assert again.confirmed
    again.read(EVENING)
    assert not again.confirmed


def test_masks_that_come_back_without_their_strokes_are_not_confirmed(program_with, qtbot, monkeypatch):
    desk = Desk(program_with(volume(SHAPE)), qtbot)
    desk.paint()
    desk.press("confirm_film")
    assert desk.program.close()
    note = FindingStore.note

    def unreadable(store, uid, name):
        if name.startswith("masks "):
            raise StorageError("The database could not be read.")
        return note(store, uid, name)

    with monkeypatch.context() as damaged:
        damaged.setattr(FindingStore, "note", unreadable)
        again = Desk(program_with(volume(SHAPE)), qtbot)
        assert not again.confirmed, "which strokes were in force is not known"
        assert any("confirm the masks again" in m.hint for m in again.session.messages)
    again.press("confirm_film")
    assert again.program.close()
    monkeypatch.setattr(mask_recording, "_patch", lambda *_: None)
    last = Desk(program_with(volume(SHAPE)), qtbot)
    assert not last.confirmed, "a stroke was damaged"


def test_masks_that_cannot_be_seen_or_are_not_finished_are_not_confirmed(desk):
    desk.read(status=SeriesStatus.VIEWED_ONLY)
    desk.press("confirm_film")
    assert "still being made" in desk.session.messages[-1].text
    assert desk.panel.confirmation.isHidden()
    desk.read()
    for hidden in ({"show_masks": False}, {"hidden_structures": frozenset({1})}):
        desk.session.set_display(**hidden)
        desk.press("confirm_film")
        assert "hidden" in desk.session.messages[-1].text
        assert not desk.confirmed
        desk.session.set_display(show_masks=True, hidden_structures=frozenset())


def test_a_ct_leaves_as_training_data_once_its_masks_are_judged(desk, tmp_path, monkeypatch):
    with monkeypatch.context() as asked:
        asked.setattr(QFileDialog, "getExistingDirectory", lambda *_: pytest.fail("no folder is asked for"))
        desk.press("export_training")
    assert "Nobody has said that these masks are right" in desk.session.messages[-1].text
    assert "Shift+Enter" in desk.session.messages[-1].hint
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))

    def state():
        (case,) = json.loads((tmp_path / "manifest.json").read_text())["cases"]
        return case["masks"]["state"]

    desk.press("confirm_film")
    desk.press("export_training")
    assert state() == "confirmed"
    desk.paint()
    desk.press("export_training")
    assert state() == "edited"
    assert "confirm the masks" in desk.session.messages[-1].hint


def test_masks_that_came_with_the_study_can_be_confirmed(desk):
    stored = replace(reading_of(desk.session.images[KEY]), segmentation_model=None, provenance=Provenance(),
                     status=SeriesStatus.VIEWED_ONLY)  # fmt: skip
    desk.session.set_reading(stored)
    desk.press("confirm_film")
    assert desk.confirmed
    others = stored.segmentation.labels.copy()
    others[6:, :, :] = 0
    desk.session.set_reading(replace(stored, segmentation=replace(stored.segmentation, labels=others)))
    desk.settle()
    assert not desk.confirmed, "another file's masks"

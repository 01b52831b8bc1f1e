"""Two studies of one patient in the window: linked by hand where their frames differ, and light where they are not shown."""

from dataclasses import replace

import numpy as np
import pytest
from window_parts import film, identity, study, volume

from sinusviewer.actions.shelf import pack, put_away, take_back, unpack
from sinusviewer.domain.finding import Heatmap, Segmentation
from sinusviewer.domain.reading import SeriesReading, SeriesStatus

pytestmark = pytest.mark.gui


def beside(program, frame_a="frame-a", frame_b="frame-b"):
    """A prior CT beside the present one."""
    session = program.session
    present = session.images["series-1"]
    session.set_image("series-1", replace(present, identity=replace(present.identity, frame_of_reference_uid=frame_a)))
    prior = volume(uid="study-0")
    prior = replace(prior, identity=replace(identity("study-0", "CT"), frame_of_reference_uid=frame_b))
    session.add_studies((study(prior, "prior", "study-0", date="20200101"),))
    session.set_image("prior", prior)
    program.window.compare_study()
    session.set_view("B", plane=session.views["A"].plane)
    return session


def test_studies_of_different_frames_scroll_apart_and_say_how_to_link_them(program_with):
    session = beside(program_with(volume()))
    assert "scrolls by itself" in session.messages[-1].text
    before = session.views["B"].slice_index
    session.go_to_slice("A", 5)
    assert session.views["B"].slice_index == before


def test_after_linking_at_a_place_they_scroll_together_with_that_shift(program_with):
    program = program_with(volume())
    session = beside(program)
    session.go_to_slice("A", 10)
    session.go_to_slice("B", 14)
    program.window.verbs["link_here"].trigger()
    session.go_to_slice("A", 12)
    assert session.views["B"].slice_index == 16
    session.go_to_slice("B", 20)
    assert session.views["A"].slice_index == 16


def test_studies_of_one_frame_need_no_link(program_with):
    session = beside(program_with(volume()), "same", "same")
    assert not any("scrolls by itself" in m.text for m in session.messages)
    session.go_to_slice("A", 7)
    assert session.views["B"].slice_index == 7


def test_linking_is_offered_only_where_two_views_can_scroll_together(program_with):
    program = program_with((film(),))
    link = program.window.verbs["link"]
    assert not link.isEnabled()
    assert not link.isChecked()
    other = program_with(volume())
    link = other.window.verbs["link"]
    assert link.isEnabled(), "the planes of one CT"
    assert link.isChecked()
    other.window.verbs["layout_one"].trigger()
    assert not link.isEnabled()
    beside(other)
    assert not link.isEnabled(), "two frames of reference that nobody has linked"
    other.window.verbs["link_here"].trigger()
    assert link.isEnabled()


def test_linking_a_study_that_is_alone_says_what_is_missing(program_with):
    program = program_with(volume())
    program.window.verbs["link_here"].trigger()
    assert "No second study" in program.session.messages[-1].text


# -- masks of studies that are not shown ------------------------------------------------------------------------------


def masks(shape=(20, 40, 30)) -> SeriesReading:
    labels = np.zeros(shape, np.uint8)
    labels[4:9, 8:18, 4:14] = 3
    heat = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return SeriesReading(
        "series-1", "CT", SeriesStatus.READ, segmentation=Segmentation(labels, np.eye(4), labels > 2),
        heatmaps=(Heatmap(heat, "Grad-CAM", "last", "bone"),),
    )  # fmt: skip


def test_what_is_packed_comes_back_to_the_bit():
    reading = masks()
    back = take_back(put_away(reading))
    assert np.array_equal(back.segmentation.labels, reading.segmentation.labels)
    assert np.array_equal(back.segmentation.opacified, reading.segmentation.opacified)
    assert np.array_equal(back.heatmaps[0].values, reading.heatmaps[0].values)
    assert (back.heatmaps[0].method, back.heatmaps[0].window) == ("Grad-CAM", "bone")
    back.segmentation.labels[0, 0, 0] = 1  # a mask stays one that can be edited


def test_a_label_map_shrinks_to_less_than_a_hundredth():
    labels = np.zeros((100, 200, 200), np.uint8)
    labels[30:60, 50:90, 40:80] = 3
    assert len(pack(labels).content) < labels.nbytes / 100
    assert np.array_equal(unpack(pack(labels[:, ::2])), labels[:, ::2])


def test_masks_of_a_study_not_shown_are_put_away_and_come_back_with_it(program_with, qtbot):
    program = program_with(volume())
    session = program.session
    session.set_reading(masks())
    session.add_studies((study((film(),), "other", "study-9", patient="P9"),))
    session.set_image("other", (film(),))
    program.actions.opening.show_study("study-9")
    qtbot.waitUntil(lambda: session.readings["series-1"].segmentation is None)
    assert session.readings["series-1"].heatmaps == ()
    program.actions.opening.show_study("study-1")
    qtbot.waitUntil(lambda: session.readings["series-1"].segmentation is not None)
    assert session.readings["series-1"].segmentation.labels.sum() == masks().segmentation.labels.sum()


def test_masks_of_a_study_beside_stay(program_with, qtbot):
    program = program_with(volume())
    session = beside(program)
    session.set_reading(replace(masks(), series_instance_uid="prior"))
    program.actions.opening._tidy()
    qtbot.wait(50)
    assert session.readings["prior"].segmentation is not None


def test_every_open_study_has_its_badge_however_many_are_open(program_with):
    program = program_with((film(),))
    session = program.session
    session.add_studies(tuple(study((film(),), f"series-{n}", f"study-{n}", patient=f"P{n}") for n in range(2, 32)))
    program.index.set_badge("study-1", "read")
    program._show_known()
    assert program.window.studies_panel._badges["study-1"] == "read"

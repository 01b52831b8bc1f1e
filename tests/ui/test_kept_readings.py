"""A reading comes back when its study is opened again: the same numbers, the same masks, and only on the same images."""

from dataclasses import replace

import numpy as np
import pytest
from panel_factories import ct_series
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot
from window_parts import film, open_window, study, volume, waters_reading

from sinusviewer.domain.anatomy import Side, Structure
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import FindingStatus, Heatmap, Segmentation
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import Provenance, RecurrenceReading
from sinusviewer.paths import user_data_dir
from sinusviewer.records.database import Database
from sinusviewer.report import pictures

pytestmark = pytest.mark.gui

MADE = Provenance("2026-11-20T10:00:00+00:00", "SinusViewer 0", "CPU", {"all": 1.0}, ("film-1",))
FILM_KEY = "series-1/film-1"
OLD_RISK = RecurrenceReading(0.52, None, (0.1, 0.9), ("asthma",), {}, None)


def film_reading():
    return replace(waters_reading(), provenance=MADE)


def ct_reading(image):
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[5:10, 10:20, 5:12] = Structure.RIGHT_MAXILLARY
    opacified = np.zeros(labels.shape, bool)
    opacified[6:9] = labels[6:9] > 0
    made = ct_series(series_instance_uid="series-1", segmentation=Segmentation(labels, image.affine, opacified))
    return replace(made, provenance=MADE)


def read(program, qtbot: QtBot) -> None:
    program.actions.reading.read()
    qtbot.waitUntil(lambda: not program.session.jobs, timeout=20000)


@pytest.fixture
def started(qtbot: QtBot):
    programs = []

    def start(image, **options):
        program = open_window(image, qtbot, **options)
        programs.append(program)
        qtbot.waitUntil(lambda: not program.session.jobs, timeout=20000)
        return program

    yield start
    for program in programs:
        assert program.close()


def said(program) -> str:
    return " ".join(m.text for m in program.session.messages)


def test_a_film_read_yesterday_shows_its_boxes_and_scores_at_once(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    again = started((film(),))
    kept = again.session.readings[FILM_KEY]
    assert kept.waters == film_reading().waters
    assert kept.provenance == MADE
    assert [d.identifier for d in again.session.marks[FILM_KEY].detections] == ["ai-1"]
    label = again.window.findChild(QLabel, "four_way_result")
    assert label is not None
    assert "right maxillary sinus" in label.text()
    stamp = again.window.findChild(QLabel, "findings_stamp")
    assert stamp is not None
    assert stamp.text().startswith("Read 2026-11-2")
    assert "by waters_sinusitis 1.0" in stamp.text()


def test_bringing_a_reading_back_writes_nothing_new_into_the_history(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    first.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    assert first.close()
    started((film(),)).close()
    again = started((film(),))
    (box,) = again.session.marks[FILM_KEY].detections
    assert box.status is FindingStatus.ACCEPTED
    actions = [row[0] for row in again.database.query("SELECT action FROM finding_event ORDER BY number")]
    assert actions == ["proposed", "accepted"]


def test_a_film_whose_pixels_changed_shows_no_old_reading(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    pixels = film().pixels.copy()
    pixels[7, 7] += 1
    again = started((replace(film(), pixels=pixels),))
    assert FILM_KEY not in again.session.readings
    assert not again.session.marks[FILM_KEY].detections
    assert "not the same" in said(again)


def test_a_film_of_another_instance_shows_no_old_reading(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    again = started((replace(film(), sop_instance_uid="film-2"),))
    assert not [k for k in again.session.readings if k.endswith("film-2")]


def test_a_series_with_another_slice_shows_no_old_reading(started, qtbot: QtBot) -> None:
    image = volume()
    first = started(image, reading=ct_reading(image))
    read(first, qtbot)
    assert first.close()
    again = started(volume(shape=(21, 40, 30)))
    assert "series-1" not in again.session.readings
    assert "not the same" in said(again)


def test_a_reading_made_before_the_side_was_confirmed_is_not_shown_after(started, qtbot: QtBot) -> None:
    first = started((film(right_is_left=None),), reading=film_reading())
    read(first, qtbot)
    first.session.side_confirmed.emit(FILM_KEY, True)  # confirmed, and the program killed before it was read again
    assert first.close()
    again = started((film(right_is_left=None),))
    assert again.session.film("A").patient_right_is_image_left is True
    assert FILM_KEY not in again.session.readings


def test_masks_and_numbers_of_a_ct_come_back(started, qtbot: QtBot) -> None:
    image = volume()
    reading = ct_reading(image)
    first = started(image, reading=reading)
    read(first, qtbot)
    assert first.close()
    again = started(volume())
    kept = again.session.readings["series-1"]
    assert kept.sinuses == reading.sinuses
    assert kept.lund_mackay == reading.lund_mackay
    assert kept.endotype == reading.endotype
    assert np.array_equal(kept.segmentation.labels, reading.segmentation.labels)
    assert np.array_equal(kept.segmentation.opacified, reading.segmentation.opacified)
    assert not kept.heatmaps


def test_heat_comes_back_as_it_was_drawn_and_says_whose_it_is(started, qtbot: QtBot) -> None:
    image = volume(shape=(20, 300, 150))
    y = np.linspace(0, 1, 300, dtype=np.float32)[np.newaxis, :, np.newaxis]
    heat = np.broadcast_to(y, image.voxels.shape).copy()
    bone = Heatmap(heat, "Grad-CAM", "net, last", "Bone")
    score = Heatmap(heat[::2], "HiResCAM", "net 1, bottleneck", inside_mask=0.4)
    reading = replace(ct_reading(image), heatmaps=(bone,), recurrence_heat=score)
    first = started(image, reading=reading)
    read(first, qtbot)
    assert first.close()
    again = started(volume(shape=(20, 300, 150)))
    kept = again.session.readings["series-1"]
    (back,) = kept.heatmaps
    assert (back.method, back.layer, back.window) == ("Grad-CAM", "net, last", "Bone")
    assert back.values.shape == (20, 128, 128), "no finer than what the network saw"
    assert np.abs(back.values[0, :, 0] - y[0, (np.arange(128) * 300 + 150) // 128, 0]).max() <= 0.5 / 255 + 1e-6
    assert (kept.recurrence_heat.method, kept.recurrence_heat.inside_mask) == ("HiResCAM", 0.4)
    again.session.set_display(show_heatmap=True)
    for view in again.session.shown_views:
        assert again.window.view_area.viewports[view].content.heat is not None
        again.window.view_area.viewports[view].grab()
    assert pictures.key_pictures(again.session.volume("A"), kept, "001")


def test_esc_while_masks_come_back_does_not_leave_an_unproved_reading(started, qtbot: QtBot) -> None:
    image = volume()
    first = started(image, reading=ct_reading(image))
    read(first, qtbot)
    assert first.close()
    again = open_window(volume(), qtbot)
    again.actions.desk.cancel_all()
    qtbot.waitUntil(lambda: not again.session.jobs, timeout=20000)
    assert again.session.readings["series-1"].segmentation is not None
    assert again.close()


def test_damaged_masks_are_named_and_the_numbers_stay(started, qtbot: QtBot) -> None:
    image = volume()
    first = started(image, reading=ct_reading(image))
    read(first, qtbot)
    assert first.close()
    (file,) = (user_data_dir() / "masks").iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    again = started(volume())
    kept = again.session.readings["series-1"]
    assert kept.segmentation is None
    assert kept.sinuses
    assert "gone or damaged" in said(again)


def test_a_damaged_kept_reading_is_dropped_with_a_word(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    database = Database(user_data_dir() / "records.sqlite")
    with database.transaction() as connection:
        connection.execute("UPDATE kept_reading SET content=substr(content, 2)")
    database.close()
    again = started((film(),))
    assert FILM_KEY not in again.session.readings
    assert "damaged" in said(again)


def test_a_kept_reading_of_another_model_says_so_and_is_read_again_with_one_click(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    newer = replace(film_reading(), provenance=replace(MADE, created="2026-11-21T10:00:00+00:00"))
    again = started((film(),), reading=newer)
    again.session.set_models({"waters_sinusitis": "cd" * 32})
    notice = again.window.findChild(QPushButton, "read_again_notice")
    assert notice is not None
    assert notice.isVisible()
    assert "2026-11-20" in again.window.findChild(QLabel, "notice_text").text()
    notice.click()
    qtbot.waitUntil(lambda: not again.session.jobs, timeout=20000)
    assert again.session.readings[FILM_KEY].provenance.created.startswith("2026-11-21")


def test_an_accepted_geometry_is_accepted_again_unless_other_faults_are_found(started, qtbot: QtBot) -> None:
    gap = (ImageWarning("missing_slices", "2 slices are missing."),)
    image = volume(measurable=False, warnings=gap)
    first = started(image, reading=ct_reading(image))
    first.actions.reading.accept_geometry("A")
    read(first, qtbot)
    assert first.close()
    again = started(volume(measurable=False, warnings=gap), reading=ct_reading(image))
    assert again.session.volume("A").measurable
    assert "accepted before" in said(again)
    assert "series-1" in again.session.readings
    again.close()
    worse = (*gap, ImageWarning("uneven_spacing", "The slices are not evenly spaced."))
    other = started(volume(measurable=False, warnings=worse))
    assert not other.session.volume("A").measurable
    assert "series-1" not in other.session.readings


def test_a_confirmed_side_is_there_again_after_looking_at_another_study(started, qtbot: QtBot) -> None:
    program = started((film(right_is_left=None),))
    program.actions.reading.confirm_side("A", patient_right_is_image_left=False)
    program.session.add_studies((study((film(),), key="series-2", uid="study-2", patient="P2"),))
    program.actions.opening.show_study("study-2")
    qtbot.waitUntil(lambda: not program.session.jobs, timeout=20000)
    program.actions.opening.show_study("study-1")
    qtbot.waitUntil(lambda: not program.session.jobs, timeout=20000)
    assert program.session.film("A").patient_right_is_image_left is False


def test_a_study_of_many_films_read_before_stands_in_the_list_with_its_results(started, qtbot: QtBot) -> None:
    first = started((film(),), reading=film_reading())
    read(first, qtbot)
    assert first.close()
    again = started((film(),))
    table = again.wiring.worklist.table.model()
    assert [table.index(0, column).data() for column in (0, 3)] == ["0.80", "read"]
    again.session.set_models({"waters_sinusitis": "cd" * 32})
    qtbot.waitUntil(lambda: table.index(0, 3).data() == "out of date")
    assert again.session.readings[FILM_KEY].waters.sides[0].side is Side.RIGHT


def test_a_risk_kept_from_before_the_clinical_data_follows_them(started, qtbot: QtBot) -> None:
    image = volume()
    first = started(image, reading=replace(ct_reading(image), recurrence=OLD_RISK))
    read(first, qtbot)
    first.session.set_clinical("study-1", ClinicalData(asthma=True))
    assert first.close()
    again = started(volume())
    kept = again.session.readings["series-1"].recurrence
    assert kept.dlr_score == OLD_RISK.dlr_score
    assert "asthma" not in kept.missing

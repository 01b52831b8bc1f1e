"""The report beside the picture: a text that no longer fits what is on screen says so, everywhere it goes."""

import io

import numpy as np
from PIL import Image
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from window_parts import MODEL, film, volume, waters_reading

from sinusviewer.domain.anatomy import SINUS_CODES, ImageSide, Side, Structure
from sinusviewer.domain.finding import Detection, FindingStatus, Segmentation
from sinusviewer.domain.mask_colors import COLOR_WORDS
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.report.pictures import ct_pictures
from sinusviewer.session import ImageMarks
from sinusviewer.ui.panels.tones import structure_color


def written(program, text="Right antrum opacified."):
    program.session.set_reading(waters_reading(), "series-1")
    panel = program.wiring.patient.report
    panel.findChild(QPlainTextEdit, "report_text").setPlainText(text)
    return panel


def notice(panel) -> str:
    return panel._outdated.label.text() if not panel._outdated.isHidden() else ""


def test_a_text_written_before_a_box_was_rejected_says_so_until_it_is_written_anew(program_with):
    program = program_with((film(),))
    panel = written(program)
    assert not notice(panel)
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    assert "have changed since this text was written" in notice(panel)
    program.window.verbs["copy_report"].trigger()
    assert "have changed since" in QApplication.clipboard().text()
    program.window.undo()
    assert not notice(panel), "it fits again"
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    panel.findChild(QPlainTextEdit, "report_text").setPlainText("No finding.")
    assert not notice(panel)


def test_a_text_that_no_longer_fits_says_so_after_a_new_start_too(program_with):
    program = program_with((film(right_is_left=None),))
    panel = written(program)
    unproved = Detection((20, 60, 45, 90), 0.8, ImageSide.IMAGE_LEFT, identifier="ai-1")
    program.session.restore_marks("series-1/film-1", ImageMarks((unproved,)))
    program.wiring.patient._reporting.write_drafts()
    panel.findChild(QPlainTextEdit, "report_text").setPlainText("Image-left antrum opacified.")
    assert not notice(panel)
    program.actions.marks.set_status("A", "ai-1", FindingStatus.ACCEPTED)
    assert program.close()
    again = program_with((film(right_is_left=None),))
    again.session.set_reading(waters_reading(), "series-1")
    assert notice(again.wiring.patient.report)


def test_a_signed_text_stands_and_says_that_the_boxes_were_judged_otherwise_since(program_with, qtbot, tmp_path):
    program = program_with((film(),))
    panel = written(program)
    program.wiring.patient._sign("Dr. Lee")
    assert not notice(panel)
    program.actions.marks.set_status("A", "ai-1", FindingStatus.REJECTED)
    assert "since this text was signed" in notice(panel)
    assert "addendum" in notice(panel)
    reporting, study = program.wiring.patient._reporting, program.session.study
    reporting.export(study, tmp_path / "r.html", "html", program.wiring.patient._report_text())
    qtbot.waitUntil(lambda: (tmp_path / "r.html").is_file() and not program.session.jobs)
    assert "since this text was signed" in (tmp_path / "r.html").read_text()


def test_an_export_never_says_that_nobody_touched_what_a_reader_judged(program_with, qtbot, tmp_path):
    program = program_with((film(),))
    program.session.set_reading(waters_reading(), "series-1")
    reporting, study = program.wiring.patient._reporting, program.session.study
    said = []
    for status in (None, FindingStatus.REJECTED):
        if status is not None:
            program.actions.marks.set_status("A", "ai-1", status)
        path = tmp_path / f"{status}.html"
        reporting.export(study, path, "html", "")
        qtbot.waitUntil(lambda path=path: path.is_file() and not program.session.jobs)
        said.append(path.read_text())
    assert "no physician has changed" in said[0]
    assert "no physician has changed" not in said[1]
    assert "nobody has signed it" in said[1]


def test_masks_have_the_same_colours_in_the_report_as_in_the_window() -> None:
    image = volume((12, 60, 60))
    for structure in (s for s in Structure if 1 <= s <= 11):
        labels = np.zeros(image.voxels.shape, np.uint8)
        labels[2:10, 10:50, 10:50] = structure
        masks = Segmentation(labels, image.affine)
        reading = SeriesReading("series-1", "CT", SeriesStatus.READ, segmentation=masks, segmentation_model=MODEL)
        coronal = ct_pictures(image, reading, "001")[0]
        printed = np.asarray(Image.open(io.BytesIO(coronal.png)).convert("RGB")).reshape(-1, 3).astype(int)
        shown = structure_color(structure).getRgb()[:3]
        assert np.abs(printed - shown).sum(axis=1).min() <= 24, structure


def test_the_legend_of_a_report_names_the_colours_by_their_hue() -> None:
    hues = {
        "orange": 41,
        "sand": 41,
        "sky blue": 201,
        "dark blue": 201,
        "violet": 247,
        "mauve": 327,
        "green": 163,
        "mint": 163,
    }
    for sinus, words in COLOR_WORDS.items():
        for word, side in zip(words, (Side.RIGHT, Side.LEFT), strict=True):
            color = structure_color(SINUS_CODES[sinus, side])
            assert word.startswith("pale") or abs(color.hue() - hues[word]) < 8, (word, color.name(), color.hue())
            assert not word.startswith("pale") or color.lightness() > 200, word

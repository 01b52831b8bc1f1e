"""The report beside the picture: a text that no longer fits what is on screen says so, everywhere it goes."""

from PySide6.QtWidgets import QApplication, QPlainTextEdit
from window_parts import film, waters_reading

from sinusviewer.domain.anatomy import ImageSide
from sinusviewer.domain.finding import Detection, FindingStatus
from sinusviewer.session import ImageMarks


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

"""Results of a study as DICOM objects, through the window: what is written, and what is said where nothing can be."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from made_dicom import write_ct
from PySide6.QtWidgets import QFileDialog
from window_parts import MODEL, open_window, volume

from sinusviewer.analysis.sinus_measurement import measure_sinuses
from sinusviewer.app import Program
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import mark_of
from sinusviewer.imaging.scan import scan

pytestmark = pytest.mark.gui


def test_masks_numbers_pictures_and_report_of_a_ct_are_written(qtbot, tmp_path, monkeypatch):
    voxels = np.full((12, 40, 40), 40, np.int16)
    voxels[3:9, 10:20, 8:18] = -900
    write_ct(tmp_path / "ct", voxels, 2.0)
    program = Program()
    session = program.session
    program.actions.opening.open_paths([tmp_path / "ct"])
    qtbot.waitUntil(lambda: bool(session.images) and not session.jobs, timeout=20000)
    key = session.views["A"].series_key
    image = session.images[key]
    labels = np.zeros(image.voxels.shape, np.uint8)
    labels[3:9, 10:20, 8:18] = Structure.RIGHT_MAXILLARY
    masks = Segmentation(labels, image.affine, np.zeros(labels.shape, bool))
    reading = SeriesReading(image.identity.series_instance_uid, "CT", SeriesStatus.READ, segmentation=masks,
                            sinuses=measure_sinuses(image, masks), segmentation_model=MODEL)  # fmt: skip
    session.set_reading(reading, key)
    out = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    program.window.verbs["export_dicom"].trigger()
    qtbot.waitUntil(lambda: not session.jobs, timeout=60000)
    found = {path.name: pydicom.dcmread(path) for path in sorted(out.iterdir())}
    modalities = [d.Modality for d in found.values()]
    assert modalities.count("SEG") == modalities.count("SR") == modalities.count("DOC") == 1
    assert "OT" in modalities
    assert {d.StudyInstanceUID for d in found.values()} == {image.identity.study_instance_uid}
    assert {d.PatientID for d in found.values()} == {"P1"}
    report = next(d for d in found.values() if d.Modality == "DOC")
    assert bytes(report.EncapsulatedDocument).startswith(b"%PDF")
    mark = mark_of(image.identity.study_instance_uid)
    assert all(mark in name for name in found), "results of another study in that folder stay what they are"
    assert "DICOM objects saved" in session.messages[-1].text
    (study,) = scan([tmp_path / "ct", out]).studies  # they belong to the study they were made from
    assert len(study.series) >= 2
    assert program.close()
    program.window.deleteLater()


def test_nothing_read_is_said_and_nothing_is_written(program_with, monkeypatch):
    program = program_with(volume())
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: pytest.fail("no folder is asked for"))
    program.window.verbs["export_dicom"].trigger()
    assert "Nothing of this study is read" in program.session.messages[-1].text


def test_masks_on_a_file_that_is_no_dicom_are_refused_with_a_way_out(qtbot, tmp_path, monkeypatch):
    image = volume((20, 40, 30))
    program = open_window(image, qtbot)
    session = program.session
    series = session.studies["study-1"].series[0]
    plain = tuple(replace(i, sop_class_uid="") for i in series.instances)
    session.add_studies((replace(session.studies["study-1"], series=(replace(series, instances=plain),)),))
    session.set_reading(SeriesReading("series-1", "CT", SeriesStatus.READ))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    program.window.verbs["export_dicom"].trigger()
    qtbot.waitUntil(lambda: not session.jobs, timeout=20000)
    assert any("not DICOM" in m.text for m in session.messages)
    assert program.close()
    program.window.deleteLater()

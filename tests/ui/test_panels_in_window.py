"""The panels wired to session, actions and records in the real window, with made-up work in the background."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_factories import SIMULATED, ct_series, nomogram, refused, waters_series
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton, QSlider, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from sinusviewer.actions import Engines
from sinusviewer.app import Program
from sinusviewer.domain.anatomy import ImageSide, Side, Structure
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import Plane
from sinusviewer.domain.finding import Detection, FindingStatus, Heatmap, ModelReference, Segmentation
from sinusviewer.domain.image import Identity, ImageWarning, OrientationEvidence, Radiograph, Volume
from sinusviewer.domain.reading import RecurrenceReading, SeriesReading, SeriesStatus
from sinusviewer.domain.study import Instance, ScanResult, Series, SeriesKind, Study
from sinusviewer.nomogram import write_nomogram
from sinusviewer.paths import resources_dir
from sinusviewer.ui.panels.heat_controls import HeatStyle
from sinusviewer.ui.panels.nomogram_geometry import AxisKind
from sinusviewer.ui.view_content import ContentResolver

pytestmark = pytest.mark.gui

FILM_ID = Identity(patient_name="Sim^Film", patient_id="P1", study_date="20261120", modality="DX",
                   study_instance_uid="1.1", series_instance_uid="1.1.1")  # fmt: skip
CT_ID = replace(
    FILM_ID, modality="CT", study_instance_uid="1.2", series_instance_uid="1.2.1", frame_of_reference_uid="9"
)
FILM_KEY = "1.1.1/1.1.1.1"
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
DLR_HEAT = Heatmap(np.full((10, 10, 10), 0.5, np.float32), "HiResCAM", "recurrence 0.3.0, bottleneck", inside_mask=0.4)
RECURRENCE = RecurrenceReading(
    0.52, None, (0.1, 0.9), ("asthma",), {}, None, ModelReference("recurrence", "0.3.0", "ab" * 8, SIMULATED)
)


def scan(*_: Any) -> ScanResult:
    film = Series(FILM_ID, SeriesKind.RADIOGRAPH, (Instance(Path("film"), "1.1.1.1"),), "Waters", key="1.1.1")
    ct = Series(CT_ID, SeriesKind.VOLUME, (Instance(Path("ct"), "1.2.1.1"),), "Sinus CT", key="1.2.1")
    return ScanResult((Study("1.1", FILM_ID, (film,)), Study("1.2", CT_ID, (ct,))))


def load(series: Series, *_: Any) -> Any:
    if series.kind is SeriesKind.RADIOGRAPH:
        pixels = np.arange(120 * 100, dtype=np.uint16).reshape(120, 100)
        evidence = OrientationEvidence.HEADER
        return (
            Radiograph(pixels, FILM_ID, "1.1.1.1", patient_right_is_image_left=True, orientation_evidence=evidence),
        )
    return Volume(np.zeros((20, 40, 40), np.int16), AFFINE, CT_ID, tuple(str(n) for n in range(20)))


def read(image: Any, _clinical: Any, reason: str, *_: Any) -> tuple[SeriesReading, ...]:
    if isinstance(image, Volume):
        labels = np.zeros(image.voxels.shape, np.uint8)
        labels[4:9, 8:18, 4:14] = Structure.RIGHT_MAXILLARY
        segmentation = Segmentation(labels, AFFINE)
        return (
            ct_series(
                series_instance_uid="1.2.1", segmentation=segmentation, recurrence=RECURRENCE, recurrence_heat=DLR_HEAT
            ),
        )
    film = image[0]
    right = film.patient_right_is_image_left
    made = waters_series(
        0.82, 0.22, verified=right is not None, series_instance_uid="1.1.1", sop_instance_uid="1.1.1.1"
    )
    assert made.waters is not None
    side = Side.RIGHT if right is not None else ImageSide.IMAGE_LEFT
    boxes = (Detection((10, 20, 40, 60), 0.82, side, identifier="ai-1"),)
    return (replace(made, waters=replace(made.waters, boxes=boxes)),)


class Desk:
    """A program with its window, and what a person does with it."""

    def __init__(self, program: Program, qtbot: QtBot) -> None:
        self.program, self.qtbot = program, qtbot
        self.window, self.session, self.wiring = program.window, program.session, program.wiring

    def open(self, study: str) -> None:
        self.window.open_paths([Path("anything")])
        self.qtbot.waitUntil(lambda: bool(self.session.images))
        if self.session.study_uid != study:
            self.program.actions.opening.show_study(study)
            self.qtbot.waitUntil(lambda: bool(self.session.images) and not self.session.jobs)

    def read(self) -> None:
        before = len(self.session.messages)
        self.window.read()
        self.qtbot.waitUntil(lambda: not self.session.jobs and len(self.session.messages) > before)

    def text(self, name: str) -> str:
        label = self.window.findChild(QLabel, name)
        assert label is not None, name
        return label.text()

    def show(self, panel: QWidget) -> None:
        self.window.tabs.setCurrentWidget(panel)


@pytest.fixture
def start(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Make a desk; engines may be replaced; closed whatever happens."""
    programs: list[Program] = []

    def make(**engines: Any) -> Desk:
        work = {"scan": scan, "load": load, "read": read} | engines
        program = Program(Engines(**work))
        write_nomogram(nomogram(), tmp_path / "nomogram.json")
        program.wiring.patient.nomogram_wiring.replace_by(tmp_path / "nomogram.json")
        programs.append(program)
        qtbot.addWidget(program.window)
        program.window.resize(1366, 768)
        program.window.show()
        return Desk(program, qtbot)

    yield make
    for program in programs:
        assert program.close()


def test_select_read_and_the_findings_show(start: Any) -> None:
    desk = start()
    desk.open("1.1")
    desk.read()
    assert "right maxillary sinus" in desk.text("four_way_result")
    assert desk.wiring.findings.boxes.rows.count() == 1
    assert desk.window.tabs.currentWidget() is desk.wiring.findings


def test_the_slider_moves_the_threshold_of_picture_and_panel_without_a_new_reading(start: Any) -> None:
    desk = start()
    desk.open("1.1")
    desk.read()
    slider = desk.window.findChild(QSlider, "threshold_slider")
    assert slider is not None
    slider.setValue(20)
    assert desk.session.display.thresholds[FILM_KEY] == 0.2
    assert "right maxillary sinus (threshold 0.43)" in desk.text("four_way_result")
    assert "both maxillary sinuses" in desk.text("threshold_moved")
    assert not desk.session.jobs


def test_enter_accepts_and_delete_rejects_the_selected_box_and_undo_takes_it_back(start: Any, qtbot: QtBot) -> None:
    desk = start()
    desk.open("1.1")
    desk.read()
    rows = desk.wiring.findings.boxes.rows
    rows.setFocus()
    rows.setCurrentRow(0)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert desk.session.marks[FILM_KEY].detections[0].status is FindingStatus.ACCEPTED
    qtbot.keyClick(desk.wiring.findings.boxes.rows, Qt.Key.Key_Delete)
    assert desk.session.marks[FILM_KEY].detections[0].status is FindingStatus.REJECTED
    desk.window.undo()
    assert desk.session.marks[FILM_KEY].detections[0].status is FindingStatus.ACCEPTED


def test_typing_in_a_panel_never_triggers_the_windows_keys(start: Any, qtbot: QtBot) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.show(desk.wiring.patient.nomogram)
    field = desk.window.findChild(QLineEdit, "input_eos")
    assert field is not None
    desk.window.activateWindow()
    field.setFocus()
    layout, tool = desk.session.display.layout, desk.session.display.tool
    qtbot.keyClicks(field, "350")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    view = desk.session.active_view
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert desk.session.active_view == view
    assert (desk.session.display.layout, desk.session.display.tool) == (layout, tool)
    qtbot.waitUntil(lambda: desk.session.clinical.get("1.2") == ClinicalData(eosinophils_per_ul=350.0))


def test_confirming_the_side_rewords_the_finding(start: Any) -> None:
    def unverified(series: Series, *rest: Any) -> Any:
        loaded = load(series, *rest)
        if isinstance(loaded, Volume):
            return loaded
        return (
            replace(loaded[0], patient_right_is_image_left=None, orientation_evidence=OrientationEvidence.UNVERIFIED),
        )

    desk = start(load=unverified)
    desk.open("1.1")
    desk.read()
    assert "image-left" in desk.text("four_way_result")
    button = desk.window.findChild(QPushButton, "right_is_image_left")
    assert button is not None
    button.click()
    desk.qtbot.waitUntil(lambda: "right maxillary" in desk.text("four_way_result"))


def test_a_withheld_film_can_be_read_with_a_reason(start: Any) -> None:
    reasons: list[str] = []

    def strict(image: Any, clinical: Any, reason: str, *rest: Any) -> tuple[SeriesReading, ...]:
        reasons.append(reason)
        if not reason:
            return (refused("No facial patch found."),)
        return read(image, clinical, reason, *rest)

    desk = start(read=lambda *given: tuple(
        replace(r, series_instance_uid="1.1.1", sop_instance_uid="1.1.1.1") for r in strict(*given)
    ))  # fmt: skip
    desk.open("1.1")
    desk.read()
    assert "No facial patch" in desk.text("withheld_text")
    desk.wiring.findings.read_anyway_requested.emit("steep but usable")
    desk.qtbot.waitUntil(lambda: "right maxillary" in desk.text("four_way_result"))
    assert reasons == ["", "steep but usable"]


def test_looking_only_leaves_no_score_and_is_remembered(start: Any) -> None:
    desk = start(
        read=lambda *_: (replace(refused("No facial patch."), series_instance_uid="1.1.1", sop_instance_uid="1.1.1.1"),)
    )
    desk.open("1.1")
    desk.read()
    desk.wiring.findings.view_only_requested.emit()
    assert desk.session.readings[FILM_KEY].status is SeriesStatus.VIEWED_ONLY
    assert "Viewed only" in desk.text("findings_state")


def test_a_row_of_the_table_goes_to_its_sinus(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.wiring.sinuses.go_to_sinus_requested.emit(Structure.RIGHT_MAXILLARY)
    x, y, z = desk.session.cursor_lps(desk.session.active_view)
    assert 8 <= x <= 28
    assert 16 <= y <= 36
    assert 12 <= z <= 26
    assert desk.wiring.sinuses.table.currentRow() == 0


def test_the_3d_view_is_made_when_it_is_opened(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.show(desk.wiring.sinuses)
    fold = desk.window.findChild(QToolButton, "surface_fold")
    assert fold is not None
    assert not desk.wiring.sinuses.surface.has_cloud
    fold.click()
    desk.qtbot.waitUntil(lambda: desk.wiring.sinuses.surface.has_cloud)


def test_changing_the_ostiomeatal_complex_changes_the_total(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.wiring.sinuses.ostiomeatal_requested.emit(Side.RIGHT, 2)
    assert "14 of 24" in desk.text("lund_mackay_total")


def test_the_strip_goes_to_its_slice_and_follows_the_picture(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.wiring.endotype.slice_requested.emit(7)
    cursor = desk.session.cursor_lps(desk.session.active_view)
    assert cursor is not None
    assert cursor[2] == pytest.approx(21.0)


def test_a_dragged_marker_is_live_at_once_and_saved_when_it_rests(start: Any, qtbot: QtBot) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    panel = desk.wiring.patient.nomogram
    desk.show(panel)
    qtbot.wait(1)
    geometry = panel.view.geometry_of_axes()
    assert geometry is not None
    axis = geometry.axis(AxisKind.PREDICTOR, "eos")
    at = QPoint(round(geometry.x_of_points(nomogram().points("eos", 800))), round(axis.y))
    before = desk.text("risk_text")
    qtbot.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=at)
    assert desk.text("risk_text") != before
    assert "1.2" not in desk.session.clinical
    qtbot.waitUntil(lambda: "1.2" in desk.session.clinical)
    assert desk.session.clinical["1.2"].eosinophils_per_ul == pytest.approx(800, abs=10)


def test_an_overruled_score_reaches_reading_and_report(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.wiring.patient.nomogram.value_requested.emit("dlr", 0.8)
    desk.qtbot.waitUntil(lambda: "1.2" in desk.session.clinical)
    recurrence = desk.session.readings["1.2.1"].recurrence
    assert recurrence is not None
    assert (recurrence.dlr_score, recurrence.overruled_dlr_score) == (0.52, 0.8)
    assert "OVERRULED" in desk.text("dlr_origin")
    report = desk.wiring.patient.report.findChild(QWidget, "report_text")
    assert "set by the reader" in report.toPlainText()


def test_clinical_data_complete_the_risk_in_the_reading(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    data = ClinicalData(asthma=True, allergic_rhinitis=False, eosinophils_per_ul=350.0)
    desk.wiring.patient.clinical.clinical_requested.emit(data)
    expected = nomogram().read({"asthma": 1.0, "ar": 0.0, "eos": 350.0, "dlr": 0.52}).risk
    recurrence = desk.session.readings["1.2.1"].recurrence
    assert recurrence is not None
    assert recurrence.risk == pytest.approx(expected)


def test_a_signed_report_stands_and_the_list_says_so(start: Any) -> None:
    desk = start()
    desk.open("1.1")
    desk.read()
    desk.wiring.patient.report.sign_requested.emit("Dr. Lee")
    assert "Signed by Dr. Lee" in desk.text("report_signed_text")
    desk.wiring.refresh()
    states = [desk.wiring.worklist.table.model().index(row, 3).data() for row in range(2)]
    assert "signed" in states


def test_the_list_never_says_normal(start: Any) -> None:
    clear = replace(waters_series(0.1, 0.1), series_instance_uid="1.1.1", sop_instance_uid="1.1.1.1")
    desk = start(read=lambda *_: (clear,))
    desk.open("1.1")
    desk.read()
    results = [desk.wiring.worklist.table.model().index(row, 2).data() for row in range(2)]
    assert "none above 0.43" in results


def test_next_study_follows_the_order_of_the_list(start: Any) -> None:
    desk = start()
    desk.open("1.1")
    desk.wiring.worklist.read_requested.emit(("1.1.1", "1.2.1"))
    desk.qtbot.waitUntil(lambda: len(desk.session.readings) == 2 and not desk.session.jobs)
    desk.qtbot.waitUntil(lambda: desk.session.study_order == ("1.1", "1.2"))
    desk.program.actions.opening.step_study(1)
    assert desk.session.study_uid == "1.2"


def test_a_sites_own_nomogram_stays_and_the_bundled_one_comes_back(start: Any, tmp_path: Path) -> None:
    desk = start()
    own = desk.wiring.patient.nomogram_wiring
    assert "simulated training cohort" in desk.wiring.patient.nomogram.findChild(QWidget, "nomogram_cohort").text()
    (tmp_path / "broken.json").write_text("{}", encoding="utf-8")
    own.replace_by(tmp_path / "broken.json")
    assert desk.session.messages[-1].level == "error"
    assert "simulated training cohort" in desk.wiring.patient.nomogram.findChild(QWidget, "nomogram_cohort").text()


def test_no_panel_is_wider_than_its_tab_at_twice_the_size(start: Any, qtbot: QtBot) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.window.set_scale(200)
    qtbot.wait(20)
    try:
        for number in range(desk.window.tabs.count()):
            if desk.window.tabs.isTabVisible(number):
                desk.window.tabs.setCurrentIndex(number)
                qtbot.wait(5)
                assert desk.window.tabs.widget(number).width() <= desk.window.tabs.width()
    finally:
        desk.window.set_scale(100)


def test_the_scores_own_heat_shows_on_every_plane_and_leaves_when_the_endotypes_is_asked_for(start: Any) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    desk.window.findChild(QCheckBox, "dlr_heat_visible").click()
    session = desk.session
    assert (session.display.show_heatmap, session.display.heat_of) == (True, "recurrence")
    source = ContentResolver()
    for plane in Plane:
        session.set_view(session.active_view, plane=plane)
        content = source.content(session, session.active_view)
        assert content.heatmap is DLR_HEAT
        assert content.heat is not None
    desk.wiring.endotype.heat_style_requested.emit(HeatStyle(True, 0.5, "viridis"))
    assert session.display.heat_of == "endotype"
    assert not desk.window.findChild(QCheckBox, "dlr_heat_visible").isChecked()


def test_the_sample_patients_clinical_data_come_with_the_images_and_a_readers_own_stand(start: Any) -> None:
    sample = resources_dir() / "sample" / "ct" / "0001.dcm"

    def scan_sample(*_: Any) -> ScanResult:
        ct = Series(CT_ID, SeriesKind.VOLUME, (Instance(sample, "1.2.1.1"),), "Sinus CT", key="1.2.1")
        return ScanResult((Study("1.2", replace(CT_ID, patient_id="SIM-SAMPLE"), (ct,)),))

    desk = start(scan=scan_sample)
    desk.open("1.2")
    desk.read()
    assert desk.session.clinical["1.2"].eosinophils_per_ul == 420
    assert desk.session.readings["1.2.1"].recurrence.missing == ()
    desk.session.set_clinical("1.2", ClinicalData())
    desk.wiring.refresh()
    assert desk.session.clinical["1.2"] == ClinicalData()


def test_a_score_of_part_of_the_sinuses_is_doubted_beside_the_risk(start: Any) -> None:
    said = "Recurrence was scored by a reader's decision, though not wholly on this CT: left maxillary."

    def read_part(*given: Any) -> tuple[SeriesReading, ...]:
        return tuple(replace(r, warnings=(ImageWarning("recurrence_doubtful", said),)) for r in read(*given))

    desk = start(read=read_part)
    desk.open("1.2")
    desk.read()
    assert said in desk.text("calibration_text")
    assert "which network its radiomic scores came from" in desk.text("calibration_text"), "a site's own nomogram"


def test_a_nomogram_of_another_networks_scores_is_doubted_beside_the_risk(start: Any, tmp_path: Path) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    network = desk.session.readings["1.2.1"].recurrence.model
    own = desk.wiring.patient.nomogram_wiring
    for fitted, said in (
        (network, ""),
        (replace(network, version="0.3"), f"fitted on radiomic scores of {network.name} 0.3"),
    ):
        write_nomogram(nomogram(score_model=fitted), tmp_path / "ours.json")
        own.replace_by(tmp_path / "ours.json")
        assert ("radiomic scores of" in desk.text("calibration_text")) == bool(said)
        assert said in desk.text("calibration_text")
        assert "which network" not in desk.text("calibration_text")


def test_a_ct_that_was_read_but_not_scored_says_why_beside_the_score(start: Any) -> None:
    said = "Recurrence was not scored: not wholly on this CT: left maxillary."

    def read_none(*given: Any) -> tuple[SeriesReading, ...]:
        note = ImageWarning("recurrence_not_assessed", said)
        return tuple(replace(r, recurrence=None, warnings=(note,)) for r in read(*given))

    desk = start(read=read_none)
    desk.open("1.2")
    desk.read()
    assert desk.text("dlr_origin") == said


def test_clinical_data_reach_every_series_of_the_study_and_a_new_nomogram_every_study(
    start: Any, tmp_path: Path
) -> None:
    desk = start()
    desk.open("1.2")
    desk.read()
    session = desk.session
    ct = session.studies["1.2"]
    second = replace(ct.series[0], key="1.2.2")
    other = Study("1.3", replace(CT_ID, study_instance_uid="1.3"), (replace(ct.series[0], key="1.3.1"),))
    session.add_studies((replace(ct, series=(*ct.series, second)), other))
    for key in ("1.2.2", "1.3.1"):
        session.set_reading(replace(session.readings["1.2.1"], series_instance_uid=key), key)
    session.set_clinical("1.2", ClinicalData(asthma=True, allergic_rhinitis=False, eosinophils_per_ul=350))
    risks = [session.readings[key].recurrence.risk for key in ("1.2.1", "1.2.2")]
    assert risks[0] == risks[1] is not None
    assert session.readings["1.3.1"].recurrence.risk is None, "another study's data are not this one's"
    write_nomogram(nomogram(trained_on="Another site."), tmp_path / "other.json")
    desk.wiring.patient.nomogram_wiring.replace_by(tmp_path / "other.json")
    assert all("Another site." in r.recurrence.nomogram_cohort for r in session.readings.values() if r.recurrence)

"""Results as DICOM objects: re-read with pydicom and highdicom, and held to the standard by dciodvfy where that is installed."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from made_dicom import write_ct, write_film
from PIL import Image
from pydicom.dataset import Dataset

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus, Structure
from sinusviewer.domain.finding import Author, Detection, FindingStatus, ModelReference, Segmentation
from sinusviewer.domain.reading import (
    EndotypeReading,
    LundMackay,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SideScore,
    SinusMeasurement,
    WatersLabel,
    WatersReading,
)
from sinusviewer.errors import DicomReadError
from sinusviewer.exchange.documents import encapsulated_pdf, secondary_capture
from sinusviewer.exchange.measurement_report import measurement_report
from sinusviewer.exchange.segmentation_object import segmentation_object
from sinusviewer.exchange.sources import new_uid, save, source_headers
from sinusviewer.imaging.load import load_volume
from sinusviewer.imaging.scan import scan

MODEL = ModelReference(
    "sinus_segmentation", "1.2", "ab" * 32, "Trained on simulated patients only (no clinical images)."
)
needs_dciodvfy = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    """Series, volume, reading of a small CT."""
    folder = tmp_path_factory.mktemp("ct")
    voxels = np.full((10, 24, 20), 40, np.int16)
    voxels[2:8, 5:15, 3:9] = -900
    write_ct(folder, voxels, 1.5, origin=(-12.0, -20.0, 7.0))
    (study,) = scan([folder]).studies
    series = study.series[0]
    volume = load_volume(series)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[2:8, 5:15, 3:9] = Structure.RIGHT_MAXILLARY
    labels[2:6, 5:15, 12:17] = Structure.LEFT_MAXILLARY
    labels[3:5, 5:8, 9:12] = Structure.NASAL_CAVITY
    drawn = np.where(labels == Structure.NASAL_CAVITY, 0, labels).astype(np.uint8)
    original = Segmentation(drawn, volume.affine)
    sinuses = (
        SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 1.2, 0.25, -512.0, 1, True, edited_by_reader=True),
        SinusMeasurement(Sinus.MAXILLARY, Side.LEFT, 0.7, 1.0, 38.0, 2, True),
        SinusMeasurement(Sinus.FRONTAL, Side.LEFT, None, None, None, None, False, "not found"),
    )
    reading = SeriesReading(
        series.identity.series_instance_uid, "CT", SeriesStatus.READ, sinuses=sinuses,
        lund_mackay=LundMackay(3, 5, 0, 2), segmentation=Segmentation(labels, volume.affine, original=original),
        segmentation_model=MODEL, endotype=EndotypeReading(0.71, (), (MODEL,), 0.5),
    )  # fmt: skip
    return series, volume, reading


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = write_film(tmp_path_factory.mktemp("film") / "film.dcm", np.arange(60 * 50, dtype=np.uint16).reshape(60, 50))
    (study,) = scan([path]).studies
    sides = (SideScore(Side.RIGHT, 0.83, True), SideScore(Side.LEFT, 0.11, False))
    waters = WatersReading(WatersLabel.RIGHT, sides, (5.0, 5.0, 45.0, 55.0), (), 0.43, MODEL)
    return study.series[0], SeriesReading(
        study.series[0].identity.series_instance_uid, "DX", SeriesStatus.READ, waters=waters
    )


def saved(dataset: Dataset, folder: Path) -> Dataset:
    return pydicom.dcmread(save(dataset, folder / "object.dcm"))


def faults(path: Path) -> list[str]:
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def test_masks_come_back_voxel_for_voxel_at_their_place(ct, tmp_path):
    series, volume, reading = ct
    sources = source_headers(series)
    again = hd.seg.Segmentation.from_dataset(saved(segmentation_object(volume, reading, sources), tmp_path))
    assert [s.segment_label for s in again.SegmentSequence] == ["Right maxillary", "Left maxillary", "Nasal cavity"]
    grid = again.get_volume(combine_segments=True)
    labels = reading.segmentation.labels
    numbers = np.select([labels == 1, labels == 2, labels == 11], [1, 2, 3], 0)
    point = volume.affine @ np.array([3, 5, 2, 1.0])  # a corner of the right maxillary sinus
    k, r, c = np.rint(np.linalg.inv(grid.affine) @ point)[:3].astype(int)
    assert grid.array[k, r, c] == 1
    assert np.count_nonzero(grid.array == 1) == np.count_nonzero(labels == 1)
    full = again.get_volume(combine_segments=True, allow_missing_positions=True)
    assert np.count_nonzero(full.array) == np.count_nonzero(numbers)


def test_opacified_parts_are_segments_of_their_own_over_their_sinuses(ct, tmp_path):
    series, volume, reading = ct
    labels = reading.segmentation.labels
    opacified = np.zeros(labels.shape, bool)
    opacified[4:8, 5:9, 3:9] = opacified[2:3, 5:15, 12:14] = True
    masks = replace(reading.segmentation, opacified=opacified)
    made = segmentation_object(volume, replace(reading, segmentation=masks), source_headers(series))
    again = hd.seg.Segmentation.from_dataset(saved(made, tmp_path))
    assert [s.segment_label for s in again.SegmentSequence][3:] == [
        "Opacified right maxillary sinus",
        "Opacified left maxillary sinus",
    ]
    assert again.get_segment_numbers(tracking_id="opacified_right_maxillary") == [4]
    whole = again.get_volume(segment_numbers=[1, 2, 3], combine_segments=True)
    assert np.count_nonzero(whole.array == 1) == np.count_nonzero(labels == Structure.RIGHT_MAXILLARY)
    for segment, code in ((4, Structure.RIGHT_MAXILLARY), (5, Structure.LEFT_MAXILLARY)):
        part = again.get_volume(segment_numbers=[segment])
        wanted = opacified & (labels == code)
        z, y, x = np.argwhere(wanted)[0]
        k, r, c = np.rint(np.linalg.inv(part.affine) @ volume.affine @ [x, y, z, 1.0])[:3].astype(int)
        assert part.array[k, r, c, 0] == 1
        assert np.count_nonzero(part.array) == np.count_nonzero(wanted)
    if shutil.which("dciodvfy") is not None:
        assert faults(tmp_path / "object.dcm") == []


def test_masks_say_whose_side_who_made_them_and_that_they_are_for_research(ct, tmp_path):
    series, volume, reading = ct
    again = saved(segmentation_object(volume, reading, source_headers(series)), tmp_path)
    first = again.SegmentSequence[0]
    kind = first.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning) == ("15924003", "Right")
    assert first.SegmentAlgorithmType == "SEMIAUTOMATIC"  # a reader edited them
    assert first.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "sinus_segmentation"
    assert "Research use only" in again.SeriesDescription
    assert again.PatientID == "P1"
    assert again.StudyInstanceUID == series.identity.study_instance_uid


def test_masks_of_a_ct_without_proved_sides_name_no_side_of_the_patient(ct):
    series, volume, reading = ct
    made = segmentation_object(replace(volume, oriented=False), reading, source_headers(series))
    first = made.SegmentSequence[0]
    assert first.SegmentLabel == "Image-left maxillary"
    assert "SegmentedPropertyTypeModifierCodeSequence" not in first.SegmentedPropertyTypeCodeSequence[0]


def measured(report: Dataset) -> dict[tuple[str, str], float]:
    """(tracking identifier, concept) to number."""
    groups = hd.sr.Comprehensive3DSR.from_dataset(report).content
    kinds = (groups.get_volumetric_roi_measurement_groups, groups.get_planar_roi_measurement_groups,
             groups.get_image_measurement_groups)  # fmt: skip
    return {
        (group.tracking_identifier, m.name.meaning): m.value
        for get in kinds
        for group in get()
        for m in group.get_measurements()
    }


def test_the_structured_report_holds_every_number_with_its_place(ct, tmp_path):
    series, volume, reading = ct
    sources = source_headers(series)
    masks = segmentation_object(volume, reading, sources)
    report = saved(measurement_report(reading, sources, masks=masks), tmp_path)
    numbers = measured(report)
    assert numbers["right maxillary", "Volume"] == 1.2
    assert numbers["right maxillary", "Opacified fraction of a sinus"] == 25
    assert numbers["left maxillary", "Lund-Mackay score"] == 2
    assert numbers["Lund-Mackay score", "Lund-Mackay score, total"] == 8
    assert any(name.endswith("eosinophilic chronic rhinosinusitis") and v == 0.71 for (_, name), v in numbers.items())
    assert not any(who == "left frontal" for who, _ in numbers)  # what is not known is not reported
    assert report.VerificationFlag == "UNVERIFIED"
    groups = hd.sr.Comprehensive3DSR.from_dataset(report).content.get_volumetric_roi_measurement_groups()
    assert {g.reference_type.value for g in groups} == {"121191"}  # each refers to its segment


def test_the_structured_report_says_in_which_sinus_an_air_fluid_level_is(ct, tmp_path):
    series, volume, reading = ct
    sources = source_headers(series)
    right, left, frontal = reading.sinuses
    found = (replace(right, air_fluid_level=True), replace(left, air_fluid_level=False), frontal)
    masks = segmentation_object(volume, reading, sources)
    for sinuses, expected in ((found, {Side.RIGHT: "Present", Side.LEFT: "Absent"}), (reading.sinuses, {})):
        made = measurement_report(replace(reading, sinuses=sinuses), sources, masks=masks)
        groups = hd.sr.Comprehensive3DSR.from_dataset(saved(made, tmp_path)).content
        said = {}
        for group in groups.get_volumetric_roi_measurement_groups():
            for evaluation in group.get_qualitative_evaluations():
                if (evaluation.name.value, evaluation.name.scheme_designator) == ("112104", "DCM"):
                    said[Side(group.tracking_identifier.partition(" ")[0])] = evaluation.value.meaning
        assert said == expected


@pytest.mark.parametrize(
    ("endotype", "word"),
    [
        (EndotypeReading(0.71, (), (MODEL,), 0.5), "Given"),
        (EndotypeReading(0.71, (), (MODEL,), 0.5, doubts=("Only 11 % of the heat lies within.",)), "Doubtful"),
        (EndotypeReading(None, (), (MODEL,), 0.5, withheld="The left maxillary is cut off."), "Withheld"),
    ],
)
def test_the_structured_report_says_what_may_be_made_of_the_endotype(ct, tmp_path, endotype, word):
    series, _volume, reading = ct
    report = saved(measurement_report(replace(reading, endotype=endotype), source_headers(series)), tmp_path)
    groups = hd.sr.Comprehensive3DSR.from_dataset(report).content.get_image_measurement_groups()
    group = next(g for g in groups if g.tracking_identifier.startswith("Endotype"))
    assert group.get_qualitative_evaluations()[0].value.meaning.startswith(word)
    assert len(group.get_measurements()) == (word != "Withheld")
    assert (endotype.withheld or " ".join(endotype.doubts)) in group.tracking_identifier
    if shutil.which("dciodvfy") is not None:
        assert faults(tmp_path / "object.dcm") == []


def test_the_structured_report_says_what_must_be_weighed_beside_a_risk(ct, tmp_path):
    series, _volume, reading = ct
    doubt = "In the 49 test patients such risks came out lower."
    risk = RecurrenceReading(
        0.5, 0.7, (0.7, 0.7), (), {}, 90.0, MODEL, outside_training=("eosinophils_per_ul",), doubts=(doubt,)
    )
    report = saved(measurement_report(replace(reading, recurrence=risk), source_headers(series)), tmp_path)
    groups = hd.sr.Comprehensive3DSR.from_dataset(report).content.get_image_measurement_groups()
    words = next(g for g in groups if g.tracking_identifier.startswith("Recurrence")).tracking_identifier
    assert doubt.rstrip(".") in words
    assert "outside the nomogram's training data: eosinophils" in words


def test_boxes_on_a_film_keep_their_place_and_what_the_reader_said(film, tmp_path):
    series, reading = film
    boxes = (
        Detection((8.0, 20.0, 22.0, 41.0), 0.83, Side.RIGHT, identifier="ai-1", status=FindingStatus.ACCEPTED),
        Detection((30.0, 20.0, 44.0, 41.0), 1.0, ImageSide.IMAGE_RIGHT, author=Author.READER),
    )
    report = saved(measurement_report(reading, source_headers(series), boxes), tmp_path)
    groups = hd.sr.Comprehensive3DSR.from_dataset(report).content.get_planar_roi_measurement_groups()
    assert np.allclose(groups[0].roi.value[0], [8, 20])
    assert groups[0].get_qualitative_evaluations()[0].value.meaning == "Accepted by the reader"
    assert groups[0].finding_sites[0].laterality.meaning == "Right"
    assert groups[1].finding_sites[0].laterality is None
    assert measured(report)["right maxillary sinus, threshold 0.4300", "Score of sinusitis on a Waters' view"] == 0.83


def test_a_pdf_and_pictures_of_odd_length_come_back_to_the_byte(ct, tmp_path):
    source = source_headers(ct[0])[0]
    pdf = b"%PDF-1.4 odd"[:11]
    again = saved(encapsulated_pdf(pdf, "Sinus report", source), tmp_path)
    assert again.EncapsulatedDocument[: again.EncapsulatedDocumentLength] == pdf
    rgb = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    picture = saved(secondary_capture(rgb, "Right maxillary", source, 1, new_uid()), tmp_path)
    assert np.array_equal(picture.pixel_array, rgb)
    assert "Research use only" in picture.ImageComments


@needs_dciodvfy
@pytest.mark.parametrize("kind", ["seg", "sr_ct", "sr_film", "pdf", "sc"])
def test_the_standards_checker_finds_no_error(kind, ct, film, tmp_path):
    series, volume, reading = ct
    sources = source_headers(series)
    if kind == "sr_film":
        boxes = (Detection((8.0, 20.0, 22.0, 41.0), 0.83, Side.RIGHT, identifier="ai-1"),)
        made = measurement_report(film[1], source_headers(film[0]), boxes)
    elif kind == "sr_ct":
        made = measurement_report(reading, sources, masks=segmentation_object(volume, reading, sources))
    elif kind == "seg":
        made = segmentation_object(volume, reading, sources)
    elif kind == "pdf":
        made = encapsulated_pdf(b"%PDF-1.4", "Sinus report", sources[0])
    else:
        made = secondary_capture(np.zeros((6, 8, 3), np.uint8), "A key picture", sources[0], 1, new_uid())
    assert faults(save(made, tmp_path / "object.dcm")) == []


def test_images_that_are_no_dicom_are_refused_with_a_way_out(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "film.png")
    (study,) = scan([tmp_path / "film.png"]).studies
    with pytest.raises(DicomReadError, match="not DICOM"):
        source_headers(study.series[0])

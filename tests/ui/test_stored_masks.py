"""DICOM Segmentation objects of a study: found with it, shown over the series they are about, never guessed at."""

import numpy as np
import pydicom
import pytest
from made_dicom import write_ct
from PySide6.QtWidgets import QLabel, QPushButton

from sinusviewer.actions.stored_masks import AS_STORED, BY_RULE_HERE, _reading, _without_image
from sinusviewer.app import Program
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.domain.study import FileStatus
from sinusviewer.errors import DicomReadError, GeometryError
from sinusviewer.exchange.segmentation_object import segmentation_object
from sinusviewer.exchange.sources import save, source_headers
from sinusviewer.imaging.load import load_volume
from sinusviewer.imaging.scan import scan
from sinusviewer.imaging.stored_masks import read_stored_masks
from sinusviewer.jobs.runner import CancelToken

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with a CT and its masks, the volume and the labels."""
    folder = tmp_path_factory.mktemp("study")
    voxels = np.full((12, 40, 36), 40, np.int16)
    voxels[3:9, 10:20, 8:18] = -900
    write_ct(folder / "ct", voxels, 2.0, origin=(-30.0, 12.0, 5.0))
    (study,) = scan([folder]).studies
    volume = load_volume(study.series[0])
    labels = np.zeros(voxels.shape, np.uint8)
    labels[3:9, 10:20, 8:18] = Structure.RIGHT_MAXILLARY
    labels[4:6, 30:33, 8:18] = Structure.LEFT_POSTERIOR_ETHMOID
    labels[2:4, 25:28, 8:18] = Structure.NASAL_CAVITY
    reading = SeriesReading(
        volume.identity.series_instance_uid, "CT", SeriesStatus.READ, segmentation=Segmentation(labels, volume.affine)
    )
    save(segmentation_object(volume, reading, source_headers(study.series[0])), folder / "masks.dcm")
    return folder, volume, labels


def changed(stored, tmp_path, **tags):
    dataset = pydicom.dcmread(stored[0] / "masks.dcm")
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "changed.dcm")
    return tmp_path / "changed.dcm"


def test_masks_come_back_on_the_voxels_they_were_made_on(stored):
    found = read_stored_masks(stored[0] / "masks.dcm", stored[1])
    assert np.array_equal(found.segmentation.labels, stored[2])
    assert found.others == ()


def exported(stored, tmp_path, opacified, *, by_rule=False):
    folder, volume, labels = stored
    masks = Segmentation(labels, volume.affine, opacified, opacified_by_rule=by_rule)
    reading = SeriesReading(volume.identity.series_instance_uid, "CT", SeriesStatus.READ, segmentation=masks)
    (study,) = scan([folder]).studies
    return save(segmentation_object(volume, reading, source_headers(study.series[0])), tmp_path / "seg.dcm")


@pytest.mark.parametrize("by_rule", [True, False])
def test_opacified_voxels_come_back_as_they_were_and_with_whoever_said_so(stored, tmp_path, by_rule):
    opacified = np.zeros(stored[2].shape, bool)
    opacified[4:9, 10:15, 8:18] = opacified[4:5, 30:33, 8:12] = opacified[2:4, 25:28, 8:18] = True
    found = read_stored_masks(exported(stored, tmp_path, opacified, by_rule=by_rule), stored[1])
    assert np.array_equal(found.segmentation.labels, stored[2])
    sinuses = (stored[2] > 0) & (stored[2] != Structure.NASAL_CAVITY)
    assert np.array_equal(found.segmentation.opacified, opacified & sinuses)
    assert found.segmentation.opacified_by_rule is by_rule
    assert found.others == ()


@pytest.mark.parametrize("slices", [(2, 3), (1, 5)])
def test_one_sinus_on_frames_of_an_odd_size_comes_back_too(tmp_path, slices):
    write_ct(tmp_path / "ct", np.full((6, 13, 11), 40, np.int16), 2.0)
    (study,) = scan([tmp_path]).studies
    volume = load_volume(study.series[0])
    labels, opacified = np.zeros((6, 13, 11), np.uint8), np.zeros((6, 13, 11), bool)
    labels[slices[0] : slices[1], 3:9, 2:7] = Structure.RIGHT_MAXILLARY
    opacified[2:3, 4:6, 3:5] = True
    found = read_stored_masks(exported((tmp_path, volume, labels), tmp_path, opacified), volume).segmentation
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.opacified, opacified)


def test_shares_of_stored_masks_are_those_that_were_exported_and_their_origin_is_named(stored, tmp_path):
    opacified = np.zeros(stored[2].shape, bool)
    opacified[3:6, 10:20, 8:18] = True  # air by its density: no rule would say so
    path = exported(stored, tmp_path, opacified)
    for file, share, says in ((path, 0.5, AS_STORED), (stored[0] / "masks.dcm", 0.0, BY_RULE_HERE)):
        made = _reading(stored[1], read_stored_masks(file, stored[1]), CancelToken())
        right = next(m for m in made.sinuses if (m.sinus, m.side) == (Sinus.MAXILLARY, Side.RIGHT))
        assert right.opacified_fraction == pytest.approx(share, abs=0.02)
        assert says in [w.message for w in made.warnings]


def test_a_study_knows_its_masks_and_masks_alone_are_listed(stored, tmp_path):
    (study,) = scan([stored[0]]).studies
    assert [i.path.name for i in study.masks] == ["masks.dcm"]
    assert all(s.identity.modality == "CT" for s in study.series)
    result = scan([stored[0] / "masks.dcm"])
    assert result.studies == ()
    assert [(f.status, f.reason) for f in result.files] == [
        (FileStatus.IGNORED, "Masks (Segmentation object) without their images.")
    ]


def test_masks_of_another_series_or_grid_are_not_shown(stored, tmp_path):
    with pytest.raises(GeometryError, match="another series"):
        read_stored_masks(changed(stored, tmp_path, FrameOfReferenceUID="1.2.3"), stored[1])
    dataset = pydicom.dcmread(stored[0] / "masks.dcm")
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.PixelSpacing = [1.0, 1.0]
    dataset.save_as(tmp_path / "coarse.dcm")
    with pytest.raises(GeometryError, match="another grid"):
        read_stored_masks(tmp_path / "coarse.dcm", stored[1])


def test_a_segment_without_a_side_is_named_and_never_guessed(stored, tmp_path):
    dataset = pydicom.dcmread(stored[0] / "masks.dcm")
    first = dataset.SegmentSequence[0]
    first.SegmentLabel = "Maxillary sinus"
    del first.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence
    dataset.save_as(tmp_path / "sideless.dcm")
    found = read_stored_masks(tmp_path / "sideless.dcm", stored[1])
    assert found.others == ("Maxillary sinus",)
    assert not (found.segmentation.labels == Structure.RIGHT_MAXILLARY).any()


def test_damaged_objects_say_so(stored, tmp_path):
    path = changed(stored, tmp_path, Rows=4000)
    with pytest.raises(DicomReadError):
        read_stored_masks(path, stored[1])
    content = (stored[0] / "masks.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(content[: len(content) // 2])
    with pytest.raises(DicomReadError):
        read_stored_masks(tmp_path / "cut.dcm", stored[1])


def test_opening_the_study_shows_the_masks_and_says_where_they_are_from(stored, qtbot):
    program = Program()
    session = program.session
    program.actions.opening.open_paths([stored[0]])
    qtbot.waitUntil(lambda: bool(session.readings) and not session.jobs, timeout=30000)
    (reading,) = session.readings.values()
    assert np.array_equal(reading.segmentation.labels, stored[2])
    assert reading.segmentation_model is None
    assert reading.status is SeriesStatus.VIEWED_ONLY
    assert "not found by this program" in program.window.findChild(QLabel, "sinus_warnings").text()
    assert program.window.findChild(QPushButton, "read_sinuses").isVisibleTo(program.wiring.sinuses)
    assert program.close()
    program.window.deleteLater()


@pytest.mark.parametrize(("shares", "level"), [(True, True), (False, None)])
def test_masks_alone_tell_a_level_only_where_they_say_what_is_opacified(shares, level):
    sinus = SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 9.0, 0.5, -400.0, 1, True, air_fluid_level=True)
    assert _without_image(sinus, shares=shares).air_fluid_level is level

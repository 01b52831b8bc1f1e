"""CT series to Hounsfield volumes: order, values, padding, faults, and what is withheld."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from made_series import change, codes, loaded, only_series, write_series
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import SeriesKind
from sinusviewer.errors import CancelledError, DicomReadError, GeometryError
from sinusviewer.imaging.fill import PADDING_HU
from sinusviewer.imaging.load import load_series, load_volume
from sinusviewer.jobs.runner import CancelToken

AFFINE = np.diag([0.5, 0.5, 5.0, 1.0])


def ramp(slices: int = 12, rows: int = 16, columns: int = 20) -> npt.NDArray[np.int16]:
    z, y, x = np.mgrid[:slices, :rows, :columns]
    return (z * 100 + y * 3 - x).astype(np.int16)


def test_slices_come_in_the_order_of_their_positions_whatever_their_numbers(tmp_path: Path) -> None:
    voxels = ramp()
    write_series(tmp_path, voxels, AFFINE, order=[5, 3, 1, 0, 2, 4, 11, 6, 10, 7, 9, 8])
    volume = loaded(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.affine, AFFINE)
    assert volume.sop_instance_uids[3].endswith(".2.4")
    assert volume.measurable
    assert volume.for_models
    assert volume.oriented
    assert codes(volume) == set()


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (2, 0), (0.5, -1000), (1, 0.5)])
def test_values_are_hounsfield_units(tmp_path: Path, slope: float, intercept: float) -> None:
    voxels = ramp()
    write_series(tmp_path, voxels, AFFINE, RescaleSlope=slope, RescaleIntercept=intercept)
    np.testing.assert_array_equal(loaded(tmp_path).voxels, np.rint(voxels * float(slope) + intercept))


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), AFFINE)
    change(paths[4], RescaleIntercept=-100)
    assert loaded(tmp_path).voxels[4, 0, 0] == 300


def test_values_beyond_int16_are_held_at_its_ends(tmp_path: Path) -> None:
    write_series(tmp_path, ramp() + np.int16(30000), AFFINE, RescaleIntercept=5000)
    assert loaded(tmp_path).voxels.max() == 32767


def test_unsigned_12_bit_pixels_lose_their_overlay_bits(tmp_path: Path) -> None:
    paths = write_series(tmp_path, np.full((10, 8, 8), 1000, np.int16), AFFINE)
    for path in paths:
        stored = np.full((8, 8), 1000 | 0x8000, np.uint16)
        change(
            path, BitsStored=12, HighBit=11, PixelRepresentation=0, RescaleIntercept=-1024, PixelData=stored.tobytes()
        )
    assert set(np.unique(loaded(tmp_path).voxels)) == {-24}


def test_signed_12_bit_pixels_keep_their_sign(tmp_path: Path) -> None:
    paths = write_series(tmp_path, np.zeros((10, 8, 8), np.int16), AFFINE)
    for path in paths:
        stored = np.full((8, 8), -500 & 0x0FFF, np.uint16)
        change(path, BitsStored=12, HighBit=11, PixelRepresentation=1, PixelData=stored.tobytes())
    assert set(np.unique(loaded(tmp_path).voxels)) == {-500}


def test_unsigned_16_bit_values_above_int16_survive_a_negative_intercept(tmp_path: Path) -> None:
    paths = write_series(tmp_path, np.zeros((10, 8, 8), np.int16), AFFINE)
    for path in paths:
        change(path, PixelRepresentation=0, RescaleIntercept=-32768, PixelData=np.full(64, 33768, np.uint16).tobytes())
    assert set(np.unique(loaded(tmp_path).voxels)) == {1000}


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_byte_orders_give_the_same_volume(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    voxels = ramp()
    for path in write_series(tmp_path, voxels, AFFINE):
        dataset = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    np.testing.assert_array_equal(loaded(tmp_path).voxels, voxels)


def test_declared_padding_becomes_one_value_below_any_tissue(tmp_path: Path) -> None:
    voxels = ramp()
    voxels[:, :3] = -2000
    write_series(tmp_path, voxels, AFFINE, PixelPaddingValue=63536)  # -2000 written as unsigned, as some scanners do
    volume = loaded(tmp_path)
    assert volume.padding_hu == PADDING_HU
    assert np.all(volume.voxels[:, :3] == PADDING_HU)
    assert volume.voxels[:, 3:].min() > -100


def test_a_range_of_padding_is_masked(tmp_path: Path) -> None:
    voxels = ramp()
    voxels[:, :2], voxels[:, 2:4] = -2000, -1800
    write_series(tmp_path, voxels, AFFINE, PixelPaddingValue=63536, PixelPaddingRangeLimit=65536 - 1700)
    assert np.all(loaded(tmp_path).voxels[:, :4] == PADDING_HU)


def test_undeclared_fill_outside_the_field_of_view_is_padding(tmp_path: Path) -> None:
    voxels = ramp()
    voxels[:, 0] = -2048
    write_series(tmp_path, voxels, AFFINE)
    volume = loaded(tmp_path)
    assert volume.padding_hu == PADDING_HU
    assert np.all(volume.voxels[:, 0] == PADDING_HU)


def test_air_in_a_sinus_is_never_taken_for_padding(tmp_path: Path) -> None:
    """Some scanners declare 0 as padding where 0 is also the value of air."""
    voxels = np.full((10, 20, 20), 1064, np.int16)
    voxels[:, :4] = 0
    voxels[:, 10:13, 10:13] = 0
    write_series(tmp_path, voxels, AFFINE, PixelPaddingValue=0, RescaleIntercept=-1024)
    volume = loaded(tmp_path)
    assert np.all(volume.voxels[:, :4] == PADDING_HU)
    assert np.all(volume.voxels[:, 10:13, 10:13] == -1024)


def test_gaps_stay_empty_and_withhold_volumetry(tmp_path: Path) -> None:
    voxels = ramp()
    for path in [write_series(tmp_path, voxels, AFFINE)[i] for i in (5, 6)]:
        path.unlink()
    volume = loaded(tmp_path)
    assert "missing_slices" in codes(volume)
    assert not volume.measurable
    assert volume.voxels.shape[0] == 12
    assert np.all(volume.voxels[5:7] == PADDING_HU)
    np.testing.assert_array_equal(np.delete(volume.voxels, [5, 6], 0), np.delete(voxels, [5, 6], 0))
    assert volume.sop_instance_uids[5:7] == ("", "")
    np.testing.assert_allclose(volume.affine, AFFINE)


def test_uneven_slices_land_where_they_lie(tmp_path: Path) -> None:
    heights = np.array([0, 4, 8, 12, 16, 18, 20, 22, 26, 30, 34, 38.0])
    voxels = np.broadcast_to((heights * 10)[:, None, None], (12, 16, 20)).astype(np.int16)
    write_series(tmp_path, voxels, AFFINE, positions=[(0, 0, h) for h in heights])
    volume = loaded(tmp_path)
    assert "uneven_spacing" in codes(volume)
    assert not volume.measurable
    places = volume.affine[2, 3] + np.arange(len(volume.voxels)) * volume.affine[2, 2]
    np.testing.assert_allclose(volume.voxels[:, 0, 0], places * 10, atol=1)


@pytest.mark.parametrize("angle", [-20.0, 15.0])
def test_tilt_is_taken_out_without_moving_anything(tmp_path: Path, angle: float) -> None:
    """A straight rod across tilted slices stays straight, at its LPS place."""
    lean = np.tan(np.radians(angle))
    heights = np.arange(12) * 5.0
    voxels = np.zeros((12, 120, 24), np.int16)
    origin_y = [h * lean for h in heights]
    for k, y0 in enumerate(origin_y):
        rows = y0 + np.arange(120) * 0.5
        voxels[k, :, 12] = np.clip(1000 * (3 - np.abs(rows - 30)), 0, 1000)
    write_series(tmp_path, voxels, AFFINE, positions=[(0, y0, h) for y0, h in zip(origin_y, heights, strict=True)])
    volume = loaded(tmp_path)
    assert "gantry_tilt" in codes(volume)
    assert volume.measurable
    axes = volume.affine[:3, :3] / np.array(volume.spacing[::-1])
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    for k in range(12):
        column = volume.voxels[k, :, 12].astype(float)
        column[column == PADDING_HU] = 0
        row = np.average(np.arange(len(column)), weights=column)
        assert (volume.affine @ [12, row, k, 1])[1] == pytest.approx(30, abs=0.05)
    assert np.any(volume.voxels == PADDING_HU)


def test_duplicate_slices_are_named_and_dropped(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), AFFINE)
    change(paths[3], ImagePositionPatient=[0, 0, 10.0])
    volume = loaded(tmp_path)
    assert {"duplicate_slices", "missing_slices"} <= codes(volume)


def test_skewed_orientations_are_corrected_with_a_warning(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), AFFINE, ImageOrientationPatient=[1, 0.02, 0, 0, 1, 0])
    volume = loaded(tmp_path)
    assert "orientation_corrected" in codes(volume)
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)


def test_an_impossible_orientation_is_refused_with_a_sentence(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), AFFINE, ImageOrientationPatient=[1, 0, 0, 0.7, 0.7, 0])
    with pytest.raises(GeometryError, match="right angles"):
        loaded(tmp_path)


def test_slices_without_positions_are_shown_but_not_measured(tmp_path: Path) -> None:
    for path in write_series(tmp_path, ramp(), AFFINE):
        change(path, ImagePositionPatient=None)
    volume = loaded(tmp_path)
    assert "no_position" in codes(volume)
    assert (volume.oriented, volume.measurable, volume.for_models) == (False, False, False)


def test_one_slice_is_no_volume_to_measure(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(1), AFFINE)
    volume = loaded(tmp_path)
    assert "single_slice" in codes(volume)
    assert not volume.measurable
    assert only_series(tmp_path).kind is SeriesKind.STACK


def test_a_short_stack_says_that_it_cannot_hold_all_sinuses(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(5), AFFINE)
    assert "partial_coverage" in codes(loaded(tmp_path))


def test_a_slice_that_cannot_be_decoded_costs_only_itself(tmp_path: Path) -> None:
    series_paths = write_series(tmp_path, ramp(), AFFINE)
    series = only_series(tmp_path)
    content = series_paths[4].read_bytes()
    series_paths[4].write_bytes(content[: len(content) - 200])
    volume = load_volume(series)
    assert "unreadable_slices" in codes(volume)
    assert not volume.measurable
    assert "missing_slices" in codes(volume)


def test_the_first_image_is_the_middle_slice_and_comes_first(tmp_path: Path) -> None:
    voxels = ramp()
    write_series(tmp_path, voxels, AFFINE)
    shown = list[Volume]()
    volume = load_volume(only_series(tmp_path), first_image=shown.append)
    assert len(shown) == 1
    np.testing.assert_array_equal(shown[0].voxels[0], volume.voxels[6])
    assert (shown[0].affine @ [0, 0, 0, 1])[2] == 30.0
    assert not shown[0].measurable


def test_cancelling_stops_the_loading(tmp_path: Path) -> None:
    write_series(tmp_path, ramp(), AFFINE)
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        load_volume(only_series(tmp_path), token=token)


def test_a_series_of_nothing_but_damage_is_refused_with_a_sentence(tmp_path: Path) -> None:
    paths = write_series(tmp_path, ramp(), AFFINE)
    series = only_series(tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DicomReadError):
        load_series(series)


def enhanced(path: Path, voxels: npt.NDArray[np.int16], heights: list[float], **tags: object) -> None:
    """Write an Enhanced CT whose frames lie at the given heights, in this order."""
    template = pydicom.dcmread(write_series(path.parent / "template", voxels[:1], AFFINE)[0])
    (path.parent / "template" / "0001.dcm").unlink()
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        del template[keyword]
    template.SOPClassUID = template.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    template.NumberOfFrames = len(voxels)
    template.PixelData = voxels.tobytes()
    shared, orientation, measures, transform = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [0.5, 0.5]
    transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = 1, -10, "HU"
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([transform])
    frames = []
    for height in heights:
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, height]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    template.SharedFunctionalGroupsSequence = Sequence([shared])
    template.PerFrameFunctionalGroupsSequence = Sequence(frames)
    for keyword, value in tags.items():
        setattr(template, keyword, value)
    template.save_as(path)


def test_an_enhanced_ct_is_sorted_frame_by_frame(tmp_path: Path) -> None:
    voxels = ramp()
    heights = [float(5 * h) for h in (3, 1, 0, 2, 7, 5, 4, 6, 8, 11, 10, 9)]
    enhanced(tmp_path / "e.dcm", voxels, heights)
    volume = loaded(tmp_path / "e.dcm")
    np.testing.assert_array_equal(volume.voxels, voxels[np.argsort(heights)] - 10)
    np.testing.assert_allclose(volume.affine, AFFINE)
    assert volume.for_models
    assert volume.sop_instance_uids[0].endswith("#3")


def test_an_enhanced_ct_with_two_orientations_keeps_the_larger_and_says_so(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm", ramp(), [float(5 * h) for h in range(12)])
    dataset = pydicom.dcmread(tmp_path / "e.dcm")
    item = Dataset()
    item.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    dataset.PerFrameFunctionalGroupsSequence[0].PlaneOrientationSequence = Sequence([item])
    dataset.save_as(tmp_path / "e.dcm")
    volume = loaded(tmp_path / "e.dcm")
    assert "mixed_orientation" in codes(volume)
    assert len(volume.voxels) == 11


def test_frames_that_are_promised_but_not_there_reserve_no_memory(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm", ramp(2), [0.0, 5.0])
    dataset = pydicom.dcmread(tmp_path / "e.dcm")
    dataset.Rows = dataset.Columns = 512
    dataset.NumberOfFrames = 16000
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(60)] * 3)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.save_as(tmp_path / "e.dcm")
    series = only_series(tmp_path / "e.dcm")
    with pytest.raises(DicomReadError, match="16000 compressed frames and holds 3"):
        load_volume(series)

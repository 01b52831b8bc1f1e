"""Floating-point pixels (parametric maps): shown as they are, never given to a model, refused where they contradict the header."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom import write_film
from pydicom.uid import ParametricMapStorage

from sinusviewer.domain.study import FileStatus, SeriesKind
from sinusviewer.imaging.load import load_series
from sinusviewer.imaging.scan import scan


def write_map(path: Path, values: np.ndarray, **tags: object) -> Path:
    write_film(path, np.zeros(values.shape[-2:], np.uint16), None)
    dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ParametricMapStorage
    dataset.Modality = "OT"
    for name in (
        "PixelData",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "RescaleSlope",
        "RescaleIntercept",
        "RescaleType",
    ):
        delattr(dataset, name)
    dataset.NumberOfFrames = len(values) if values.ndim == 3 else 1
    dataset.BitsAllocated = values.dtype.itemsize * 8
    name = "FloatPixelData" if values.dtype.itemsize == 4 else "DoubleFloatPixelData"
    setattr(dataset, name, values.astype(values.dtype.newbyteorder("<")).tobytes())
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    pydicom.dcmwrite(path, dataset)
    return path


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_frame_of_a_map_is_shown_with_its_values(tmp_path, kind):
    values = np.random.default_rng(1).normal(0.3, 0.01, (3, 8, 6)).astype(kind)
    (study,) = scan([write_map(tmp_path / "map.dcm", values)]).studies
    (series,) = study.series
    assert series.kind is SeriesKind.VIEW_ONLY
    frames = load_series(series)
    assert [f.sop_instance_uid.rpartition("#")[2] for f in frames] == ["1", "2", "3"]
    for frame, plane in zip(frames, values, strict=True):
        assert np.array_equal(frame.pixels, plane.astype(np.float32))
        assert not frame.for_models


def test_what_is_no_number_is_padding(tmp_path):
    values = np.ones((4, 4), np.float32)
    values[0, 0], values[1, 1] = np.nan, np.inf
    (study,) = scan([write_map(tmp_path / "map.dcm", values)]).studies
    (frame,) = load_series(study.series[0])
    assert np.argwhere(frame.padding).tolist() == [[0, 0], [1, 1]]
    assert np.isfinite(frame.pixels).all()


def test_pixels_that_contradict_the_header_or_end_early_are_listed(tmp_path):
    values = np.ones((4, 4), np.float32)
    cases = {
        "bits": write_map(tmp_path / "bits.dcm", values, BitsAllocated=16),
        "short": write_map(tmp_path / "short.dcm", values, Rows=400),
        "colour": write_map(tmp_path / "colour.dcm", values, SamplesPerPixel=3),
    }
    for name, path in cases.items():
        (outcome,) = scan([path]).files
        assert outcome.status is FileStatus.FAILED, name
        assert outcome.reason

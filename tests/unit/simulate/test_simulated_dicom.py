"""Simulated DICOM files: standard, marked as simulated, the same bytes from the same seed, sides told as asked."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from phantom_head import phantom_head
from pydicom.dataset import Dataset

from sinustrainer.simulate.ct.scan import CtScan, scan
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinustrainer.simulate.dicom.ct import write_ct
from sinustrainer.simulate.dicom.header import Subject, add_subject, uid_of
from sinustrainer.simulate.dicom.radiograph import Orientation, StoredFilm, write_radiograph

SUBJECT = Subject(
    "SIM-W00001", "Simulated^Waters 00001", "F", 34.0, "20180412", "101500", "SIM00001", "Simulated site (a)", "SIEMENS",
    "Ysio", uid_of("study", 1), "PNS WATERS (SIMULATED)",
)  # fmt: skip
needs_dciodvfy = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")


def stored(orientation: Orientation, *, inverted: bool = False, computed: bool = False) -> StoredFilm:
    ramp = np.tile(np.linspace(0, 4095, 60).astype(np.uint16), (80, 1))
    return StoredFilm(
        ramp, 12, inverted, orientation, 0.3, computed, False, "PNS Waters PA", 75.0, 16.0, 60.0, 1200.0, 1085.0
    )


def small_scan(**changes: object) -> CtScan:
    head = phantom_head(4.0)
    protocol = CtProtocol("Discovery CT750 HD", matrix=64, slice_mm=4.0, interval_mm=4.0, **changes)  # type: ignore[arg-type]
    return scan(head, head.hu, np.zeros(head.hu.shape, bool), protocol, np.random.default_rng(0))


def complaints(path: Path) -> list[str]:
    run = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in run.stderr.splitlines() if line.startswith(("Error", "Warning"))]


@needs_dciodvfy
@pytest.mark.parametrize(
    ("orientation", "inverted", "computed"),
    [
        (Orientation.NORMAL, False, False),
        (Orientation.MIRRORED, True, False),
        (Orientation.NORMAL, True, True),
        (Orientation.ABSENT, False, True),
    ],
)
def test_dciodvfy_accepts_films(tmp_path: Path, orientation: Orientation, inverted: bool, computed: bool) -> None:
    path = tmp_path / "film.dcm"
    write_radiograph(path, stored(orientation, inverted=inverted, computed=computed), SUBJECT, "k")
    assert complaints(path) == []


@needs_dciodvfy
@pytest.mark.parametrize("tilt", [0.0, 14.0])
def test_dciodvfy_accepts_ct_slices(tmp_path: Path, tilt: float) -> None:
    write_ct(tmp_path, small_scan(gantry_tilt_deg=tilt), SUBJECT, "k")
    assert complaints(tmp_path / "0003.dcm") == []


def test_every_file_says_that_it_is_simulated(tmp_path: Path) -> None:
    write_radiograph(tmp_path / "film.dcm", stored(Orientation.NORMAL), SUBJECT, "k")
    write_ct(tmp_path / "ct", small_scan(), SUBJECT, "k")
    for path in (tmp_path / "film.dcm", tmp_path / "ct" / "0001.dcm"):
        ds = pydicom.dcmread(path)
        assert str(ds.PatientName).startswith("Simulated^")
        assert "SIMULATED" in ds.ImageComments
        assert "SIMULATED" in ds.StudyDescription
        assert "Simulated" in ds.DeidentificationMethod


def test_the_same_seed_gives_the_same_bytes_and_another_other_uids(tmp_path: Path) -> None:
    for name, key in (("a", "k"), ("b", "k"), ("c", "other")):
        write_radiograph(tmp_path / name, stored(Orientation.NORMAL), SUBJECT, key)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    one, other = pydicom.dcmread(tmp_path / "a"), pydicom.dcmread(tmp_path / "c")
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.StudyInstanceUID == other.StudyInstanceUID
    for ds in (one, other):
        assert len(ds.SOPInstanceUID) <= 64


def test_a_mirrored_film_is_stored_turned_and_says_so(tmp_path: Path) -> None:
    for orientation in Orientation:
        write_radiograph(tmp_path / orientation.value, stored(orientation, computed=True), SUBJECT, "k")
    normal, mirrored, absent = (pydicom.dcmread(tmp_path / o.value) for o in Orientation)
    assert list(normal.PatientOrientation) == ["L", "F"]
    assert list(mirrored.PatientOrientation) == ["R", "F"]
    assert not absent.PatientOrientation
    np.testing.assert_array_equal(mirrored.pixel_array, normal.pixel_array[:, ::-1])
    np.testing.assert_array_equal(absent.pixel_array, normal.pixel_array)


def test_monochrome1_is_inverted_once(tmp_path: Path) -> None:
    for inverted in (False, True):
        write_radiograph(tmp_path / str(inverted), stored(Orientation.NORMAL, inverted=inverted), SUBJECT, "k")
    plain, turned = pydicom.dcmread(tmp_path / "False"), pydicom.dcmread(tmp_path / "True")
    assert (plain.PhotometricInterpretation, turned.PhotometricInterpretation) == ("MONOCHROME2", "MONOCHROME1")
    np.testing.assert_array_equal(turned.pixel_array, 4095 - plain.pixel_array)


def test_ct_slices_lie_where_the_scans_affine_puts_them(tmp_path: Path) -> None:
    scanned = small_scan(gantry_tilt_deg=14.0)
    write_ct(tmp_path, scanned, SUBJECT, "k")
    files = sorted(tmp_path.glob("*.dcm"))
    assert len(files) == len(scanned.voxels)
    for k in (0, len(files) - 1):
        ds = pydicom.dcmread(files[k])
        expected = scanned.affine @ [0, 0, k, 1]
        np.testing.assert_allclose([float(v) for v in ds.ImagePositionPatient], expected[:3], atol=1e-4)
        row = np.array([float(v) for v in ds.ImageOrientationPatient])
        np.testing.assert_allclose(row[:3] * float(ds.PixelSpacing[1]), scanned.affine[:3, 0], atol=1e-5)
        np.testing.assert_allclose(row[3:] * float(ds.PixelSpacing[0]), scanned.affine[:3, 1], atol=1e-5)
        np.testing.assert_array_equal(ds.pixel_array, scanned.voxels[k])
        assert ds.GantryDetectorTilt == 14


def test_exposure_and_distance_are_in_the_header(tmp_path: Path) -> None:
    write_radiograph(tmp_path / "f", stored(Orientation.NORMAL), SUBJECT, "k")
    ds = pydicom.dcmread(tmp_path / "f")
    assert (ds.KVP, ds.Exposure, ds.ExposureTime, ds.DistanceSourceToDetector) == (75, 16, 60, 1200)
    assert [float(v) for v in ds.ImagerPixelSpacing] == [0.3, 0.3]
    assert ds.PatientAge == "034Y"


@pytest.mark.parametrize(
    ("age_years", "written"), [(0.5, "006M"), (1.0, "012M"), (1.75, "021M"), (8.0, "008Y"), (44.0, "044Y")]
)
@pytest.mark.parametrize("study_date", ["20180101", "20180630", "20200229"])
def test_the_birth_date_gives_the_age_in_the_header(age_years: float, written: str, study_date: str) -> None:
    ds = Dataset()
    add_subject(ds, replace(SUBJECT, age_years=age_years, study_date=study_date))
    born, day = str(ds.PatientBirthDate), study_date
    months = (int(day[:4]) - int(born[:4])) * 12 + int(day[4:6]) - int(born[4:6]) - (int(day[6:]) < int(born[6:]))
    assert ds.PatientAge == written
    assert (f"{months:03d}M" if months < 24 else f"{months // 12:03d}Y") == written

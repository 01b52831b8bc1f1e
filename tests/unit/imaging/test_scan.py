"""Scanning: every file once with a reason, archives without harm, series split by what they are and where they lie."""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom import ROOT, write_ct, write_film
from made_series import all_series, change, codes, write_series

from sinusviewer.domain.study import FileStatus, ScanResult, SeriesKind
from sinusviewer.errors import CancelledError
from sinusviewer.imaging import archive
from sinusviewer.imaging import scan as scan_module
from sinusviewer.imaging.archive import ScanSession
from sinusviewer.imaging.load import load_radiograph, load_series, load_volume
from sinusviewer.imaging.scan import scan
from sinusviewer.jobs.runner import CancelToken, silent_progress

FILM = np.full((12, 10), 7, np.uint16)
AFFINE = np.diag([0.5, 0.5, 5.0, 1.0])


def slices(count: int = 4) -> np.ndarray:
    return np.zeros((count, 8, 8), np.int16)


def outcomes(result: ScanResult) -> dict[str, tuple[FileStatus, str | None]]:
    assert len({f.path for f in result.files}) == len(result.files)
    return {Path(f.path).name: (f.status, f.reason) for f in result.files}


# --- files and folders


def test_nested_folders_are_searched_and_every_file_is_listed_once(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdefgh")
    write_ct(deep, slices(3), 1.0)
    write_film(tmp_path / "b" / "film.dcm", FILM)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").touch()
    result = scan([tmp_path])
    listed = outcomes(result)
    assert sum(status is FileStatus.READ for status, _ in listed.values()) == 4
    assert listed["notes.txt"] == (FileStatus.IGNORED, "This is no image in a format that can be opened.")
    assert listed["empty"] == (FileStatus.IGNORED, "The file is empty.")
    assert len(result.studies) == 2


def test_a_file_given_twice_is_listed_once(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", FILM)
    assert len(scan([path, path, tmp_path]).files) == 1


def test_a_second_copy_of_an_image_is_named_and_left_out(tmp_path: Path) -> None:
    write_film(tmp_path / "a.dcm", FILM)
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
    result = scan([tmp_path])
    assert outcomes(result)["b.dcm"] == (FileStatus.IGNORED, "A copy of a file that is listed already.")
    assert len(result.studies[0].series[0].instances) == 1


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert outcomes(scan([tmp_path / "gone"]))["gone"][0] is FileStatus.FAILED


@pytest.mark.parametrize("name", ["Überweisung", "환자", "患者 画像", "пациент", "مريض", "a" * 200])
def test_paths_of_any_language_and_length_open(tmp_path: Path, name: str) -> None:
    path = write_film(tmp_path / name / name / "bild ä.dcm", FILM)
    result = scan([tmp_path])
    assert result.files[0].path == str(path)
    assert load_radiograph(result.studies[0].series[0].instances[0]).pixels.shape == (12, 10)


def test_objects_without_an_image_are_named_for_what_they_are(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", FILM, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    change(path, PixelData=None)
    assert outcomes(scan([path]))["f.dcm"] == (FileStatus.IGNORED, "Basic Text SR: holds no image.")


def test_two_patients_are_never_one_study(tmp_path: Path) -> None:
    for number in (1, 2):
        path = write_film(
            tmp_path / str(number) / "f.dcm", FILM, PatientID=f"P{number}", SOPInstanceUID=f"1.2.{number}"
        )
        change(path, StudyInstanceUID=None)
    result = scan([tmp_path])
    assert len(result.studies) == 2
    assert {s.identity.patient_id for s in result.studies} == {"P1", "P2"}


@pytest.mark.parametrize("tags", [{"PatientID": "P2"}, {"PatientBirthDate": "19800101"}])
def test_one_study_uid_never_mixes_two_patients(tmp_path: Path, tags: dict[str, object]) -> None:
    write_film(tmp_path / "1.dcm", FILM, SOPInstanceUID=f"{ROOT}.5.2.7", **tags)  # the same study and series
    write_film(tmp_path / "2.dcm", FILM)
    write_film(tmp_path / "3.dcm", FILM, SOPInstanceUID=f"{ROOT}.5.2.8", PatientID="", PatientBirthDate="")
    write_film(tmp_path / "4.dcm", FILM, SOPInstanceUID=f"{ROOT}.5.2.9")
    result = scan([tmp_path])
    (study,) = result.studies
    (series,) = study.series
    assert [i.path.name for i in series.instances] == ["2.dcm", "3.dcm", "4.dcm"]
    assert series.identity.patient_id == "P1"
    status, reason = outcomes(result)["1.dcm"]
    assert status is FileStatus.FAILED
    assert reason is not None
    assert "another patient" in reason


def test_scanning_stops_when_cancelled(tmp_path: Path) -> None:
    write_ct(tmp_path, slices(3), 1.0)
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        scan([tmp_path], silent_progress(), token)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a file that this user may not read")
def test_a_file_that_may_not_be_read_is_listed(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", FILM)
    path.chmod(0)
    assert outcomes(scan([path]))["f.dcm"][0] is FileStatus.FAILED


# --- archives


def zipped(target: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return target


def test_a_zip_is_opened_and_nothing_is_left_behind(tmp_path: Path) -> None:
    content = write_film(tmp_path / "f.dcm", FILM).read_bytes()
    path = zipped(tmp_path / "cd.zip", {"a/f.dcm": content, "viewer.exe": b"MZ" * 1000, "read me.txt": b"hello"})
    with ScanSession(tmp_path) as session:
        result = scan([path], session=session)
        folder = session.folder
        assert folder is not None
        assert load_radiograph(result.studies[0].series[0].instances[0]).pixels.shape == (12, 10)
        assert len([p for p in folder.rglob("*") if p.is_file() and p.name != "owner.lock"]) == 1
    assert not folder.exists()
    listed = {f.path.removeprefix(str(path)): f for f in result.files}
    assert listed["!a/f.dcm"].status is FileStatus.READ
    assert listed["!viewer.exe"].status is FileStatus.IGNORED
    assert listed[""].reason == "ZIP archive with 3 files."


def test_the_process_own_session_is_emptied_on_request(tmp_path: Path) -> None:
    path = zipped(tmp_path / "cd.zip", {"f.dcm": write_film(tmp_path / "f.dcm", FILM).read_bytes()})
    instance = scan([path]).studies[0].series[0].instances[0]
    assert instance.path.exists()
    scan_module.release()
    assert not instance.path.exists()


@pytest.mark.parametrize(
    "name",
    ["../../evil.dcm", "/etc/evil.dcm", "C:\\evil.dcm", "..\\..\\evil.dcm", "a/../../../evil.dcm", "nul", "x" * 3000],
)
def test_a_members_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    content = write_film(tmp_path / "src" / "f.dcm", FILM).read_bytes()
    path = zipped(tmp_path / "cd.zip", {name: content})
    before = set(tmp_path.rglob("*"))
    with ScanSession(tmp_path) as session:
        result = scan([path], session=session)
        assert session.folder is not None
        written = set(tmp_path.rglob("*")) - before
        assert all(session.folder in (p, *p.parents) for p in written)
        assert [f.status for f in result.files] == [FileStatus.READ, FileStatus.READ]


def test_a_bomb_is_stopped_and_the_rest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RATIO_APPLIES_BYTES", 1 << 20)
    content = write_film(tmp_path / "f.dcm", FILM).read_bytes()
    path = zipped(tmp_path / "bomb.zip", {"a.dcm": content, "b.dcm": content[:200] + bytes(64 << 20)})
    with ScanSession(tmp_path) as session:
        result = scan([path], session=session)
        assert session.folder is not None
        assert sum(p.stat().st_size for p in session.folder.rglob("*") if p.is_file()) < 20 << 20
    listed = {f.path.rsplit("!", 1)[-1]: f for f in result.files}
    assert listed["a.dcm"].status is FileStatus.READ
    assert listed["b.dcm"].status is FileStatus.FAILED
    assert listed[str(path)].status is FileStatus.FAILED
    assert "far more than its size" in (listed[str(path)].reason or "")


def test_a_lying_size_in_the_archive_does_no_harm(tmp_path: Path) -> None:
    content = write_film(tmp_path / "f.dcm", FILM).read_bytes()
    path = zipped(tmp_path / "cd.zip", {"f.dcm": content})
    raw = bytearray(path.read_bytes())
    central = raw.find(b"PK\x01\x02")
    raw[central + 24 : central + 28] = struct.pack("<I", 0x7FFFFFFF)
    path.write_bytes(raw)
    with ScanSession(tmp_path) as session:
        assert len(scan([path], session=session).files) == 2


def test_archives_that_cannot_be_opened_are_listed(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    inner = zipped(tmp_path / "inner.bin", {"f.dcm": b"x"}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    locked = bytearray(zipped(tmp_path / "locked.zip", {"f.dcm": b"x" * 50}).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + offset] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    with ScanSession(tmp_path) as session:
        result = scan([tmp_path / "broken.zip", outer, tmp_path / "locked.zip"], session=session)
    reasons = {f.path.rsplit("/", 1)[-1]: f.reason or "" for f in result.files}
    assert "damaged" in reasons["broken.zip"]
    assert "inside an archive" in reasons["outer.zip!inner.zip"]
    assert "password" in reasons["locked.zip!f.dcm"]


def test_folders_of_a_killed_session_are_removed_by_the_next(tmp_path: Path) -> None:
    dead = tmp_path / "sinusviewer-open-999999999-abc"
    dead.mkdir()
    (dead / "000000").write_bytes(b"x")
    with ScanSession(tmp_path) as session:
        session.subfolder()
        assert not dead.exists()


# --- DICOMDIR


def dicomdir(folder: Path, file_ids: list[list[str]]) -> Path:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence

    dataset, meta = Dataset(), FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta = meta
    records = []
    for parts in file_ids:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
        records.append(record)
    dataset.DirectoryRecordSequence = Sequence(records)
    pydicom.dcmwrite(folder / "DICOMDIR", dataset, enforce_file_format=True)
    return folder / "DICOMDIR"


def test_a_dicomdir_opens_what_it_names_and_lists_what_is_missing(tmp_path: Path) -> None:
    write_film(tmp_path / "IMAGES" / "im1", FILM)  # small letters on disk, capitals in the index
    write_film(tmp_path / "IMAGES" / "OTHER", FILM, SOPInstanceUID="1.2.9")
    index = dicomdir(tmp_path, [["IMAGES", "IM1"], ["IMAGES", "GONE"]])
    result = scan([index])
    listed = outcomes(result)
    assert listed["im1"][0] is FileStatus.READ
    assert listed["GONE"] == (FileStatus.FAILED, "The DICOMDIR names this file, but it is not there.")
    assert "OTHER" not in listed
    assert listed["DICOMDIR"][0] is FileStatus.READ


def test_a_dicomdir_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    write_film(tmp_path / "secret" / "f.dcm", FILM)
    (tmp_path / "cd").mkdir()
    index = dicomdir(tmp_path / "cd", [["..", "secret", "f.dcm"]])
    result = scan([index])
    assert not result.studies
    assert any("outside its own folder" in (f.reason or "") for f in result.files)


def test_a_damaged_dicomdir_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"garbage" * 100)
    reason = scan([tmp_path / "DICOMDIR"]).files[0].reason
    assert reason is not None


# --- series


def test_a_localizer_is_set_apart_and_named(tmp_path: Path) -> None:
    paths = write_series(tmp_path, slices(5), AFFINE)
    change(paths[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    found = {s.kind: s for s in all_series(tmp_path)}
    assert len(found[SeriesKind.VOLUME].instances) == 4
    assert codes(found[SeriesKind.VOLUME]) == {"localizer_removed"}
    assert "localizer" in found[SeriesKind.LOCALIZER].description
    localizer = load_series(found[SeriesKind.LOCALIZER])
    assert isinstance(localizer, tuple)
    assert not localizer[0].for_models


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, {"PixelSpacing": [0.7, 0.7]}, {"ConvolutionKernel": "BONE"},
        {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, {"Rows": 4},
    ],
    ids=lambda tags: next(iter(tags)),
)  # fmt: skip
def test_what_differs_in_geometry_or_kind_is_another_volume(tmp_path: Path, tags: dict[str, object]) -> None:
    paths = write_series(tmp_path, slices(8), AFFINE, ConvolutionKernel="STD")
    for path in paths[4:]:
        change(path, **tags)
    found = all_series(tmp_path)
    assert sorted(len(s.instances) for s in found) == [4, 4]
    assert len({s.key for s in found}) == 2
    assert ("mixed_orientation" in codes(found[0])) == ("ImageOrientationPatient" in tags)


def test_two_acquisitions_over_the_same_place_are_two_volumes(tmp_path: Path) -> None:
    paths = write_series(tmp_path, slices(8), AFFINE)
    for number, path in enumerate(paths):
        change(path, AcquisitionNumber=number // 4 + 1, ImagePositionPatient=[0, 0, 5.0 * (number % 4)])
    assert [len(s.instances) for s in all_series(tmp_path)] == [4, 4]


def test_screen_captures_and_other_modalities_are_view_only(tmp_path: Path) -> None:
    write_ct(tmp_path / "screen", slices(2), 1.0, study=f"{ROOT}.70", ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])
    write_ct(
        tmp_path / "mr", slices(4), 1.0, study=f"{ROOT}.71", SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR"
    )
    found = {s.identity.study_instance_uid: s for s in all_series(tmp_path)}
    assert {s.kind for s in found.values()} == {SeriesKind.VIEW_ONLY}
    volume = load_volume(found[f"{ROOT}.71"])
    assert not volume.for_models


def test_instances_of_a_volume_are_in_the_order_of_their_positions(tmp_path: Path) -> None:
    write_series(tmp_path, slices(6), AFFINE, order=[5, 4, 3, 2, 1, 0])
    series = all_series(tmp_path)[0]
    assert [i.position for i in series.instances] == sorted(i.position for i in series.instances if i.position)


def test_coloured_slices_with_places_are_shown_as_images(tmp_path: Path) -> None:
    for number, path in enumerate(write_series(tmp_path, slices(4), AFFINE, Modality="MR")):
        change(path, SOPClassUID="1.2.840.10008.5.1.4.1.1.4", SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8,
               BitsStored=8, HighBit=7, PixelRepresentation=0, PlanarConfiguration=0, PixelData=bytes([number]) * 192)  # fmt: skip
    images = load_series(all_series(tmp_path)[0])
    assert isinstance(images, tuple)
    assert [int(i.pixels[0, 0, 0]) for i in images] == [0, 1, 2, 3]
    assert not any(i.for_models for i in images)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_among_the_files_does_not_hang_the_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write_film(tmp_path / "f.dcm", FILM)
    assert outcomes(scan([tmp_path]))["pipe"] == (FileStatus.IGNORED, "This is no ordinary file.")

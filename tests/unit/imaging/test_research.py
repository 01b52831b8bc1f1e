"""NIfTI and NRRD: the same voxels and places as SimpleITK reads, no proof of sides, hostile sizes refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from made_series import codes, only_series

from sinusviewer.domain.study import FileStatus, SeriesKind
from sinusviewer.imaging.load import load_volume
from sinusviewer.imaging.scan import scan

RNG = np.random.default_rng(2)
VOXELS = RNG.integers(-1000, 2000, (6, 7, 8)).astype(np.int16)
ANGLE = np.radians(25)
DIRECTION = (np.cos(ANGLE), -np.sin(ANGLE), 0.0, np.sin(ANGLE), np.cos(ANGLE), 0.0, 0.0, 0.0, 1.0)


def image(voxels: np.ndarray = VOXELS) -> SimpleITK.Image:
    made = SimpleITK.GetImageFromArray(voxels)
    made.SetSpacing((0.4, 0.5, 1.25))
    made.SetOrigin((-12.0, 30.0, 7.5))
    made.SetDirection(DIRECTION)
    return made


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.nrrd"])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int32, np.float32, np.float64, np.uint16])
def test_voxels_and_places_are_those_of_simpleitk(tmp_path: Path, name: str, dtype: type) -> None:
    voxels = np.abs(VOXELS).astype(dtype) if np.dtype(dtype).kind == "u" else VOXELS.astype(dtype)
    made = image(voxels)
    SimpleITK.WriteImage(made, str(tmp_path / name))
    volume = load_volume(only_series(tmp_path / name))
    np.testing.assert_array_equal(volume.voxels, voxels.astype(np.int16))
    for index in ((0, 0, 0), (7, 6, 5), (3, 1, 4)):
        place = made.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((volume.affine @ [*index, 1])[:3], place, atol=1e-4)


def test_no_side_is_proved_by_a_research_format(tmp_path: Path) -> None:
    SimpleITK.WriteImage(image(), str(tmp_path / "v.nii.gz"))
    series = only_series(tmp_path / "v.nii.gz")
    volume = load_volume(series)
    assert series.kind is SeriesKind.VOLUME
    assert not volume.oriented
    assert "side_unverified" in codes(volume)
    assert volume.measurable


def test_slope_and_intercept_and_the_quaternion_are_used(tmp_path: Path) -> None:
    raw = bytearray(348)
    struct.pack_into("<i", raw, 0, 348)
    struct.pack_into("<8h", raw, 40, 3, 8, 7, 6, 1, 1, 1, 1)
    struct.pack_into("<2h", raw, 70, 4, 16)
    struct.pack_into("<8f", raw, 76, -1, 0.4, 0.5, 1.25, 1, 0, 0, 0)
    struct.pack_into("<3f", raw, 108, 352, 2.0, -1000.0)
    struct.pack_into("<2h", raw, 252, 1, 0)
    struct.pack_into("<6f", raw, 256, 0, 0, 1, 10, 20, 30)  # half a turn about z
    raw[344:348] = b"n+1\0"
    path = tmp_path / "q.nii"
    path.write_bytes(bytes(raw) + bytes(4) + VOXELS.tobytes())
    volume = load_volume(only_series(path))
    np.testing.assert_array_equal(volume.voxels, np.clip(VOXELS.astype(int) * 2 - 1000, -32768, 32767))
    theirs = SimpleITK.ReadImage(str(path))
    for index in ((0, 0, 0), (7, 6, 5)):
        np.testing.assert_allclose(
            (volume.affine @ [*index, 1])[:3], theirs.TransformIndexToPhysicalPoint(index), atol=1e-4
        )


def test_hostile_nifti_headers_are_listed_with_a_reason(tmp_path: Path) -> None:
    SimpleITK.WriteImage(image(), str(tmp_path / "v.nii"))
    content = (tmp_path / "v.nii").read_bytes()
    cases = {
        "huge": (40, struct.pack("<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1)), "negative": (42, struct.pack("<h", -5)),
        "type": (70, struct.pack("<h", 9999)), "time": (40, struct.pack("<8h", 4, 8, 7, 6, 50, 1, 1, 1)),
        "place": (280, struct.pack("<4f", *[float("nan")] * 4)), "offset": (108, struct.pack("<f", -1e30)),
    }  # fmt: skip
    for name, (at, patch) in cases.items():
        path = tmp_path / f"{name}.nii"
        path.write_bytes(content[:at] + patch + content[at + len(patch) :])
        outcome = scan([path]).files[0]
        assert outcome.status is FileStatus.FAILED, name
        assert outcome.reason


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.nrrd"])
def test_cut_volumes_are_refused_without_reserving_memory(tmp_path: Path, name: str) -> None:
    SimpleITK.WriteImage(image(), str(tmp_path / name))
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-150])
    for series in (s for study in scan([path]).studies for s in study.series):
        with pytest.raises(Exception, match=r"ends early|damaged"):
            load_volume(series)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "type: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\nendian: little\ndata file: /etc/passwd\n",
            "another folder",
        ),
        ("type: short\ndimension: 3\nsizes: 99999 99999 99999\nencoding: raw\nendian: little\n", "impossible size"),
        ("type: short\ndimension: 3\nsizes: x\nencoding: raw\n", "damaged"),
        ("type: short\ndimension: 4\nsizes: 2 2 2 2\nencoding: raw\n", "two- and three-dimensional"),
        ("type: short\ndimension: 3\nsizes: 2 2 2\nencoding: bzip2\n", "bzip2"),
    ],
)
def test_hostile_nrrd_headers_are_listed_with_a_reason(tmp_path: Path, header: str, words: str) -> None:
    path = tmp_path / "v.nrrd"
    path.write_bytes(b"NRRD0004\n" + header.encode() + b"\n" + bytes(64))
    outcome = scan([path]).files[0]
    assert outcome.status is FileStatus.FAILED
    assert words in (outcome.reason or "")


def test_a_gzip_bomb_gives_no_more_than_its_header_promises(tmp_path: Path) -> None:
    SimpleITK.WriteImage(image(), str(tmp_path / "v.nii"))
    bomb = gzip.compress((tmp_path / "v.nii").read_bytes() + bytes(50 << 20))
    (tmp_path / "b.nii.gz").write_bytes(bomb)
    np.testing.assert_array_equal(load_volume(only_series(tmp_path / "b.nii.gz")).voxels, VOXELS)


@pytest.mark.parametrize(
    ("encoding", "skip"), [("raw", ""), ("gzip", ""), ("raw", "byte skip: 12\n"), ("raw", "byte skip: -1\n")]
)
def test_a_detached_header_opens_with_its_data_beside_it(tmp_path: Path, encoding: str, skip: str) -> None:
    voxels = np.random.default_rng(4).integers(-1000, 2000, (3, 5, 7)).astype("<i2")
    content = voxels.tobytes() if encoding == "raw" else gzip.compress(voxels.tobytes())
    (tmp_path / "köpf.raw").write_bytes((bytes(12) if skip else b"") + content)
    header = (
        "NRRD0005\ntype: int16\ndimension: 3\nspace: left-posterior-superior\nsizes: 7 5 3\nendian: little\n"
        f"space directions: (0.5,0,0) (0,0.5,0) (0,0,2)\nspace origin: (1,2,3)\nencoding: {encoding}\n{skip}data file: köpf.raw\n"
    )
    (tmp_path / "v.nhdr").write_text(header, encoding="utf-8")
    result = scan([tmp_path])
    assert {Path(f.path).name: f.status for f in result.files} == {
        "v.nhdr": FileStatus.READ, "köpf.raw": FileStatus.IGNORED,
    }  # fmt: skip
    loaded = load_volume(result.studies[0].series[0])
    assert np.array_equal(loaded.voxels, voxels)
    assert np.allclose(loaded.affine[:3, 3], [1, 2, 3])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../secret.raw", "another folder"), ("/etc/passwd", "another folder"), ("C:\\x.raw", "another folder"),
        ("gone.raw", "not beside it"), ("LIST", "several files"), ("slice%03d.raw 1 3 1", "several files"),
    ],
)  # fmt: skip
def test_a_detached_header_never_leads_to_another_place(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(64))
    folder = tmp_path / "in"
    folder.mkdir()
    header = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: {name}\n\n"
    (folder / "v.nhdr").write_text(header, encoding="utf-8")
    (outcome,) = scan([folder]).files
    assert outcome.status is FileStatus.FAILED
    assert words in (outcome.reason or "")


def test_two_volumes_with_equal_headers_are_two_studies(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "d.raw").write_bytes(bytes([number]) * 8)
        header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: d.raw\n"
        (folder / "v.nhdr").write_text(header, encoding="utf-8")
    assert len(scan([tmp_path]).studies) == 2

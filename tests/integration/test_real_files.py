"""Real and odd files: every one opens or is listed with a reason, and what opens looks right."""

import re
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from made_series import codes, loaded
from shared_data import needs_shared, shared_dir

from sinusviewer.domain.geometry import direction_letters
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.study import FileStatus, ScanResult
from sinusviewer.errors import SinusViewerError
from sinusviewer.imaging.fill import PADDING_HU
from sinusviewer.imaging.load import load_series
from sinusviewer.imaging.resample import canonical
from sinusviewer.imaging.scan import scan
from sinusviewer.imaging.windowing import to_display_uint8

PYDICOM_FILES = Path(pydicom.data.__file__).parent


def shared(name: str) -> Path:
    folder = shared_dir()
    assert folder is not None
    return folder / "data" / name


def open_everything(result: ScanResult) -> dict[str, str]:
    """Load and show every series; the reasons of those that cannot be decoded, by the first file's name."""
    refused = {}
    for series in (s for study in result.studies for s in study.series):
        try:
            image = load_series(series)
        except SinusViewerError as error:
            refused[series.instances[0].path.name] = str(error)
            continue
        planes = [image.voxels[len(image.voxels) // 2]] if isinstance(image, Volume) else list(image)
        for plane in planes:
            shown = to_display_uint8(plane)
            assert shown.dtype == np.uint8
            assert shown.shape[:2] == (plane.pixels.shape[:2] if isinstance(plane, Radiograph) else plane.shape)
    return refused


def check_listing(result: ScanResult, folder: Path) -> None:
    given = sorted(str(p) for p in folder.rglob("*") if p.is_file())
    assert sorted(f.path for f in result.files) == given
    for outcome in result.files:
        assert outcome.status is FileStatus.READ or (
            outcome.reason and re.fullmatch(r"[A-Z0-9].*\.", outcome.reason)
        ), outcome


@pytest.mark.parametrize("folder", ["test_files", "charset_files"])
def test_every_file_of_pydicoms_own_set_opens_or_is_listed(folder: str) -> None:
    root = PYDICOM_FILES / folder
    result = scan([root])
    check_listing(result, root)
    assert open_everything(result) == {}
    if folder == "test_files":
        assert sum(f.status is FileStatus.FAILED for f in result.files) <= 5


def test_pydicoms_names_in_eleven_scripts_are_read() -> None:
    names = {s.identity.patient_name for s in scan([PYDICOM_FILES / "charset_files"]).studies}
    assert {
        "قباني, لنزار", "Buc, Jérôme", "Äneas, Rüdiger", "Διονυσιος", "Yamada, Tarou (山田 太郎)", "ﾔﾏﾀﾞ ﾀﾛｳ (山田 太郎)",
        "שרון, דבורה", "Hong, Gildong (洪 吉洞)", "Люкceмбypг", "Wang, XiaoDong (王 小東)", "Wang, XiaoDong (王 小东)",
    } <= names  # fmt: skip


def test_pydicoms_dicomdir_opens_what_it_names() -> None:
    index = PYDICOM_FILES / "test_files" / "dicomdirtests" / "DICOMDIR"
    result = scan([index])
    assert sum(f.status is FileStatus.READ for f in result.files) == 32
    assert not [f for f in result.files if f.status is FileStatus.FAILED]


@needs_shared
def test_every_odd_file_opens_or_is_listed() -> None:
    root = shared("dicom_odd")
    result = scan([root])
    check_listing(result, root)
    assert open_everything(result) == {}
    assert not [f for f in result.files if f.status is FileStatus.FAILED]


@needs_shared
@pytest.mark.parametrize(
    "syntax", ["1.2.1", "1.2", "1.2.2", "1.2.1.99", "1.2.4.57", "1.2.4.70", "1.2.4.80", "1.2.4.90", "1.2.5"]
)
def test_one_slice_is_the_same_in_every_lossless_syntax(syntax: str) -> None:
    folder = shared("dicom_odd") / "cornerstone_transfer_syntaxes"
    reference = loaded(folder / "CTImage.dcm").voxels
    found = [p for p in folder.iterdir() if p.name.endswith(f"_1.2.840.10008.{syntax}.dcm")]
    assert len(found) == 1
    np.testing.assert_array_equal(loaded(found[0]).voxels, reference)


@needs_shared
@pytest.mark.parametrize(
    ("syntax", "hu"),
    [("1.2.4.50", 30), ("1.2.4.51", 30), ("1.2.4.53", 30), ("1.2.4.55", 30), ("1.2.4.81", 5), ("1.2.4.91", 15)],
)
def test_one_slice_is_nearly_the_same_in_every_lossy_syntax(syntax: str, hu: int) -> None:
    folder = shared("dicom_odd") / "cornerstone_transfer_syntaxes"
    reference = loaded(folder / "CTImage.dcm").voxels.astype(float)
    found = next(p for p in folder.iterdir() if p.name.endswith(f"_1.2.840.10008.{syntax}.dcm"))
    volume = loaded(found)
    inside = (reference > -900) & (reference < 300)
    assert np.median(np.abs(volume.voxels - reference)[inside]) < hu
    assert "lossy" in codes(volume) or syntax == "1.2.4.91"


@needs_shared
def test_the_tilted_series_is_straightened_and_its_faults_are_named() -> None:
    volume = loaded(shared("head_ct_ge_tilt"))
    assert {"gantry_tilt", "uneven_spacing"} <= codes(volume)
    assert any("18.5 degrees" in w.message for w in volume.warnings)
    assert not volume.measurable
    axes = volume.affine[:3, :3] / np.array(volume.spacing[::-1])
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert [direction_letters(canonical(volume).affine[:3, i])[0] for i in range(3)] == ["L", "P", "H"]
    assert volume.padding_hu == PADDING_HU
    # The head is whole: bone beyond 1000 HU, brain near 35 HU, no stair of padding within it.
    middle = volume.voxels[len(volume.voxels) // 2]
    brain = middle[middle.shape[0] // 2 - 20 : middle.shape[0] // 2 + 20, 246:266]
    assert 15 < np.median(brain) < 60
    assert (middle > 1000).sum() > 500


@needs_shared
@pytest.mark.parametrize(
    ("name", "shape", "spacing"),
    [
        ("head_ct_cranium", (108, 256, 256), (1.5, 0.957, 0.957)),
        ("head_ct_visible_human", (194, 300, 300), (1.0, 1.0, 1.0)),
    ],
)
def test_the_real_nifti_heads_open_without_a_proof_of_sides(
    name: str, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    volume = loaded(shared(name) / "head.nii.gz")
    assert volume.voxels.shape == shape
    np.testing.assert_allclose(volume.spacing, spacing, atol=1e-3)
    assert not volume.oriented
    turned = canonical(volume).voxels
    # Air before the face, none behind the nose: the front is at the small y, the crown at the large z.
    assert (turned[-1] < -500).mean() > 0.5

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.report.masks import label_names, nifti_bytes, write_mask

TURNED = np.eye(4)
TURNED[:3, :3] = Rotation.from_euler("xyz", [20, -15, 35], degrees=True).as_matrix() * [0.5, 0.5, 1.2]
TURNED[:3, 3] = -110, -95, 40
LEFT_HANDED = TURNED * [[-1], [1], [1], [1]]
OBLIQUE = np.array([[0.48, 0.02, 0.1, -110.0], [-0.02, 0.46, -0.5, -95.0], [-0.03, 0.15, 1.1, 40.0], [0, 0, 0, 1.0]])


def labelled() -> np.ndarray:
    labels = np.zeros((5, 7, 9), np.uint8)
    labels[1, 2, 3], labels[4, 6, 8] = Structure.RIGHT_MAXILLARY, Structure.LEFT_SPHENOID
    return labels


@pytest.mark.parametrize(
    "affine", [np.diag([0.5, 0.5, 1.25, 1.0]), np.diag([-0.5, 0.7, -1.0, 1.0]), TURNED, LEFT_HANDED]
)
def test_a_label_lies_at_the_same_point_of_the_patient_after_a_round_trip(affine: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "mäsk 가.nii.gz"
    path.write_bytes(nifti_bytes(labelled(), affine))
    plain = tmp_path / "mask.nii.gz"
    plain.write_bytes(path.read_bytes())
    image = SimpleITK.ReadImage(str(plain))
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), labelled())
    for x, y, z in ((3, 2, 1), (8, 6, 4)):
        expected = (affine @ [x, y, z, 1])[:3]
        assert image.TransformIndexToPhysicalPoint((x, y, z)) == pytest.approx(expected, abs=1e-3)


def test_a_reader_that_takes_no_shear_still_opens_the_mask(tmp_path: Path) -> None:
    (tmp_path / "mask.nii.gz").write_bytes(nifti_bytes(labelled(), OBLIQUE))
    assert SimpleITK.ReadImage(str(tmp_path / "mask.nii.gz")).GetSize() == (9, 7, 5)


def test_the_stored_affine_is_exact_even_where_it_shears() -> None:
    import gzip
    import struct

    header = gzip.decompress(nifti_bytes(labelled(), OBLIQUE))[:352]
    rows = np.array([struct.unpack_from("<4f", header, 280 + 16 * i) for i in range(3)])
    assert rows == pytest.approx((np.diag([-1.0, -1.0, 1.0, 1.0]) @ OBLIQUE)[:3], abs=1e-5)


def test_the_same_mask_gives_the_same_bytes() -> None:
    assert nifti_bytes(labelled(), OBLIQUE) == nifti_bytes(labelled(), OBLIQUE)


def test_opacified_voxels_get_a_file_of_their_own(tmp_path: Path) -> None:
    labels = labelled()
    written = write_mask(
        tmp_path / "masks", "001_CT", Segmentation(labels, np.eye(4), labels == Structure.RIGHT_MAXILLARY)
    )
    assert [p.name for p in written] == ["001_CT.nii.gz", "001_CT_opacified.nii.gz"]
    assert SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written[1]))).sum() == 1


def test_label_names_hold_what_a_network_may_write_and_no_simulated_anatomy() -> None:
    names = label_names()
    assert names["1"] == "right_maxillary"
    assert names["11"] == "nasal_cavity"
    assert "20" not in names

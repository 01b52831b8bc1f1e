"""Scanning: CT numbers, labels on the same grid, dose, kernels, tilt, coverage, streaks, sides."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_head import mirrored, phantom_head

from sinustrainer.simulate.ct.noise import correlated_noise
from sinustrainer.simulate.ct.scan import CtScan, gravity_in_head, noise_hu, scan
from sinustrainer.simulate.ct.scanners import SCANNERS, CtProtocol
from sinustrainer.simulate.fillings import with_fillings
from sinustrainer.simulate.head import Head
from sinustrainer.simulate.nifti import write_nifti
from sinusviewer.domain.anatomy import Structure


def scanned(head: Head | None = None, **changes: object) -> CtScan:
    head = head or phantom_head(2.5)
    settings: dict[str, object] = {"matrix": 96, "slice_mm": 2.5, "interval_mm": 2.5, "headrest": False} | changes
    protocol = CtProtocol(str(settings.pop("scanner", "SOMATOM Force")), **settings)  # type: ignore[arg-type]
    sick = head.hu.copy()
    filled = head.labels == Structure.LEFT_MAXILLARY
    sick[filled] = 30
    return scan(head, sick, filled, protocol, np.random.default_rng(1))


def core(labels: np.ndarray, code: Structure) -> np.ndarray:
    from scipy import ndimage

    return ndimage.binary_erosion(labels == code, iterations=2)


def test_air_soft_tissue_and_disease_keep_their_ct_numbers() -> None:
    result = scanned()
    assert result.voxels[core(result.labels, Structure.RIGHT_MAXILLARY)].mean() == pytest.approx(-1000, abs=25)
    assert result.voxels[core(result.labels, Structure.LEFT_MAXILLARY)].mean() == pytest.approx(30, abs=10)
    assert result.opacified[core(result.labels, Structure.LEFT_MAXILLARY)].all()
    assert not result.opacified[result.labels == Structure.RIGHT_MAXILLARY].any()


def test_only_sinuses_and_nose_are_labelled() -> None:
    assert set(np.unique(scanned().labels)) <= set(range(12))


def test_lumens_keep_their_volume_on_any_grid() -> None:
    head = phantom_head(2.0)
    true_ml = np.count_nonzero(head.labels == Structure.RIGHT_MAXILLARY) * 8 / 1000
    for changes in (
        {},
        {"gantry_tilt_deg": 15.0},
        {"pitch_deg": 12.0, "yaw_deg": 5.0, "roll_deg": 4.0},
        {"interval_mm": 5.0},
    ):
        result = scanned(head, matrix=160, **changes)
        voxel_ml = abs(np.linalg.det(result.affine[:3, :3])) / 1000
        found = np.count_nonzero(result.labels == Structure.RIGHT_MAXILLARY) * voxel_ml
        assert found == pytest.approx(true_ml, rel=0.05), changes


def test_the_gantrys_tilt_shears_the_slices() -> None:
    affine = scanned(gantry_tilt_deg=15.0).affine
    row, column, step = (affine[:3, i] / np.linalg.norm(affine[:3, i]) for i in range(3))
    normal = np.cross(row, column)
    assert np.degrees(np.arccos(normal @ step)) == pytest.approx(15.0)


def test_noise_follows_dose_thickness_and_kernel() -> None:
    protocol = CtProtocol("SOMATOM Force")
    soft, bone = SCANNERS["SOMATOM Force"].soft, SCANNERS["SOMATOM Force"].bone
    base = noise_hu(protocol, soft)
    assert noise_hu(CtProtocol("SOMATOM Force", mas=50), soft) == pytest.approx(2 * base)
    assert noise_hu(CtProtocol("SOMATOM Force", slice_mm=4), soft) == pytest.approx(base / 2)
    assert noise_hu(protocol, bone) > 3 * base
    water = np.zeros((8, 96, 96), np.float32)
    for sigma in (8.0, 30.0):
        found = correlated_noise(water, sigma, 1.0, 0.0, np.random.default_rng(0))
        assert found.std() == pytest.approx(sigma, rel=0.25)


def test_noise_is_correlated_between_neighbours_in_the_plane_only() -> None:
    water = np.zeros((16, 96, 96), np.float32)
    noise = correlated_noise(water, 10.0, 1.2, 0.0, np.random.default_rng(0))
    in_plane = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    between = np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]
    assert in_plane > 0.4
    assert abs(between) < 0.1


def test_a_bone_kernel_is_sharper() -> None:
    edges = []
    for bone in (False, True):
        result = scanned(phantom_head(1.5), bone_kernel=bone, matrix=160, field_mm=160.0, mas=5000)
        edges.append(np.percentile(np.abs(np.diff(result.voxels.astype(float), axis=2)), 99.5))
    assert edges[1] > edges[0] * 1.1


def test_partial_coverage_cuts_anatomy_off() -> None:
    whole, part = scanned(), scanned(upper_mm=-30.0)
    assert len(part.voxels) < len(whole.voxels)
    assert np.count_nonzero(part.labels) < np.count_nonzero(whole.labels)


def test_padding_outside_the_round_field_is_only_where_the_scanner_writes_it() -> None:
    ge, siemens = scanned(scanner="Revolution CT"), scanned()
    assert (ge.voxels[:, 0, 0] == -2000).all()
    assert siemens.voxels.min() >= -1024


def test_fluid_settles_towards_the_back_of_a_patient_on_the_table() -> None:
    head = phantom_head(5.0)
    np.testing.assert_allclose(gravity_in_head(head, CtProtocol("SOMATOM Force")), [0, 1, 0], atol=1e-9)
    raised = gravity_in_head(head, CtProtocol("SOMATOM Force", pitch_deg=20))
    assert np.linalg.norm(raised) == pytest.approx(1)
    assert raised[1] > 0.9


def test_metal_makes_streaks_in_its_own_slices_only() -> None:
    head = phantom_head(2.5)
    head.labels[15:18, 15:18, 32:36] = Structure.TEETH
    head.hu[15:18, 15:18, 32:36] = 1500
    filled = with_fillings(head, 3, np.random.default_rng(0))
    assert filled.hu.max() > 3000
    assert head.hu.max() < 3000
    plain, streaked = scanned(filled, streaks=0.0, lower_mm=30.0), scanned(filled, streaks=1.0, lower_mm=30.0)
    # Streaks shift the noise that is drawn after them; what is above it is theirs.
    change = np.abs(plain.voxels.astype(float) - streaked.voxels).max(axis=(1, 2))
    assert change.max() > 80
    assert np.median(change) < 45


def test_a_mirrored_patient_gives_a_mirrored_scan_and_swapped_labels() -> None:
    head = phantom_head(2.5, left_antrum_scale=0.7)
    one, two = (
        scan(h, h.hu, np.zeros(h.hu.shape, bool), CtProtocol("SOMATOM Force", matrix=96, interval_mm=2.5, mas=1e9, headrest=False),
             np.random.default_rng(0))
        for h in (head, mirrored(head))
    )  # fmt: skip
    assert np.abs(one.voxels.astype(float) - two.voxels[:, :, ::-1]).max() < 3
    counts = [
        [np.count_nonzero(s.labels == code) for code in (Structure.RIGHT_MAXILLARY, Structure.LEFT_MAXILLARY)]
        for s in (one, two)
    ]
    assert counts[0] == counts[1][::-1]


def test_masks_open_elsewhere_at_the_place_of_the_scan(tmp_path: Path) -> None:
    result = scanned(pitch_deg=5.0)
    write_nifti(tmp_path / "a.nii.gz", result.labels, result.affine, "x")
    write_nifti(tmp_path / "b.nii.gz", result.labels, result.affine, "x")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), result.labels)
    index = (10, 20, 5)
    np.testing.assert_allclose(
        image.TransformIndexToPhysicalPoint(index), (result.affine @ [*index, 1])[:3], atol=1e-3
    )  # SimpleITK is in LPS too


def test_a_mask_of_an_unknown_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="float64"):
        write_nifti(tmp_path / "x.nii.gz", np.zeros((2, 2, 2)), np.eye(4))

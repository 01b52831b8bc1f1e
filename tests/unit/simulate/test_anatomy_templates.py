import gzip
from pathlib import Path

import numpy as np
import pytest
from film_contrast import film_contrast
from shared_data import needs_shared, shared_dir

from sinustrainer.simulate.anatomy.draw import draw_head
from sinustrainer.simulate.anatomy.label_templates import Box, Grid, LabelTable, label_others
from sinustrainer.simulate.anatomy.pose import orbitomeatal_frame
from sinustrainer.simulate.anatomy.templates import clean_scan, load_template
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure
from sinusviewer.errors import InputError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(scope="module")
def cranium(cache: Path) -> Head:
    folder = shared_dir()
    assert folder is not None
    return load_template(folder / "data" / "head_ct_cranium", cache, natural=True)


def test_the_orbitomeatal_frame_is_rigid_and_level() -> None:
    landmarks = {
        "porion_right": (50.0, 100.0, 10.0),
        "porion_left": (160.0, 104.0, 14.0),
        "outer_canthus_right": (60.0, 30.0, 40.0),
        "outer_canthus_left": (150.0, 33.0, 44.0),
    }
    frame = orbitomeatal_frame(landmarks)
    np.testing.assert_allclose(frame[:3, :3].T @ frame[:3, :3], np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1)
    back = np.linalg.inv(frame)
    moved = {name: (back @ np.append(point, 1.0))[:3] for name, point in landmarks.items()}
    canthi = (moved["outer_canthus_right"] + moved["outer_canthus_left"]) / 2
    porions = (moved["porion_right"] + moved["porion_left"]) / 2
    np.testing.assert_allclose(porions, 0, atol=1e-9)
    assert canthi[1] < 0
    np.testing.assert_allclose(canthi[[0, 2]], 0, atol=1e-9)
    assert moved["porion_left"][0] > 0 > moved["porion_right"][0]


def test_gas_in_the_skull_becomes_tissue_and_the_air_around_the_head_stays_air() -> None:
    grid = Grid.of((40, 40, 40), np.eye(4))
    hu, inside = np.full((40, 40, 40), -1000, np.int16), np.zeros((40, 40, 40), bool)
    inside[4:36, 4:36, 4:36] = True
    hu[5:35, 5:35, 5:35] = 40
    hu[18:22, 18:22, 18:22] = -990
    whole = Box(None, (0, 39), (0, 39), (0, 39))
    none = np.zeros(hu.shape, np.uint8)
    cleaned = clean_scan(hu, inside, none, none > 0, grid, (whole,))
    assert cleaned[18:22, 18:22, 18:22].min() > 0
    assert np.all(cleaned[~inside] == -1000)


def test_the_cortex_of_the_jaw_beside_a_tooth_is_no_tooth() -> None:
    hu = np.full((20, 30, 30), 40, np.int16)
    hu[4:16, 5:11, 5:11] = 1800
    hu[4:16, 20:22, 2:28] = 1700  # a sheet
    labels = np.zeros(hu.shape, np.uint8)
    table = LabelTable((), (), (), (), (), (Box(Structure.TEETH, (0, 29), (0, 29), (0, 19)),))
    label_others(labels, hu, Grid.of(hu.shape, np.eye(4)), table)
    teeth = labels == Structure.TEETH
    assert np.count_nonzero(teeth[4:16, 5:11, 5:11]) > 0.9 * 12 * 36
    assert not teeth[:, 15:].any()


@needs_shared
def test_a_template_has_every_sinus_aerated_and_on_its_side(cranium: Head) -> None:
    x = cranium.affine[0, 3] + np.arange(cranium.hu.shape[2])
    for code in range(1, 11):
        lumen = cranium.labels == code
        assert lumen.sum() > 1000, Structure(code)
        assert np.median(cranium.hu[lumen]) < -700, Structure(code)
        side = np.mean(x[np.nonzero(lumen)[2]])
        assert (side < 0) == Structure(code).name.startswith("RIGHT_"), Structure(code)


@needs_shared
def test_a_template_stands_in_the_orbitomeatal_pose(cranium: Head) -> None:
    for side in ("right", "left"):
        assert abs(cranium.landmarks[f"porion_{side}"][2]) < 2
        assert abs(cranium.landmarks[f"outer_canthus_{side}"][2]) < 2
        floor = cranium.landmarks[f"antrum_floor_{side}"]
        assert -45 < floor[2] < -25


@needs_shared
def test_the_second_load_comes_from_the_cache_and_is_the_same(cache: Path, cranium: Head) -> None:
    folder = shared_dir()
    assert folder is not None
    made = {file: file.stat().st_mtime_ns for file in cache.glob("*.npz")}
    again = load_template(folder / "data" / "head_ct_cranium", cache, natural=True)
    np.testing.assert_array_equal(again.hu, cranium.hu)
    np.testing.assert_array_equal(again.labels, cranium.labels)
    assert again.landmarks == cranium.landmarks
    assert {file: file.stat().st_mtime_ns for file in cache.glob("*.npz")} == made
    assert len(made) == 1


@needs_shared
def test_the_sick_side_is_replaced_by_the_healthy_ones_mirror_image(cache: Path, cranium: Head) -> None:
    folder = shared_dir()
    assert folder is not None
    whole = load_template(folder / "data" / "head_ct_cranium", cache)
    left, right = (
        np.count_nonzero(whole.labels == code) for code in (Structure.LEFT_MAXILLARY, Structure.RIGHT_MAXILLARY)
    )
    assert right == pytest.approx(left, rel=0.06)
    kept = cranium.labels == Structure.LEFT_MAXILLARY
    np.testing.assert_array_equal(whole.hu[kept], cranium.hu[kept])
    np.testing.assert_array_equal(whole.labels == Structure.LEFT_SPHENOID, cranium.labels == Structure.LEFT_SPHENOID)
    assert whole.source != cranium.source


def test_a_missing_template_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no head\.nii\.gz"):
        load_template(tmp_path)


def test_a_template_without_a_label_table_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "someone"
    folder.mkdir()
    (folder / "head.nii.gz").write_bytes(gzip.compress(b"no image"))
    with pytest.raises(InputError, match="no label table"):
        load_template(folder)


def test_a_damaged_scan_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "head_ct_cranium"
    folder.mkdir()
    (folder / "head.nii.gz").write_bytes(gzip.compress(b"no image"))
    with pytest.raises(InputError, match="cannot be read"):
        load_template(folder, tmp_path / "cache")


@pytest.mark.shared
@needs_shared
def test_a_childs_small_antra_from_a_real_head_are_dark_against_their_surround(cranium: Head, cache: Path) -> None:
    folder = shared_dir()
    assert folder is not None
    whole = load_template(folder / "data" / "head_ct_cranium", cache)
    head = draw_head(np.random.default_rng(3), [whole], 6, "M", 1.5)
    assert film_contrast(head).surround > 0.08
    assert np.count_nonzero((head.labels == Structure.TEETH) & (head.hu > 1000)) > 50  # erupted teeth, buds, a molar

"""Reading a head in blocks: the same CT numbers and labels as point by point, mirrored heads mirrored, grids in order."""

from dataclasses import replace

import numpy as np
import pytest
from phantom_head import mirrored, phantom_head
from scipy import ndimage

from sinustrainer.simulate.anatomy.block_map import assembled, blocks_of, hu_of, labels_of
from sinustrainer.simulate.anatomy.label_vote import LabelCells, voted_in_cells, voted_labels
from sinustrainer.simulate.anatomy.shape import draw_shape, source_points
from sinustrainer.simulate.anatomy.warp import warp_head
from sinustrainer.simulate.radiograph import projector
from sinustrainer.simulate.radiograph.acquire import film_geometry
from sinustrainer.simulate.radiograph.geometry import Positioning

EDGE = 3


def read(nodes: np.ndarray, head) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    counts = tuple(n - 1 for n in nodes.shape[:3])
    hu = np.full((int(np.prod(counts)), EDGE**3), -1024, np.float32)
    labels = np.zeros(hu.shape, np.uint8)
    for blocks in blocks_of(nodes, EDGE, head):
        hu[blocks.number] = hu_of(head, blocks).numpy()
        labels[blocks.number[blocks.labelled]] = labels_of(head, blocks)
    return assembled(hu, counts, EDGE), assembled(labels, counts, EDGE)


def test_blocks_read_what_a_plain_interpolation_reads_and_leave_out_no_tissue() -> None:
    head = phantom_head(3.0)
    shape = [n // EDGE + 2 for n in head.hu.shape]
    z, y, x = np.meshgrid(*(EDGE * np.arange(n) for n in shape), indexing="ij")
    matrix = np.array([[0.97, 0.06, 0.0], [-0.05, 0.95, 0.04], [0.02, -0.03, 1.02]])
    shift = np.array([1.3, 0.7, -0.6])
    nodes = (np.stack([x, y, z], axis=-1) @ matrix.T + shift).astype(np.float32)
    hu, labels = read(nodes, head)
    z, y, x = np.meshgrid(*(np.arange(n) for n in hu.shape), indexing="ij")
    points = (np.stack([x, y, z], axis=-1) @ matrix.T + shift).astype(np.float32)
    expected = ndimage.map_coordinates(
        head.hu.astype(np.float32), points[..., ::-1].transpose(3, 0, 1, 2), order=1, mode="constant", cval=-1024
    )
    inside = ((points > 0) & (points < np.array(head.hu.shape[::-1]) - 1)).all(axis=-1)
    # A place is one float32 in a tall picture of all slices: the last digit of its row, on the steepest edge.
    steepest = float(max(np.abs(np.diff(head.hu.astype(np.float32), axis=axis)).max() for axis in range(3)))
    limit = steepest * float(np.spacing(np.float32((head.hu.shape[0] + 2) * (head.hu.shape[1] + 2))))
    assert limit < 1
    assert not np.any((np.abs(hu - expected) > limit) & inside & (expected > -900))
    np.testing.assert_array_equal(labels, voted_labels(head.labels, points))


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32])
@pytest.mark.parametrize("edge", [1, 2, 3, 4])
def test_a_row_of_blocks_becomes_the_grid_it_stands_for(kind: type, edge: int) -> None:
    grid = np.arange(2 * 3 * 4 * edge**3).astype(kind).reshape(2 * edge, 3 * edge, 4 * edge)
    row = grid.reshape(2, edge, 3, edge, 4, edge).transpose(0, 2, 4, 1, 3, 5).reshape(24, edge**3)
    np.testing.assert_array_equal(assembled(np.ascontiguousarray(row), (2, 3, 4), edge), grid)


def test_prepared_cells_give_the_codes_of_a_vote_point_by_point() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(np.repeat(rng.integers(0, 6, (6, 4, 5)), 2, 1), 2, 2).astype(np.uint8)
    points = rng.uniform(-0.99, np.array(labels.shape[::-1]) - 0.01, (3000, 3)).astype(np.float32)
    x, y, z = points.T + 1
    np.testing.assert_array_equal(voted_in_cells(LabelCells.of(labels), x, y, z), voted_labels(labels, points))


def test_the_map_of_a_grid_is_the_map_of_its_points() -> None:
    shape = draw_shape(np.random.default_rng(8))
    axes = [np.arange(low, high, 12.0) for low, high in ((-95, 95), (-150, 110), (-120, 130))]
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    points = np.stack([xx, yy, zz], axis=-1).astype(np.float32)
    np.testing.assert_allclose(source_points(points, shape, axes), source_points(points, shape), atol=1e-3)


def test_a_mirrored_head_in_the_mirrored_shape_is_the_mirrored_warp() -> None:
    head = phantom_head(3.0, left_antrum_scale=0.7)
    shape = replace(draw_shape(np.random.default_rng(2)), noise_hu=0.0)
    turned = shape.control_mm[..., ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None, None]
    other = replace(
        shape, control_mm=np.ascontiguousarray(turned), lean_mm=-shape.lean_mm,
        septum_bends=tuple(replace(b, height_mm=-b.height_mm) for b in shape.septum_bends),
    )  # fmt: skip
    one, two = warp_head(head, shape, spacing_mm=3.0), warp_head(mirrored(head), other, spacing_mm=3.0)
    for x in (-30.0, -21.0, 12.0, 27.0):  # the grids of the two need not lie mirrored to the voxel
        place, opposite = ((v - h.affine[0, 3]) / h.affine[0, 0] for v, h in ((x, one), (-x, two)))
        assert place == pytest.approx(round(place)) or opposite == pytest.approx(round(opposite))
        first, second = (
            ndimage.map_coordinates(
                h.hu.astype(np.float32),
                np.stack(np.meshgrid(range(20, 50), range(20, 50), [p], indexing="ij")),
                order=1,
            )
            for h, p in ((one, place), (two, opposite))
        )
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("angle", [37.0, 75.0])
def test_a_head_projected_some_planes_at_a_time_is_the_head_projected_whole(angle: float) -> None:
    head = phantom_head(3.0)
    geometry = film_geometry(head, Positioning(orbitomeatal_deg=angle, yaw_deg=4, roll_deg=-2), 96)
    whole = projector.project(projector.decompose(np.where(head.hu > -950, head.hu, -1000)), head.affine, geometry)
    parts = projector.project_hu(np.where(head.hu > -950, head.hu, np.int16(-1000)), head.affine, geometry)
    np.testing.assert_allclose(parts.soft, whole[0], atol=2e-3)
    np.testing.assert_allclose(parts.bone, whole[1], atol=2e-3)

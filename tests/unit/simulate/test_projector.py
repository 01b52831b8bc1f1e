"""Line integrals, magnification and sides in closed form, and against an independent projector."""

import numpy as np
import pytest
from phantom_head import mirrored, phantom_head

from sinustrainer.simulate.radiograph import labels
from sinustrainer.simulate.radiograph.acquire import PaintedDisease, acquire, film_geometry
from sinustrainer.simulate.radiograph.film import draw_settings, make_film, mirror_film
from sinustrainer.simulate.radiograph.geometry import FilmGeometry, Positioning, beam_axes, place
from sinustrainer.simulate.radiograph.projections import mirror_projections
from sinustrainer.simulate.radiograph.projector import decompose, project, project_difference
from sinusviewer.domain.anatomy import Side, Structure
from sinusviewer.errors import GeometryError


def straight_beam(pixels: int = 64, pixel_mm: float = 2.0, source_detector_mm: float = 1000.0) -> FilmGeometry:
    """A beam along +y through the origin, detector 100 mm behind it."""
    return FilmGeometry(
        np.array([0.0, 100.0 - source_detector_mm, 0.0]), np.array([1.0, 0, 0]), np.array([0.0, 0, -1]),
        np.array([0.0, 1, 0]), source_detector_mm, pixel_mm, pixels, pixels, (pixels / 2, pixels / 2),
    )  # fmt: skip


def centred_affine(shape: tuple[int, int, int], spacing: float) -> np.ndarray:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * spacing
    return affine


def test_a_slab_gives_its_thickness_over_the_cosine_of_each_ray() -> None:
    density = np.ones((1, 80, 30, 80), np.float32)
    geometry = straight_beam(16, 4.0)
    found = project(density, centred_affine((80, 30, 80), 2.0), geometry)[0]
    offset = (np.arange(16) + 0.5 - 8) * 4.0 / 1000
    cosine = 1 / np.sqrt(1 + offset[:, None] ** 2 + offset[None, :] ** 2)
    np.testing.assert_allclose(found, 6.0 / cosine, rtol=1e-4)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_sphere_gives_the_chord_of_each_ray_whatever_way_the_grid_lies(axes: tuple[int, int, int]) -> None:
    spacing, radius, shape = 1.0, 30.0, (72, 72, 72)
    z, y, x = (np.arange(72) - 35.5 for _ in range(3))
    distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    density = np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)[None]
    affine = np.eye(4)
    for index, axis in enumerate(axes):
        affine[:3, index] = np.eye(4)[:3, axis] * spacing
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    geometry = straight_beam(48, 2.0)
    found = project(density, affine, geometry)[0]
    offset = (np.arange(48) + 0.5 - 24) * 2.0 / 1000
    direction = np.stack(np.broadcast_arrays(offset[None, :], np.ones((1, 1)), -offset[:, None]), axis=-1)
    unit = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    nearest = np.linalg.norm(np.cross(geometry.source, unit), axis=-1)
    chord = 2 * np.sqrt(np.clip(radius**2 - nearest**2, 0, None)) / 10
    inside = nearest < 0.9 * radius
    np.testing.assert_allclose(found[inside], chord[inside], rtol=0.015)
    assert np.abs(found[nearest > radius + 1.5]).max() < 1e-4


def siddon(density: np.ndarray, affine: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Exact integral through boxes of constant density (Siddon, Med Phys 1985;12:252), written apart from the projector."""
    inverse = np.linalg.inv(affine)
    a = inverse[:3, :3] @ start + inverse[:3, 3] + 0.5
    b = inverse[:3, :3] @ end + inverse[:3, 3] + 0.5
    crossings = [0.0, 1.0]
    for axis, size in enumerate(density.shape[::-1]):
        if abs(b[axis] - a[axis]) > 1e-12:
            alphas = (np.arange(size + 1) - a[axis]) / (b[axis] - a[axis])
            crossings += list(alphas[(alphas > 0) & (alphas < 1)])
    alphas = np.unique(crossings)
    middle = a + ((alphas[1:] + alphas[:-1]) / 2)[:, None] * (b - a)
    index = np.floor(middle).astype(int)
    inside = np.all((index >= 0) & (index < np.array(density.shape[::-1])), axis=1)
    values = density[index[inside, 2], index[inside, 1], index[inside, 0]]
    return float((values * np.diff(alphas)[inside]).sum() * np.linalg.norm(end - start) / 10)


def test_the_projector_agrees_with_an_independent_one_on_a_head_in_waters_position() -> None:
    head = phantom_head(2.0)
    geometry = film_geometry(head, Positioning(yaw_deg=4, roll_deg=-3), 90)
    density = decompose(head.hu)
    found = project(density, head.affine, geometry)
    rng = np.random.default_rng(0)
    difference, size = [], []
    for row, column in rng.integers(15, 75, (60, 2)):
        across = (column + 0.5 - geometry.centre[0]) * geometry.pixel_mm
        down = (row + 0.5 - geometry.centre[1]) * geometry.pixel_mm
        end = (
            geometry.source
            + geometry.source_detector_mm * geometry.beam
            + across * geometry.right
            + down * geometry.down
        )
        for channel in (0, 1):
            exact = siddon(density[channel], head.affine, geometry.source, end)
            difference.append(found[channel, row, column] - exact)
            size.append(exact)
    assert np.abs(np.mean(difference)) < 0.01 * np.mean(size)
    assert np.sqrt(np.mean(np.square(difference))) < 0.04 * np.mean(size)


def test_a_point_falls_where_similar_triangles_put_it() -> None:
    geometry = straight_beam(64, 2.0, 1000.0)
    point = np.array([10.0, 0.0, 5.0])  # 900 mm from the source, left and up
    magnification = 1000 / 900
    assert geometry.magnification(point) == pytest.approx(magnification)
    column, row = geometry.project_point(point)
    assert column == pytest.approx(32 + 10 * magnification / 2)
    assert row == pytest.approx(32 - 5 * magnification / 2)


def test_a_small_ball_is_imaged_where_project_point_says() -> None:
    head = phantom_head(2.0)
    geometry = film_geometry(head, Positioning(yaw_deg=5, roll_deg=3, orbitomeatal_deg=40), 256)
    for place_lps in ((20.0, -50.0, -20.0), (-35.0, -60.0, 12.0)):
        density = np.zeros((1, *head.hu.shape), np.float32)
        index = np.rint(np.linalg.inv(head.affine) @ [*place_lps, 1])[:3].astype(int)
        density[0, index[2], index[1], index[0]] = 1
        image = project(density, head.affine, geometry)[0]
        rows, columns = np.mgrid[:256, :256] + 0.5
        middle = (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()
        expected = geometry.project_point(head.affine[:3, :3] @ index + head.affine[:3, 3])
        np.testing.assert_allclose(middle, expected, atol=0.2)


def test_the_patients_right_lies_on_the_left_of_the_film_and_up_is_up() -> None:
    head = phantom_head(3.0)
    geometry = film_geometry(head, Positioning(), 128)
    right = geometry.project_point(head.landmarks["orbitale_right"])
    left = geometry.project_point(head.landmarks["orbitale_left"])
    floor = geometry.project_point(head.landmarks["antrum_floor_right"])
    assert right[0] < left[0]
    assert right[1] < floor[1]


@pytest.mark.parametrize("angle", [30.0, 37.0, 45.0, 75.0])
def test_the_orbitomeatal_line_meets_the_detector_at_the_angle_asked_for(angle: float) -> None:
    head = phantom_head(4.0)
    _right, _down, beam = beam_axes(head, Positioning(orbitomeatal_deg=angle))
    line = np.subtract(head.landmarks["outer_canthus_right"], head.landmarks["porion_right"])
    line[0] = 0
    assert np.degrees(np.arcsin(line @ beam / np.linalg.norm(line))) == pytest.approx(angle, abs=1e-6)


def test_raising_the_chin_moves_the_petrous_ridges_below_the_antral_floors() -> None:
    head = phantom_head(3.0)
    petrous = np.argwhere(head.labels == Structure.RIGHT_PETROUS)[:, ::-1] @ head.affine[:3, :3].T + head.affine[:3, 3]
    lowest_edge = {}
    for angle in (37.0, 60.0):
        geometry = film_geometry(head, Positioning(orbitomeatal_deg=angle), 128)
        ridge = geometry.project_point(petrous)[:, 1].min()
        floor = geometry.project_point(head.landmarks["antrum_floor_right"])[1]
        lowest_edge[angle] = ridge - floor
    assert lowest_edge[37.0] > 0
    assert lowest_edge[60.0] < lowest_edge[37.0]


def test_a_head_without_landmarks_is_refused() -> None:
    head = phantom_head(6.0)
    bare = type(head)(head.hu, head.labels, head.affine, {}, "bare")
    with pytest.raises(GeometryError, match="porion"):
        place(bare, Positioning(), 64, 64, 4.0)


def test_a_difference_projected_alone_equals_the_difference_of_projections() -> None:
    head = phantom_head(3.0)
    geometry = film_geometry(head, Positioning(), 128)
    where = (slice(10, 40), slice(5, 40), slice(8, 50))
    delta = np.where(head.labels[where] == Structure.RIGHT_MAXILLARY, 1025, 0).astype(np.int16)
    first = (10, 5, 8)
    window, added = project_difference(head.hu[where], delta, first, head.affine, geometry)
    sick = head.hu.copy()
    sick[where] += delta
    whole = project(decompose(sick), head.affine, geometry) - project(decompose(head.hu), head.affine, geometry)
    x0, y0, x1, y1 = window
    np.testing.assert_allclose(added.soft, whole[0, y0:y1, x0:x1], atol=2e-3)
    outside = whole[0].copy()
    outside[y0:y1, x0:x1] = 0
    assert np.abs(outside).max() < 2e-3


def test_a_mirrored_patient_gives_a_mirrored_film_and_swapped_labels() -> None:
    head = phantom_head(3.0, left_antrum_scale=0.7)
    where = tuple(slice(0, n) for n in head.hu.shape)
    delta = np.where(head.labels == Structure.RIGHT_MAXILLARY, 1025, 0).astype(np.int16)
    sick = PaintedDisease(Side.RIGHT, "full_opacification", 1.0, 1.0, where, delta)
    other = mirrored(head)
    sick_mirrored = PaintedDisease(
        Side.LEFT, "full_opacification", 1.0, 1.0, where, np.ascontiguousarray(delta[:, :, ::-1])
    )
    one = acquire(head, film_geometry(head, Positioning(yaw_deg=3, roll_deg=2), 160), (sick,))
    two = acquire(other, film_geometry(other, Positioning(yaw_deg=-3, roll_deg=-2), 160), (sick_mirrored,))
    turned = mirror_projections(two)
    np.testing.assert_allclose(turned.soft, one.soft, atol=2e-3)
    np.testing.assert_allclose(turned.shadows[0].soft, one.shadows[0].soft, atol=2e-3)
    assert turned.shadows[0].side is Side.RIGHT
    np.testing.assert_allclose(turned.face_box, one.face_box, atol=0.01)
    np.testing.assert_allclose(turned.antra[Side.RIGHT], one.antra[Side.RIGHT], atol=0.01)
    assert one.numbers["antrum_ml_right"] > one.numbers["antrum_ml_left"]

    settings = draw_settings(one, np.random.default_rng(1), "clean", size_px=96)
    settings = type(settings)(
        **{f: getattr(settings, f) for f in settings.__slots__} | {"field": (0.0, 0.0, 160.0, 160.0)}
    )
    bare = type(settings)(
        **{f: getattr(settings, f) for f in settings.__slots__} | {"clutter": type(settings.clutter)()}
    )
    film_one = make_film(one, one.shadows, bare, np.random.default_rng(2))
    film_two = mirror_film(make_film(two, two.shadows, bare, np.random.default_rng(2)))
    assert [a.diseased for a in film_two.antra] == [a.diseased for a in film_one.antra] == [True, False]
    assert np.corrcoef(film_one.pixels.ravel(), film_two.pixels.ravel())[0, 1] > 0.99


def test_antra_and_face_boxes_hold_what_they_name() -> None:
    head = phantom_head(2.0)
    geometry = film_geometry(head, Positioning(), 256)
    boxes, paths = labels.antra(head, geometry)
    face = labels.face_box(head, geometry, boxes)
    for side in Side:
        x0, y0, x1, y1 = boxes[side]
        assert face[0] <= x0 < x1 <= face[2]
        assert face[1] <= y0 < y1 <= face[3]
        rows, columns = np.nonzero(paths[side] >= labels.MINIMUM_PATH_MM)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(found, (x0, y0, x1, y1), atol=1)  # stored paths are whole millimetres
    for name in ("nasion", "orbitale_right", "orbitale_left", "anterior_nasal_spine"):
        column, row = geometry.project_point(head.landmarks[name])
        assert face[0] < column < face[2]
        assert face[1] < row < face[3]
    assert 1 / 1.15 < (face[2] - face[0]) / (face[3] - face[1]) < 1.15

"""The sinuses of the parametric head: thin-walled rooms of the volumes asked for."""

from collections.abc import Callable

import numpy as np

from sinustrainer.simulate.anatomy.growth import antral_proportions
from sinustrainer.simulate.anatomy.parametric.canvas import (
    Axes,
    Canvas,
    Field,
    Shape,
    capsule,
    ellipsoid,
    intersection,
    shell,
    smooth_max,
    union,
)
from sinustrainer.simulate.anatomy.parametric.face import antrum_space
from sinustrainer.simulate.anatomy.parametric.person import Person
from sinustrainer.simulate.anatomy.parametric.soft import orbit_cavity
from sinustrainer.simulate.anatomy.parametric.vault import brain_case
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus

_AIR_HU = -995.0


def paint_sinuses(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Hollow out every sinus, wall first, and label its lumen."""
    for side in Side:
        s = -1.0 if side is Side.RIGHT else 1.0
        low, high = _span(s, 0.5, 62), _span(s, 0.5, 62)
        face = canvas.moved(person.lopsided.shift(person.lopsided.face, s))
        _paint_one(
            face,
            person,
            SINUS_CODES[Sinus.MAXILLARY, side],
            _antrum_of(person, s),
            person.volumes_ml[Sinus.MAXILLARY, side],
            ((low[0], -92.0, -64.0), (high[1], -26.0, -4.0)),
            1.0,
        )
        _paint_frontal(canvas, person, side, s)
        _paint_sphenoid(canvas, person, side, s)
        _paint_ethmoid(face, person, side, s, rng)


def _antrum_of(person: Person, s: float) -> Callable[[float], Shape]:
    space = antrum_space(person, s)
    orbit = orbit_cavity(person, s)

    def outside_orbit(axes: Axes) -> Field:
        return np.asarray(person.wall_mm + 1.0 - orbit(axes), dtype=np.float32)

    proportions = antral_proportions(person.age)
    # A small antrum lies under the orbit's floor, so that growth lowers its floor.
    about = (s * 17.0, -60.0, -24.0 if person.age > 12 else -21.0)
    return lambda factor: intersection(scaled(space, about, factor, proportions), outside_orbit, softness=3)


def scaled(
    shape: Shape,
    about: tuple[float, float, float],
    factor: float,
    proportions: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Shape:
    """The shape enlarged about a point, in proportion along x, y and z."""

    def distance(axes: Axes) -> Field:
        moved = [
            np.float32(c) + (axis - np.float32(c)) / np.float32(factor * share)
            for axis, c, share in zip(axes, about, proportions, strict=True)
        ]
        return shape((moved[0], moved[1], moved[2])) * np.float32(factor * min(proportions))

    return distance


def _paint_one(
    canvas: Canvas,
    person: Person,
    code: int,
    of_size: Callable[[float], Shape],
    volume_ml: float,
    corners: tuple[tuple[float, float, float], tuple[float, float, float]],
    bumps_mm: float,
) -> None:
    if volume_ml <= 0:
        return
    low, high = corners
    factor = _size_for(canvas, of_size, volume_ml, low, high)
    shape = of_size(factor)
    canvas.fill(shell(shape, person.wall_mm), low, high, person.bone_hu * 0.66, bumps_mm=bumps_mm)
    canvas.fill(shape, low, high, _AIR_HU, bumps_mm=bumps_mm, label=code)


def _size_for(
    canvas: Canvas,
    of_size: Callable[[float], Shape],
    volume_ml: float,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
) -> float:
    """The factor at which the shape holds the volume (of the person, not of the normal head)."""
    box = canvas.box(low, high)
    axes = canvas.axes(box)
    coarse = (axes[0][..., ::2], axes[1][:, ::2], axes[2][::2])
    voxel_ml = (2 * canvas.edge_mm) ** 3 / 1000
    small, large = 0.15, 1.7
    for _ in range(9):
        middle = (small + large) / 2
        volume = float(np.count_nonzero(of_size(middle)(coarse) < 0)) * voxel_ml
        small, large = (middle, large) if volume < volume_ml else (small, middle)
    return (small + large) / 2


def _paint_frontal(canvas: Canvas, person: Person, side: Side, s: float) -> None:
    middle = person.frontal_septum_x
    case = brain_case(person)
    room = person.skull_mm + person.brow_mm  # thickness of the bone it lies in

    def of_size(f: float) -> Shape:
        width, height = 13.0 * f, 12.0 * f
        thick = min(0.5 * room - 1.6, 2.5 + 3.0 * f)
        outline = union(
            ellipsoid((middle + s * (0.4 + 0.9 * width), -92, 10 + 0.85 * height), (width, 40, height)),
            ellipsoid((middle + s * (0.4 + 1.7 * width), -92, 9 + 0.7 * height), (width * 0.7, 40, height * 0.65)),
            softness=4,
        )

        def distance(axes: Axes) -> Field:
            x = axes[0]
            slab = np.abs(case(axes) - np.float32(0.5 * room + 0.2)) - np.float32(thick)
            d = smooth_max(outline(axes), slab, 4)
            return smooth_max(d, np.asarray((middle - x) * s + 0.5, dtype=np.float32), 1)

        recess = capsule((middle + s * 5, -90, 11), (middle + s * 7, -84, 3), 3.0, 2.0)
        return union(distance, recess, softness=3) if f > 0.4 else distance

    low, high = (-52.0, -112.0, -2.0), (52.0, -74.0, 62.0)
    _paint_one(
        canvas,
        person,
        SINUS_CODES[Sinus.FRONTAL, side],
        of_size,
        person.volumes_ml[Sinus.FRONTAL, side],
        (low, high),
        0.5,
    )


def _paint_sphenoid(canvas: Canvas, person: Person, side: Side, s: float) -> None:
    middle = person.sphenoid_septum_x

    def of_size(f: float) -> Shape:
        room = union(
            ellipsoid((middle + s * 6.5, -35 + 8 * f, -1), (10 * f**0.8, 12 * f, 9.5 * f**0.7)),
            ellipsoid((middle + s * 10 * f, -36 + 6 * f, -4), (8 * f, 8 * f, 6 * f)),
            softness=4,
        )

        def distance(axes: Axes) -> Field:
            x, y, _z = axes
            d = smooth_max(room(axes), np.asarray((middle - x) * s + 0.5, dtype=np.float32), 1)
            return smooth_max(d, np.asarray(-41.0 - y + 0 * x, dtype=np.float32), 1)

        return distance

    low, high = (-32.0, -46.0, -22.0), (32.0, 2.0, 16.0)
    _paint_one(
        canvas,
        person,
        SINUS_CODES[Sinus.SPHENOID, side],
        of_size,
        person.volumes_ml[Sinus.SPHENOID, side],
        (low, high),
        1.2,
    )


def _paint_ethmoid(canvas: Canvas, person: Person, side: Side, s: float, rng: np.random.Generator) -> None:
    """The labyrinth between the orbit's inner wall and the middle turbinate: cells around random seeds."""
    wanted = person.volumes_ml[Sinus.ANTERIOR_ETHMOID, side] + person.volumes_ml[Sinus.POSTERIOR_ETHMOID, side]
    low, high = (min(s * 2, s * 22), -90.0, -18.0), (max(s * 2, s * 22), -36.0, 18.0)
    box = canvas.box(low, high)
    axes = canvas.axes(box)

    def labyrinth(f: float) -> Shape:
        def distance(at: Axes) -> Field:
            x, y, z = at
            outer = np.interp(y, (-86, -78, -66, -54, -44, -38), (10, 11.5, 13.8, 13.8, 15.5, 13)).astype(np.float32)
            outer = np.asarray(outer - 0.10 * np.maximum(z, 0) + 0.15 * np.maximum(-z, 0), dtype=np.float32)
            inner = np.interp(y, (-84, -70, -42), (5.0, 5.4, 5.0)).astype(np.float32)
            mid, half = (outer + inner) / 2, (outer - inner) / 2
            d = np.asarray(np.abs(x * s - mid) - half * min(f, 1.3), dtype=np.float32)
            d = smooth_max(d, np.asarray(np.abs(z - 1.0) - 9.5 * f, dtype=np.float32), 3)
            return smooth_max(d, np.asarray(np.abs(y + 62) - 21.5 * min(f, 1.08) + 0 * x, dtype=np.float32), 3)

        return distance

    shape = labyrinth(_size_for(canvas, labyrinth, wanted * 1.25, low, high))
    seeds = _cell_seeds(s, rng)
    first = np.full(canvas.hu[box].shape, 1e6, dtype=np.float32)
    second = first.copy()
    bent, fine = canvas.coarse_noise[box], canvas.fine_noise[box]
    # Walls curve and buckle: distances are taken between points that the noise has moved.
    x, y, z = (
        axis + np.float32(amount) * bent[::turn, ::other] + np.float32(0.5) * fine[::other, ::turn]
        for axis, amount, turn, other in zip(axes, (1.4, 2.2, 2.2), (1, -1, -1), (1, 1, -1), strict=True)
    )
    for *seed, larger in seeds:
        d = (x - np.float32(seed[0])) ** 2 + (y - np.float32(seed[1])) ** 2 + (z - np.float32(seed[2])) ** 2
        root = np.sqrt(d) - np.float32(larger)
        second = np.minimum(np.maximum(root, first), second)
        first = np.minimum(first, root)
    between = (second - first) / 2  # distance from the plane between two cells
    # Its sides bulge between the cells' walls.
    room = shape(axes) + np.float32(0.9) * bent + np.float32(0.5) * np.clip(1.5 - between, 0, 1.5)
    # The middle turbinate's basal lamella parts anterior from posterior cells.
    lamella = rng.uniform(-63, -57) + rng.uniform(0.1, 0.6) * axes[2] + np.float32(2.5) * bent
    # Thinner than a voxel, and open here and there.
    wall = np.float32(0.42) + np.float32(0.12) * fine + np.float32(0.08) * bent
    air = np.maximum(np.maximum(room, wall - between), np.float32(0.4) - np.abs(axes[1] - lamella))
    # The paper plate beside the orbit is no thicker, the roof is.
    edge = np.float32(0.55 * person.wall_mm) + np.float32(0.5) * np.clip((axes[2] - 5) / 5, 0, 1)
    bone = np.clip(0.5 - (room - edge) / canvas.edge_mm, 0, 1)
    here = canvas.hu[box]
    here += bone * (person.bone_hu * (0.58 + 0.08 * bent) - here)
    here += np.clip(0.5 - air / canvas.edge_mm, 0, 1) * (_AIR_HU - here)
    inside = (room < 0) & ((canvas.labels[box] == 0) | (canvas.labels[box] > 10))
    front = np.broadcast_to(axes[1] < lamella, inside.shape)
    canvas.labels[box][inside & front] = SINUS_CODES[Sinus.ANTERIOR_ETHMOID, side]
    canvas.labels[box][inside & ~front] = SINUS_CODES[Sinus.POSTERIOR_ETHMOID, side]


def _cell_seeds(s: float, rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Middles of six to eleven ethmoid cells (x, y, z), and by how much each outgrows its neighbours (mm)."""
    gaps = rng.uniform(0.35, 1.0, int(rng.integers(6, 12)))
    ahead = -85 + 46 * (np.cumsum(gaps) - gaps / 2) / gaps.sum()
    high = rng.uniform(-6.5, 6.5, gaps.size)
    return [
        (s * float(rng.uniform(5, 14)), float(y), float(z), float(rng.uniform(0, 3.5)))
        for y, z in zip(ahead, high, strict=True)
    ]


def _span(s: float, near: float, far: float) -> tuple[float, float]:
    return min(s * near, s * far), max(s * near, s * far)

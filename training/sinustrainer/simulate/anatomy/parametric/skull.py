"""Skull base, ear region, jaws and neck."""

import itertools

import numpy as np

from sinustrainer.simulate.anatomy.parametric.canvas import (
    Axes,
    Canvas,
    Field,
    Shape,
    block,
    capsule,
    ellipsoid,
    grown,
    intersection,
    union,
)
from sinustrainer.simulate.anatomy.parametric.person import Person
from sinusviewer.domain.anatomy import Structure

_SIDES = ((-1.0, "RIGHT"), (1.0, "LEFT"))


def paint_base(canvas: Canvas, person: Person) -> None:
    """Sphenoid body and clivus, petrous pyramids and mastoids with their cells, ear canals, pterygoid plates."""
    bone = person.bone_hu
    body = union(ellipsoid((0, -28, -1), (17, 20, 12)), capsule((0, -12, -2), (0, -1, -15), 10, 6), softness=8)
    canvas.fill(body, (-26, -52, -28), (26, 10, 16), bone * 0.32, texture=90)
    _cortex(canvas, body, (-26, -52, -28), (26, 10, 16), bone)
    canvas.fill(ellipsoid((0, -15, 12), (7, 6, 5)), (-10, -24, 4), (10, -6, 20), 40)  # pituitary
    canvas.fill(block((0, -7, 9), (9, 2, 6), 1.5), (-12, -12, 0), (12, -1, 18), bone * 0.8)  # dorsum sellae
    for side, name in _SIDES:
        _paint_ear(canvas.moved(person.lopsided.shift(person.lopsided.ear, side)), person, side, name)
        wing = capsule((side * 14, -36, 12), (side * 50, -42, 22), 2.5, 2.0, (1, 1.2, 1))
        canvas.fill(wing, (-60, -60, 0), (60, -20, 36), bone * 0.85)
        greater = capsule((side * 24, -36, 4), (side * 46, -52, 0), 2.2, 2.5, (1, 1, 0.25))
        canvas.fill(greater, (-60, -66, -16), (60, -24, 16), bone * 0.8)
        for end_x, end_y in ((18, -24), (11, -28)):
            plate = capsule((side * 13, -34, -10), (side * end_x, end_y, -40), 1.4, 1.1, (1, 0.35, 1))
            canvas.fill(plate, (-26, -44, -48), (26, -14, -4), bone * 0.75)


def _paint_ear(canvas: Canvas, person: Person, side: float, name: str) -> None:
    bone = person.bone_hu
    low, high = (-78.0 if side < 0 else 8.0, -22.0, -44.0), (-8.0 if side < 0 else 78.0, 48.0, 22.0)
    pyramid = capsule((side * 56, 12, -4), (side * 14, -8, 0), 12, 5)
    mastoid = union(
        capsule((side * 56, 16, -6), (side * 53, 15, -27), 13, 6 if person.age > 6 else 3),
        ellipsoid((side * 60, 12, 4), (8, 18, 14)),
        softness=6,
    )
    petrous = Structure[f"{name}_PETROUS"]
    canvas.fill(union(pyramid, mastoid, softness=6), low, high, bone * 0.68, texture=90, label=petrous)
    canvas.fill(ellipsoid((side * 30, 4, -1), (9, 6, 6)), low, high, bone * 1.45, texture=60)
    canvas.fill(capsule((side * 29, 3, 0), (side * 33, 6, 1), 1.2, 1.2), low, high, 20)
    pneumatised = grown(mastoid, -2.5)

    if person.age > 2:
        _air_cells(canvas, pneumatised, low, high)
    canvas.fill(capsule((side * 82, 3, -7), (side * 46, 4, -5), 4.2, 3.2), (-95, -8, -16), (95, 14, 4), -1000)
    canvas.fill(ellipsoid((side * 42, 5, -3), (4, 4, 6)), low, high, -900)
    fossa = ellipsoid((side * 50, -10, -4), (12, 7, 5))
    canvas.fill(fossa, (-64, -20, -12), (64, 0, 4), 60)
    tympanic = capsule((side * 66, -4, -4), (side * 44, -3, -6), 2.0, 2.0, (1, 1, 0.6))
    canvas.fill(tympanic, (-75, -10, -16), (75, 4, 6), bone * 0.85)


def _air_cells(canvas: Canvas, room: Shape, low: tuple[float, ...], high: tuple[float, ...]) -> None:
    """Mastoid cells: bubbles of the fine noise, inside the bone only."""
    box = canvas.box(low, high)
    inside = np.clip(-room(canvas.axes(box)) / 2.0, 0, 1)
    bubbles = np.clip((np.abs(canvas.fine_noise[box]) - 0.45) / 0.35, 0, 1) * inside
    here = canvas.hu[box]
    here += bubbles * (-900 - here)


def paint_neck(canvas: Canvas, person: Person) -> None:
    """Atlas, axis with its dens, and the vertebrae below, with marrow, discs and cord."""
    bone = person.bone_hu * 0.9
    low, high = (-45.0, -15.0, -140.0), (45.0, 70.0, -14.0)
    ring = union(
        capsule((-20, 15, -31), (-9, 1, -31), 5, 4),
        capsule((20, 15, -31), (9, 1, -31), 5, 4),
        capsule((-9, 1, -31), (9, 1, -31), 4, 4),
        capsule((-20, 17, -31), (0, 34, -31), 3.5, 3.5),
        capsule((20, 17, -31), (0, 34, -31), 3.5, 3.5),
        capsule((-20, 15, -31), (-37, 18, -32), 4, 2.5),
        capsule((20, 15, -31), (37, 18, -32), 4, 2.5),
        softness=3,
    )
    shapes = [ring, capsule((0, 8, -24), (0, 9, -50), 4.2, 6)]
    for k in range(4):
        z = -53.0 - 18.0 * k
        y = 10.0 - 1.0 * k
        body = intersection(ellipsoid((0, y, z), (12, 10, 18)), block((0, y, z), (20, 20, 6.7), 1.5), softness=2)
        arch = union(
            capsule((-9, y + 7, z), (-14, y + 16, z), 4, 4),
            capsule((9, y + 7, z), (14, y + 16, z), 4, 4),
            capsule((-14, y + 16, z), (0, y + 26, z - 2), 3, 3),
            capsule((14, y + 16, z), (0, y + 26, z - 2), 3, 3),
            capsule((0, y + 26, z - 2), (0, y + 38, z - 6), 3, 3),
            softness=2,
        )
        shapes += [body, arch]
        canvas.fill(ellipsoid((0, y, z + 9), (11, 9, 3)), low, high, 85)
    for shape in shapes:
        canvas.fill(shape, low, high, bone * 0.27, texture=60)
        _cortex(canvas, shape, low, high, bone)
    canvas.fill(capsule((0, 20, -16), (0, 20, -130), 7, 6), low, high, 20)
    canvas.fill(capsule((0, 20, -16), (0, 20, -130), 4.5, 4), low, high, 38)


def paint_mandible(canvas: Canvas, person: Person) -> None:
    """Body, rami, condyles and coronoids: cortex around marrow."""
    w = person.jaw_width
    parts: list[Shape] = []
    path = [(0.0, -83.0, -95.0), (16.0, -79.0, -95.0), (30.0, -62.0, -92.0), (41.0, -38.0, -83.0), (46.0, -20.0, -71.0)]
    for side, _name in _SIDES:
        dx, dy, dz = person.lopsided.shift(person.lopsided.jaw, side)
        points = [(side * x * w + dx * x / 46, y + dy * x / 46, z + dz * x / 46) for x, y, z in path]
        parts += [capsule(a, b, 10, 10, (1.7, 1.7, 0.75)) for a, b in itertools.pairwise(points)]
        angle, notch = (side * 47 * w + dx, -22.0 + dy, -72.0 + dz), (side * 49 * w + dx, -24.0 + dy, -30.0 + dz)
        parts.append(capsule(angle, notch, 12, 10, (2.4, 0.75, 1)))
        # A thin neck, and on it a head that lies across, its inner end behind the outer one.
        ex, ey, _ez = person.lopsided.shift(person.lopsided.ear, side)
        parts.append(capsule(notch, (side * 50 + ex, -12.5 + ey, -12), 4.6, 3.4, (0.75, 1.25, 1)))
        inner, outer = (side * 43.5 + ex, -8.5 + ey, -7.5), (side * 56 + ex, -12.5 + ey, -8.5 + 0.3 * dz)
        parts.append(capsule(inner, outer, 3.6, 3.3))
        parts.append(capsule(notch, (side * 47 * w + dx, -36 + dy, -14), 5, 2.5, (1.9, 1, 1)))
    jaw = union(*parts, softness=4)
    low, high = (-64.0, -100.0, -116.0), (64.0, 2.0, 0.0)
    canvas.fill(jaw, low, high, person.bone_hu * 0.17, texture=80)
    _cortex(canvas, jaw, low, high, person.bone_hu, thickness_mm=1.6)


def _cortex(
    canvas: Canvas, shape: Shape, low: tuple[float, ...], high: tuple[float, ...], hu: float, thickness_mm: float = 1.4
) -> None:
    def distance(axes: Axes) -> Field:
        d = shape(axes)
        return np.asarray(np.maximum(d, -d - np.float32(thickness_mm)), dtype=np.float32)

    canvas.fill(distance, low, high, hu)

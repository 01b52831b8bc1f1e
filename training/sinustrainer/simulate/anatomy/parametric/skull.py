"""Skull base, ear region, jaws and neck."""

import itertools

import numpy as np

from sinustrainer.simulate.anatomy.parametric.canvas import (
    Canvas,
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
_MOST_VERTEBRAE = 10
_CLIVUS_CLOSED_AT = 14.0


def paint_base(canvas: Canvas, person: Person) -> None:
    """Sphenoid body and clivus, petrous pyramids and mastoids with their cells, ear canals, pterygoid plates."""
    bone = person.bone_hu
    clivus = capsule((0, -12, -2), (0, -1, -19), 9, 4.5, (0.55, 1, 1))
    body = union(ellipsoid((0, -28, -1), (17, 20, 12)), clivus, softness=8)
    canvas.fill_bone(body, (-26, -52, -28), (26, 10, 16), bone, bone * 0.32, texture=90)
    if person.age < _CLIVUS_CLOSED_AT:  # cartilage between sphenoid and occiput until growth ends
        seam = block((0, -11, -6), (11, 16, 0.5 + 0.6 * float(np.interp(person.age, (1, 12), (1, 0)))), 0.3)
        canvas.fill(seam, (-12, -28, -9), (12, 6, -3), 110, bumps_mm=0.5)
    canvas.fill(ellipsoid((0, -15, 12), (7, 6, 5)), (-10, -24, 4), (10, -6, 20), 40)  # pituitary
    canvas.fill(
        block((0, -7, 7), (7.5, 1.6, 5), 1.4), (-12, -12, 0), (12, -1, 18), bone * 0.7, bumps_mm=0.7
    )  # dorsum sellae
    for side, name in _SIDES:
        _paint_ear(canvas.moved(person.lopsided.shift(person.lopsided.ear, side)), person, side, name)
        wing = capsule((side * 13, -34, 11), (side * 44, -45, 16), 1.8, 1.0)
        canvas.fill(wing, (-60, -60, 0), (60, -20, 30), bone * 0.75, bumps_mm=0.6)
        greater = capsule((side * 24, -36, 4), (side * 46, -52, 0), 1.9, 2.3, (1, 1, 0.25))
        canvas.fill(greater, (-60, -66, -16), (60, -24, 16), bone * 0.8, bumps_mm=0.6)
        root = capsule((side * 15, -33, -10), (side * 27, -28, -11), 5.5, 3.5, (1, 1, 0.9))
        canvas.fill_bone(root, (-36, -46, -24), (36, -16, 0), bone * 0.8, bone * 0.3, texture=110, bumps_mm=0.8)
        for hole, half in (((22, -17, -11), (2.4, 3.4, 6)), ((27, -11, -12), (1.5, 1.5, 5))):
            canvas.fill(ellipsoid((side * hole[0], hole[1], hole[2]), half), (-36, -30, -22), (36, 0, 0), 40)
        condyle = capsule((side * 13, 8, -22), (side * 18, 17, -20), 4.5, 4.5, (1, 1, 0.8))
        canvas.fill_bone(condyle, (-28, -4, -30), (28, 30, -12), bone * 0.9, bone * 0.32, texture=80)
        for end_x, end_y in ((18, -24), (11, -28)):
            plate = capsule((side * 13, -34, -10), (side * end_x, end_y, -40), 1.4, 1.1, (1, 0.35, 1))
            canvas.fill(plate, (-26, -44, -48), (26, -14, -4), bone * 0.75)


def _paint_ear(canvas: Canvas, person: Person, side: float, name: str) -> None:
    bone, base = person.bone_hu, person.base
    low, high = (-78.0 if side < 0 else 8.0, -22.0, -44.0), (-8.0 if side < 0 else 78.0, 48.0, 26.0)
    tip = (side * 14, -8 - base.petrous_turn_mm, base.petrous_tip_mm)
    pyramid = capsule((side * 56, 12, -3), tip, 12, 5, (1, 1.05, 0.95))
    size = base.mastoid_size
    mastoid = union(
        capsule((side * 56, 17, -5), (side * 53, 15, -27 * size), 12.5 * size, (6 if person.age > 6 else 3) * size),
        ellipsoid((side * 58, 15, 5), (9 * size, 20 * size, 14 * size)),
        ellipsoid((side * 60, -2, 6), (6 * size, 13 * size, 7 * size)),  # the root of the zygoma
        softness=6,
    )
    petrous = Structure[f"{name}_PETROUS"]
    canvas.fill(union(pyramid, mastoid, softness=6), low, high, bone * 0.62, texture=130, label=petrous, bumps_mm=1.3)
    canvas.fill(ellipsoid((side * 30, 4, -1), (8, 5.5, 6)), low, high, bone * 1.35, texture=60, bumps_mm=0.8)
    canvas.fill(capsule((side * 29, 3, 0), (side * 33, 6, 1), 1.2, 1.2), low, high, 20)
    canvas.fill(capsule((side * 14, 4, 1), (side * 27, 5, 1), 2.6, 2.0), low, high, 12)  # inner canal of the ear
    carotid = union(
        capsule((side * 26, 0, -20), (side * 25, -4, -6), 2.8, 2.8), capsule((side * 25, -4, -6), tip, 2.8, 2.4)
    )
    canvas.fill(carotid, low, high, 45)
    canvas.fill(ellipsoid((side * 25, 11, -13), (6, 5, 7)), low, high, 48, bumps_mm=1.0)  # jugular bulb
    canvas.fill(capsule((side * 44, 24, 8), (side * 29, 14, -12), 4.0, 4.0), low, high, 50)  # sigmoid sinus
    air = base.mastoid_air[int(side > 0)] * float(np.interp(person.age, (1, 8), (0, 1)))
    _air_cells(canvas, grown(mastoid, -2.2), low, high, air)
    _air_cells(canvas, grown(pyramid, -3.0), (low[0], -6.0, -8.0), (high[0], 20.0, 8.0), air - 0.5)
    outer = union(
        capsule((side * 82, 5, -7), (side * 62, 2, -4), 4.6, 3.4),
        capsule((side * 62, 2, -4), (side * 47, 4, -5), 3.4, 3.2),
    )
    canvas.fill(outer, (-95, -8, -16), (95, 14, 6), -1000, bumps_mm=0.7)
    canvas.fill(ellipsoid((side * 42, 5, -3), (4, 4, 6)), low, high, -900, bumps_mm=1.0)
    canvas.fill(ellipsoid((side * 41, 5, 0), (1.6, 2.2, 2.6)), low, high, 500)  # ossicles
    fossa = ellipsoid((side * 50, -10, -4), (12, 7, 5))
    canvas.fill(fossa, (-64, -20, -12), (64, 0, 4), 60)
    tympanic = capsule((side * 66, -4, -4), (side * 44, -3, -6), 2.0, 2.0, (1, 1, 0.6))
    canvas.fill(tympanic, (-75, -10, -16), (75, 4, 6), bone * 0.85)


def _air_cells(canvas: Canvas, room: Shape, low: tuple[float, ...], high: tuple[float, ...], air: float) -> None:
    """Mastoid cells: bubbles between the sheets where the fine noise is small, inside the bone only.

    ``air``: share of the bone that is pneumatised; cells begin at its middle.
    """
    if air <= 0:
        return
    box = canvas.box(low, high)
    depth = -room(canvas.axes(box)) + np.float32(1.5) * canvas.coarse_noise[box] - np.float32(6 * (1 - air))
    inside = np.clip(depth / 1.5, 0, 1)
    bubbles = np.clip((np.abs(canvas.fine_noise[box]) - np.float32(0.62 - 0.35 * air)) / 0.3, 0, 1) * inside
    here = canvas.hu[box]
    here += bubbles * (-900 - here)


def paint_neck(canvas: Canvas, person: Person) -> None:
    """Atlas, axis with its dens, and the vertebrae below, with marrow, discs and cord."""
    bone = person.bone_hu * 0.9
    low, high = (-45.0, -15.0, -240.0), (45.0, 70.0, -14.0)
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
    for k in range(_MOST_VERTEBRAE):
        z = -53.0 - 18.0 * k
        y = 10.0 - min(k, 3)
        if z + 12 < float(canvas.z[0]):
            break
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
        canvas.fill_bone(shape, low, high, bone, bone * 0.27, texture=60)
    canvas.fill(capsule((0, 20, -62), (0, 20, -240), 8, 7), low, high, 10)
    canvas.fill(capsule((0, 20, -62), (0, 20, -240), 5.5, 5, (0.85, 1.2, 1)), low, high, 36)
    canvas.fill(capsule((0, 20, -16), (0, 20, -240), 4.5, 4), low, high, 38)


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
        parts.append(capsule(angle, notch, 12, 10, (2.8, 0.72, 1)))
        # A thin neck, and on it a head that lies across, its inner end behind the outer one.
        ex, ey, _ez = person.lopsided.shift(person.lopsided.ear, side)
        parts.append(capsule(notch, (side * 50 + ex, -12.5 + ey, -12), 4.6, 3.4, (0.75, 1.25, 1)))
        inner, outer = (side * 43.5 + ex, -8.5 + ey, -7.5), (side * 56 + ex, -12.5 + ey, -8.5 + 0.3 * dz)
        parts.append(capsule(inner, outer, 3.6, 3.3))
        parts.append(capsule(notch, (side * 47 * w + dx, -36 + dy, -14), 5, 2.5, (1.9, 1, 1)))
    jaw = union(*parts, softness=4)
    low, high = (-64.0, -100.0, -116.0), (64.0, 2.0, 0.0)
    canvas.fill_bone(jaw, low, high, person.bone_hu, person.bone_hu * 0.17, texture=80, thickness_mm=1.6)

"""Skin, fat, muscles, eyes, tongue and the airway below the nose."""

import numpy as np

from sinustrainer.simulate.anatomy.parametric.canvas import (
    Axes,
    Canvas,
    Field,
    Shape,
    SmoothField,
    block,
    capsule,
    ellipsoid,
    half_spaces,
    intersection,
    union,
    without,
)
from sinustrainer.simulate.anatomy.parametric.muscles import paint_muscles
from sinustrainer.simulate.anatomy.parametric.person import Person
from sinustrainer.simulate.anatomy.parametric.vault import skull_thickness
from sinusviewer.domain.anatomy import Structure

_SIDES = ((-1.0, "RIGHT"), (1.0, "LEFT"))
_FAT_HU = -97.0


def paint_body(canvas: Canvas, person: Person, case: SmoothField) -> None:
    """Everything inside the skin: skin, fat below it, muscle under that. ``case``: distance to the brain case."""
    face, neck = canvas.smooth_field(_face(person)), canvas.smooth_field(_neck(person))
    for slab, part in canvas.slabs():
        axes = part.axes((slice(None), slice(None), slice(None)))
        scalp = case[slab] - skull_thickness(person, axes) - np.float32(5.5 + 0.3 * person.fat_mm)
        soft = _blend(_blend(scalp, face[slab], 9.0), neck[slab], 12.0)
        _x, y, z = axes
        padding = person.fat_mm * (1 + 0.8 * np.clip((-50 - y) / 30, 0, 1) * np.clip((-10 - z) / 20, 0, 1))
        _paint_layers(part, soft, np.asarray(padding, dtype=np.float32))
    for side, _name in _SIDES:
        ear = intersection(
            ellipsoid((side * 75, 13, 0), (10, 15, 28)), block((side * 76, 13, 0), (3.0, 40, 40), 2), softness=3
        )
        canvas.fill(ear, (-95, -8, -36), (95, 34, 36), -5, texture=20, bumps_mm=0.8)
    paint_muscles(canvas, person)


def _paint_layers(part: Canvas, soft: Field, padding: Field) -> None:
    """Skin, then ``padding`` mm of fat, then muscle in layers; ``soft``: distance to the skin."""
    cover = np.clip(0.5 - soft / np.float32(part.edge_mm), 0, 1)
    depth = -soft
    coarse, fine = part.coarse_noise, part.fine_noise
    other = coarse[:, ::-1]  # another field of the same grain
    x, y, z = part.axes((slice(None), slice(None), slice(None)))
    fat = np.float32(_FAT_HU) + 6 * other + 5 * fine
    fat += 45 * np.clip(1 - np.abs(0.6 * other + fine) * 9, 0, 1)  # fibrous septa
    if z[0] < 24:
        # Fat between the muscles of the nape lies in shells around the spine, gaping here and closed there.
        shells = (
            np.sqrt(x * x * np.float32(0.7) + (y - 12) ** 2) / 10 + np.float32(0.45) * coarse + np.float32(0.1) * fine
        )
        gap = np.abs(shells - np.rint(shells)) * 10 - np.float32(0.9) * other[::-1] + np.float32(0.3)
        split = np.clip(1 - gap, 0, 1) * np.clip((depth - 4) / 5, 0, 1)
        muscle = np.clip((depth - padding - np.float32(1.2) * coarse) / 2, 0, 1) * (1 - np.float32(0.7) * split)
        tissue = fat + muscle * (53 + 3 * other + 6 * fine - fat)
    else:
        muscle = np.clip((depth - padding - np.float32(1.2) * coarse) / 2, 0, 1)
        tissue = fat + muscle * (53 + 6 * fine - fat)
    skin = np.clip((np.float32(1.8) - depth) / np.float32(0.8), 0, 1)
    tissue += skin * (15 - tissue)
    here = part.hu
    here += cover * (tissue - here)


def _face(person: Person) -> Shape:
    n = person.nose_length
    parts: list[Shape] = [
        ellipsoid((0, -36, -42), (64, 58, 64)),
        ellipsoid((0, -74, -94), (25 * person.jaw_width, 20, 19)),
        ellipsoid((0, -89, -62), (25, 11, 17)),
        ellipsoid((0, -50, -85), (50 * person.jaw_width, 44, 23)),
        capsule((0, -96, 2), (person.lopsided.nose_tip_mm, -96 - 17 * n, -28), 5.5, 9.0),
        ellipsoid((0, -90, -25), (19, 14, 19)),
        capsule((0, -91, 2), (0.4 * person.lopsided.nose_tip_mm, -92 - 6 * n, -30), 8, 14, (0.8, 1, 1)),
    ]
    for side, _name in _SIDES:
        dx, dy, dz = person.lopsided.shift(person.lopsided.face, side)
        parts.append(ellipsoid((side * 11 + 0.8 * person.lopsided.nose_tip_mm, -99, -34), (7, 9, 7)))
        parts.append(ellipsoid((side * 38 + dx, -62 + 1.5 * dy, -36 + dz), (24, 21, 25)))
        parts.append(ellipsoid((side * 33 + dx, -72 + dy, -1 + dz), (21, 15.5, 18)))
        parts.append(ellipsoid((side * 49 + dx, -58 + dy, -24 + dz), (21, 20.5, 22)))
        parts.append(ellipsoid((side * 56, 10, -10), (19, 30, 34)))  # around the ear and the mastoid
        parts.append(ellipsoid((side * 57, -33, -12), (15, 36, 30)))  # over the cheekbone's arch
        parts.append(ellipsoid((side * 48, -42, 14), (19, 34, 34)))  # the temple
        parts.append(ellipsoid((side * 49, 2, -46), (20, 30, 44)))  # over parotid and sternomastoid
    return union(*parts, softness=10)


def _neck(person: Person) -> Shape:
    wide = 57.0 if person.sex.upper().startswith("M") else 51.0

    def distance(axes: Axes) -> Field:
        x, y, z = axes
        radius = np.sqrt((x / wide) ** 2 + ((y - 16) / 58) ** 2)
        return np.asarray((radius - 1) * 52 + np.maximum(z + 18, 0) * 0.6, dtype=np.float32)

    return distance


def paint_orbits(canvas: Canvas, person: Person) -> None:
    """Orbital fat, eyes with lenses, optic nerves and the straight muscles, labelled as orbit."""
    whole = canvas
    for side, name in _SIDES:
        canvas = whole.moved(person.lopsided.shift(person.lopsided.face, side))
        d = person.eye_distance
        globe = (side * d, -72.0, 0.0)
        apex = (side * 13.0, -36.0, 4.0)
        low, high = (min(side * 4, side * 60), -92.0, -26.0), (max(side * 4, side * 60), -28.0, 26.0)
        canvas.fill(orbit_cavity(person, side), low, high, -92, texture=11, label=Structure[f"{name}_ORBIT"])
        for dx, dz in ((0, 9.5), (0, -9.5), (9.5, 0), (-9.5, 0)):
            ends = (globe[0] + dx, -68, dz), (apex[0] + dx * 0.3, -40, 4 + dz * 0.3)
            belly = (0.5 * (ends[0][0] + ends[1][0]) + 0.25 * dx, -55, 2 + 0.8 * dz)
            wide = (1.0, 1.0, 0.6) if dx else (0.6, 1.0, 1.0)
            rectus = union(capsule(ends[0], belly, 1.2, 2.4, wide), capsule(belly, ends[1], 2.4, 1.2, wide))
            canvas.fill(rectus, low, high, 50, bumps_mm=0.3)
        canvas.fill(capsule((globe[0], -60, 0), apex, 2.2, 2.0), low, high, 38)
        canvas.fill(ellipsoid(globe, (12.2, 12.2, 12.2)), low, high, 48)
        canvas.fill(ellipsoid(globe, (10.8, 10.8, 10.8)), low, high, 12)
        canvas.fill(ellipsoid((globe[0], -80.5, 0), (4.6, 2.2, 4.6)), low, high, 100)
        lid = intersection(
            ellipsoid((globe[0], -72, 0), (16.5, 15.5, 14.5)), block((globe[0], -85, 0), (30, 8, 30), 1), softness=1
        )
        rim = ellipsoid(globe, (13, 13, 13))
        canvas.fill(without(lid, rim), low, high, 25, texture=10)


def orbit_cavity(person: Person, side: float) -> Shape:
    """The bony orbit: a cone from the rim to the optic canal, open in front, its opening turned outwards."""
    d, r = person.eye_distance, person.orbit_radius
    cone = union(
        capsule((side * (d + 0.5), -68, 0), (side * 15, -36, 4), r - 1, 4),
        capsule((side * (d + 2), -84, -1), (side * (d + 1), -68, 0), r - 0.5, r - 1),
        softness=2,
    )
    opening = half_spaces(
        [((side * 0.45, -1.0, 0.0), (side * 0.45 * side * d + 81.0) / float(np.hypot(0.45, 1.0)))], 0.0
    )
    return intersection(cone, opening, softness=2)


def paint_throat(canvas: Canvas, person: Person) -> None:
    """Nasopharynx, soft palate, tongue, oropharynx and the thin air of the closed mouth."""
    p = person.palate_z
    low, high = (-40.0, -95.0, -240.0), (40.0, 12.0, -8.0)
    canvas.fill(ellipsoid((0, -56, p - 25), (25, 30, 20)), low, high, 58, texture=8)  # tongue
    canvas.fill(ellipsoid((0, -40, -92), (22, 34, 12)), low, high, 50, texture=9)  # floor of the mouth
    gap = intersection(ellipsoid((0, -58, p - 18), (23, 25, 16.5)), block((0, -58, p - 3.2), (24, 26, 0.9), 0.5))
    canvas.fill(gap, low, high, -800)
    adenoid = 5.0 if person.is_child else 1.0
    naso = ellipsoid((0, -24 - adenoid / 2, -26), (12, 10 - adenoid, 14))
    oro = capsule((0, -18, -40), (0, -14, -78), 6, 7.5, (0.65, 1.2, 1))
    lower = capsule((0, -14, -78), (0, -10, -240), 7.5, 8.5, (0.8, 1, 1))
    canvas.fill(union(naso, oro, lower, softness=4), low, high, -1000, bumps_mm=1.0)
    velum = capsule((0, -40, p), (0, -24, p - 17), 4, 3, (0.35, 1, 1))
    canvas.fill(velum, low, high, 48)
    canvas.fill(ellipsoid((0, -26, -92), (10, 2, 12)), low, high, 60)  # epiglottis
    canvas.fill(capsule((-16, -20, -92), (16, -20, -92), 3, 3), low, high, 60)
    hyoid = union(capsule((0, -42, -100), (-18, -26, -96), 2.6, 2), capsule((0, -42, -100), (18, -26, -96), 2.6, 2))
    canvas.fill(hyoid, (-25, -50, -110), (25, -20, -90), person.bone_hu * 0.6)


def _blend(a: Field, b: Field, softness: float) -> Field:
    h = np.maximum(np.float32(softness) - np.abs(a - b), 0) / np.float32(softness)
    return np.asarray(np.minimum(a, b) - h * h * np.float32(softness / 4), dtype=np.float32)

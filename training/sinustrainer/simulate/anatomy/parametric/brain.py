"""The brain: cortex over white matter, sulci, deep nuclei, ventricles, cisterns, dura and the larger vessels.

Positions are those of the adult normal head; how wide the fluid spaces are follows from age.
"""

import itertools

import numpy as np

from sinustrainer.simulate.anatomy.parametric.canvas import Axes, Canvas, Field, Shape, SmoothField, capsule, ellipsoid
from sinustrainer.simulate.anatomy.parametric.person import Person
from sinustrainer.simulate.anatomy.parametric.vault import uneven

_SIDES = (-1.0, 1.0)
_FLUID_HU, _BLOOD_HU, _DURA_HU = 7.0, 50.0, 52.0
_CORTEX_MM, _NOISE_MM = 3.0, 5.5
"""Thickness of the cortex; millimetres to the next zero of the coarse noise for each unit of its value."""


def paint_brain(canvas: Canvas, person: Person, case: SmoothField) -> None:
    """All that lies inside the brain case. ``case``: distance to it on the whole canvas."""
    for slab, part in canvas.slabs():
        if part.z[-1] > -70 and part.z[0] < 120:
            _paint_matter(part, person, uneven(part, case[slab]))
    _paint_deep(canvas, person)
    _paint_vessels(canvas, person)


def _paint_matter(part: Canvas, person: Person, case: Field) -> None:
    """Cortex, white matter, sulci and dura where the slab cuts the brain case."""
    inside = case < part.edge_mm
    if not inside.any():
        return
    rows, columns = np.flatnonzero(inside.any(axis=(0, 2))), np.flatnonzero(inside.any(axis=(0, 1)))
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    case, coarse, fine = case[box], part.coarse_noise[box], part.fine_noise[box]
    x, y, z = part.axes(box)
    depth = -case
    falx, tent = _falx(person, y, z), _tentorium(x, y)
    below = np.clip((tent - z) / 2 + np.float32(0.5), 0, 1) * np.clip((y + 13 - 0.45 * np.abs(x)) / 2, 0, 1)
    aside = np.abs(x - falx)
    to_surface = np.minimum(depth, aside + 40 * np.clip((26 - z) / 8, 0, 1) + 40 * below)
    crease = np.abs(coarse + np.float32(0.25) * fine) * np.float32(_NOISE_MM)
    reach = np.clip((18 - to_surface) / 6, 0, 1) * (1 - below)
    nearest = np.minimum(to_surface, crease + 12 * (1 - reach))
    wide = np.float32(_fluid_mm(person.age)) * (1 + np.float32(0.5) * fine)
    cortex = np.clip((_CORTEX_MM + wide - nearest) / 2 + np.float32(0.5), 0, 1)
    grey = np.float32(person.brain_hu + 4.5)
    matter = grey - 11 * (1 - cortex) * (1 - np.float32(0.6) * below) + 2 * fine
    # Leaves of the cerebellum: thin, close together, along its surface.
    matter += (
        below
        * 4
        * np.sin((depth + 0.8 * np.abs(z - 4) + 2 * coarse) * np.float32(1.7))
        * np.clip((16 - depth) / 8, 0, 1)
    )
    fluid = np.clip(wide + np.float32(0.3) - crease, 0, 1) * reach
    fluid = np.maximum(fluid, np.clip(np.float32(0.9) * wide + np.float32(0.3) - depth, 0, 1))
    front = np.clip((z - 22) / 8, 0, 1) * (1 - below)
    fluid = np.maximum(fluid, np.clip(np.float32(0.8) + wide - aside, 0, 1) * front * np.float32(0.8))
    matter += fluid * (np.float32(_FLUID_HU) - matter)
    dura = np.clip(np.float32(1.0) - aside, 0, 1) * front * np.clip((z - 40 + 0.25 * np.abs(y - 20)) / 6, 0, 1)
    edge = np.abs(tent - z) * np.float32(0.85)
    dura = np.maximum(dura, np.clip(np.float32(1.1) - edge, 0, 1) * (y > 0.5 * np.abs(x) - 6) * (np.abs(x) > 9))
    matter += np.float32(0.8) * dura * (np.float32(_DURA_HU) - matter)
    # Sagittal sinus under the vault's middle, transverse sinuses where the tentorium meets it.
    rim = np.minimum(
        np.maximum(aside * np.float32(1.3), depth) + 40 * (z < 25), np.maximum(edge, depth) + 40 * (y < 20)
    )
    matter += np.clip(4 - rim, 0, 1) * (np.float32(_BLOOD_HU) - matter)
    here = part.hu[box]
    here += np.clip(0.5 - case / np.float32(part.edge_mm), 0, 1) * (matter - here)


def _fluid_mm(age: float) -> float:
    """Half the width of a sulcus: narrow in children, wide in the old."""
    return float(np.interp(age, (0, 5, 20, 50, 80), (0.6, 0.45, 0.6, 0.9, 1.6)))


def _falx(person: Person, y: Field, z: Field) -> Field:
    """Where the middle plane lies (x); it is none."""
    bow = person.base.falx_mm
    return np.asarray(bow * np.sin((y + 30) / 34) + 0.5 * bow * np.sin(z / 17), dtype=np.float32)


def _tentorium(x: Field, y: Field) -> Field:
    return np.asarray(34 - 0.42 * np.abs(x) - 0.33 * np.maximum(y - 12, 0), dtype=np.float32)


def _paint_deep(canvas: Canvas, person: Person) -> None:
    """Nuclei, brain stem, cisterns and ventricles."""
    grey, white = person.brain_hu + 4.5, person.brain_hu - 3.0
    wide = person.base.ventricles * float(np.interp(person.age, (0, 20, 50, 85), (0.8, 0.85, 1.05, 1.5)))
    cistern = float(np.interp(person.age, (0, 20, 50, 85), (0.85, 0.9, 1.0, 1.25)))

    def fill(shape: Shape, hu: float, bumps_mm: float = 0.6) -> None:
        canvas.fill(shape, (-60, -60, -66), (60, 60, 70), hu, bumps_mm=bumps_mm, texture=1.5, edge_mm=1.6)

    for s in _SIDES:
        fill(ellipsoid((s * 24, -14, 40), (7, 17, 10)), grey - 2.5)
        fill(ellipsoid((s * 9.5, 3, 41), (7.5, 14, 9)), grey - 2.5)
        fill(ellipsoid((s * 12.5, -33, 44), (5.5, 10, 9)), grey - 2)
        fill(_sheet(s, 38.0 + 0.6 * cistern, -18.0, 37.0), _FLUID_HU, 1.2)
        fill(capsule((s * 37, -30, 24), (s * 57, -17, 41), 0.8 * cistern, 2.0 * cistern), 14, 1.6)
        fill(ellipsoid((s * 21, 3, -3), (8 * cistern, 4.5, 5)), _FLUID_HU)
    fill(ellipsoid((0, -14, 17), (12 * cistern, 10, 5)), _FLUID_HU, 1.0)
    fill(ellipsoid((0, -2, 3), (17, 7 * cistern, 17)), _FLUID_HU)
    fill(capsule((0, 22, 34), (0, 10, 23), 10, 14 + 1.5 * cistern, (1, 1.15, 1.2)), 12, 1.8)
    fill(capsule((0, 11, 34), (0, 9, 22), 11, 13.5, (0.85, 1.15, 1)), white + 3, 1.4)
    fill(ellipsoid((0, 9, 3), (15, 10.5, 15)), white + 3)
    fill(capsule((0, 12, -6), (0, 18, -30), 9, 6.5, (0.85, 1, 1)), white + 3)
    fill(capsule((0, 18, -30), (0, 20, -62), 6.5, 5.5, (0.85, 1.2, 1)), white + 2)
    fill(ellipsoid((0, 44, -14), (9 * cistern, 7 * cistern, 9)), _FLUID_HU, 1.5)
    fill(ellipsoid((0, 25, 3), (7 * wide, 3.5 * wide, 8)), _FLUID_HU)
    fill(capsule((0, -12, 34), (0, 10, 38), 8, 8, (5.5 / wide, 1, 1)), _FLUID_HU, 0.2)
    for s, more in zip(_SIDES, (1.0, person.base.ventricle_ratio), strict=True):
        v = wide * more
        horns = [
            ((s * 5, -42, 47), (s * 10, -16, 54), 3.2, 4.6, (1.0, 1, 0.7)),
            ((s * 10, -16, 55), (s * 15, 14, 56), 4.6, 5.6, (0.9, 1, 0.9)),
            ((s * 15, 14, 55), (s * 26, 25, 38), 5.4, 5.2, (1, 1, 1)),
            ((s * 26, 25, 40), (s * 22, 46, 38), 4.6, 1.5, (1.1, 1, 1)),
            ((s * 27, 20, 32), (s * 33, -10, 17), 2.2, 1.6, (1, 1, 1)),
        ]
        for start, end, r0, r1, squash in horns:
            fill(capsule(start, end, r0 * v, r1 * v, squash), _FLUID_HU, 0.5)
        if person.age > 25:
            canvas.fill(
                ellipsoid((s * 22, 22, 42), (2.2, 4, 2.5)), (-40, 0, 30), (40, 40, 50), 95, bumps_mm=1.0, texture=40
            )
    if person.age > 16 and person.base.pineal_hu > 60:
        canvas.fill(ellipsoid((0, 21, 37), (2.5, 3, 2)), (-8, 10, 30), (8, 30, 44), person.base.pineal_hu, bumps_mm=0.8)


def _sheet(s: float, x0: float, y0: float, z0: float) -> Shape:
    """The fluid over the insula: a leaf a little bent round the nuclei."""

    def distance(axes: Axes) -> Field:
        x, y, z = axes
        leaf = np.abs(s * x - np.float32(x0) + ((y - y0) / 16) ** 2 * 2) - np.float32(0.9)
        rim = np.sqrt(((y - np.float32(y0)) / 19) ** 2 + ((z - np.float32(z0)) / 13) ** 2)
        return np.maximum(np.asarray(leaf + 0 * z, dtype=np.float32), np.asarray((rim - 1) * 14, dtype=np.float32))

    return distance


def _paint_vessels(canvas: Canvas, person: Person) -> None:
    """Arteries of the base and the straight sinus, a little brighter than brain."""
    paths = [
        [(0.0, -2.0, -16.0), (0.6, -4.0, 0.0), (0.0, -4.0, 13.0)],
        [(0.0, 24.0, 36.0), (0.0, 40.0, 30.0), (0.0, 64.0, 17.0)],
        [(0.0, -26.0, 20.0), (0.4, -44.0, 34.0), (0.0, -40.0, 56.0)],
    ]
    for s in _SIDES:
        paths.append([(s * 8, -15, 14), (s * 18, -19, 19), (s * 29, -24, 20), (s * 37, -26, 30)])
        paths.append([(0.0, -4.0, 13.0), (s * 14, -1, 18), (s * 19, 14, 25)])
    for path in paths:
        for a, b in itertools.pairwise(path):
            canvas.fill(capsule(a, b, 1.4, 1.3), (-50, -60, -30), (50, 70, 64), _BLOOD_HU + 0.2 * person.brain_hu - 6)

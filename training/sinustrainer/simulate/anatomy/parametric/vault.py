"""The brain case: its inside, its bone, the brain."""

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
    intersection,
    smooth_max,
    union,
)
from sinustrainer.simulate.anatomy.parametric.person import Person

_HALF_WIDTH = 66.0


def brain_case(person: Person) -> Shape:
    """The inside of the skull: vault, middle and posterior fossae, the anterior floor raised over nose and orbits."""
    oval = ellipsoid((0, -14, 55), (_HALF_WIDTH, 83, 63))
    middle = union(*(ellipsoid((s * 38, -17, 9), (25, 26, 21)) for s in (-1, 1)))
    posterior = ellipsoid((0, 37, 3), (51, 37, 25))

    def vault(axes: Axes) -> Field:
        # Skulls are flatter at the sides than an ellipsoid: without it the temples are too thin on a film.
        x = _HALF_WIDTH * (np.abs(axes[0]) / _HALF_WIDTH) ** np.float32(1.2)
        return oval((np.asarray(x, dtype=np.float32), axes[1], axes[2]))

    def distance(axes: Axes) -> Field:
        x, y, z = axes
        y = np.asarray(y + np.float32(person.lopsided.skull_skew) * x, dtype=np.float32)  # one side behind the other
        axes = x, y, z
        floor = (12 + 0.22 * np.abs(x)) - z - 1.3 * np.maximum(y + 40, 0)
        upper = smooth_max(vault(axes), np.asarray(floor * 0.9, dtype=np.float32), 8.0)
        lower = np.minimum(middle(axes), posterior(axes))
        return -smooth_max(-upper, -lower, 8.0)

    return distance


def skull_thickness(person: Person, axes: Axes) -> Field:
    """Thick in the vault, 2-3 mm in the floor over nose and orbits, and thin below the occiput."""
    x, y, z = axes
    low_front = np.clip((30 - z) / 20, 0, 1) * np.clip((-25 - y) / 15, 0, 1)
    brow = np.clip((-74 - y) / 18, 0, 1) * np.exp(-(((z - 20) / 17) ** 2) - (x / 40) ** 4)
    low_back = np.clip((10 - z) / 20, 0, 1) * np.clip(y / 15, 0, 1)
    thick = person.skull_mm * (1 - 0.62 * low_front - 0.5 * low_back) + person.brow_mm * brow
    return np.asarray(thick + 0 * x, dtype=np.float32)


def paint_skull(canvas: Canvas, person: Person, case: SmoothField) -> None:
    """Vault with tables and diploe, brain with ventricles and falx. ``case`` is the brain case's distance on the canvas."""
    for slab, part in canvas.slabs():
        _paint_vault(part, person, case[slab])
    for side in (-1, 1):
        horn = capsule((side * 9, -45, 48), (side * 14, 10, 52), 4.5, 7)
        canvas.fill(horn, (-30, -60, 30), (30, 25, 70), 6)
        canvas.fill(capsule((side * 14, 10, 52), (side * 24, 30, 38), 6.5, 4), (-40, 0, 25), (40, 45, 70), 6)
    falx = intersection(block((0, -10, 75), (0.9, 90, 50), 0.3), brain_case(person))
    canvas.fill(falx, (-4, -105, 25), (4, 75, 125), 62)


def _paint_vault(part: Canvas, person: Person, case: Field) -> None:
    axes = part.axes((slice(None), slice(None), slice(None)))
    thickness = skull_thickness(person, axes) * (1 + np.float32(0.12) * part.coarse_noise)
    outer = np.clip(0.5 - (case - thickness) / np.float32(part.edge_mm), 0, 1)
    table = np.minimum(np.float32(1.6), thickness * np.float32(0.4))
    diploe = np.clip((np.minimum(case, thickness - case) - table) / np.float32(1.2) + np.float32(0.5), 0, 1)
    # Tables are as dense as cortex gets, and not everywhere alike; marrow between them.
    cortex = np.float32(1.1 * person.bone_hu) * (1 + np.float32(0.1) * part.coarse_noise)
    bone = cortex * (1 - np.float32(0.66) * diploe) + diploe * 140 * part.fine_noise
    here = part.hu
    here += outer * (bone - here)
    inside = np.clip(0.5 - case / np.float32(part.edge_mm), 0, 1)
    # Cortex a little brighter than white matter, sulci of fluid between.
    depth = -case
    sulci = np.clip((np.float32(0.16) - np.abs(part.coarse_noise)) * 9, 0, 1) * np.clip((14 - depth) / 10, 0, 1)
    brain = (
        np.float32(person.brain_hu)
        + 6 * np.clip((6 - depth) / 3, 0, 1)
        + np.float32(1.5) * part.fine_noise
        - 24 * sulci
    )
    here += inside * (brain - here)

"""The brain case: its inside and its bone."""

import numpy as np

from sinustrainer.simulate.anatomy.parametric.canvas import (
    Axes,
    Canvas,
    Field,
    Shape,
    SmoothField,
    capsule,
    ellipsoid,
    smooth_max,
    union,
)
from sinustrainer.simulate.anatomy.parametric.person import Person

_HALF_WIDTH = 66.0


def brain_case(person: Person) -> Shape:
    """The inside of the skull and of the canal below it: vault, fossae, the anterior floor raised over the orbits."""
    base = person.base
    oval = ellipsoid((0, -14, 55), (_HALF_WIDTH * base.vault_width, 83 / base.vault_width, 63))
    middle = union(
        *(
            ellipsoid((s * 37, -19 + base.middle_shift_mm, 10 + lower), (27, 27, 20))
            for s, lower in zip((-1, 1), base.middle_floor_mm, strict=True)
        )
    )
    # The posterior fossa narrows to the great hole; a round bowl would be cut along its floor and glow.
    bowl = ellipsoid((0, 38, 6), (51, 36, 19 + base.posterior_mm))
    funnel = capsule((0, 33, 0), (0, 20, -16), 20, 14.5)
    canal = union(capsule((0, 19, -20), (0, 20, -38), 13, 8.5), capsule((0, 20, -38), (0, 20, -66), 8.5, 8))
    posterior = union(bowl, funnel, canal, softness=6)

    def vault(axes: Axes) -> Field:
        # Skulls are flatter at the sides than an ellipsoid: without it the temples are too thin on a film.
        x = _HALF_WIDTH * (np.abs(axes[0]) / _HALF_WIDTH) ** np.float32(1.2)
        return oval((np.asarray(x, dtype=np.float32), axes[1], axes[2]))

    def distance(axes: Axes) -> Field:
        x, y, z = axes
        y = np.asarray(y + np.float32(person.lopsided.skull_skew) * x, dtype=np.float32)  # one side behind the other
        axes = x, y, z
        roof = 8 * np.exp(-(((np.abs(x) - 31) / 13) ** 2) - ((y + 66) / 24) ** 2)  # of the orbits
        floor = (10 + base.floor_tilt * (-64 - y) + 0.16 * np.abs(x)) + roof - z - 1.3 * np.maximum(y + 40, 0)
        upper = smooth_max(vault(axes), np.asarray(floor * 0.9, dtype=np.float32), 8.0)
        lower = -smooth_max(-middle(axes), -posterior(axes), 10.0)
        return -smooth_max(-upper, -lower, 12.0)

    return distance


def skull_thickness(person: Person, axes: Axes) -> Field:
    """Thick in the vault and at the occiput's knob, 2 mm in the floor and the temples, none around the canal."""
    x, y, z = axes
    low_front = np.clip((30 - z) / 20, 0, 1) * np.clip((-25 - y) / 15, 0, 1)
    brow = np.clip((-74 - y) / 18, 0, 1) * np.exp(-(((z - 20) / 17) ** 2) - (x / 40) ** 4)
    low_back = np.clip((14 - z) / 20, 0, 1) * np.clip((y - 5) / 15, 0, 1)
    low_side = np.clip((22 - z) / 16, 0, 1) * np.clip((y + 55) / 15, 0, 1) * np.clip((18 - y) / 12, 0, 1)
    thick = person.skull_mm * (1 - 0.66 * low_front - 0.58 * low_back - 0.62 * low_side) + person.brow_mm * brow
    thick = thick + person.base.occiput_mm * np.exp(-((x / 9) ** 2) - ((z - 6) / 15) ** 2) * np.clip(
        (y - 45) / 15, 0, 1
    )
    # The roof of nose, ethmoid and orbits is a film of bone.
    film = (
        np.exp(-((x / 46) ** 6))
        * np.clip((y + 82) / 8, 0, 1)
        * np.clip((-36 - y) / 8, 0, 1)
        * np.clip((34 - z) / 8, 0, 1)
    )
    thick = thick - film * np.maximum(thick - 0.9, 0)
    # The canal of the spine lies between vertebrae, which are painted by themselves.
    thick = thick * np.clip((z + 23) / 3, 0, 1)
    return np.asarray(thick + 0 * x, dtype=np.float32)


def uneven(part: Canvas, case: Field) -> Field:
    """The brain case with the prints of gyri and vessels in its floor."""
    z = part.z[:, None, None]
    if z[0] > 24:
        return case
    return np.asarray(case + np.float32(0.9) * np.clip((24 - z) / 12, 0, 1) * part.coarse_noise, dtype=np.float32)


def paint_skull(canvas: Canvas, person: Person, case: SmoothField) -> None:
    """Vault and floor with tables and diploe. ``case`` is the brain case's distance on the canvas."""
    for slab, part in canvas.slabs():
        if part.z[-1] > -30:
            _paint_bone(part, person, uneven(part, case[slab]))


def _paint_bone(part: Canvas, person: Person, case: Field) -> None:
    axes = part.axes((slice(None), slice(None), slice(None)))
    thickness = skull_thickness(person, axes) * (1 + np.float32(0.12) * part.coarse_noise)
    outer = np.clip(0.5 - (case - thickness) / np.float32(part.edge_mm), 0, 1)
    table = np.minimum(np.float32(1.6), thickness * np.float32(0.4))
    diploe = np.clip((np.minimum(case, thickness - case) - table) / np.float32(1.2) + np.float32(0.5), 0, 1)
    # Tables are as dense as cortex gets, and not everywhere alike; marrow between them.
    cortex = np.float32(1.1 * person.bone_hu) * (1 + np.float32(0.1) * part.coarse_noise)
    bone = cortex * (1 - np.float32(0.66) * diploe) + diploe * 140 * part.fine_noise
    here = part.hu
    # Without thickness there is no bone, not half a voxel of it.
    here += outer * np.clip(2 * thickness, 0, 1) * (bone - here)

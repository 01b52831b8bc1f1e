"""A new healthy head: drawn from the sources, warped, its sinuses sized one by one, with the variants of normal life."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.anatomy.dentition import make_teeth_young
from sinustrainer.simulate.anatomy.growth import antral_proportions, draw_volumes_ml, head_size
from sinustrainer.simulate.anatomy.mirror import mirror
from sinustrainer.simulate.anatomy.nasal_airway import open_airway
from sinustrainer.simulate.anatomy.pneumatisation import shrink_lumen
from sinustrainer.simulate.anatomy.shape import HeadShape, SinusWarp, draw_shape
from sinustrainer.simulate.anatomy.templates import antrum_floors
from sinustrainer.simulate.anatomy.variants import add_variants
from sinustrainer.simulate.anatomy.warp import warp_head
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure
from sinusviewer.errors import InputError

_RADIAL_RANGE: dict[Sinus, tuple[float, float]] = {
    # How far a warp alone may change a sinus's lengths before its surroundings look crushed.
    Sinus.MAXILLARY: (0.8, 1.6),
    Sinus.FRONTAL: (0.85, 1.45),
    Sinus.SPHENOID: (0.85, 1.35),
}
_NASAL_AIR = (0.2, 0.42)
"""Share of nose without septum that holds air; the templates have 0.07 and 0.26, the parametric head measured 0.51."""
_GROWN_AT = 13.0
_ROOM_MM = 22.0
"""Around all labels: an unerupted molar or a bud lies this far beside its antrum at most."""
_SMALLEST_KEPT = 0.04
"""Of a lumen; below it the sinus is taken as absent (never an antrum: one without air is a sick one to a reader)."""


def draw_head(rng: np.random.Generator, sources: Sequence[Head], age: float, sex: str, spacing_mm: float = 1.0) -> Head:
    """A new head with healthy, aerated sinuses, labels and landmarks; 1 mm, about 2 s on one core.

    Parameters
    ----------
    sources
        Templates (adult heads in the orbitomeatal frame) to draw from.
    age, sex
        Years; "M" or "F".
    """
    if not sources:
        raise InputError("No head to draw from.", "Name a template in the recipe, or use the parametric head.")
    source = sources[int(rng.integers(len(sources)))]
    if rng.random() < 0.5:
        source = _mirrored(source)
    size, face_height, face_width = head_size(age, sex)
    shape = draw_shape(rng, size)
    shape = replace(
        shape,
        face_height=float(np.clip(shape.face_height * face_height, 0.55, 1.15)),
        face_width=float(np.clip(shape.face_width * face_width, 0.75, 1.12)),
        bone_density=shape.bone_density * float(np.interp(age, (3, 15, 50, 90), (0.75, 1.0, 1.0, 0.82))),
    )
    volumes = draw_volumes_ml(rng, age, sex)
    warps, keep = plan_sinuses(source, shape, volumes, rng, age)
    head = warp_head(source, replace(shape, sinus_warps=warps), rng, spacing_mm)
    face, where = _face_of(head)
    for structure, share in keep.items():
        shrink_lumen(face.hu, face.labels, face.spacing, structure, share, rng)
    open_airway(face, float(rng.uniform(*_NASAL_AIR)), rng)
    make_teeth_young(face, age, rng)
    add_variants(face, age, rng)
    head.hu[where], head.labels[where] = face.hu, face.labels
    return replace(head, landmarks=head.landmarks | antrum_floors(face.labels, face.affine))


def _face_of(head: Head) -> tuple[Head, tuple[slice, slice, slice]]:
    """The part of a head that holds all labels, with room around it: a quarter of the voxels, which all changes keep to."""
    marked = head.labels.max(axis=0) > 0
    spans = [np.flatnonzero(head.labels.max(axis=(1, 2))), *(np.flatnonzero(marked.any(axis=i)) for i in (1, 0))]
    z, y, x = (
        slice(max(int(found[0] - _ROOM_MM / step), 0), min(int(found[-1] + _ROOM_MM / step) + 2, n))
        if found.size
        else slice(0, n)
        for found, step, n in zip(spans, head.spacing, head.hu.shape, strict=True)
    )
    affine = head.affine.copy()
    affine[:3, 3] += head.affine[:3, :3] @ np.array([x.start, y.start, z.start], dtype=np.float64)
    return replace(head, hu=head.hu[z, y, x].copy(), labels=head.labels[z, y, x].copy(), affine=affine), (z, y, x)


@lru_cache(maxsize=4)
def _mirrored(head: Head) -> Head:
    return mirror(head)


@lru_cache(maxsize=8)
def _counts(head: Head) -> npt.NDArray[np.int64]:
    return np.bincount(head.labels.ravel(), minlength=32)


def plan_sinuses(
    source: Head,
    shape: HeadShape,
    volumes_ml: dict[tuple[Sinus, Side], float],
    rng: np.random.Generator,
    age: float = 40.0,
) -> tuple[tuple[SinusWarp, ...], dict[Structure, float]]:
    """How each sinus of ``source`` reaches its volume in the new shape: first by warping, the rest by filling with bone.

    Returns
    -------
    warps, keep
        Warps per sinus, and the share of the warped lumen that stays aerated where that is not all of it.
    """
    voxel_ml = float(abs(np.linalg.det(source.affine[:3, :3]))) / 1000
    counts = _counts(source)
    enlarged = float(np.prod(shape.scale))
    warps: list[SinusWarp] = []
    keep: dict[Structure, float] = {}
    for (sinus, side), wanted in volumes_ml.items():
        structure = SINUS_CODES[sinus, side]
        before = counts[int(structure)] * voxel_ml * enlarged
        if sinus is Sinus.MAXILLARY:
            before *= shape.face_height * shape.face_width
        if before <= 0:
            continue
        if wanted <= 0:
            keep[structure] = 0.0
            continue
        radial = 1.0
        if sinus in _RADIAL_RANGE:
            low, high = _RADIAL_RANGE[sinus]
            radial = float(np.clip((wanted / before) ** (1 / 3), low * (0.88 if age < _GROWN_AT else 1.0), high))
            bent = np.exp(0.06 * rng.standard_normal(3))
            if sinus is Sinus.MAXILLARY:
                bent = bent * np.asarray(antral_proportions(age))
            factors = radial * bent / np.prod(bent) ** (1 / 3)
            warps.append(SinusWarp(structure, (float(factors[0]), float(factors[1]), float(factors[2]))))
        share = wanted / (before * radial**3)
        if share < 0.97:
            keep[structure] = share if share > _SMALLEST_KEPT or sinus is Sinus.MAXILLARY else 0.0
    return tuple(warps), keep

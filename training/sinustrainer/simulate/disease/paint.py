"""Paint disease into aerated sinuses.

Each sinus is painted in its own small box as a change of HU, so that a projector can treat every side's disease as an image
of its own and add them up. What is air gives way to content in proportion: a voxel half wall, half air takes half of it.
Severity is the share of the lumen that is filled, met exactly, because every form is a field over the lumen (distance from
the wall, height against gravity, distance from a cyst's centre) cut at the quantile that holds that share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.disease.noise import blurred_noise, smooth_noise
from sinustrainer.simulate.head import DiseaseForm, Head, SinusDisease
from sinusviewer.domain.anatomy import Structure

AIR_HU = -1000.0
SOFT_HU = 0.0
"""From here up a voxel holds no air: between the two it is taken as air and soft tissue in proportion."""
_MARGIN_MM = 5.0

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SUPINE = (0.0, 1.0, 0.0)
"""Direction of gravity (LPS) of a patient lying on the back in a CT scanner."""
UPRIGHT = (0.0, 0.0, -1.0)
"""Direction of gravity (LPS) of a patient whose orbitomeatal line is level; a tilted head needs it rotated."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalDisease:
    """One structure's disease in its bounding box.

    Attributes
    ----------
    where
        Slices of the box in the head's arrays ``[z, y, x]``.
    delta_hu
        int16, diseased minus healthy.
    opacified
        True where disease fills lumen (at least half of the voxel's air).
    """

    structure: Structure
    where: tuple[slice, slice, slice]
    delta_hu: npt.NDArray[np.int16]
    opacified: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Lumen:
    """A lumen in a box, seen from the right side of the patient (left boxes are flipped)."""

    mask: Mask
    depth_mm: Field
    """Distance from the wall, inside; negative outside."""
    spacing: tuple[float, float, float]
    gravity: tuple[float, float, float]
    """(z, y, x) in the box's axes."""

    def coordinate(self, direction_zyx: tuple[float, float, float]) -> Field:
        axes = np.ogrid[tuple(slice(0, n) for n in self.mask.shape)]
        total = np.zeros(self.mask.shape, dtype=np.float32)
        for axis, step, share in zip(axes, self.spacing, direction_zyx, strict=True):
            if share:
                total += (axis * np.float32(step * share)).astype(np.float32)
        return total


def paint(
    head: Head, diseases: Sequence[SinusDisease], gravity_lps: Sequence[float], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int16], Mask]:
    """The head's HU with all diseases painted, and where they fill lumen.

    Parameters
    ----------
    gravity_lps
        Direction in which fluid falls in the head's own frame: ``SUPINE`` for CT; for an upright film the head's tilt must be
        in it.
    """
    hu = head.hu.copy()
    opacified = np.zeros(head.hu.shape, dtype=bool)
    for local in paint_each(head, diseases, gravity_lps, rng):
        hu[local.where] += local.delta_hu
        opacified[local.where] |= local.opacified
    return hu, opacified


def paint_each(
    head: Head, diseases: Iterable[SinusDisease], gravity_lps: Sequence[float], rng: np.random.Generator
) -> tuple[LocalDisease, ...]:
    """One ``LocalDisease`` per diseased structure; several diseases of one sinus are joined. Their deltas add up exactly."""
    by_structure: dict[Structure, list[SinusDisease]] = {}
    for disease in diseases:
        by_structure.setdefault(disease.structure, []).append(disease)
    painted: list[LocalDisease] = []
    for structure, forms in by_structure.items():
        seed = int(rng.integers(2**63))
        room = _room_of(head, structure)
        if room is not None:
            painted.append(_paint_structure(head, structure, room, forms, gravity_lps, np.random.default_rng(seed)))
    return tuple(painted)


def paint_one(
    head: Head, disease: SinusDisease, gravity_lps: Sequence[float], rng: np.random.Generator
) -> LocalDisease | None:
    """One disease by itself; None where the head lacks that sinus."""
    painted = paint_each(head, (disease,), gravity_lps, rng)
    return painted[0] if painted else None


@lru_cache(maxsize=12)
def _room_of(head: Head, structure: Structure) -> tuple[tuple[slice, slice, slice], Field] | None:
    """A lumen's box with a margin, and the distance from its wall there (negative outside); None where it is absent.

    Kept, since a training film's antra are painted several times over.
    """
    span = box_of(head.labels, structure)
    if span is None:
        return None
    margin = [int(np.ceil(_MARGIN_MM / s)) for s in head.spacing]
    z, y, x = (
        slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(span, margin, head.hu.shape, strict=True)
    )
    mask = head.labels[z, y, x] == structure
    depth = ndimage.distance_transform_edt(mask, head.spacing) - ndimage.distance_transform_edt(~mask, head.spacing)
    return (z, y, x), depth.astype(np.float32)


def _paint_structure(
    head: Head,
    structure: Structure,
    room: tuple[tuple[slice, slice, slice], Field],
    diseases: list[SinusDisease],
    gravity_lps: Sequence[float],
    rng: np.random.Generator,
) -> LocalDisease:
    box, distance = room
    # Left sinuses are painted as right ones and flipped back: a mirrored patient then gets the mirrored disease.
    flip = structure.name.startswith("LEFT_")
    turn = slice(None, None, -1) if flip else slice(None)
    mask = head.labels[box][..., turn] == structure
    others = head.labels[box][..., turn]
    free = mask | (others == 0) | (others > Structure.NASAL_CAVITY)
    hu = head.hu[box][..., turn].astype(np.float32)
    depth = distance[..., turn]
    gravity = np.asarray(gravity_lps, dtype=np.float64)
    gravity = gravity / max(float(np.linalg.norm(gravity)), 1e-9)
    in_box = (float(gravity[2]), float(gravity[1]), float(-gravity[0] if flip else gravity[0]))
    lumen = _Lumen(mask, depth, head.spacing, in_box)

    coverage = np.zeros(mask.shape, dtype=np.float32)
    content = np.zeros(mask.shape, dtype=np.float32)
    for disease in diseases:
        own = _FORMS[disease.form](lumen, disease.severity, rng)
        content = np.where(own > coverage, _content(lumen, own, disease, rng), content)
        coverage = np.maximum(coverage, own)
    # One voxel beyond the label the wall still holds some air (partial volume): it is filled too, or a dark rim would stay.
    reach = free & (depth > -1.5 * max(head.spacing))
    air = np.clip((SOFT_HU - hu) / (SOFT_HU - AIR_HU), 0, 1)
    delta = np.where(reach, coverage * air * (content - AIR_HU), 0)
    osteitis = max(d.osteitis for d in diseases)
    if osteitis > 0:
        delta += _osteitis(hu + delta, lumen, free, osteitis)
    opacified = mask & (coverage > 0.5)
    turned = np.clip(np.round(hu + delta), -1024, np.maximum(hu, 3071)) - hu  # metal may be brighter than 3071
    return LocalDisease(
        structure,
        box,
        np.ascontiguousarray(turned[..., turn].astype(np.int16)),
        np.ascontiguousarray(opacified[..., turn]),
    )


def _filled(field: Field, lumen: _Lumen, share: float, edge: float = 1.0) -> Field:
    """Coverage 0-1 of the ``share`` of the lumen where ``field`` is largest; ``edge`` is the field's step over one voxel."""
    if share >= 1:
        return np.ones(field.shape, dtype=np.float32)
    inside = field[lumen.mask]
    if share <= 0 or inside.size == 0:
        return np.zeros(field.shape, dtype=np.float32)
    # The level at which the filled share of the lumen, partly filled voxels counted in part, is the share asked for.
    low, high = float(inside.min()) - edge, float(inside.max()) + edge
    for _ in range(24):
        level = (low + high) / 2
        filled = float(np.clip(0.5 + (inside - level) / edge, 0, 1).mean())
        low, high = (level, high) if filled > share else (low, level)
    return np.asarray(np.clip(0.5 + (field - (low + high) / 2) / edge, 0, 1), dtype=np.float32)


def _even(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    # A lining swells unevenly, and most on the floor: there water gathers, and there roots and drainage trouble it.
    swelling = 1 + 0.18 * smooth_noise(lumen.mask.shape, 12.0, lumen.spacing, rng)
    low = -lumen.coordinate((1, 0, 0))
    low = (low - low[lumen.mask].mean()) / (low[lumen.mask].std() + 1e-6)
    swelling = np.clip(swelling + rng.uniform(0, 0.25) * low, 0.45, 2.2)
    return _filled((-lumen.depth_mm / swelling).astype(np.float32), lumen, severity, max(lumen.spacing))


def _polypoid(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    lumps = np.maximum(smooth_noise(lumen.mask.shape, float(rng.uniform(7, 11)), lumen.spacing, rng), -0.5)
    height = float(rng.uniform(2.0, 4.0))
    return _filled((lumps * height - lumen.depth_mm).astype(np.float32), lumen, severity, max(lumen.spacing))


def _fluid(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    # The level is plane; at the wall it creeps up by about a millimetre.
    height = lumen.coordinate(lumen.gravity) + 1.2 * np.exp(-np.maximum(lumen.depth_mm, 0) / 1.2)
    # The mucosa above it is often swollen a little; in a small antrum less, or the lining would be all there is to see.
    lining = min(float(rng.uniform(0.0, 2.0)), float(np.quantile(lumen.depth_mm[lumen.mask], 0.3 * severity)))
    field = np.where(lumen.depth_mm < lining, np.maximum(height, height[lumen.mask].max()), height)
    return _filled(field.astype(np.float32), lumen, severity, 0.8 * max(lumen.spacing))


def _cyst(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    wall = np.argwhere(lumen.mask & (lumen.depth_mm <= 1.01 * max(lumen.spacing)))
    if len(wall) == 0:
        return np.zeros(lumen.mask.shape, dtype=np.float32)
    # Most rise from the floor, some from the side walls.
    order = np.argsort(wall[:, 0] + rng.uniform(0, 1, len(wall)))
    share = 0.15 if rng.random() < 0.75 else 0.7
    seat = wall[order[int(rng.integers(max(int(len(wall) * share), 1)))]]
    squash = rng.uniform(0.85, 1.2, 3)
    distance = np.zeros(lumen.mask.shape, dtype=np.float32)
    for axis, at, step, factor in zip(
        np.ogrid[tuple(slice(0, n) for n in lumen.mask.shape)], seat, lumen.spacing, squash, strict=True
    ):
        distance = distance + (((axis - at) * step * factor) ** 2).astype(np.float32)
    return _filled(-np.sqrt(distance), lumen, severity, max(lumen.spacing))


def _full(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    if severity >= 0.995:
        return np.ones(lumen.mask.shape, dtype=np.float32)
    # What air is left stands uppermost, in pockets.
    pockets = smooth_noise(lumen.mask.shape, 6.0, lumen.spacing, rng) * 3
    return _filled((lumen.coordinate(lumen.gravity) * 0.4 + pockets).astype(np.float32), lumen, severity, 2.0)


def _polyps(lumen: _Lumen, severity: float, rng: np.random.Generator) -> Field:
    # Grape-like: balls hanging from the upper, lateral wall (middle meatus and olfactory cleft), joined where they meet.
    places = np.argwhere(lumen.mask)
    if len(places) == 0:
        return np.zeros(lumen.mask.shape, dtype=np.float32)
    high = places[np.argsort(-places[:, 0] + rng.normal(0, 4, len(places)))][: max(len(places) // 2, 1)]
    seats = high[rng.integers(len(high), size=int(rng.integers(8, 15)))]
    nearest = np.full(lumen.mask.shape, np.inf, dtype=np.float32)
    axes = np.ogrid[tuple(slice(0, n) for n in lumen.mask.shape)]
    for seat in seats:
        size = float(rng.uniform(0.7, 1.5))
        distance = sum(((a - s) * step) ** 2 for a, s, step in zip(axes, seat, lumen.spacing, strict=True))
        nearest = np.minimum(nearest, np.sqrt(np.asarray(distance, dtype=np.float32)) / np.float32(size))
    return _filled(-nearest, lumen, severity, max(lumen.spacing))


_FORMS = {
    DiseaseForm.MUCOSAL_THICKENING: _even,
    DiseaseForm.POLYPOID_THICKENING: _polypoid,
    DiseaseForm.AIR_FLUID: _fluid,
    DiseaseForm.CYST: _cyst,
    DiseaseForm.FULL_OPACIFICATION: _full,
    DiseaseForm.POLYPS: _polyps,
}


def _content(lumen: _Lumen, coverage: Field, disease: SinusDisease, rng: np.random.Generator) -> Field:
    """HU of the content: fluid and oedema nearly even; mucin in bright, ill-defined patches away from the wall."""
    hu = disease.hu + 5.0 * blurred_noise(lumen.mask.shape, 0.8, rng)
    if disease.hyperdense > 0:
        patches = smooth_noise(lumen.mask.shape, 5.0, lumen.spacing, rng) + 0.15 * np.maximum(lumen.depth_mm, 0)
        inside = lumen.mask & (coverage > 0.5)
        if inside.any():
            level = float(np.quantile(patches[inside], 1 - min(disease.hyperdense, 1.0)))
            extra = float(rng.uniform(35, 75))
            hu = hu + extra / (1 + np.exp(-(patches - level) * 4))
    return hu.astype(np.float32)


def _osteitis(hu: Field, lumen: _Lumen, free: Mask, degree: float) -> Field:
    """Extra HU of a wall that has become thick and bright: neo-osteogenesis inside and outside the old cortex."""
    thickness = 1.0 + 2.0 * degree
    # A thin wall is bright here and there only; its neighbourhood's brightest voxel says whether it is bone.
    bony = np.clip(ndimage.gaussian_filter(ndimage.maximum_filter(hu, 3), 1.0) / 400.0, 0, 1) * free
    near = bony * np.clip((thickness - np.abs(lumen.depth_mm + 0.5 * thickness)) / 1.0, 0, 1)
    target = 650.0 + 350.0 * degree
    return np.where(hu > -150, np.maximum(target - hu, 0) * near * (0.35 + 0.5 * degree), 0).astype(np.float32)

"""Smaller sinuses: part of a lumen becomes bone again, as where pneumatisation has stopped early.

(Larger ones grow by warping, see ``warp.SinusWarp``; moderate shrinking too.)
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.disease.noise import smooth_noise
from sinusviewer.domain.anatomy import Structure

AIR_HU = -1000.0
_OSTIUM: dict[str, tuple[float, float, float]] = {
    # Towards what stays aerated, in half-axes from the centre: medially, backwards, upwards.
    "MAXILLARY": (0.6, 0.0, 0.5),
    "FRONTAL": (0.7, 0.4, -0.7),
    "SPHENOID": (0.3, -0.8, 0.0),
    "ETHMOID": (0.3, 0.0, 0.0),
}


def shrink_lumen(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.uint8],
    spacing: tuple[float, float, float],
    structure: Structure,
    keep_share: float,
    rng: np.random.Generator,
) -> None:
    """Keep ``keep_share`` of a lumen (0: the sinus is absent) and fill the rest with cortex and marrow, in place."""
    span = box_of(labels, structure)
    if span is None or keep_share >= 0.97:
        return
    margin = [int(np.ceil(4 / s)) for s in spacing]
    z, y, x = (slice(max(s.start - m, 0), s.stop + m) for s, m in zip(span, margin, strict=True))
    where = z, y, x
    old = labels[where] == structure
    depth = ndimage.distance_transform_edt(old, spacing)
    score = _keeping_order(old, depth, spacing, structure, rng)
    away = np.full(old.shape, 99.0)
    if keep_share <= 0:
        filled, kept = np.ones(old.shape, dtype=np.float32), np.zeros(old.shape, dtype=bool)
    else:
        level = float(np.quantile(score[old], 1 - keep_share))
        parts, count = ndimage.label(old & (score >= level))
        kept = parts == int(np.argmax(np.bincount(parts.ravel())[1:])) + 1 if count else np.zeros(old.shape, dtype=bool)
        away = ndimage.distance_transform_edt(~kept, spacing) if count else away
        # Soft edges: half a voxel on either side of the new wall.
        filled = np.clip(np.minimum(0.5 + (level - score), away / max(spacing)), 0, 1).astype(np.float32)
        filled[~kept & (score >= level)] = 1
    hu_box = hu[where].astype(np.float32)
    bone = _new_bone(away, depth, spacing, rng)
    reach = (old | ndimage.binary_dilation(old)) & (
        old | (labels[where] == 0) | (labels[where] > Structure.NASAL_CAVITY)
    )
    air = np.clip(-hu_box / -AIR_HU, 0, 1)
    hu_box += np.where(reach, filled * air * (bone - AIR_HU), 0)
    hu[where] = np.clip(np.round(hu_box), -1024, 3071).astype(np.int16)
    labels[where][old & ~kept] = 0


def _keeping_order(
    old: npt.NDArray[np.bool_],
    depth: npt.NDArray[np.float64],
    spacing: tuple[float, float, float],
    structure: Structure,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """A field in mm, larger where air stays longer: far from the walls and near the ostium, with lumps."""
    place = np.argwhere(old) * np.asarray(spacing)
    centre, half = place.mean(axis=0), np.sqrt(5 * place.var(axis=0)) + 1.0
    kind = next(name for name in _OSTIUM if structure.name.endswith(name))
    medial, backwards, up = _OSTIUM[kind]
    inwards = -1.0 if structure.name.startswith("LEFT_") else 1.0
    jitter = rng.uniform(-0.2, 0.2, 3)
    ostium = centre + half * (np.array([up, backwards, medial * inwards]) + jitter)
    axes = np.ogrid[tuple(slice(0, n) for n in old.shape)]
    distance = np.sqrt(sum(((a * s - o) / h) ** 2 for a, s, o, h in zip(axes, spacing, ostium, half, strict=True)))
    lumps = smooth_noise(old.shape, 9.0, spacing, rng)
    wall_share = float(rng.uniform(0.35, 0.75))
    # Both terms change by about 1 per mm, so a step of 1 in the score is a step of a millimetre.
    order: npt.NDArray[np.float64] = wall_share * depth - (1 - wall_share) * distance * half.mean() + 0.7 * lumps
    return order


def _new_bone(
    away: npt.NDArray[np.float64],
    old_depth: npt.NDArray[np.float64],
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Cortex of about a millimetre along the new wall, marrow behind it; ``away``: mm from what stays aerated."""
    cortex = float(rng.uniform(0.7, 1.6))
    rim = np.clip((cortex + 0.5 - away) / 0.8, 0, 1)
    marrow = float(rng.uniform(60, 320)) + 110 * smooth_noise(away.shape, 2.5, spacing, rng)
    marrow = marrow + np.clip(1.5 - old_depth, 0, 1) * 150
    return (rim * float(rng.uniform(550, 1000)) + (1 - rim) * marrow).astype(np.float32)

"""Per sinus: volume, opacified share, mean HU, Lund-Mackay, air-fluid level, and whether all of it is on the CT. Masks in, numbers out.

The scores follow the masks: when a reader edits a mask, these functions are called again.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.analysis.air_fluid_level import level_on_grid
from sinusviewer.analysis.sinus_air import AIR_HU, side_name
from sinusviewer.domain.anatomy import SINUS_CODES, AnySide, ImageSide, Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import LundMackay, SinusMeasurement
from sinusviewer.jobs.runner import CancelToken

CLEAR_BELOW = 0.07
"""Opacified share below which a sinus scores 0: less is partial volume and a thin lining. On 147 simulated CTs 0.07 agreed with the
true scores in 89 % of sinuses and erred as often one way as the other; 0.045, the best on 49 others, gained 0.2 points (95 % interval
-1.0 to 1.6). Neither other borders for each sinus nor a least size, thickness or density of what is opacified did better."""
TOTAL_FROM = 0.95
"""Opacified share from which a sinus scores 2."""
_SEED_DEPTH_MM = 1.3
_LINING_MM = 1.8
_SMALLEST_SINUS_ML = 0.05
_SMALLEST_AIRLESS_FRONTAL_ML = 0.3
"""A smaller frontal sinus without air to speak of cannot be told from none at all, which would score 0 and not 2 (Lund and Mackay
1993). On 196 simulated CTs the network outlined 0.06 to 0.26 ml of bone and soft tissue on eight sides without a frontal sinus; the
smallest one that was there had 0.38 ml."""
_EDGE_SLICES = 1
_COMPLEX_MM = 4.0
"""How near the ostiomeatal complex lies to the three cavities that it joins."""

_SIDE_OF_CODE = {code: side for (_, side), code in SINUS_CODES.items()}


def opacified_voxels(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.uint8],
    spacing: tuple[float, float, float],
    token: CancelToken | None = None,
) -> npt.NDArray[np.bool_]:
    """Voxels of sinuses that hold no air, without the shell of mixed voxels that every wall has.

    A voxel counts where it is denser than air and beside one that is so and lies deeper than the outermost 1.3 mm (at
    least one voxel) of its sinus: partial volume at a wall reaches about one voxel, swollen mucosa reaches deeper.
    """
    sinus = (labels > 0) & (labels < Structure.NASAL_CAVITY)
    result = np.zeros(labels.shape, bool)
    where = [_extent(sinus, axis) for axis in range(3)]
    if any(part is None for part in where):
        return result
    part = tuple(p for p in where if p is not None)
    inside = np.pad(sinus[part], 1)  # so that a sinus cut by the volume has a wall there
    dense = inside[1:-1, 1:-1, 1:-1] & (hu[part] > AIR_HU)
    shell = [max(1, int(_SEED_DEPTH_MM / s)) for s in spacing]
    lining = [max(1, int(_LINING_MM / s)) for s in spacing]
    deep = inside
    for axis in range(3):
        deep = _shifted(deep, axis, shell[axis], np.logical_and, token)
    near = dense & deep[1:-1, 1:-1, 1:-1]
    for axis in range(3):
        near = _shifted(near, axis, lining[axis], np.logical_or, token)
    result[part] = dense & near
    return result


def _extent(mask: npt.NDArray[np.bool_], axis: int) -> slice | None:
    found = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else None


def _shifted(
    mask: npt.NDArray[np.bool_], axis: int, steps: int, join: np.ufunc, token: CancelToken | None
) -> npt.NDArray[np.bool_]:
    """``mask`` joined with itself shifted by up to ``steps`` both ways along one axis (erosion or dilation by a box)."""
    for _ in range(steps):
        if token is not None:
            token.raise_if_cancelled()
        source = np.moveaxis(mask, axis, 0)
        joined = source.copy()
        join(joined[1:], source[:-1], out=joined[1:])
        join(joined[:-1], source[1:], out=joined[:-1])
        mask = np.moveaxis(joined, 0, axis)
    return mask


def lund_mackay_of(opacified_fraction: float) -> int:
    """0 clear, 1 partly, 2 wholly opacified (Lund and Mackay 1993)."""
    if opacified_fraction < CLEAR_BELOW:
        return 0
    return 2 if opacified_fraction >= TOTAL_FROM else 1


def measure_sinuses(volume: Volume, segmentation: Segmentation, withheld: str = "") -> tuple[SinusMeasurement, ...]:
    """All ten sinuses, right before left.

    Parameters
    ----------
    withheld
        Why volumes must not be given (faulty geometry); then every sinus says so instead of a number.
    """
    opacified = segmentation.opacified
    if opacified is None:
        opacified = opacified_voxels(volume.voxels, segmentation.labels, volume.spacing)
    boxes = ndimage.find_objects(segmentation.labels, max_label=int(Structure.NASAL_CAVITY))
    return tuple(
        measure_one(
            volume, segmentation.labels, None if where is None else opacified[where], where, sinus, side, withheld
        )
        for (sinus, side), code in SINUS_CODES.items()
        for where in (boxes[int(code) - 1],)
    )


def measure_one(
    volume: Volume,
    labels: npt.NDArray[np.uint8],
    opacified: npt.NDArray[np.bool_] | None,
    where: tuple[slice, ...] | None,
    sinus: Sinus,
    side: Side,
    withheld: str,
) -> SinusMeasurement:
    """One sinus, of which every voxel lies in ``where`` (None: there is none); ``opacified`` is of that part."""
    named = side_name(side, oriented=volume.oriented)
    words = f"{named.value} {sinus.value.replace('_', ' ')}"
    if where is None or opacified is None:
        missing = f"{words} not found: absent, not covered, or not recognised"
        return SinusMeasurement(sinus, named, None, None, None, None, False, missing)
    part = labels[where] == SINUS_CODES[sinus, side]
    if volume.padding_hu is not None:
        part &= volume.voxels[where] != volume.padding_hu
    count = int(np.count_nonzero(part))
    volume_ml = count * volume.voxel_ml
    if volume_ml < _SMALLEST_SINUS_ML:
        return SinusMeasurement(sinus, named, None, None, None, None, False, f"{words} too small to be measured")
    complete = not touches_edge(volume, labels, where, int(SINUS_CODES[sinus, side]))
    reason = "" if complete else f"{words} incomplete: it reaches the edge of the CT"
    if withheld:
        return SinusMeasurement(sinus, named, None, None, None, None, complete, f"{words}: {withheld}")
    fraction = float(np.count_nonzero(part & opacified)) / count
    if sinus is Sinus.FRONTAL and volume_ml < _SMALLEST_AIRLESS_FRONTAL_ML and fraction >= 0.5:
        doubtful = f"{words} absent or very small: {volume_ml:.2f} ml without air cannot be told from bone"
        return SinusMeasurement(sinus, named, None, None, None, None, False, doubtful)
    mean_hu = float(volume.voxels[where][part].mean())
    score = lund_mackay_of(fraction) if complete else None
    level = level_on_grid(part, opacified, volume.affine) if complete and sinus is Sinus.MAXILLARY else None
    return SinusMeasurement(
        sinus, named, round(volume_ml, 3), round(fraction, 4), round(mean_hu, 1), score, complete, reason,
        air_fluid_level=level,
    )  # fmt: skip


def touches_edge(volume: Volume, labels: npt.NDArray[np.uint8], where: tuple[slice, ...], code: int) -> bool:
    """Whether a structure reaches the first or last slice, row or column, or padding beside it."""
    if any(w.start < _EDGE_SLICES or w.stop > n - _EDGE_SLICES for w, n in zip(where, labels.shape, strict=True)):
        return True
    if volume.padding_hu is None:
        return False
    around = tuple(slice(max(w.start - 1, 0), w.stop + 1) for w in where)
    padded = volume.voxels[around] == volume.padding_hu
    if not padded.any():
        return False
    touching = ndimage.binary_dilation(padded) & (labels[around] == code)
    return int(np.count_nonzero(touching)) > 20


def lund_mackay_total(
    sinuses: tuple[SinusMeasurement, ...], ostiomeatal: Mapping[AnySide, int | None]
) -> LundMackay | None:
    """Totals per side; None for a side where a sinus has no score. Nothing at all where sides are unverified."""
    if not sinuses or any(isinstance(s.side, ImageSide) for s in sinuses):
        return None
    totals: dict[Side, int | None] = {}
    for side in Side:
        scores = [s.lund_mackay for s in sinuses if s.side is side]
        omc = ostiomeatal.get(side)
        known = [score for score in scores if score is not None]
        totals[side] = sum(known) + omc if len(known) == len(Sinus) and omc is not None else None
    return LundMackay(totals[Side.RIGHT], totals[Side.LEFT], ostiomeatal.get(Side.RIGHT), ostiomeatal.get(Side.LEFT))


def propose_ostiomeatal(
    volume: Volume,
    segmentation: Segmentation,
    sinuses: tuple[SinusMeasurement, ...],
    ethmoids: Mapping[Side, tuple[slice, ...]] | None = None,
) -> dict[AnySide, int | None]:
    """A proposal for each ostiomeatal complex: 2 (occluded) or 0 (open), None where it cannot be said.

    It lies between the maxillary sinus, the anterior ethmoid and the nasal cavity. Where voxels within 4 mm of all three
    hold no air worth the name, or both sinuses that drain through it are diseased, it is proposed as occluded. A reader
    decides. ``ethmoids`` are boxes around the anterior ethmoids where they are known; else they are looked for.
    """
    if ethmoids is None:
        found = ndimage.find_objects(segmentation.labels, max_label=int(Structure.NASAL_CAVITY))
        boxes = {side: found[int(SINUS_CODES[Sinus.ANTERIOR_ETHMOID, side]) - 1] for side in Side}
        ethmoids = {side: box for side, box in boxes.items() if box is not None}
    result: dict[AnySide, int | None] = {}
    by_place = {(s.sinus, s.side): s for s in sinuses}
    for side in Side:
        named = side_name(side, oriented=volume.oriented)
        upstream = [by_place.get((sinus, named)) for sinus in (Sinus.MAXILLARY, Sinus.ANTERIOR_ETHMOID)]
        fractions = [s.opacified_fraction for s in upstream if s is not None and s.opacified_fraction is not None]
        if len(fractions) < 2:
            result[named] = None
            continue
        air = _air_share_at_complex(volume, segmentation.labels, side, ethmoids.get(side))
        if all(f >= 0.5 for f in fractions):
            result[named] = 2
        elif all(f < CLEAR_BELOW for f in fractions):
            result[named] = 0
        else:
            result[named] = 2 if air is not None and air < 0.1 else 0
    return result


def _air_share_at_complex(
    volume: Volume, labels: npt.NDArray[np.uint8], side: Side, ethmoid: tuple[slice, ...] | None
) -> float | None:
    if ethmoid is None:
        return None
    codes = (SINUS_CODES[Sinus.MAXILLARY, side], SINUS_CODES[Sinus.ANTERIOR_ETHMOID, side], Structure.NASAL_CAVITY)
    margin = [int(np.ceil(6.0 / s)) for s in volume.spacing]
    part = tuple(slice(max(w.start - m, 0), w.stop + m) for w, m in zip(ethmoid, margin, strict=True))
    found = [_extents(labels[part] == code) for code in codes]
    if any(extents is None for extents in found):
        return None
    # Only where the boxes around all three, each grown by 4 mm, overlap can a voxel be near all: distances elsewhere are
    # not asked for, and what lies further than 4 mm from there changes none of these.
    reach = [int(np.ceil(_COMPLEX_MM / s)) for s in volume.spacing]
    spans = [
        (max(e[axis][0] for e in found if e) - reach[axis], min(e[axis][1] for e in found if e) + reach[axis])
        for axis in range(3)
    ]
    inner = tuple(slice(max(low, 0), max(high, 0)) for low, high in spans)
    outer = tuple(slice(max(w.start - r, 0), w.stop + r) for w, r in zip(inner, reach, strict=True))
    if any(w.start >= w.stop for w in inner):
        return None
    within = tuple(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
    area = labels[part][outer]
    near = np.ones(labels[part][inner].shape, bool)
    for code in codes:
        present = area == code
        if not present.any():
            return None
        near &= ndimage.distance_transform_edt(~present, sampling=volume.spacing)[within] <= _COMPLEX_MM
    if np.count_nonzero(near) < 10:
        return None
    return float(np.mean(volume.voxels[part][inner][near] < AIR_HU))


def _extents(mask: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...] | None:
    """First and last + 1 of a mask along each axis; None where it is empty."""
    parts = [_extent(mask, axis) for axis in range(3)]
    return None if any(p is None for p in parts) else tuple((p.start, p.stop) for p in parts if p is not None)

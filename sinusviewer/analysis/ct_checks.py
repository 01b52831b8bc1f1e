"""Is this a sinus CT that a network may read, and what of it cannot be known? Refusals, warnings, and reasons per sinus.

The thresholds were set on what must pass (simulated and real head CTs, sharp and soft kernels, low dose) and what must not
(water, air, noise, shells with air in them, a chest, cone-beam scales); tests hold both.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.analysis.ct_arrangement import extent, implausible
from sinusviewer.analysis.sinus_air import AIR_HU, SinusAir, code_of, side_name, working_copy
from sinusviewer.analysis.sinus_measurement import touches_edge
from sinusviewer.domain.anatomy import SINUS_CODES, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.reading import SinusMeasurement
from sinusviewer.jobs.runner import CancelToken

if TYPE_CHECKING:
    from collections.abc import Sequence

_MINIMUM_SLICES = 8
_MINIMUM_TISSUE_ML = 300.0
_MINIMUM_BONE_ML = 30.0
_MINIMUM_ENCLOSED_AIR_ML = 1.0
_MINIMUM_SINUS_ML = 2.0
_MINIMUM_SINUS_AIR_ML = 0.3
_MAXIMUM_SLICE_MM = 10.0

THICK_SLICE_MM = 3.5
"""Slices farther apart mix a thin lining with the air beside it: thickened to 5 mm, scores of clear sinuses rose to 1."""

_PADDING_BELOW_HU = -1100
_AIR_RANGE_HU = (-1100.0, -850.0)
_TISSUE_RANGE_HU = (-150.0, 120.0)
"""Where the air about a head and the commonest soft tissue lie on a scale in Hounsfield units."""
_NOISE_HU = 250.0
_METAL_HU = 2800
_METAL_ML = 0.05
_METAL_NEAR_MM = 6.0
_METAL_SHARE = 0.15


def refuse_ct(volume: Volume, air: SinusAir, token: CancelToken | None = None) -> str:
    """Why this volume cannot be assessed as a sinus CT; empty where it can."""
    token = token or CancelToken()
    if volume.voxels.shape[0] < 2 or min(volume.voxels.shape) < _MINIMUM_SLICES:
        return "Cannot assess: too few slices for a sinus CT."
    if max(volume.spacing) > _MAXIMUM_SLICE_MM:
        return f"Cannot assess: slices {max(volume.spacing):.1f} mm apart are too coarse."
    thinned, _, _ = working_copy(volume)
    token.raise_if_cancelled()
    if _noise_hu(thinned) > _NOISE_HU:
        return "Cannot assess: neighbouring voxels differ like noise; this is no CT of a patient."
    if (scale := _off_scale(thinned)) and air.tissue_ml >= _MINIMUM_TISSUE_ML:
        return scale
    if air.tissue_ml < _MINIMUM_TISSUE_ML:
        return "Cannot assess: no head of the size of a patient's was found."
    if air.bone_ml < _MINIMUM_BONE_ML:
        return "Cannot assess: no skull was found; this may be a phantom or another region."
    if air.enclosed_ml < _MINIMUM_ENCLOSED_AIR_ML:
        return "Cannot assess: no air within the head; sinuses cannot be told from a phantom or complete opacification."
    return ""


def refuse_segmentation(volume: Volume, segmentation: Segmentation, token: CancelToken | None = None) -> str:
    """Why the masks found cannot be those of a patient's sinuses; empty where they can."""
    nothing = "Cannot assess: no paranasal sinuses were found on this CT."
    if (where := extent(segmentation.labels)) is None:
        return nothing
    labels, voxel_ml = segmentation.labels[where], volume.voxel_ml
    sinuses = (labels > 0) & (labels < Structure.NASAL_CAVITY)
    sinus_ml = float(np.count_nonzero(sinuses)) * voxel_ml
    if sinus_ml < _MINIMUM_SINUS_ML:
        return nothing
    if sinus_ml < 2 * _MINIMUM_SINUS_ML:
        maxillary = (labels == Structure.RIGHT_MAXILLARY) | (labels == Structure.LEFT_MAXILLARY)
        if not maxillary.any():
            return "Cannot assess: too little of the paranasal sinuses is on this CT."
    air_ml = float(np.count_nonzero(sinuses & (volume.voxels[where] < AIR_HU))) * voxel_ml
    if air_ml < _MINIMUM_SINUS_AIR_ML:
        return (
            "Cannot assess: no air in any sinus; total opacification of all cannot be told from a phantom "
            "or another region."
        )
    return implausible(volume, segmentation.labels, token)


def warnings_of(volume: Volume, air: SinusAir | None, token: CancelToken | None = None) -> tuple[ImageWarning, ...]:
    """What a reader must know although the CT can be read: thick slices, metal."""
    token = token or CancelToken()
    found: list[ImageWarning] = []
    if max(volume.spacing) > THICK_SLICE_MM:
        text = f"Slices {max(volume.spacing):.1f} mm apart: opacified fractions and scores are withheld, {_WHY_THICK}."
        found.append(ImageWarning("thick_slices", text))
    metal = 0
    for plane in volume.voxels:  # slice by slice: the whole of a large CT would take a tenth of a second or more
        token.raise_if_cancelled()
        metal += int(np.count_nonzero(plane > _METAL_HU))
    metal_ml = metal * volume.voxel_ml
    if air is not None and metal_ml > _METAL_ML:
        text = f"{metal_ml:.1f} ml are as dense as metal: streaks may cross the sinuses."
        found.append(ImageWarning("metal", text))
    return tuple(found)


_WHY_THICK = "because partial volume cannot be told from a thin lining"


_UNKNOWN: dict[str, Any] = dict.fromkeys(("opacified_fraction", "mean_hu", "lund_mackay", "air_fluid_level"))
"""What is not said of a sinus that is withheld."""


def withhold(
    volume: Volume, segmentation: Segmentation, sinuses: tuple[SinusMeasurement, ...]
) -> tuple[SinusMeasurement, ...]:
    """Take out what cannot be known, sinus by sinus, with the reason: cut off, slices too thick, beside metal."""
    thick = max(volume.spacing) > THICK_SLICE_MM
    beside = _beside_metal(volume, segmentation.labels)
    return tuple(_withhold_one(m, volume, thick=thick, metal=beside) for m in sinuses)


def keep_withheld(before: SinusMeasurement | None, fresh: SinusMeasurement) -> SinusMeasurement:
    """A new measurement of a mask that a reader changed: what thick slices or metal withheld stays withheld."""
    if before is None or not (before.complete and fresh.complete):
        return fresh
    if before.volume_ml is None or before.opacified_fraction is not None:
        return fresh
    return replace(fresh, **_UNKNOWN, reason=before.reason)


def incomplete(volume: Volume, segmentation: Segmentation) -> str:
    """Which sinuses are not wholly on the CT, in words; empty where all are.

    The frontal sinuses do not count: their tips are cut off often, and patients without them are many.
    """
    labels = segmentation.labels
    box = extent(labels) or (slice(0, 0),) * 3
    boxes: Sequence[tuple[slice, ...] | None] = ndimage.find_objects(labels[box], max_label=int(Structure.NASAL_CAVITY))
    missing: list[str] = []
    for (sinus, side), code in SINUS_CODES.items():
        within = boxes[code - 1]
        where = None if within is None else _moved(within, box)
        cut = where is not None and sinus is not Sinus.FRONTAL and touches_edge(volume, labels, where, int(code))
        if cut or (where is None and sinus is Sinus.MAXILLARY):
            missing.append(f"{side_name(side, oriented=volume.oriented).value} {sinus.value.replace('_', ' ')}")
    return ", ".join(missing)


def _moved(part: tuple[slice, ...], box: tuple[slice, ...]) -> tuple[slice, ...]:
    """Slices within ``box`` as slices of the whole."""
    return tuple(slice(p.start + b.start, p.stop + b.start) for p, b in zip(part, box, strict=True))


def _withhold_one(m: SinusMeasurement, volume: Volume, *, thick: bool, metal: frozenset[int]) -> SinusMeasurement:
    if m.volume_ml is None:
        return m
    words = f"{m.side.value} {m.sinus.value.replace('_', ' ')}"
    if not m.complete:
        return replace(m, **_UNKNOWN)
    if thick:
        reason = f"{words} withheld: slices {max(volume.spacing):.1f} mm apart, {_WHY_THICK}"
    elif code_of(m.sinus, m.side) in metal:
        reason = f"{words} withheld: metal lies beside it, and its streaks change the grey values"
    else:
        return m
    return replace(m, **_UNKNOWN, reason=reason)


def _beside_metal(volume: Volume, labels: npt.NDArray[np.uint8]) -> frozenset[int]:
    """Codes of sinuses of which a good part lies within a few millimetres of metal."""
    z, y, x = (int(np.ceil(_METAL_NEAR_MM / s)) for s in volume.spacing)
    if (part := extent(labels, (z, y, x))) is None:
        return frozenset()
    dense = volume.voxels[part] > _METAL_HU
    if float(np.count_nonzero(dense)) * volume.voxel_ml <= _METAL_ML:
        return frozenset()
    near = ndimage.distance_transform_edt(~dense, sampling=volume.spacing) <= _METAL_NEAR_MM
    inside = labels[part]
    all_of = np.bincount(inside.ravel(), minlength=256)
    near_of = np.bincount(inside[near], minlength=256)
    codes = range(1, int(Structure.NASAL_CAVITY))
    return frozenset(c for c in codes if all_of[c] and near_of[c] > _METAL_SHARE * all_of[c])


def _off_scale(thinned: npt.NDArray[np.int16]) -> str:
    """Why the grey values cannot be Hounsfield units; empty where they can."""
    sample = thinned[::2, ::2, ::2].ravel()
    sample = sample[sample > _PADDING_BELOW_HU]
    air = sample[sample < AIR_HU]
    tissue = sample[(sample > -350) & (sample < 600)]
    text = "Cannot assess: the grey values are not on the Hounsfield scale ({}), as from a cone-beam scanner."
    if air.size > 0.02 * sample.size and not _AIR_RANGE_HU[0] <= (mode := _mode(air)) <= _AIR_RANGE_HU[1]:
        return text.format(f"air lies at {mode:.0f}")
    if tissue.size > 0.02 * sample.size and not _TISSUE_RANGE_HU[0] <= (mode := _mode(tissue)) <= _TISSUE_RANGE_HU[1]:
        return text.format(f"the commonest tissue lies at {mode:.0f}")
    return ""


def _mode(values: npt.NDArray[np.int16]) -> float:
    """The commonest value, of a histogram in steps of 10 smoothed over 50."""
    low = int(values.min())
    counts = np.bincount((values.astype(np.int64) - low) // 10)
    smooth = np.convolve(counts, np.ones(5), mode="same")
    return low + 10.0 * float(smooth.argmax()) + 5.0


def _noise_hu(thinned: npt.NDArray[np.int16]) -> float:
    """Robust standard deviation between neighbours in a row where both are soft tissue or near it."""
    a, b = thinned[::2, ::2, :-1:2].astype(np.int32), thinned[::2, ::2, 1::2].astype(np.int32)
    n = min(a.shape[2], b.shape[2])
    a, b = a[..., :n], b[..., :n]
    inside = (a > -300) & (a < 600)
    difference = np.abs(a - b)[inside]
    return float(np.median(difference)) * 1.4826 / np.sqrt(2) if difference.size > 100 else 0.0

"""How far disease reaches, in a few numbers: how much of each sinus and of the nose is opacified, how dense that is, fluid levels.

Radiologists tell eosinophilic disease by the same (ethmoid before maxillary, both sides, dense: Meng 2019, JESREC), and a patient's
model (:mod:`sinusviewer.inference.patient_model`) may weigh them beside the network's slices.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.analysis.air_fluid_level import level_on_grid
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure
from sinusviewer.domain.geometry import canonical_spacing
from sinusviewer.imaging.resample import reorient_array

EXTENT = tuple(f"{sinus.value}_extent" for sinus in Sinus)
NOSE, UNLIKE, CONTENT, LEVEL = "nose_extent", "unlike_sides", "content_median_hu", "air_fluid_level"
FEATURES = (*EXTENT, UNLIKE, NOSE, CONTENT, LEVEL)
"""Names of :meth:`SinusExtent.features`."""
_FEWEST_VOXELS, _LEAST_CONTENT_ML = 30, 0.15
_DEPTH_MM, _COARSE_MM = 1.0, 1.5
"""How far content must lie from what it is not: nearer its CT numbers are mixed with those of air and bone. Along an axis with voxels
longer than the second number nothing is left out, or little would remain."""
_CONTENT_HU = (-50, 250)
_SOFTENING = 0.03
"""Holds log odds of a share away from 0 and 1; differences beyond 3 % of a sinus are not measured anyway."""


@dataclass(frozen=True, slots=True)
class SinusExtent:
    """Opacified shares 0-1, and what is opacified; None where a structure is not there.

    Attributes
    ----------
    shares
        Of each sinus and side.
    nose
        Of the nasal cavity.
    content_hu
        Median HU of all that is opacified, away from its border.
    air_fluid_level
        Whether either maxillary sinus holds one; None on an oblique grid, which would hide it.
    """

    shares: dict[tuple[Sinus, Side], float | None]
    nose: float | None
    content_hu: float | None
    air_fluid_level: bool | None

    def features(self) -> dict[str, float | None]:
        """Numbers for a patient's model, the same for a mirrored patient.

        Of each sinus the mean of both sides' log odds, how unlike the sides are (mean distance of the log odds), the nose, the
        content, and 1 with an air-fluid level. A sinus that one side lacks (an absent frontal) is taken to be as the other one.
        """
        found: dict[str, float | None] = {}
        unlike: list[float] = []
        for sinus, name in zip(Sinus, EXTENT, strict=True):
            sides = (self.shares.get((sinus, Side.RIGHT)), self.shares.get((sinus, Side.LEFT)))
            known = [_log_odds(share) for share in sides if share is not None]
            found[name] = sum(known) / len(known) if known else None
            if known:
                unlike.append(max(known) - min(known))
        return found | {
            UNLIKE: sum(unlike) / len(unlike) if unlike else None,
            NOSE: None if self.nose is None else _log_odds(self.nose),
            CONTENT: self.content_hu,
            LEVEL: None if self.air_fluid_level is None else float(self.air_fluid_level),
        }


def measure_extent(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.uint8],
    opacified: npt.NDArray[np.bool_],
    affine: npt.NDArray[np.float64],
) -> SinusExtent:
    """Count voxels.

    Parameters
    ----------
    hu, labels, opacified
        ``[z, y, x]`` on one grid: CT numbers, Structure codes, what is opacified.
    affine
        Of that grid (voxel centres x, y, z to LPS mm).
    """
    nose = int(Structure.NASAL_CAVITY)
    boxes = [box for box in ndimage.find_objects(labels, max_label=nose) if box is not None]
    if not boxes:
        return SinusExtent(dict.fromkeys(SINUS_CODES), None, None, None)
    # of the part that holds them: counting a whole volume would take several times its memory
    part = tuple(slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3))
    hu, labels, opacified = hu[part], labels[part], opacified[part]
    levels = [
        level_on_grid(labels == int(SINUS_CODES[Sinus.MAXILLARY, side]), opacified, affine)
        for side in (Side.RIGHT, Side.LEFT)
    ]
    hu, labels, opacified = (reorient_array(array, affine) for array in (hu, labels, opacified))
    spacing_mm = canonical_spacing(affine)
    count = np.bincount(labels.ravel(), minlength=nose + 1)
    filled = np.bincount(labels[opacified], minlength=nose + 1)

    def share(code: int) -> float | None:
        return float(filled[code] / count[code]) if count[code] >= _FEWEST_VOXELS else None

    return SinusExtent(
        {place: share(int(code)) for place, code in SINUS_CODES.items()},
        share(nose),
        _content_hu(hu, opacified & (labels > 0) & (labels <= nose), spacing_mm),
        None if levels == [None, None] else any(levels),
    )


def _content_hu(
    hu: npt.NDArray[np.int16], opacified: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> float | None:
    layers = [max(int(_DEPTH_MM / mm + 1e-6), int(mm <= _COARSE_MM)) for mm in spacing_mm]
    size = [2 * n + 1 for n in layers]
    deep = ndimage.minimum_filter(opacified.view(np.uint8), size=size, mode="constant").view(np.bool_)
    content = hu[deep]
    content = content[(content > _CONTENT_HU[0]) & (content < _CONTENT_HU[1])]
    enough = content.size * math.prod(spacing_mm) / 1000 >= _LEAST_CONTENT_ML
    return float(np.median(content)) if enough else None


def _log_odds(share: float) -> float:
    return math.log((share + _SOFTENING) / (1 + _SOFTENING - share))

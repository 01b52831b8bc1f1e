"""How far disease reaches, in a dozen numbers: how much of each sinus and of the nose is opacified, and how dense that is.

Radiologists tell eosinophilic disease by the same (ethmoid before maxillary, both sides, dense: Meng 2019, JESREC), and a patient's
model (:mod:`sinusviewer.inference.patient_model`) may weigh them beside the network's slices.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure

_FEWEST_VOXELS, _FEWEST_DENSE = 30, 50
_CONTENT_HU = (-50, 250)
"""What is opacified and neither mixed with air nor with bone."""


@dataclass(frozen=True, slots=True)
class SinusExtent:
    """Opacified shares 0-1, and the mean HU of what is opacified; None where a structure is not there.

    Attributes
    ----------
    shares
        Of each sinus and side.
    nose
        Of the nasal cavity.
    content_hu
        Mean HU of all that is opacified.
    """

    shares: dict[tuple[Sinus, Side], float | None]
    nose: float | None
    content_hu: float | None

    def features(self) -> dict[str, float | None]:
        """Mean of both sides of each sinus and how unlike they are, the nose, the content: the same for a mirrored patient.

        A sinus that one side lacks (an absent frontal) is taken to be as the other one.
        """
        found: dict[str, float | None] = {}
        for sinus in Sinus:
            right, left = self.shares.get((sinus, Side.RIGHT)), self.shares.get((sinus, Side.LEFT))
            right, left = (left if right is None else right), (right if left is None else left)
            known = right is not None and left is not None
            found[sinus.value] = ((right or 0.0) + (left or 0.0)) / 2 if known else None
            found[f"{sinus.value}_unlike"] = abs((right or 0.0) - (left or 0.0)) if known else None
        return found | {"nose": self.nose, "content_hu": self.content_hu}


def measure_extent(
    hu: npt.NDArray[np.int16], labels: npt.NDArray[np.uint8], opacified: npt.NDArray[np.bool_]
) -> SinusExtent:
    """Count voxels.

    Parameters
    ----------
    hu, labels, opacified
        ``[z, y, x]`` on one grid: CT numbers, Structure codes, what is opacified.
    """
    nose = int(Structure.NASAL_CAVITY)
    boxes = [box for box in ndimage.find_objects(labels, max_label=nose) if box is not None]
    if not boxes:
        return SinusExtent(dict.fromkeys(SINUS_CODES), None, None)
    # of the part that holds them: counting a whole volume would take several times its memory
    part = tuple(slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3))
    hu, labels, opacified = hu[part], labels[part], opacified[part]
    count = np.bincount(labels.ravel(), minlength=nose + 1)
    filled = np.bincount(labels[opacified], minlength=nose + 1)

    def share(code: int) -> float | None:
        return float(filled[code] / count[code]) if count[code] >= _FEWEST_VOXELS else None

    content = hu[opacified & (labels > 0) & (labels <= nose)]
    content = content[(content > _CONTENT_HU[0]) & (content < _CONTENT_HU[1])]
    return SinusExtent(
        {place: share(int(code)) for place, code in SINUS_CODES.items()},
        share(nose),
        float(content.mean()) if content.size >= _FEWEST_DENSE else None,
    )

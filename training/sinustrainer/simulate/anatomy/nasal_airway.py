"""Open the airway of a congested nose: turbinates swell and shrink in every nose (the nasal cycle), and a template has but one state.

A head scanned after death, or with a cold, has hardly any nasal air; polyps, which take the place of air, could then not be
seen at all, and what they tell about the endotype would be lost.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_where
from sinustrainer.simulate.disease.noise import smooth_noise
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

AIR_HU = -980.0
_TURBINATES = (Structure.RIGHT_TURBINATES, Structure.LEFT_TURBINATES)
_CORE_MM = 1.3
"""Half of a turbinate's bone with what mucosa is left on it."""
_DEEPEST_MM = 5.0
_PATCHES_MM = 2.5
_BONE_ABOVE_HU = 200.0


def open_airway(head: Head, share: float, rng: np.random.Generator) -> None:
    """Shrink the turbinates until ``share`` of nose without septum is air, in place; a nose that has more air stays.

    Mucosa gives way from its surface inwards, never bone and never a turbinate's core.
    """
    span = box_where(np.isin(head.labels, (Structure.NASAL_CAVITY, *_TURBINATES)))
    if span is None:
        return
    labels, hu = head.labels[span], head.hu[span]
    air, swollen = labels == Structure.NASAL_CAVITY, np.isin(labels, _TURBINATES)
    airy = int(np.count_nonzero(air))
    wanted = round(share * (airy + int(np.count_nonzero(swollen)))) - airy
    if wanted <= 0 or not air.any():
        return
    depth = _depth(labels, air, head.spacing, rng)
    core = ndimage.distance_transform_edt(hu <= _BONE_ABOVE_HU, head.spacing)
    yields = swollen & (core > _CORE_MM)
    found = np.sort(depth[yields])
    if found.size == 0:
        return
    level = min(float(found[min(wanted, found.size) - 1]), _DEEPEST_MM)
    # Slits of the template hold grey air (partial volume); once they are wide it is black.
    cover = np.clip(0.5 + (level - depth) / max(head.spacing), 0, 1).astype(np.float32) * (yields | air)
    cover *= np.clip(core - 0.5, 0, 1).astype(np.float32)
    mixed = hu.astype(np.float32)
    mixed += cover * (np.minimum(mixed, AIR_HU) - mixed)
    hu[:] = np.round(mixed).astype(np.int16)
    labels[yields & (depth <= level)] = Structure.NASAL_CAVITY


def _depth(
    labels: npt.NDArray[np.uint8],
    air: npt.NDArray[np.bool_],
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """How late mucosa yields (mm): from the air inwards, and in the slit beside the septum, in patches along the nose.

    A slit of even width would lie along the beam of a radiograph over its whole length, darker than any antrum.
    """
    from_air = ndimage.distance_transform_edt(~air, spacing)
    septum = labels == Structure.SEPTUM
    beside = ndimage.distance_transform_edt(~septum, spacing) if septum.any() else np.full(labels.shape, np.inf)
    uneven = _PATCHES_MM * smooth_noise(labels.shape, 7.0, spacing, rng)
    depth = np.maximum(np.minimum(1.4 * from_air, beside) + uneven, 0.1)
    return np.where(air, 0, depth).astype(np.float32)

"""Air-fluid levels: where air meets what fills a sinus in one horizontal plane, as fluid does and mucosa does not.

A level lies across the direction of gravity: front to back in a patient scanned on the back (or on the face). Direct coronal scans
with the head hanging down are not looked at.

Of 586 maxillary sinuses of 293 simulated CTs that the bundled network, whose masks were used, had not been trained on, 10 were cut
off and not judged; all 82 with a painted level were told (95 % interval 95.6-100 %), and none of the 494 others (99.3-100 %). On 49
CTs of its training all 10 and none of 85. Simulated levels are even planes: froth, strands, patients who lie aslant are not among them.
Of two real heads that could be judged, both templates of the simulator, one has small levels on both sides (post mortem), seen on its
slices and told; the other has none, and none was told.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.geometry import canonical_axes, canonical_spacing
from sinusviewer.imaging.resample import reorient_array

LEVEL_FROM = 0.2
"""Share of the surface between air and content that lies in one plane, from which it is a level. Set on 180 simulated maxillary
sinuses, where the 23 with a level had 0.34-0.71 and 99 % of the others at most 0.11; among 671 the least level (a sinus filled to four
fifths) had 0.21, the flattest other content (a cyst on the rear wall) 0.18."""
_MOST_TURNED_DEG = 5.0
"""How far the grid's rows may be turned out of the patient's front-to-back line. A level that lies 4 degrees aslant keeps 0.85 of its
share, at 8 degrees half of it, at 18 degrees a fifth."""
_THICKNESS_MM, _LEAST_SURFACE_MM2, _FEWEST_VOXELS = 2.0, 40.0, 30
Mask = npt.NDArray[np.bool_]


def level_on_grid(sinus: Mask, opacified: Mask, affine: npt.NDArray[np.float64]) -> bool | None:
    """Whether a sinus holds an air-fluid level; None where there is no sinus, and on an oblique grid, which would hide one.

    Parameters
    ----------
    sinus, opacified
        Of the same part of a volume, ``[z, y, x]`` of its own grid.
    affine
        Of that grid (voxel centres x, y, z to LPS mm).
    """
    permutation, _ = canonical_axes(affine)
    back = affine[:3, 2 - permutation[1]]
    if abs(back[1]) < np.cos(np.radians(_MOST_TURNED_DEG)) * np.linalg.norm(back):
        return None
    return has_level(reorient_array(sinus, affine), reorient_array(opacified, affine), canonical_spacing(affine))


def has_level(sinus: Mask, opacified: Mask, spacing_mm: tuple[float, float, float]) -> bool | None:
    """Whether a sinus holds an air-fluid level; None where there is no sinus.

    Parameters
    ----------
    sinus, opacified
        ``[z, y, x]`` in canonical axes (y to the patient's back).
    spacing_mm
        Of z, y, x.
    """
    share = level_share(sinus, opacified, spacing_mm)
    return None if share is None else share >= LEVEL_FROM


def level_share(sinus: Mask, opacified: Mask, spacing_mm: tuple[float, float, float]) -> float | None:
    """Largest share (0-1) of the surface between air and content that faces front or back within ``_THICKNESS_MM``."""
    boxes = ndimage.find_objects(sinus.view(np.uint8))
    if not boxes or int(sinus[boxes[0]].sum()) < _FEWEST_VOXELS:
        return None
    inside = sinus[boxes[0]]
    content = inside & opacified[boxes[0]]
    air = inside & ~content
    dz, dy, dx = spacing_mm
    faces = (dy * dx, dz * dx, dz * dy)
    surface = sum(
        face * (int((_from(content, axis) & _to(air, axis)).sum()) + int((_to(content, axis) & _from(air, axis)).sum()))
        for axis, face in enumerate(faces)
    )
    if surface < _LEAST_SURFACE_MM2:
        return 0.0
    window = np.ones(max(1, round(_THICKNESS_MM / dy)))
    planes = (_from(content, 1) & _to(air, 1), _to(content, 1) & _from(air, 1))  # on the back; on the face
    return max(float(np.convolve(plane.sum(axis=(0, 2)), window).max()) * faces[1] / surface for plane in planes)


def _from(mask: Mask, axis: int) -> Mask:
    """The mask from its second layer on."""
    return mask[(slice(None),) * axis + (slice(1, None),)]


def _to(mask: Mask, axis: int) -> Mask:
    """The mask but its last layer."""
    return mask[(slice(None),) * axis + (slice(None, -1),)]

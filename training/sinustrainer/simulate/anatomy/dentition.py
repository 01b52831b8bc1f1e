"""A child's teeth in a head that was warped from an adult's: smaller, fewer, and none before they erupt.

The template's teeth stand where it grew them; what a child of that age has not got yet becomes the bone of the jaw, and what it
has is shrunk to the size of milk teeth. The buds of the permanent teeth are added by ``variants``.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

GROWN_AT = 19.0
"""Years at which the last molar stands in its row."""
_DENSE_HU = 700
"""Above it a voxel beside a labelled tooth belongs to the tooth and not to the jaw around it."""
_EDGE_HU = 250
_SPONGY_HU, _GUM_HU = 260.0, 60.0
_EDGE_MM = 1.0
_ARCH_SHARE = ((0.0, 0.7, 2.3, 6.0, 12.0, 19.0), (0.0, 0.3, 0.55, 0.72, 0.9, 1.0))
"""Age, and how much of an adult's row (front to back) stands in the mouth: two milk molars at 2, first molar at 6, second at 12."""


def make_teeth_young(head: Head, age: float, rng: np.random.Generator) -> None:
    """Take out the teeth that ``age`` has not got and shrink the rest, in place; nothing from 19 years on.

    Parameters
    ----------
    age
        Years.
    rng
        For the grain of the bone that takes their place.
    """
    found = box_of(head.labels, Structure.TEETH)
    if found is None or age >= GROWN_AT:
        return
    grown = tuple(slice(max(s.start - 4, 0), s.stop + 4) for s in found)
    where = (grown[0], grown[1], grown[2])
    hu, labels = head.hu[where], head.labels[where]
    marked = labels == Structure.TEETH
    teeth = marked | (ndimage.binary_dilation(marked, iterations=4) & (hu > _DENSE_HU) & (labels == 0))
    y = head.affine[1, 3] + head.affine[1, 1] * np.arange(where[1].start, where[1].stop)
    rows = np.flatnonzero(teeth.any(axis=(0, 2)))
    front, back = float(y[rows[0]]), float(y[rows[-1]])
    share = float(np.interp(age, *_ARCH_SHARE))
    # A milk tooth is two thirds of its successor: what lies near a tooth's surface goes.
    peel = float(np.interp(age, (2.0, 7.0, 11.0, 14.0), (1.1, 0.9, 0.1, 0.0)))
    cover = _shrunk(teeth, (front + share * (back - front) - y)[None, :, None], peel, head.spacing)
    kept = _without_crumbs(cover >= 0.5, head.spacing)
    near = ndimage.binary_dilation(kept)
    cover[~near] = 0
    # The edge of what goes is half tooth, half neighbour, and would stay behind as a ring.
    edge = ndimage.binary_dilation(teeth) & ~near & (hu > _EDGE_HU) & (labels == 0)
    _fill_with_jaw(hu, teeth | edge, cover, rng)
    labels[teeth & ~kept & marked] = Structure.BACKGROUND


def _shrunk(
    teeth: npt.NDArray[np.bool_],
    to_end_of_row: npt.NDArray[np.float64],
    peel_mm: float,
    spacing: tuple[float, float, float],
) -> npt.NDArray[np.float32]:
    """Share of each voxel that a row of teeth still holds when its surface is taken off, and what lies beyond its end.

    The depth is smoothed before it is cut, and its edge is a voxel wide, so that a shrunk tooth is round and not a stair.
    """
    voxel = min(spacing)
    depth = ndimage.distance_transform_edt(teeth, spacing) - ndimage.distance_transform_edt(~teeth, spacing)
    depth -= 0.5 * voxel * np.sign(depth)
    if peel_mm > 0:
        # Blurring also lowers the ridge of a tooth, so that a little less is taken off.
        depth = ndimage.gaussian_filter(depth, [0.8 / s for s in spacing], mode="nearest")
    depth = np.minimum(depth, to_end_of_row)
    cover = np.clip(np.round(depth - 0.85 * peel_mm, 3) / _EDGE_MM + 0.5, 0, 1) * teeth
    return np.asarray(cover, dtype=np.float32)


def _without_crumbs(
    kept: npt.NDArray[np.bool_], spacing: tuple[float, float, float], least_mm3: float = 12.0
) -> npt.NDArray[np.bool_]:
    """Only pieces that can be a tooth."""
    pieces, _count = ndimage.label(kept)
    large = np.bincount(pieces.ravel()) * float(np.prod(spacing)) >= least_mm3
    large[0] = False
    return np.asarray(large[pieces], dtype=np.bool_)


def _fill_with_jaw(
    hu: npt.NDArray[np.int16],
    teeth: npt.NDArray[np.bool_],
    cover: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Spongy bone where bone lies around what is gone of the teeth, gum where soft tissue does."""
    gone = cover < 0.5
    gone &= teeth
    around = ndimage.uniform_filter(np.where(gone, 0.0, np.clip(hu, -50, 900)).astype(np.float32), 9)
    weight = ndimage.uniform_filter((~gone).astype(np.float32), 9)
    bony = np.clip((around / np.maximum(weight, 0.05) - 100) / 200, 0, 1)[teeth]
    filled = _GUM_HU + bony * (_SPONGY_HU - _GUM_HU) + (15 + 60 * bony) * rng.standard_normal(bony.size)
    hu[teeth] = np.round(filled + cover[teeth] * (hu[teeth] - filled)).astype(np.int16)

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
_SPONGY_HU, _GUM_HU = 260.0, 60.0
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
    kept = np.broadcast_to((y < front + share * (back - front))[None, :, None], teeth.shape)
    # A milk tooth is two thirds of its successor: what lies near a tooth's surface goes.
    peel = float(np.interp(age, (2.0, 7.0, 11.0, 14.0), (1.1, 0.9, 0.1, 0.0)))
    depth = ndimage.distance_transform_edt(teeth, head.spacing) - min(head.spacing) / 2
    gone = teeth & ~_without_crumbs(kept & (depth > peel), head.spacing)
    _fill_with_jaw(hu, gone, rng)
    labels[gone & marked] = Structure.BACKGROUND


def _without_crumbs(
    kept: npt.NDArray[np.bool_], spacing: tuple[float, float, float], least_mm3: float = 12.0
) -> npt.NDArray[np.bool_]:
    """Only pieces that can be a tooth."""
    pieces, _count = ndimage.label(kept)
    large = np.bincount(pieces.ravel()) * float(np.prod(spacing)) >= least_mm3
    large[0] = False
    return np.asarray(large[pieces], dtype=np.bool_)


def _fill_with_jaw(hu: npt.NDArray[np.int16], gone: npt.NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Spongy bone where bone lies around the gap, gum where soft tissue does."""
    around = ndimage.uniform_filter(np.where(gone, 0.0, np.clip(hu, -50, 900)).astype(np.float32), 9)
    weight = ndimage.uniform_filter((~gone).astype(np.float32), 9)
    bony = np.clip((around / np.maximum(weight, 0.05) - 100) / 200, 0, 1)[gone]
    filled = _GUM_HU + bony * (_SPONGY_HU - _GUM_HU) + (15 + 60 * bony) * rng.standard_normal(bony.size)
    hu[gone] = np.round(filled).astype(np.int16)

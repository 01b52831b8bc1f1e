"""Where a structure lies in a label map."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import Structure


def box_of(labels: npt.NDArray[np.uint8], structure: Structure) -> tuple[slice, slice, slice] | None:
    """The bounding box ``[z, y, x]`` of a structure; None if it is absent."""
    # The first and the last byte are found by memchr, many times faster than a comparison of the whole map.
    content, code = labels.tobytes(), bytes([int(structure)])
    first = content.find(code)
    if first < 0:
        return None
    slab = labels.shape[1] * labels.shape[2]
    z = slice(first // slab, content.rfind(code) // slab + 1)
    flat = (labels[z] == structure).any(axis=0)
    y, x = (np.flatnonzero(flat.any(axis=axis)) for axis in (1, 0))
    return z, slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def box_where(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """The bounding box ``[z, y, x]`` of a mask; None where it holds nothing."""
    found = ndimage.find_objects(mask.view(np.uint8))
    if not found:
        return None
    z, y, x = found[0]
    return z, y, x


def count_of(labels: npt.NDArray[np.uint8], structure: Structure) -> int:
    """Voxels of a structure."""
    found = box_of(labels, structure)
    return 0 if found is None else int(np.count_nonzero(labels[found] == structure))

"""Where a structure lies in a label map."""

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import Structure


def box_of(labels: npt.NDArray[np.uint8], structure: Structure) -> tuple[slice, slice, slice] | None:
    """The bounding box ``[z, y, x]`` of a structure; None if it is absent."""
    mask = labels == structure
    slabs = np.flatnonzero(mask.any(axis=(1, 2)))
    if slabs.size == 0:
        return None
    z = slice(int(slabs[0]), int(slabs[-1]) + 1)
    flat = mask[z].any(axis=0)
    y, x = (np.flatnonzero(flat.any(axis=axis)) for axis in (1, 0))
    return z, slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)

"""Labels read between voxels: each point takes the code that holds most of its trilinear weight.

Taking the nearest voxel's code instead moves a border by up to half a voxel beside the CT numbers, which are interpolated:
a sinus' label and its air then overlap to a Dice of only 0.92 to 0.96.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.float32]
_CORNERS = tuple((z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1))

_TIE = 1e-5
"""Beyond what rounding does to weights, below what any point's place means."""
_MIXED = 255
_LAST = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class LabelCells:
    """A label map prepared for many votes.

    Attributes
    ----------
    first
        (x, y, z) of the map's padded part in the padded map: only where labels lie is kept.
    padded
        ``[z, y, x]`` that part with a rim of background.
    only
        Of the cell between a voxel and its next neighbours (of the padded map): the one code at all its corners, or 255.
    """

    first: tuple[int, int, int]
    padded: Labels
    only: Labels

    @classmethod
    def of(cls, labels: Labels) -> "LabelCells":
        marked = labels > 0
        spans = [np.flatnonzero(marked.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        kept_z, kept_y, kept_x = (slice(int(s[0]), int(s[-1]) + 1) if s.size else slice(0, 1) for s in spans)
        padded = np.pad(labels[kept_z, kept_y, kept_x], 1)
        only = padded.copy()
        mixed = np.zeros(padded.shape, dtype=bool)
        for z, y, x in _CORNERS[1:]:
            here = tuple(slice(0, n - step) for n, step in zip(padded.shape, (z, y, x), strict=True))
            mixed[here] |= padded[here] != padded[z:, y:, x:]
        only[mixed] = _MIXED
        return cls((kept_x.start, kept_y.start, kept_z.start), padded, only)


def voted_in_cells(cells: LabelCells, x: Places, y: Places, z: Places) -> Labels:
    """Codes at places in voxels of the padded map, of the places' shape; background outside."""
    row, plane = cells.padded.shape[2], cells.padded.shape[1] * cells.padded.shape[2]
    x, y, z = (
        np.clip(axis - np.float32(first), 0, np.float32(n - 2 + _LAST))
        for axis, first, n in zip((x, y, z), cells.first, cells.padded.shape[::-1], strict=True)
    )
    base = z.astype(np.int32)
    base *= plane
    base += y.astype(np.int32) * np.int32(row)
    base += x.astype(np.int32)
    result: Labels = cells.only.ravel().take(base)
    mixed = result == _MIXED
    if mixed.any():
        share = np.stack([axis[mixed] for axis in (z, y, x)], axis=1)
        share -= np.floor(share)
        result[mixed] = _most_weight(_corner_codes(cells.padded, base[mixed]), _weights(share))
    return result


def voted_labels(labels: Labels, points: Places) -> Labels:
    """Codes of ``labels`` at ``points``.

    Parameters
    ----------
    labels
        ``[z, y, x]``.
    points
        ``[..., 3]``, (x, y, z) in voxels; outside the array everything is 0.

    Returns
    -------
    Labels
        Of the points' shape. Of codes with equal weight the background wins, then the sinus with the lower codes: a rule by
        place would not give a mirrored head the mirrored labels.
    """
    shape = points.shape[:-1]
    flat = points.reshape(-1, 3)[:, ::-1]
    below = np.floor(flat).astype(np.int32)
    size = np.asarray(labels.shape, dtype=np.int32)
    reached = ((below >= -1) & (below < size)).all(axis=1)
    result = np.zeros(len(flat), dtype=np.uint8)
    padded = np.pad(labels, 1)
    row, plane = padded.shape[2], padded.shape[1] * padded.shape[2]
    codes = padded.ravel()
    lower = below[reached] + 1
    base = lower[:, 0] * plane + lower[:, 1] * row + lower[:, 2]
    first = codes[base]
    mixed = np.zeros(len(base), dtype=bool)
    for step in _corner_steps(padded)[1:]:
        mixed |= codes[base + step] != first
    own = first
    if mixed.any():
        own = first.copy()
        share = flat[reached][mixed] - below[reached][mixed]
        own[mixed] = _most_weight(_corner_codes(padded, base[mixed]), _weights(share))
    result[reached] = own
    return result.reshape(shape)


def _corner_steps(padded: Labels) -> npt.NDArray[np.int32]:
    row, plane = padded.shape[2], padded.shape[1] * padded.shape[2]
    return np.array([z * plane + y * row + x for z, y, x in _CORNERS], dtype=np.int32)


def _corner_codes(padded: Labels, base: npt.NDArray[np.int32]) -> Labels:
    """``[8, n]`` codes at the corners of cells, named by the place of their lowest corner in the flat map."""
    codes = padded.ravel()
    return np.stack([codes.take(base + step) for step in _corner_steps(padded)])


def _weights(share: Places) -> Places:
    """Trilinear weights ``[8, n]`` of points ``[n, 3]`` that lie ``share`` of a voxel beyond their lower corner."""
    both = (1 - share.T, share.T)
    return np.stack([both[z][0] * both[y][1] * both[x][2] for z, y, x in _CORNERS])


def _most_weight(corners: Labels, weights: Places) -> Labels:
    """The winner of each cell; nearly all hold two codes only, so that one sum decides."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    is_low = corners == low
    for_low = np.einsum("kn,kn->n", weights, is_low)
    penalty = np.float32(_TIE) * ((np.arange(256, dtype=np.float32) + 1) // 2)
    wins = for_low - penalty[low] >= (1 - for_low) - penalty[high]
    result = np.where(wins, low, high)
    several = np.flatnonzero(~(is_low | (corners == high)).all(axis=0))
    if several.size:
        result[several] = _most_of_several(corners[:, several], weights[:, several], penalty)
    return np.asarray(result, dtype=np.uint8)


def _most_of_several(corners: Labels, weights: Places, penalty: npt.NDArray[np.float32]) -> Labels:
    total = np.zeros_like(weights)
    for k in range(len(_CORNERS)):
        total += np.where(corners == corners[k], weights[k], 0)
    total -= penalty[corners]
    return np.asarray(np.take_along_axis(corners, np.argmax(total, axis=0)[None], axis=0)[0], dtype=np.uint8)

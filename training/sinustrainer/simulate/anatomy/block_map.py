"""A head read through a smooth map, in blocks of a few voxels and only where the map leads to tissue.

The map is known at the corners of the blocks; inside a block it is trilinear, the same eight weights in every block, so that one
product of matrices gives the place of every voxel. What depends on the template alone is kept from patient to patient.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch.nn import functional

from sinustrainer.simulate.anatomy.label_vote import LabelCells, voted_in_cells
from sinustrainer.simulate.head import Head

_Number = TypeVar("_Number", bound=np.generic)
_BODY_HU = -900
_AIR_BELOW = 1024
_VOXELS_AT_ONCE = 1 << 18
"""So many at a time stay in the processor's cache."""
_TEMPLATE_BLOCK = 4
_LAST = 0.999
"""A place may lie this far beyond the last voxel: there the head has ended and the rim of air around it is read."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Some blocks of the new grid, and where in the template their voxels come from.

    Attributes
    ----------
    number
        ``[n]`` places in the row of all blocks (z, y, x).
    labelled
        ``[n]`` True where the map may lead to a label.
    x, y, z
        ``[n, voxels of a block]`` in voxels of the padded template.
    """

    number: npt.NDArray[np.intp]
    labelled: npt.NDArray[np.bool_]
    x: torch.Tensor
    y: torch.Tensor
    z: torch.Tensor


def blocks_of(nodes: npt.NDArray[np.float32], edge: int, head: Head) -> Iterator[Blocks]:
    """The blocks that the map leads to tissue or labels, some thousand at a time, in the order of the grid.

    Parameters
    ----------
    nodes
        ``[z, y, x, 3]`` (x, y, z) in voxels of the head, at the corners of the blocks.
    edge
        Voxels along a block.
    """
    occupied, labelled = (_any_corner(_leads_to(kept, nodes)) for kept in _template_blocks(head))
    chosen = np.flatnonzero(occupied | labelled)
    marked = labelled.ravel()
    by, bx = occupied.shape[1:]
    ny, nx = nodes.shape[1:3]
    z, rest = np.divmod(chosen, by * bx)
    y, x = np.divmod(rest, bx)
    first = (z * ny + y) * nx + x
    steps = np.array([(c * ny + b) * nx + a for c in (0, 1) for b in (0, 1) for a in (0, 1)])
    limits = [n + _LAST for n in head.hu.shape[::-1]]
    places = torch.from_numpy(np.ascontiguousarray(nodes.reshape(-1, 3).T + np.float32(1)))
    weights = _corner_weights(edge)
    at_once = max(1, _VOXELS_AT_ONCE // edge**3)
    for start in range(0, len(chosen), at_once):
        part = slice(start, start + at_once)
        corners = torch.from_numpy(first[part, None] + steps)
        # The voxels are kept within the template, not the corners: the map of a block that reaches beyond would bend.
        here = [(places[i][corners] @ weights).clamp_(0, limits[i]) for i in range(3)]
        yield Blocks(chosen[part], marked[chosen[part]], *here)


def hu_of(head: Head, blocks: Blocks) -> torch.Tensor:
    """CT numbers of the blocks' voxels, linear between voxels: float32 ``[n, voxels of a block]``.

    Two neighbouring slices are two channels of one tall picture of slices below each other, since reading a picture is five
    times as fast as reading a volume.
    """
    volume = _padded_volume(head)
    _nz, ny, nx = volume.shape
    below = torch.floor(blocks.z)
    low, high = int(below.min()), int(below.max())
    rows = (high - low + 1) * ny
    picture = volume[low:].as_strided((1, 2, rows, nx), (0, ny * nx, nx, 1), low * ny * nx)
    grid = torch.empty((1, *blocks.x.shape, 2))
    torch.mul(blocks.x, 2 / (nx - 1), out=grid[0, ..., 0])
    torch.add(blocks.y, below - low, alpha=ny, out=grid[0, ..., 1])
    grid[0, ..., 1] *= 2 / (rows - 1)
    grid -= 1
    lower, upper = functional.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
    return torch.lerp(lower, upper, blocks.z - below) - _AIR_BELOW


def labels_of(head: Head, blocks: Blocks) -> npt.NDArray[np.uint8]:
    """Codes of the voxels of the blocks that may hold labels, ``[labelled blocks, voxels of a block]``."""
    inside = torch.from_numpy(blocks.labelled)
    x, y, z = (axis[inside].numpy() for axis in (blocks.x, blocks.y, blocks.z))
    return voted_in_cells(_label_cells(head), x, y, z)


def assembled(blocks: npt.NDArray[_Number], counts: tuple[int, int, int], edge: int) -> npt.NDArray[_Number]:
    """The grid ``[z, y, x]`` of a row of blocks."""
    bz, by, bx = counts
    row = blocks.dtype.itemsize * edge
    whole = np.dtype(f"u{row}") if row in (1, 2, 4, 8) else np.dtype(f"V{row}")  # a block's row is moved as one number
    apart = blocks.reshape(bz, by, bx, edge, edge, edge).view(whole)[..., 0]
    return (
        np.ascontiguousarray(apart.transpose(0, 3, 1, 4, 2)).view(blocks.dtype).reshape(bz * edge, by * edge, bx * edge)
    )


@lru_cache(maxsize=4)
def _corner_weights(edge: int) -> torch.Tensor:
    """``[8, voxels]``: the share of each corner of a block in each of its voxels."""
    share = np.arange(edge) / edge
    both = np.stack([1 - share, share])
    weights = [
        np.einsum("i,j,k->ijk", both[z], both[y], both[x]).ravel() for z in (0, 1) for y in (0, 1) for x in (0, 1)
    ]
    return torch.from_numpy(np.stack(weights).astype(np.float32))


@lru_cache(maxsize=6)
def _padded_volume(head: Head) -> torch.Tensor:
    """HU above air with a rim of air; kept, since every patient is drawn from a few templates."""
    return torch.from_numpy(np.pad(np.asarray(head.hu, dtype=np.float32) + _AIR_BELOW, 1))


@lru_cache(maxsize=6)
def _label_cells(head: Head) -> LabelCells:
    return LabelCells.of(head.labels)


@lru_cache(maxsize=6)
def _template_blocks(head: Head) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Where the head's tissue and where its labels are, in blocks of four voxels and one block around."""
    return _dilated_blocks(head.hu > _BODY_HU), _dilated_blocks(head.labels > 0)


def _dilated_blocks(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    size = _TEMPLATE_BLOCK
    padded = np.pad(mask, [(0, -n % size) for n in mask.shape])
    nz, ny, nx = (n // size for n in padded.shape)
    blocks = padded.reshape(nz, size, ny, size, nx, size).any(axis=(1, 3, 5))
    return np.asarray(ndimage.binary_dilation(np.pad(blocks, 1), np.ones((3, 3, 3), dtype=bool)), dtype=np.bool_)


def _leads_to(blocks: npt.NDArray[np.bool_], nodes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Nodes that lie in one of the template's blocks."""
    found = np.ones(nodes.shape[:3], dtype=bool)
    index = []
    for i, n in zip((2, 1, 0), blocks.shape, strict=True):
        block = np.floor(nodes[..., i] / _TEMPLATE_BLOCK).astype(np.int32) + 1
        found &= (block >= 0) & (block < n)
        index.append(np.clip(block, 0, n - 1))
    return np.asarray(found & blocks[index[0], index[1], index[2]], dtype=np.bool_)


def _any_corner(nodes: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Blocks with at least one of their corners marked."""
    found = nodes
    for axis in range(3):
        found = np.take(found, range(found.shape[axis] - 1), axis) | np.take(found, range(1, found.shape[axis]), axis)
    return found

"""Warp a head into a new shape, with each sinus grown or shrunk about a point near its ostium.

Everything is one backward map (where in the template does this point of the new head come from), evaluated on a coarse grid
and sampled once, so that edges are blurred by a single interpolation.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch.nn import functional

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.anatomy.label_vote import voted_labels
from sinustrainer.simulate.anatomy.shape import (
    HeadShape,
    Point,
    Points,
    SinusWarp,
    new_points,
    smooth_step,
    source_points,
)
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

COARSE_MM = 4.0
"""Spacing at which the map is computed; between, it is linear."""
_SLAB = 8
"""Slices made at a time: their share of the map stays in the processor's cache."""
_OUTSIDE_HU = -1000
_BODY_HU = -900


def warp_head(head: Head, shape: HeadShape, rng: np.random.Generator | None = None, spacing_mm: float = 1.0) -> Head:
    """The head in its new shape, on a grid cropped to it.

    Parameters
    ----------
    rng
        For the scanner noise added where ``shape.noise_hu`` is above 0.
    """
    lower, upper = _new_bounds(head, shape)
    size = np.floor((upper - lower) / spacing_mm).astype(int) + 1
    extent = (size - 1) * spacing_mm
    # The coarse nodes span exactly the new grid, so that one trilinear enlargement brings them to its voxels.
    axes = [lower[i] + np.linspace(0, extent[i], int(np.ceil(extent[i] / COARSE_MM)) + 1) for i in range(3)]
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    points = np.stack([xx, yy, zz], axis=-1).astype(np.float32)
    source = source_points(points, shape)
    _add_sinuses(source, axes, points, head, shape)
    hu, labels = _resampled(head, source, (int(size[2]), int(size[1]), int(size[0])), shape, rng)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lower
    return Head(hu, labels, affine, _warp_landmarks(head, shape), head.source)


def _resampled(
    head: Head, source: Points, size: tuple[int, int, int], shape: HeadShape, rng: np.random.Generator | None
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """HU and labels on the new grid, slab by slab, where the map leads to the head at all."""
    hu = np.full(size, _OUTSIDE_HU, dtype=np.int16)
    labels = np.zeros(size, dtype=np.uint8)
    volume = _sampled_volume(head)
    coarse = _normalised(source, head)
    occupied = _leads_into(head, source)
    marked = _label_range(source, head, size)
    grain = _grain(shape, rng)
    at = np.linspace(0, source.shape[0] - 1, size[0])
    for start in range(0, size[0], _SLAB):
        stop = min(start + _SLAB, size[0])
        first, last = int(at[start]), min(int(np.ceil(at[stop - 1])), source.shape[0] - 1)
        box = _box_in_slab(np.asarray(occupied[first : last + 1].any(axis=0)), size)
        if box is None:
            continue
        y, x = box
        grid = _slab_grid(coarse, at[start:stop], size, y, x)
        warped = functional.grid_sample(volume, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        values = warped[0, 0].numpy() - 1024
        _finish(values, shape, grain, rng)
        hu[start:stop, y, x] = values.astype(np.int16)
        part = _overlap(marked, (start, stop), y, x)
        if part is not None:
            (z0, z1), (y0, y1), (x0, x1) = part
            inner = grid[:, z0 - start : z1 - start, y0 - y.start : y1 - y.start, x0 - x.start : x1 - x.start]
            labels[z0:z1, y0:y1, x0:x1] = voted_labels(head.labels, _in_voxels(inner[0].numpy(), head))
    return hu, labels


@lru_cache(maxsize=6)
def _sampled_volume(head: Head) -> torch.Tensor:
    """HU above air as ``grid_sample`` wants it; kept, since every patient is drawn from a few templates."""
    return torch.from_numpy(np.asarray(head.hu, dtype=np.float32) + 1024)[None, None]


def _in_voxels(normalised: npt.NDArray[np.float32], head: Head) -> npt.NDArray[np.float32]:
    """(x, y, z) in voxels of the head from the -1..1 coordinates of ``grid_sample``."""
    half = (np.asarray(head.hu.shape[::-1], dtype=np.float32) - 1) / 2
    return np.asarray((normalised + np.float32(1)) * half, dtype=np.float32)


def _normalised(source: Points, head: Head) -> torch.Tensor:
    """The coarse map in the -1..1 coordinates of ``grid_sample``, ``[z, 3, y, x]``."""
    normalised = torch.empty((source.shape[0], 3, source.shape[1], source.shape[2]))
    for i, n in enumerate(head.hu.shape[::-1]):
        index = (source[..., i] - np.float32(head.affine[i, 3])) / np.float32(head.affine[i, i])
        normalised[:, i] = torch.from_numpy(index * np.float32(2 / (n - 1)) - 1)
    return normalised


def _slab_grid(
    coarse: torch.Tensor, at: npt.NDArray[np.float64], size: tuple[int, int, int], y: slice, x: slice
) -> torch.Tensor:
    """The map at the voxels of a slab, ``[1, z, y, x, 3]``; ``at``: its slices among the coarse planes."""
    low = np.minimum(at.astype(int), coarse.shape[0] - 2)
    share = torch.from_numpy((at - low).astype(np.float32))[:, None, None, None]
    planes = coarse[low] + (coarse[low + 1] - coarse[low]) * share
    dense = functional.interpolate(planes, size=size[1:], mode="bilinear", align_corners=True)
    return dense[:, :, y, x].permute(0, 2, 3, 1)[None]


@lru_cache(maxsize=6)
def _occupied_blocks(head: Head) -> npt.NDArray[np.bool_]:
    """Where the head's tissue is, in blocks of four voxels and one block around."""
    body = head.hu > _BODY_HU
    padded = np.pad(body, [(0, -n % 4) for n in body.shape])
    nz, ny, nx = (n // 4 for n in padded.shape)
    blocks = np.asarray(padded.reshape(nz, 4, ny, 4, nx, 4).any(axis=(1, 3, 5)), dtype=np.bool_)
    return np.asarray(ndimage.binary_dilation(blocks, np.ones((3, 3, 3), dtype=bool)))


def _leads_into(head: Head, source: Points) -> npt.NDArray[np.bool_]:
    """Coarse nodes whose neighbourhood holds tissue of the head."""
    blocks = _occupied_blocks(head)
    inside = np.ones(source.shape[:3], dtype=bool)
    index = []
    for i, n in zip((2, 1, 0), blocks.shape, strict=True):
        block = np.floor((source[..., i] - head.affine[i, 3]) / head.affine[i, i] / 4).astype(np.int32)
        inside &= (block >= -1) & (block <= n)
        index.append(np.clip(block, 0, n - 1))
    found = inside & blocks[index[0], index[1], index[2]]
    return np.asarray(ndimage.binary_dilation(np.asarray(found, dtype=np.bool_), np.ones((3, 3, 3), dtype=bool)))


def _box_in_slab(occupied: npt.NDArray[np.bool_], size: tuple[int, int, int]) -> tuple[slice, slice] | None:
    parts: list[slice] = []
    for axis in (0, 1):
        found = np.flatnonzero(occupied.any(axis=1 - axis))
        if found.size == 0:
            return None
        step = (size[1 + axis] - 1) / (occupied.shape[axis] - 1)
        parts.append(slice(int(found[0] * step), min(int(np.ceil(found[-1] * step)) + 1, size[1 + axis])))
    return parts[0], parts[1]


def _overlap(
    marked: tuple[slice, slice, slice], z: tuple[int, int], y: slice, x: slice
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None:
    both = [
        (max(m.start, low), min(m.stop, high))
        for m, (low, high) in zip(marked, (z, (y.start, y.stop), (x.start, x.stop)), strict=True)
    ]
    return None if any(low >= high for low, high in both) else (both[0], both[1], both[2])


@lru_cache(maxsize=64)
def sinus_extent(head: Head, structure: Structure) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Centre and half-axes (x, y, z mm) of a lumen, as of an ellipsoid with the same second moments; None if absent."""
    found = box_of(head.labels, structure)
    if found is None:
        return None
    inside = np.argwhere(head.labels[found] == structure)[:, ::-1] + [s.start for s in found[::-1]]
    mm = inside @ head.affine[:3, :3].T + head.affine[:3, 3]
    return mm.mean(axis=0), np.sqrt(5 * mm.var(axis=0)) + 0.5


def _add_sinuses(
    source: Points, axes: list[npt.NDArray[np.float64]], points: Points, head: Head, shape: HeadShape
) -> None:
    """Add the growth of each sinus to the map, in place."""
    found = [(warp, sinus_extent(head, warp.structure)) for warp in shape.sinus_warps]
    grown = [(warp, extent) for warp, extent in found if extent is not None and any(f != 1 for f in warp.factors)]
    if not grown:
        return
    shares = [_anchor_share(warp, extent[0]) for warp, extent in grown]
    anchors = new_points([c + share * half for (_, (c, half)), share in zip(grown, shares, strict=True)], shape)
    scale = np.asarray(shape.scale)
    for (warp, (_, half)), share, anchor in zip(grown, shares, anchors, strict=True):
        factors = np.asarray(warp.factors)
        new_half = half * scale * factors
        new_centre = anchor - share * new_half
        reach = new_half * 2.2
        box = tuple(
            slice(*np.searchsorted(axes[i], [new_centre[i] - reach[i], new_centre[i] + reach[i]])) for i in (2, 1, 0)
        )
        near = points[box]
        if near.size == 0:
            continue
        radius = np.sqrt((((near - new_centre) / new_half) ** 2).sum(axis=-1))
        weight = 1 - smooth_step(radius, 1.1, 2.2)
        source[box] += ((near - anchor) * (1 / factors - 1) / scale * weight[..., None]).astype(np.float32)


def _anchor_share(warp: SinusWarp, centre: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    inwards = -1.0 if centre[0] > 0 else 1.0
    return np.asarray([warp.anchor_share[0] * inwards, warp.anchor_share[1], warp.anchor_share[2]])


def _label_range(source: Points, head: Head, size: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """The part of the new grid whose source lies where the template has labels at all."""
    inside = np.ones(source.shape[:3], dtype=bool)
    for i, (first, last) in enumerate(_marked_spans(head)):
        if last < first:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        low, high = (head.affine[i, 3] + head.affine[i, i] * float(k) for k in (first, last))
        inside &= (source[..., i] > low - 2 * COARSE_MM) & (source[..., i] < high + 2 * COARSE_MM)
    parts: list[slice] = []
    for axis, n in enumerate(size):
        nodes = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        step = (n - 1) / max(inside.shape[axis] - 1, 1)
        parts.append(slice(max(int((nodes[0] - 1) * step), 0), min(int((nodes[-1] + 1) * step) + 2, n)))
    return parts[0], parts[1], parts[2]


@lru_cache(maxsize=6)
def _marked_spans(head: Head) -> tuple[tuple[int, int], ...]:
    """First and last voxel with a label along x, y and z; last before first where there is none."""
    marked = head.labels > 0
    spans = []
    for i in range(3):
        found = np.flatnonzero(marked.any(axis=tuple(a for a in range(3) if a != 2 - i)))
        spans.append((int(found[0]), int(found[-1])) if found.size else (1, 0))
    return tuple(spans)


def _warp_landmarks(head: Head, shape: HeadShape) -> dict[str, Point]:
    if not head.landmarks:
        return {}
    moved = new_points(list(head.landmarks.values()), shape)
    return {name: (float(p[0]), float(p[1]), float(p[2])) for name, p in zip(head.landmarks, moved, strict=True)}


def _new_bounds(head: Head, shape: HeadShape) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    n = np.array(head.hu.shape[::-1]) - 1
    corners = np.array([[(n[0] * i), (n[1] * j), (n[2] * k)] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    mm = corners * np.diag(head.affine)[:3] + head.affine[:3, 3]
    scale = np.asarray(shape.scale)
    low, high = mm.min(axis=0) * scale, mm.max(axis=0) * scale
    return np.floor(low), np.ceil(high)


def _grain(shape: HeadShape, rng: np.random.Generator | None) -> npt.NDArray[np.float32] | None:
    """Scanner noise, drawn once and read from random places: ten million normal numbers cost more than the warp itself."""
    if rng is None or shape.noise_hu <= 0:
        return None
    return rng.standard_normal(1 << 20, dtype=np.float32) * np.float32(shape.noise_hu)


def _finish(
    hu: npt.NDArray[np.float32],
    shape: HeadShape,
    grain: npt.NDArray[np.float32] | None,
    rng: np.random.Generator | None,
) -> None:
    """Bone density and noise, rounded to whole HU, in place."""
    if shape.bone_density != 1:
        hu += np.maximum(hu - 150, 0) * np.float32(shape.bone_density - 1)
    if grain is not None and rng is not None:
        repeated = np.resize(np.roll(grain, int(rng.integers(grain.size))), hu.shape)
        hu += repeated * (hu > _BODY_HU)
    np.clip(np.rint(hu, out=hu), -1024, 3071, out=hu)

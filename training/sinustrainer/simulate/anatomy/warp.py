"""Warp a head into a new shape, with each sinus grown or shrunk about a point near its ostium.

Everything is one backward map (where in the template does this point of the new head come from), evaluated on a coarse grid
and sampled once, so that edges are blurred by a single interpolation.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from sinustrainer.simulate.anatomy.block_map import assembled, blocks_of, hu_of, labels_of
from sinustrainer.simulate.anatomy.boxes import box_of
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
"""About how far apart the map is computed; between, it is linear."""
_OUTSIDE_HU = -1000
_BODY_HU = -900
_GRAIN = 1 << 21


def warp_head(head: Head, shape: HeadShape, rng: np.random.Generator | None = None, spacing_mm: float = 1.0) -> Head:
    """The head in its new shape, on a grid cropped to it.

    Parameters
    ----------
    rng
        For the scanner noise added where ``shape.noise_hu`` is above 0.
    """
    lower, upper = _new_bounds(head, shape)
    edge = max(1, round(COARSE_MM / spacing_mm))
    step = edge * spacing_mm
    counts = np.floor((upper - lower) / step).astype(int) + 1
    axes = [lower[i] + step * np.arange(counts[i] + 1) for i in range(3)]
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    points = np.stack([xx, yy, zz], axis=-1).astype(np.float32)
    source = source_points(points, shape, axes)
    _add_sinuses(source, axes, points, head, shape)
    hu, labels = _resampled(head, source, edge, shape, rng)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lower
    return Head(hu, labels, affine, _warp_landmarks(head, shape), head.source)


def _resampled(
    head: Head, source: Points, edge: int, shape: HeadShape, rng: np.random.Generator | None
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """HU and labels on the new grid, block by block, where the map leads to the head at all."""
    counts = (source.shape[0] - 1, source.shape[1] - 1, source.shape[2] - 1)
    number, voxels = counts[0] * counts[1] * counts[2], edge**3
    hu = np.full((number, voxels), _OUTSIDE_HU, dtype=np.int16)
    labels = np.zeros((number, voxels), dtype=np.uint8)
    origin, size = head.affine[:3, 3].astype(np.float32), np.diag(head.affine)[:3].astype(np.float32)
    for blocks in blocks_of((source - origin) / size, edge, head):
        values = hu_of(head, blocks)
        _finish(values, shape, rng)
        hu[blocks.number] = values.to(torch.int16).numpy()
        labels[blocks.number[blocks.labelled]] = labels_of(head, blocks)
    return assembled(hu, counts, edge), assembled(labels, counts, edge)


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


@lru_cache(maxsize=1)
def _grain() -> torch.Tensor:
    """Normal numbers, read from random places: ten million of them for each patient cost more than the warp itself."""
    return torch.from_numpy(np.random.default_rng(0).standard_normal(_GRAIN, dtype=np.float32))


def _finish(hu: torch.Tensor, shape: HeadShape, rng: np.random.Generator | None) -> None:
    """Bone density and scanner noise, rounded to whole HU, in place."""
    if shape.bone_density != 1:
        hu.add_((hu - 150).clamp_(min=0), alpha=shape.bone_density - 1)
    if rng is not None and shape.noise_hu > 0:
        start = int(rng.integers(_GRAIN - hu.numel()))
        hu.addcmul_(_grain()[start : start + hu.numel()].view(hu.shape), (hu > _BODY_HU).float(), value=shape.noise_hu)
    hu.round_().clamp_(-1024, 3071)

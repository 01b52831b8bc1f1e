"""Warp a head into a new shape, with each sinus grown or shrunk about a point near its ostium.

Everything is one backward map (where in the template does this point of the new head come from), evaluated on a coarse grid
and sampled once, so that edges are blurred by a single interpolation.
"""

import numpy as np
import numpy.typing as npt
import torch

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
"""Spacing at which the map is computed; between, it is linear."""


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
    scale = np.asarray(shape.scale)
    for warp in shape.sinus_warps:
        _add_sinus(source, axes, points, head, warp, shape, scale)
    grid = _dense_grid(source, head, size)
    volume = torch.from_numpy(np.asarray(head.hu, dtype=np.float32))[None, None]
    warped = torch.nn.functional.grid_sample(
        volume + 1024, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    hu = warped[0, 0].numpy() - 1024
    labels = _warp_labels(head, grid, _label_range(source, head, size))
    _finish(hu, shape, rng)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lower
    return Head(np.round(hu).astype(np.int16), labels, affine, _warp_landmarks(head, shape), head.source)


def sinus_extent(head: Head, structure: Structure) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Centre and half-axes (x, y, z mm) of a lumen, as of an ellipsoid with the same second moments; None if absent."""
    found = box_of(head.labels, structure)
    if found is None:
        return None
    inside = np.argwhere(head.labels[found] == structure)[:, ::-1] + [s.start for s in found[::-1]]
    mm = inside @ head.affine[:3, :3].T + head.affine[:3, 3]
    return mm.mean(axis=0), np.sqrt(5 * mm.var(axis=0)) + 0.5


def _add_sinus(
    source: Points,
    axes: list[npt.NDArray[np.float64]],
    points: Points,
    head: Head,
    warp: SinusWarp,
    shape: HeadShape,
    scale: npt.NDArray[np.float64],
) -> None:
    extent = sinus_extent(head, warp.structure)
    if extent is None or all(f == 1 for f in warp.factors):
        return
    centre, half = extent
    factors = np.asarray(warp.factors)
    inwards = -1.0 if centre[0] > 0 else 1.0
    shares = np.asarray([warp.anchor_share[0] * inwards, warp.anchor_share[1], warp.anchor_share[2]])
    anchor = new_points([centre + shares * half], shape)[0]
    new_half = half * scale * factors
    new_centre = anchor - shares * new_half
    reach = new_half * 2.2
    box = tuple(
        slice(*np.searchsorted(axes[i], [new_centre[i] - reach[i], new_centre[i] + reach[i]])) for i in (2, 1, 0)
    )
    near = points[box]
    if near.size == 0:
        return
    radius = np.sqrt((((near - new_centre) / new_half) ** 2).sum(axis=-1))
    weight = 1 - smooth_step(radius, 1.1, 2.2)
    source[box] += ((near - anchor) * (1 / factors - 1) / scale * weight[..., None]).astype(np.float32)


def _dense_grid(source: Points, head: Head, size: npt.NDArray[np.int_]) -> torch.Tensor:
    """The backward map at every voxel, in the -1..1 coordinates of ``grid_sample``."""
    nz, ny, nx = head.hu.shape
    normalised = torch.empty((1, 3, *source.shape[:3]))
    for i, n in enumerate((nx, ny, nz)):
        index = (source[..., i] - np.float32(head.affine[i, 3])) / np.float32(head.affine[i, i])
        normalised[0, i] = torch.from_numpy(index * np.float32(2 / (n - 1)) - 1)
    new_size = (int(size[2]), int(size[1]), int(size[0]))
    dense = torch.nn.functional.interpolate(normalised, size=new_size, mode="trilinear", align_corners=True)
    return dense.permute(0, 2, 3, 4, 1)


def _label_range(source: Points, head: Head, size: npt.NDArray[np.int_]) -> tuple[slice, slice, slice]:
    """The part of the new grid whose source lies where the template has labels at all."""
    marked = head.labels > 0
    inside = np.ones(source.shape[:3], dtype=bool)
    for i in range(3):
        found = np.flatnonzero(marked.any(axis=tuple(a for a in range(3) if a != 2 - i)))
        if found.size == 0:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        low, high = (head.affine[i, 3] + head.affine[i, i] * float(k) for k in (found[0], found[-1]))
        inside &= (source[..., i] > low - 2 * COARSE_MM) & (source[..., i] < high + 2 * COARSE_MM)
    parts: list[slice] = []
    for axis, n in enumerate((int(size[2]), int(size[1]), int(size[0]))):
        nodes = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        step = (n - 1) / max(inside.shape[axis] - 1, 1)
        parts.append(slice(max(int((nodes[0] - 1) * step), 0), min(int((nodes[-1] + 1) * step) + 2, n)))
    return parts[0], parts[1], parts[2]


def _warp_labels(head: Head, grid: torch.Tensor, where: tuple[slice, slice, slice]) -> npt.NDArray[np.uint8]:
    labels = np.zeros(tuple(grid.shape[1:4]), dtype=np.uint8)
    if labels[where].size == 0:
        return labels
    volume = torch.from_numpy(head.labels.astype(np.float32))[None, None]
    part = grid[:, where[0], where[1], where[2]]
    found = torch.nn.functional.grid_sample(volume, part, mode="nearest", padding_mode="zeros", align_corners=True)
    labels[where] = found[0, 0].to(torch.uint8).numpy()
    return labels


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


def _finish(hu: npt.NDArray[np.float32], shape: HeadShape, rng: np.random.Generator | None) -> None:
    if shape.bone_density != 1:
        bone = hu > 150
        hu[bone] = 150 + (hu[bone] - 150) * np.float32(shape.bone_density)
    if rng is not None and shape.noise_hu > 0:
        # Drawn once and tiled: white noise of ten million voxels costs more than the warp itself.
        tile = rng.standard_normal(1 << 20, dtype=np.float32) * np.float32(shape.noise_hu)
        flat = hu.reshape(-1)
        for start in range(0, flat.size, tile.size):
            part = flat[start : start + tile.size]
            part += np.roll(tile, int(rng.integers(tile.size)))[: part.size] * (part > -900)
    np.clip(hu, -1024, 3071, out=hu)

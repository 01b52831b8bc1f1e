"""Line integrals of soft tissue and bone along a cone beam, by one sampling of the grid.

Pose, perspective and the grid's own spacing are one map from rays to indices, so the volume is read once, in place;
torch's ``grid_sample`` does the reading.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from sinustrainer.simulate.radiograph.geometry import FilmGeometry

SOFT_LIMIT_HU = 150.0
"""Up to here a voxel is soft tissue of its own density; above, a mixture with cortical bone."""
_MIX_FROM_HU = 60.0
CORTICAL_HU = 1600.0
"""CT number of ICRU cortical bone, 1.92 g/cm3, at the mean energy of a filtered 120 kVp beam (about 70 keV)."""
CORTICAL_DENSITY = 1.92
_PLANES_AT_ONCE, _ROWS_AT_ONCE = 24, 128
"""What is read together stays in the processor's cache."""
_LOWEST_HU, _HIGHEST_HU = -1000, 9000
_AIR_HU = -950


@dataclass(frozen=True, slots=True, eq=False)
class AreaDensity:
    """``[y, x]`` float32, g/cm2 of water-equivalent soft tissue and of cortical bone along each ray."""

    soft: npt.NDArray[np.float32]
    bone: npt.NDArray[np.float32]


def decompose(hu: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """``[2, z, y, x]`` g/cm3 of soft tissue and bone of whole HU; between 60 and 150 HU the two descriptions meet smoothly."""
    index = np.clip(hu, _LOWEST_HU, _HIGHEST_HU) - _LOWEST_HU
    density: npt.NDArray[np.float32] = np.take(_density_table(), index, axis=1)
    return density


@lru_cache(maxsize=1)
def _density_table() -> npt.NDArray[np.float32]:
    value = np.arange(_LOWEST_HU, _HIGHEST_HU + 1, dtype=np.float64)
    fraction = np.clip((value - _MIX_FROM_HU) / (CORTICAL_HU - _MIX_FROM_HU), 0, None)
    bone = fraction * np.clip((value - _MIX_FROM_HU) / (SOFT_LIMIT_HU - _MIX_FROM_HU), 0, 1)
    soft = np.clip(1 + value / 1000 - bone * (1 + CORTICAL_HU / 1000), 0, None)
    return np.stack([soft, CORTICAL_DENSITY * bone]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """Where the rays of a window of the detector cross the planes of a grid.

    Attributes
    ----------
    along
        Axis (x, y, z: 0, 1, 2) the central ray runs along most; the planes lie across it.
    across
        The other two, the faster first.
    first, slope
        ``[y, x, 2]`` indices along ``across`` in plane 0, and what each further plane adds.
    length_cm
        ``[y, x]`` path from plane to plane.
    """

    along: int
    across: tuple[int, int]
    first: torch.Tensor
    slope: torch.Tensor
    length_cm: npt.NDArray[np.float32]


def _rays(affine: npt.NDArray[np.float64], geometry: FilmGeometry, window: tuple[int, int, int, int]) -> _Rays:
    x0, y0, x1, y1 = window
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    to_index = np.linalg.inv(affine)
    origin = to_index[:3, :3] @ geometry.source + to_index[:3, 3]
    right, down, beam = (to_index[:3, :3] @ axis for axis in (geometry.right, geometry.down, geometry.beam))
    u = (np.arange(x0, x1) + 0.5 - geometry.centre[0]) * geometry.pixel_mm / geometry.source_detector_mm
    v = (np.arange(y0, y1) + 0.5 - geometry.centre[1]) * geometry.pixel_mm / geometry.source_detector_mm
    along = int(np.argmax(np.abs(beam * spacing)))
    low, high = (axis for axis in (0, 1, 2) if axis != along)
    components = [beam[axis] + v[:, None] * down[axis] + u[None, :] * right[axis] for axis in (0, 1, 2)]
    length_mm = np.sqrt(sum((c * s) ** 2 for c, s in zip(components, spacing, strict=True))) / np.abs(components[along])
    slope = np.stack([components[axis] / components[along] for axis in (low, high)], axis=-1)
    first = origin[[low, high]] - origin[along] * slope
    return _Rays(
        along, (low, high), torch.from_numpy(first.astype(np.float32)), torch.from_numpy(slope.astype(np.float32)),
        (length_mm / 10).astype(np.float32),
    )  # fmt: skip


def project(
    density: npt.NDArray[np.float32],
    affine: npt.NDArray[np.float64],
    geometry: FilmGeometry,
    *,
    window: tuple[int, int, int, int] | None = None,
) -> npt.NDArray[np.float32]:
    """Integrals of each channel along each ray, ``[c, y, x]`` in g/cm2 (Joseph, IEEE TMI 1982;1:192).

    The ray is read where it crosses each plane of voxels across the grid axis it runs along most; along such an axis the
    other two indices grow linearly from plane to plane.

    Parameters
    ----------
    density
        ``[c, z, y, x]`` g/cm3.
    affine
        Voxel-centre (x, y, z) to LPS mm.
    window
        ``x0, y0, x1, y1`` of the detector to project onto; the whole of it if None.
    """
    window = window if window is not None else (0, 0, geometry.columns, geometry.rows)
    if window[2] <= window[0] or window[3] <= window[1]:
        return np.zeros((density.shape[0], max(0, window[3] - window[1]), max(0, window[2] - window[0])), np.float32)
    rays = _rays(affine, geometry, window)
    low, high = rays.across
    # Shape as planes [k, c, b, a]: a is the faster of the two remaining axes.
    planes = torch.from_numpy(
        np.ascontiguousarray(density.transpose(3 - rays.along, 0, 3 - high, 3 - low), dtype=np.float32)
    )
    sums = torch.zeros((density.shape[0], *rays.slope.shape[:2]))
    with torch.inference_mode():
        for start in range(0, len(planes), _PLANES_AT_ONCE):
            first = torch.add(rays.first, rays.slope, alpha=start)
            _add_planes(sums, planes[start : start + _PLANES_AT_ONCE], first, rays.slope)
    integrals: npt.NDArray[np.float32] = sums.numpy() * rays.length_cm
    return integrals


def _add_planes(sums: torch.Tensor, planes: torch.Tensor, first: torch.Tensor, slope: torch.Tensor) -> None:
    """Add what each ray reads from planes ``[k, c, b, a]`` to ``[c, y, x]``; ``first``: indices in the first of them."""
    scale = torch.tensor([2 / planes.shape[3], 2 / planes.shape[2]])
    for row in range(0, first.shape[0], _ROWS_AT_ONCE):
        rows = slice(row, row + _ROWS_AT_ONCE)
        grid = torch.addcmul(scale / 2 - 1, first[rows], scale)
        step = slope[rows] * scale
        read = torch.zeros((planes.shape[1], *grid.shape[:2]))
        for k in range(planes.shape[0]):
            if k:
                grid += step
            read += functional.grid_sample(
                planes[k : k + 1], grid[None], mode="bilinear", padding_mode="zeros", align_corners=False
            )[0]
        sums[:, rows] += read


def project_hu(hu: npt.NDArray[np.int16], affine: npt.NDArray[np.float64], geometry: FilmGeometry) -> AreaDensity:
    """Soft tissue and bone of a CT volume on the film; air around the head is left out, thin as it is.

    Some planes at a time, each onto the part of the film that the tissue in it shades.
    """
    whole = (0, 0, geometry.columns, geometry.rows)
    rays = _rays(affine, geometry, whole)
    low, high = rays.across
    sums = torch.zeros((2, geometry.rows, geometry.columns))
    planes_first = hu.transpose(2 - rays.along, 2 - high, 2 - low)
    with torch.inference_mode():
        for start in range(0, planes_first.shape[0], _PLANES_AT_ONCE):
            part = planes_first[start : start + _PLANES_AT_ONCE]
            body = part.max(axis=0) > _AIR_HU
            b, a = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
            if b.size == 0:
                continue
            box = {rays.along: (start, start + len(part)), high: (b[0], b[-1] + 1), low: (a[0], a[-1] + 1)}
            corner = np.array([box[axis][0] for axis in (0, 1, 2)], dtype=np.float64)
            moved = affine.copy()
            moved[:3, 3] = affine[:3, :3] @ corner + affine[:3, 3]
            size = tuple(int(box[axis][1] - box[axis][0]) for axis in (2, 1, 0))
            x0, y0, x1, y1 = shadow_window(size, moved, geometry)
            if x1 <= x0 or y1 <= y0:
                continue
            density = _paired_density(part[:, b[0] : b[-1] + 1, a[0] : a[-1] + 1]).permute(0, 3, 1, 2).contiguous()
            shaded = slice(y0, y1), slice(x0, x1)
            first = torch.add(rays.first[shaded], rays.slope[shaded], alpha=start)
            first -= torch.tensor([float(a[0]), float(b[0])])
            _add_planes(sums[:, *shaded], density, first, rays.slope[shaded])
    soft, bone = sums.numpy() * rays.length_cm
    return AreaDensity(soft, bone)


def _paired_density(hu: npt.NDArray[np.int16]) -> torch.Tensor:
    """As ``decompose``, with soft tissue and bone side by side: ``[..., 2]``, in one reading of the table."""
    index = np.clip(hu, _LOWEST_HU, _HIGHEST_HU).astype(np.int32) - _LOWEST_HU
    return torch.from_numpy(_paired_table().take(index).view(np.float32).reshape(*hu.shape, 2))


@lru_cache(maxsize=1)
def _paired_table() -> npt.NDArray[np.float64]:
    """Two float32 as one item, so that one step of ``take`` fetches both."""
    return np.ascontiguousarray(_density_table().T).view(np.float64)[:, 0]


def project_difference(
    healthy_hu: npt.NDArray[np.int16],
    delta_hu: npt.NDArray[np.int16],
    first_voxel: tuple[int, int, int],
    affine: npt.NDArray[np.float64],
    geometry: FilmGeometry,
) -> tuple[tuple[int, int, int, int], AreaDensity]:
    """What a local change adds to each ray, and the part of the film it touches (``x0, y0, x1, y1``).

    Parameters
    ----------
    healthy_hu, delta_hu
        ``[z, y, x]`` of one box of the head: before, and what is added.
    first_voxel
        (z, y, x) index of the box in the head.
    """
    density = decompose(healthy_hu.astype(np.int32) + delta_hu) - decompose(healthy_hu)
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.array(first_voxel[::-1], dtype=np.float64) + affine[:3, 3]
    window = shadow_window(density.shape[1:], moved, geometry)
    soft, bone = project(density, moved, geometry, window=window)
    return window, AreaDensity(soft, bone)


def _corners(shape: tuple[int, ...] | list[int]) -> npt.NDArray[np.float64]:
    """Outer edges of the grid, (x, y, z) indices, ``[8, 3]``."""
    nz, ny, nx = shape
    return np.array([(x, y, z) for x in (-0.5, nx - 0.5) for y in (-0.5, ny - 0.5) for z in (-0.5, nz - 0.5)])


def shadow_window(
    shape: tuple[int, ...], affine: npt.NDArray[np.float64], geometry: FilmGeometry
) -> tuple[int, int, int, int]:
    """The detector's pixels that a grid's shadow may touch, ``x0, y0, x1, y1``."""
    points = geometry.project_point(_corners(shape) @ affine[:3, :3].T + affine[:3, 3])
    x0, y0 = np.floor(points.min(axis=0)).astype(int) - 1
    x1, y1 = np.ceil(points.max(axis=0)).astype(int) + 1
    return (
        int(np.clip(x0, 0, geometry.columns)),
        int(np.clip(y0, 0, geometry.rows)),
        int(np.clip(x1, 0, geometry.columns)),
        int(np.clip(y1, 0, geometry.rows)),
    )

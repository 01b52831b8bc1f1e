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
_PLANES_AT_ONCE = 6
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
    x0, y0, x1, y1 = window if window is not None else (0, 0, geometry.columns, geometry.rows)
    result = torch.zeros((density.shape[0], max(0, y1 - y0), max(0, x1 - x0)))
    if result.numel() == 0:
        empty: npt.NDArray[np.float32] = result.numpy()
        return empty
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    to_index = np.linalg.inv(affine)
    origin = to_index[:3, :3] @ geometry.source + to_index[:3, 3]
    right, down, beam = (to_index[:3, :3] @ axis for axis in (geometry.right, geometry.down, geometry.beam))
    u = (np.arange(x0, x1) + 0.5 - geometry.centre[0]) * geometry.pixel_mm / geometry.source_detector_mm
    v = (np.arange(y0, y1) + 0.5 - geometry.centre[1]) * geometry.pixel_mm / geometry.source_detector_mm
    direction = beam + v[:, None, None] * down + u[None, :, None] * right
    along = int(np.argmax(np.abs(beam * spacing)))  # x, y or z of the grid
    across = [axis for axis in (0, 1, 2) if axis != along]
    # Shape as planes [k, c, b, a]: a is the faster of the two remaining axes.
    planes = torch.from_numpy(
        np.ascontiguousarray(density.transpose(3 - along, 0, 3 - across[1], 3 - across[0]), dtype=np.float32)
    )
    half = np.array([planes.shape[3], planes.shape[2]]) / 2
    slope = direction[..., across] / direction[..., along : along + 1]
    length_cm = np.linalg.norm(direction * spacing, axis=-1) / np.abs(direction[..., along]) / 10
    slope_t = torch.from_numpy((slope / half).astype(np.float32))
    first = torch.from_numpy(((origin[across] + 0.5) / half - 1 - origin[along] * slope / half).astype(np.float32))
    with torch.inference_mode():
        grids = torch.empty((_PLANES_AT_ONCE, *slope_t.shape))
        for start in range(0, planes.shape[0], _PLANES_AT_ONCE):
            part = planes[start : start + _PLANES_AT_ONCE]
            grid = grids[: part.shape[0]]
            for k in range(part.shape[0]):
                torch.add(first, slope_t, alpha=start + k, out=grid[k])
            result += functional.grid_sample(
                part, grid, mode="bilinear", padding_mode="zeros", align_corners=False
            ).sum(dim=0)
    integrals: npt.NDArray[np.float32] = result.numpy() * length_cm.astype(np.float32)
    return integrals


def project_hu(hu: npt.NDArray[np.int16], affine: npt.NDArray[np.float64], geometry: FilmGeometry) -> AreaDensity:
    """Soft tissue and bone of a CT volume on the film; air around the head is left out, thin as it is."""
    body = hu > _AIR_HU
    spans = [np.flatnonzero(body.any(axis=tuple(i for i in range(3) if i != axis))) for axis in range(3)]
    if any(span.size == 0 for span in spans):
        empty = np.zeros((geometry.rows, geometry.columns), np.float32)
        return AreaDensity(empty, empty.copy())
    low = [int(span[0]) for span in spans]
    box = tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    density = decompose(hu[box])
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.array(low[::-1], dtype=np.float64) + affine[:3, 3]
    window = shadow_window(density.shape[1:], moved, geometry)
    x0, y0, x1, y1 = window
    whole = np.zeros((2, geometry.rows, geometry.columns), np.float32)
    whole[:, y0:y1, x0:x1] = project(density, moved, geometry, window=window)
    return AreaDensity(whole[0], whole[1])


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

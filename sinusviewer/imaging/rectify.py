"""Tilted, gapped and unevenly spaced stacks onto a regular grid, with padding kept out of every average."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.imaging.geometry import StackGeometry, stack_affine
from sinusviewer.jobs.runner import CancelToken

Hu = npt.NDArray[np.int16]

LARGEST_BRIDGED_GAP = 2.5
"""Neighbours farther apart than this many typical distances are not interpolated between: the gap stays empty."""
_MAX_GROWTH = 6
"""A regular grid may hold this many times the slices; beyond, a coarser one is taken."""


def rectify(
    voxels: Hu, geometry: StackGeometry, spacing_yx: tuple[float, float], padding: int, token: CancelToken | None = None
) -> tuple[Hu, npt.NDArray[np.float64], tuple[int | None, ...]]:
    """Resample a stack whose slices lie where ``geometry`` says.

    All slices are parallel, so tilt is a shift of each within its own plane: rows and columns keep their direction, and
    values are only ever mixed between neighbouring pixels (linear interpolation).

    Returns
    -------
    voxels
        ``[z, y, x]``, enlarged where the slices are shifted; ``padding`` where nothing was measured.
    affine
        Of the new grid: orthogonal axes along row, column and normal.
    source
        For each new slice the number of the nearest original one, None in an empty gap.
    """
    shift = np.stack([geometry.offsets[:, 1] / spacing_yx[0], geometry.offsets[:, 0] / spacing_yx[1]], axis=1)
    # Rounding in the header must not blur the slices of an untilted stack.
    if float(np.abs(shift - shift.mean(axis=0)).max()) < 0.1:
        shift = np.zeros_like(shift)
    low = np.floor(shift.min(axis=0)).astype(int)
    grow = np.ceil(shift.max(axis=0)).astype(int) - low
    heights = geometry.offsets[:, 2]
    targets, step = _regular_heights(heights, geometry)
    out = np.full((len(targets), voxels.shape[1] + grow[0], voxels.shape[2] + grow[1]), padding, np.int16)
    moved: dict[int, Hu] = {}
    source: list[int | None] = []
    for index, height in enumerate(targets):
        if token is not None:
            token.raise_if_cancelled()
        below, above, weight = _neighbours(heights, float(height), geometry)
        if below is None or above is None:
            source.append(None)
            continue
        for number in (below, above):
            if number not in moved:
                moved[number] = _moved(voxels[number], shift[number] - low, out.shape[1:], padding)
        for stale in [n for n in moved if n < below]:
            del moved[stale]
        out[index] = _blend(moved[below], moved[above], weight, padding)
        source.append(above if weight > 0.5 else below)
    origin = (
        geometry.origin
        + geometry.frame.row * (low[1] * spacing_yx[1])
        + geometry.frame.column * (low[0] * spacing_yx[0])
    )
    return out, stack_affine(geometry, spacing_yx, step, origin), tuple(source)


def _regular_heights(
    heights: npt.NDArray[np.float64], geometry: StackGeometry
) -> tuple[npt.NDArray[np.floating[Any]], float]:
    if not geometry.uneven:
        count = round(float(heights[-1]) / geometry.spacing_mm) + 1
        if count <= _MAX_GROWTH * len(heights):
            return np.arange(count) * (float(heights[-1]) / (count - 1)), float(heights[-1]) / (count - 1)
    smallest = min(b - a for a, b in itertools.pairwise(heights))
    step = max(float(smallest), geometry.spacing_mm / 4, float(heights[-1]) / (_MAX_GROWTH * len(heights)))
    count = int(float(heights[-1]) / step + 1e-6) + 1
    return np.arange(count) * step, step


def _neighbours(
    heights: npt.NDArray[np.float64], height: float, geometry: StackGeometry
) -> tuple[int | None, int | None, float]:
    """The slices below and above, and the weight of the one above; None, None within a gap."""
    typical = geometry.spacing_mm
    # In an even row a slice that lies where it should, but for rounding, is taken as it is.
    near = typical * (0.05 if geometry.uneven else 0.12)
    nearest = int(np.argmin(np.abs(heights - height)))
    if abs(float(heights[nearest]) - height) <= near:
        return nearest, nearest, 0.0
    above = int(np.searchsorted(heights, height))
    if above in (0, len(heights)):
        return None, None, 0.0
    distance = float(heights[above] - heights[above - 1])
    # A missing slice of an even row is not made up; between uneven slices, those not too far apart are joined.
    if distance > (LARGEST_BRIDGED_GAP if geometry.uneven else 1.5) * typical:
        return None, None, 0.0
    return above - 1, above, float((height - heights[above - 1]) / distance)


def _moved(plane: Hu, shift: npt.NDArray[np.float64], shape: tuple[int, ...], padding: int) -> Hu:
    """A plane shifted by ``(rows, columns)`` pixels, both at least 0, onto a larger canvas."""
    whole = np.floor(shift + 1e-9).astype(int)
    part = shift - whole
    part[np.abs(part) < 0.02] = 0.0
    part[part > 0.98] = 1.0
    result = plane
    for axis in (0, 1):
        result = _shift_axis(result, axis, int(whole[axis]), float(part[axis]), shape[axis], padding)
    return result


def _shift_axis(plane: Hu, axis: int, whole: int, part: float, length: int, padding: int) -> Hu:
    if part == 1.0:
        whole, part = whole + 1, 0.0
    shape = list(plane.shape)
    count, shape[axis] = shape[axis], length
    moved = np.full(shape, padding, np.int16)
    source = np.moveaxis(plane, axis, 0)
    target = np.moveaxis(moved, axis, 0)
    if part == 0.0:
        target[whole : whole + count] = source
    else:
        target[whole + 1 : whole + count] = _blend(source[1:], source[:-1], part, padding)
    return moved


def _blend(first: Hu, second: Hu, weight: float, padding: int) -> Hu:
    """``first * (1 - weight) + second * weight``, padding where either is padding."""
    if weight == 0.0:
        return first
    mixed = first.astype(np.float32)
    mixed *= 1 - weight
    mixed += second.astype(np.float32) * np.float32(weight)
    result: Hu = np.rint(mixed).astype(np.int16)
    result[(first == padding) | (second == padding)] = padding
    return result

"""Volumes turned and resampled: canonical axes, chosen spacing, slices in three planes. Padding stays out of every average."""

from dataclasses import replace
from enum import IntEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.geometry import canonical_axes, reoriented_affine
from sinusviewer.domain.image import Volume
from sinusviewer.errors import GeometryError

Array = npt.NDArray[Any]
Order = Literal[0, 1, 3]


class Plane(IntEnum):
    """Anatomical planes; the value is the axis of a canonical ``[z, y, x]`` array that is stepped through."""

    AXIAL = 0
    CORONAL = 1
    SAGITTAL = 2


def reorient_array(array: Array, affine: npt.NDArray[np.float64]) -> Array:
    """A view of ``[z, y, x]`` whose x runs to the patient's left, y to the back and z to the head (nearest axes)."""
    permutation, flips = canonical_axes(affine)
    turned: Array = array.transpose(permutation)
    view: Array = turned[tuple(slice(None, None, -1) if f else slice(None) for f in flips)]
    return view


def restore_array(array: Array, affine: npt.NDArray[np.float64]) -> Array:
    """The inverse of ``reorient_array`` for the volume whose original affine is given: back onto its own grid."""
    permutation, flips = canonical_axes(affine)
    turned = array[tuple(slice(None, None, -1) if f else slice(None) for f in flips)]
    restored: Array = turned.transpose(tuple(int(i) for i in np.argsort(permutation)))
    return restored


def canonical(volume: Volume) -> Volume:
    """The volume in canonical axes, as views of the same voxels; slice UIDs follow only where slices stay slices."""
    permutation, flips = canonical_axes(volume.affine)
    if permutation == (0, 1, 2) and not any(flips):
        return volume
    voxels = reorient_array(volume.voxels, volume.affine)
    affine = reoriented_affine(volume.affine, volume.voxels.shape, permutation, flips)
    uids: tuple[str, ...] = ()
    if permutation[0] == 0:
        uids = volume.sop_instance_uids[::-1] if flips[0] else volume.sop_instance_uids
    return replace(volume, voxels=voxels.astype(np.int16, copy=False), affine=affine, sop_instance_uids=uids)


def plane_slice(volume: Volume, plane: Plane, index: int) -> Array:
    """One slice of a CANONICAL volume as a view, rows from the top as radiologists hang it.

    Axial: front on top, patient's right on the left. Coronal and sagittal: head on top; coronal with the patient's right on
    the left, sagittal with the front on the left.
    """
    view: Array = volume.voxels[index] if plane is Plane.AXIAL else volume.voxels
    if plane is Plane.CORONAL:
        view = volume.voxels[::-1, index, :]
    elif plane is Plane.SAGITTAL:
        view = volume.voxels[::-1, :, index]
    return view


def plane_spacing(volume: Volume, plane: Plane) -> tuple[float, float]:
    """(row, column) mm of ``plane_slice`` of a canonical volume."""
    z, y, x = volume.spacing
    return {Plane.AXIAL: (y, x), Plane.CORONAL: (z, x), Plane.SAGITTAL: (z, y)}[plane]


def resample_array(
    array: Array, spacing: tuple[float, float, float], new_spacing: tuple[float, float, float], *, order: Order = 1,
    padding: int | None = None, new_shape: tuple[int, int, int] | None = None,
) -> Array:  # fmt: skip
    """Resample ``[z, y, x]`` to another spacing with voxel EDGES aligned (as image resizing does).

    Parameters
    ----------
    order
        0 for label maps, 1 linear, 3 cubic.
    padding
        Value that is no measurement: a result that any of it would enter is padding too.
    new_shape
        Output shape; the nearest whole number of voxels where None.

    Raises
    ------
    GeometryError
        If a spacing is not positive.
    """
    if min(spacing) <= 0 or min(new_spacing) <= 0:
        raise GeometryError(f"Spacing must be positive; got {spacing} and {new_spacing} mm.")
    shape = new_shape or resampled_shape(array.shape, spacing, new_spacing)
    if shape == array.shape and np.allclose(spacing, new_spacing, rtol=1e-6):
        return array
    matrix = np.array([new_spacing[i] / spacing[i] for i in range(3)])
    offset = (matrix - 1) / 2
    if padding is None or order == 0:
        return np.asarray(_affine_transform(array, matrix, offset, shape, order))
    mask = array == padding
    if not mask.any():
        return np.asarray(_affine_transform(array, matrix, offset, shape, order))
    from scipy import ndimage  # here: it takes a third of a second, and hanging a volume does not need it

    # Padding takes its neighbours' values before averaging, and its own place again after.
    nearest = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    result = _affine_transform(array[tuple(nearest)], matrix, offset, shape, order)
    share = _affine_transform(mask.astype(np.float32), matrix, offset, shape, 1)
    result[share > 0.5] = padding
    return np.asarray(result)


def _affine_transform(
    array: Array, matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64], shape: tuple[int, ...], order: Order
) -> Array:
    from scipy import ndimage

    whole = array.dtype.kind in "iu" and order > 0
    source = array.astype(np.float32) if whole or array.dtype == np.float16 else array
    result = ndimage.affine_transform(source, matrix, offset, output_shape=shape, order=order, mode="nearest")
    if whole:
        limits = np.iinfo(array.dtype)
        return np.asarray(np.clip(np.rint(result), limits.min, limits.max).astype(array.dtype))
    return np.asarray(result)


def resampled_shape(
    shape: tuple[int, ...], spacing: tuple[float, float, float], new_spacing: tuple[float, float, float]
) -> tuple[int, int, int]:
    """The nearest whole number of voxels of the new spacing, at least 1."""
    z, y, x = (max(1, round(shape[i] * spacing[i] / new_spacing[i])) for i in range(3))
    return z, y, x

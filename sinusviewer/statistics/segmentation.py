"""Overlap and surface distance of two masks, by MedPy's definitions.

A border voxel is a mask voxel with a face neighbour outside the mask (beyond the image is outside). Distances run from
each border voxel to the nearest border voxel of the other mask, in mm, both directions pooled.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from sinusviewer.errors import InputError
from sinusviewer.statistics.arrays import BoolArray, FloatArray

Mask = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances between two borders in mm; all ``None`` where a mask is empty.

    Attributes
    ----------
    hausdorff_95
        95th percentile of the pooled distances.
    assd
        Average symmetric surface distance: mean of the pooled distances.
    """

    hausdorff: float | None
    hausdorff_95: float | None
    assd: float | None


def dice(truth: Mask, predicted: Mask) -> float:
    """Dice coefficient 2|A∩B| / (|A| + |B|); 1 where both masks are empty."""
    a, b = _masks(truth, predicted)
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def iou(truth: Mask, predicted: Mask) -> float:
    """Intersection over union; 1 where both masks are empty."""
    a, b = _masks(truth, predicted)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def surface_distances(truth: Mask, predicted: Mask, spacing: tuple[float, ...]) -> SurfaceDistances:
    """Measure border distances.

    Parameters
    ----------
    spacing
        Voxel size in mm, in array order (z, y, x).
    """
    a, b = _masks(truth, predicted)
    if len(spacing) != a.ndim or not all(np.isfinite(s) and s > 0.0 for s in spacing):
        raise InputError(f"Spacing must hold {a.ndim} positive lengths in mm, got {spacing}.")
    if not bool(a.any()) or not bool(b.any()):
        return SurfaceDistances(None, None, None)
    size = np.asarray(spacing, dtype=np.float64)
    border_a, border_b = _border(a) * size, _border(b) * size
    pooled = np.concatenate([cKDTree(border_b).query(border_a)[0], cKDTree(border_a).query(border_b)[0]])
    return SurfaceDistances(float(pooled.max()), float(np.percentile(pooled, 95.0)), float(pooled.mean()))


def hausdorff_95(truth: Mask, predicted: Mask, spacing: tuple[float, ...]) -> float | None:
    """95th percentile of the pooled border distances in mm; ``None`` where a mask is empty."""
    return surface_distances(truth, predicted, spacing).hausdorff_95


def assd(truth: Mask, predicted: Mask, spacing: tuple[float, ...]) -> float | None:
    """Average symmetric surface distance in mm; ``None`` where a mask is empty."""
    return surface_distances(truth, predicted, spacing).assd


def _masks(truth: Mask, predicted: Mask) -> tuple[BoolArray, BoolArray]:
    a, b = np.asarray(truth).astype(np.bool_), np.asarray(predicted).astype(np.bool_)
    if a.shape != b.shape:
        raise InputError(f"Two masks of one image must have one shape, got {a.shape} and {b.shape}.")
    return a, b


def _border(mask: BoolArray) -> FloatArray:
    """Indices of the border voxels ``[voxel, axis]``; only the mask's own box is eroded, which changes nothing."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inner = mask[box]
    edge = inner & ~ndimage.binary_erosion(inner)
    corner = np.array([part.start for part in box], dtype=np.float64)
    return np.argwhere(edge) + corner

"""Grad-CAM without gradients, for networks that end in global average pooling and one linear layer.

There, the gradient of the class score by feature k is the class weight of k over the number of cells, everywhere: Grad-CAM
(Selvaraju 2017) is the class weights applied to the last convolutional features, then ReLU.
"""

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import Volume
from sinusviewer.errors import InferenceError
from sinusviewer.imaging.preprocess_ct import AxialStack, SinusBox, axis_weights

FloatArray = npt.NDArray[np.float32]
METHOD = "Grad-CAM"
BOX_METHOD = "HiResCAM"
_COARSEST_MM = 1.5


def grad_cam(features: npt.NDArray[np.floating], class_weights: npt.ArrayLike) -> FloatArray:
    """Heat ``[..., h, w]``, not scaled, of features ``[..., c, h, w]``.

    Raises
    ------
    InferenceError
        Where the number of weights is not that of the features.
    """
    weights = np.asarray(class_weights, dtype=np.float64)
    if features.ndim < 3 or weights.shape != (features.shape[-3],):
        raise InferenceError(f"Features of shape {features.shape} do not fit {weights.shape} class weights.")
    cells = features.shape[-1] * features.shape[-2]
    heat = np.einsum("...chw,c->...hw", features.astype(np.float64), weights / cells)
    return np.asarray(np.maximum(heat, 0), dtype=np.float32)


def to_unit_range(heat: FloatArray) -> FloatArray:
    """Heat over its maximum (of all slices together, so that they can be compared); all 0 stays 0."""
    top = float(heat.max()) if heat.size else 0.0
    return heat / np.float32(top) if top > 0 else heat


def enlarge(heat: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Bilinear enlargement of ``[h, w]`` to ``(rows, columns)``, edges aligned, the border held."""
    rows, columns = (_held(axis_weights(n, 0.0, n / m, m)) for n, m in zip(heat.shape, size, strict=True))
    return np.asarray(rows @ heat @ columns.T, dtype=np.float32)


def heat_on_volume(
    heat: FloatArray, slices: npt.NDArray[np.intp], stack: AxialStack, shape: tuple[int, int, int]
) -> FloatArray:
    """Heat of some slices ``[n, h, w]`` on the canonical volume ``[z, y, x]``: between slices it is interpolated.

    Beyond the first and the last slice read, and outside the grid, it is 0.
    """
    size = stack.hu.shape[1]
    result = np.zeros(shape, dtype=np.float32)
    if len(slices) == 0:
        return result
    rows = axis_weights(size, -stack.start[0] / stack.step[0], 1 / stack.step[0], shape[1])
    columns = axis_weights(size, -stack.start[1] / stack.step[1], 1 / stack.step[1], shape[2])
    planes = [rows @ enlarge(h, (size, size)) @ columns.T for h in heat]
    for (a, first), (b, second) in zip(
        zip(slices, planes, strict=True), zip(slices[1:], planes[1:], strict=True), strict=False
    ):
        for z in range(int(a), int(b)):
            share = np.float32((z - a) / (b - a))
            result[z] = (1 - share) * first + share * second
    result[int(slices[-1])] = planes[-1]
    return result


def enlarge_box(heat: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Linear enlargement of ``[d, h, w]``, edges aligned, the border held."""
    result = heat
    for axis in range(3):
        weights = _held(axis_weights(heat.shape[axis], 0.0, heat.shape[axis] / shape[axis], shape[axis]))
        result = np.moveaxis(np.tensordot(weights, result, axes=(1, axis)), 0, axis)
    return np.asarray(result, dtype=np.float32)


def box_heat_on_volume(heat: FloatArray, box: SinusBox, canonical: Volume) -> FloatArray:
    """Heat of a box's cells ``[d, h, w]`` over a canonical volume, in voxels of about 1.5 mm; 0 beyond the box."""
    result = heat
    for axis in range(3):
        whole = canonical.voxels.shape[axis]
        count = min(whole, max(1, round(whole * canonical.spacing[axis] / _COARSEST_MM)))
        cell = box.step[axis] * box.hu.shape[axis] / heat.shape[axis]
        first, step = -box.start[axis] / cell, whole / count / cell
        weights = axis_weights(heat.shape[axis], first, step, count)
        centres = first + (np.arange(count) + 0.5) * step
        within = (centres > 0) & (centres < heat.shape[axis])
        weights = np.where(within[:, None], weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6), 0)
        result = np.moveaxis(np.tensordot(weights.astype(np.float32), result, axes=(1, axis)), 0, axis)
    return np.asarray(result, dtype=np.float32)


def share_inside(heat: FloatArray, mask: npt.NDArray[np.bool_]) -> float | None:
    """Share of all heat that lies inside a mask of the same shape; None where there is no heat."""
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else None


def _held(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)

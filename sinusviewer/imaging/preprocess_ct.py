"""CT for networks: the only preprocessing of volumes there is. Training imports it, reading imports it, cards name it.

Axial stacks (Hua 2022, section 2.3: soft-tissue and bone windows to 8 bit) keep the volume's own slices and bring each onto
one in-plane grid placed by the head's front and middle. Boxes (He 2023) bring the sinuses onto one 3-D grid. Both run along
the volume's own axes, canonically ordered, so every step is separable and its inverse exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import Volume
from sinusviewer.errors import GeometryError, InferenceError
from sinusviewer.imaging.resample import canonical
from sinusviewer.jobs.runner import CancelToken

AXIAL = "ct_axial_v1"
BOX = "ct_box_v1"
AIR_HU = -1024
_BODY_HU = -400
_FACE_DEPTH_MM = 80.0
_SMALLEST_SLICE_MM2 = 3000.0

FloatArray = npt.NDArray[np.float32]
Windows = tuple[tuple[float, float], ...]
"""(center, width) in HU, one channel each."""
_Settings = TypeVar("_Settings", "AxialPreprocessing", "BoxPreprocessing")


@dataclass(frozen=True, slots=True)
class AxialPreprocessing:
    """How axial slices become a network's input; the card keeps it word for word.

    Attributes
    ----------
    spacing_mm, size
        In-plane grid: a square of ``size`` pixels.
    front_mm
        Air kept in front of the face.
    context_mm
        Heights of neighbouring slices that are channels too (0 is the slice itself); positive towards the head.
    rectangle
        True: outside the bounding rectangle of the sinus region all is 0 (Hua 2022); ``rectangle_margin_mm`` widens it.
    each_window_alone
        True: one window at a time is one channel, and the network is run once per window.
    """

    name: str = AXIAL
    spacing_mm: float = 1.0
    size: int = 160
    front_mm: float = 8.0
    windows: Windows = ((40.0, 350.0), (300.0, 2000.0))
    context_mm: tuple[float, ...] = (0.0,)
    rectangle: bool = False
    rectangle_margin_mm: float = 3.0
    each_window_alone: bool = False

    @property
    def channels(self) -> int:
        return (1 if self.each_window_alone else len(self.windows)) * len(self.context_mm)


@dataclass(frozen=True, slots=True)
class BoxPreprocessing:
    """How the sinuses become a 3-D network's input: a box of ``shape`` (z, y, x) voxels about the sinus region's middle."""

    name: str = BOX
    spacing_mm: float = 1.6
    shape: tuple[int, int, int] = (64, 80, 80)
    windows: Windows = ((40.0, 350.0), (300.0, 2000.0))

    @property
    def channels(self) -> int:
        return len(self.windows)


def settings_from_card(kind: type[_Settings], parameters: Mapping[str, Any]) -> _Settings:
    """Read a card's ``input.preprocessing``.

    Raises
    ------
    InferenceError
        Where the card names another preprocessing or a parameter this version does not have.
    """
    content = {key: _as_tuples(value) for key, value in parameters.items()}
    try:
        result = kind(**content)
    except TypeError as error:
        raise InferenceError(f"The model's preprocessing has a parameter that is not known: {error}.") from error
    if result.name != kind().name:
        raise InferenceError(
            f"The model wants the preprocessing “{result.name}”, which this version does not have.",
            "Update SinusViewer or install a model made for it.",
        )
    return result


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(v) for v in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True, eq=False)
class AxialStack:
    """All slices of a canonical volume on the in-plane grid.

    Attributes
    ----------
    hu
        ``[z, size, size]`` int16, slices of the canonical volume from feet to head.
    start
        Upper-left edge of the grid in the canonical volume, (y, x) voxels.
    step
        Voxels of the canonical volume per pixel, (y, x).
    slice_mm
        Distance of slices.
    affine
        Pixel-centre index ``(x, y, z, 1)`` to LPS mm.
    """

    hu: npt.NDArray[np.int16]
    start: tuple[float, float]
    step: tuple[float, float]
    slice_mm: float
    affine: npt.NDArray[np.float64]


def axial_stack(volume: Volume, settings: AxialPreprocessing, token: CancelToken | None = None) -> AxialStack:
    """Bring every slice onto the in-plane grid (area averages, so that nothing aliases).

    Raises
    ------
    GeometryError
        Where no head is found.
    """
    turned = canonical(volume)
    front, middle = head_front(turned)
    z_mm, y_mm, x_mm = turned.spacing
    step = (settings.spacing_mm / y_mm, settings.spacing_mm / x_mm)
    start = (front - settings.front_mm / y_mm, middle - settings.size / 2 * step[1])
    hu = turned.voxels
    plane = np.empty((hu.shape[0], settings.size, settings.size), dtype=np.int16)
    rows = axis_weights(hu.shape[1], start[0], step[0], settings.size)
    columns = axis_weights(hu.shape[2], start[1], step[1], settings.size)
    used_rows, used_columns = _used(rows), _used(columns)
    rows, columns = rows[:, used_rows], columns[:, used_columns]
    outside = 1 - rows.sum(axis=1)[:, None] * columns.sum(axis=1)[None]
    for index in range(hu.shape[0]):
        if token is not None:
            token.raise_if_cancelled()
        part = _unpadded(hu[index, used_rows, used_columns], turned.padding_hu).astype(np.float32)
        plane[index] = np.rint(rows @ part @ columns.T + outside * AIR_HU)
    return AxialStack(plane, start, step, z_mm, _grid_affine(turned.affine, (0.0, *start), (1.0, *step)))


def labels_on_stack(labels: npt.NDArray[np.uint8], stack: AxialStack) -> npt.NDArray[np.uint8]:
    """Labels on the canonical volume's grid, on the stack's (nearest; 0 outside)."""
    size = stack.hu.shape[1]
    rows, row_inside = _nearest(labels.shape[1], stack.start[0], stack.step[0], size)
    columns, column_inside = _nearest(labels.shape[2], stack.start[1], stack.step[1], size)
    result = labels[:, rows][:, :, columns]
    return np.where(row_inside[:, None] & column_inside[None], result, np.uint8(0))


def axial_input(
    stack: AxialStack,
    index: int,
    settings: AxialPreprocessing,
    *,
    region: npt.NDArray[np.bool_] | None = None,
    window: int | None = None,
) -> FloatArray:
    """One slice as ``[channels, size, size]``, windows 0-1 in 256 steps.

    Parameters
    ----------
    region
        ``[size, size]`` sinus region of this slice, for the rectangle; None keeps the whole slice.
    window
        Which window, where each is alone.
    """
    slices = [neighbour(stack, index, offset) for offset in settings.context_mm]
    windows = settings.windows if window is None else (settings.windows[window],)
    channels = np.stack([to_eight_bits(hu, w) for hu in slices for w in windows])
    if settings.rectangle and region is not None:
        channels = channels * bounding_rectangle(region, round(settings.rectangle_margin_mm / settings.spacing_mm))
    return channels.astype(np.float32)


def neighbour(stack: AxialStack, index: int, offset_mm: float) -> FloatArray:
    """The slice ``offset_mm`` above, interpolated; the last slice beyond the end."""
    position = min(max(index + offset_mm / stack.slice_mm, 0.0), stack.hu.shape[0] - 1.0)
    low = int(position)
    weight = position - low
    if weight < 1e-6:
        return np.asarray(stack.hu[low], dtype=np.float32)
    mixed = (1 - weight) * stack.hu[low].astype(np.float32) + weight * stack.hu[low + 1].astype(np.float32)
    return np.asarray(mixed, dtype=np.float32)


def to_eight_bits(hu: npt.NDArray[Any], window: tuple[float, float]) -> FloatArray:
    """A window as 0-1 in 256 steps, as the papers' PNG files held it."""
    center, width = window
    unit = np.clip((np.asarray(hu, dtype=np.float32) - np.float32(center - width / 2)) / np.float32(width), 0, 1)
    return np.asarray(np.rint(unit * np.float32(255)) / np.float32(255), dtype=np.float32)


def bounding_rectangle(region: npt.NDArray[np.bool_], margin: int) -> FloatArray:
    """1 within the region's bounding rectangle widened by ``margin`` pixels, 0 outside; all 0 for an empty region."""
    result = np.zeros(region.shape, dtype=np.float32)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if rows.size:
        result[
            max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, columns[0] - margin) : columns[-1] + margin + 1
        ] = 1
    return result


_DENSE_HU = -300


def lesion_shares(stack: AxialStack, labels: npt.NDArray[np.uint8]) -> FloatArray:
    """Share of each slice's sinus lumen that holds no air, its outermost pixel left out (walls blur); 0 without lumen.

    Parameters
    ----------
    labels
        ``[z, size, size]`` Structure codes on the stack; codes 1-10 are sinuses.
    """
    sinus = (labels > 0) & (labels <= 10)
    inner = sinus.copy()
    inner[:, 1:] &= sinus[:, :-1]
    inner[:, :-1] &= sinus[:, 1:]
    inner[:, :, 1:] &= sinus[:, :, :-1]
    inner[:, :, :-1] &= sinus[:, :, 1:]
    count = inner.sum(axis=(1, 2))
    dense = (inner & (stack.hu > _DENSE_HU)).sum(axis=(1, 2))
    return np.asarray(np.where(count >= 20, dense / np.maximum(count, 1), 0), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SinusBox:
    """The sinuses on the 3-D grid: ``hu [z, y, x]``, and where it lies in the canonical volume (voxel edges)."""

    hu: npt.NDArray[np.int16]
    start: tuple[float, float, float]
    step: tuple[float, float, float]
    affine: npt.NDArray[np.float64]


def box_center(labels: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    """Middle of the bounding box of all sinus labels on the canonical grid, (z, y, x) voxel edges.

    Raises
    ------
    GeometryError
        Where there is no label.
    """
    by_slice = np.array([np.count_nonzero(plane) for plane in labels])
    held = np.flatnonzero(by_slice)
    if held.size == 0:
        raise GeometryError("No sinus was found on this CT.", "Is it a CT of the sinuses?")
    occupied = labels[held[0] : held[-1] + 1] > 0
    center: list[float] = []
    for counts in (by_slice, np.count_nonzero(occupied, axis=(0, 2)), np.count_nonzero(occupied, axis=(0, 1))):
        # the outermost 0.2 % are left out: a stray voxel must not move the box
        share = np.cumsum(counts) / counts.sum()
        low, high = int(np.searchsorted(share, 0.002)), int(np.searchsorted(share, 0.998))
        center.append((low + high + 1) / 2)
    return center[0], center[1], center[2]


def sinus_box(
    volume: Volume, center: tuple[float, float, float], settings: BoxPreprocessing, *, margin: int = 0
) -> SinusBox:
    """Sample a box about ``center`` of the canonical volume, ``margin`` voxels larger on each side (for training)."""
    turned = canonical(volume)
    array = turned.voxels
    count = [n + 2 * margin for n in settings.shape]
    step = [settings.spacing_mm / mm for mm in turned.spacing]
    start = [c - n / 2 * s for c, n, s in zip(center, count, step, strict=True)]
    weights = [axis_weights(array.shape[i], start[i], step[i], count[i]) for i in range(3)]
    used = [_used(w) for w in weights]
    result = _unpadded(array[tuple(used)], turned.padding_hu).astype(np.float32) - AIR_HU  # outside is air, now 0
    for axis in range(3):
        result = np.moveaxis(np.tensordot(weights[axis][:, used[axis]], result, axes=(1, axis)), 0, axis)
    hu = np.rint(result + AIR_HU).astype(np.int16)
    origin, steps = (start[0], start[1], start[2]), (step[0], step[1], step[2])
    return SinusBox(hu, origin, steps, _grid_affine(turned.affine, origin, steps))


def labels_in_box(labels: npt.NDArray[np.uint8], box: SinusBox) -> npt.NDArray[np.uint8]:
    """Labels on the canonical grid, in the box (nearest; 0 outside)."""
    result = labels
    for axis in range(3):
        index, inside = _nearest(labels.shape[axis], box.start[axis], box.step[axis], box.hu.shape[axis])
        result = np.take(result, index, axis=axis)
        result = result * inside.astype(np.uint8).reshape([-1 if i == axis else 1 for i in range(3)])
    return result


def box_input(hu: npt.NDArray[np.int16], settings: BoxPreprocessing) -> FloatArray:
    """A box as ``[channels, z, y, x]``, windows 0-1 in 256 steps."""
    return np.stack([to_eight_bits(hu, window) for window in settings.windows]).astype(np.float32)


def head_front(volume: Volume) -> tuple[float, float]:
    """Where the head's front (y) and middle (x) lie in a canonical volume, in voxel edges.

    Raises
    ------
    GeometryError
        Where no slice holds anything the size of a head.
    """
    z_mm, y_mm, x_mm = volume.spacing
    skip = (max(1, round(4 / z_mm)), max(1, round(2 / y_mm)), max(1, round(2 / x_mm)))
    coarse = volume.voxels[:: skip[0], :: skip[1], :: skip[2]]
    body = coarse > _BODY_HU
    if volume.padding_hu is not None:
        body &= coarse != volume.padding_hu
    pixel_mm2 = y_mm * skip[1] * x_mm * skip[2]
    fronts: list[float] = []
    middles: list[float] = []
    depth = max(1, round(_FACE_DEPTH_MM / (y_mm * skip[1])))
    for mask in body:
        if mask.sum() * pixel_mm2 < _SMALLEST_SLICE_MM2:
            continue
        rows = np.flatnonzero(mask.sum(axis=1) >= 3)
        if rows.size == 0:
            continue
        columns = np.flatnonzero(mask[rows[0] : rows[0] + depth].sum(axis=0) >= 3)
        if columns.size:
            fronts.append(float(rows[0]))
            middles.append((float(columns[0]) + float(columns[-1]) + 1) / 2)
    if not fronts:
        raise GeometryError("No head was found on this CT.", "Is it a CT of the head or the sinuses?")
    return float(np.percentile(fronts, 10)) * skip[1], float(np.median(middles)) * skip[2]


def axis_weights(count_in: int, start: float, step: float, count_out: int) -> FloatArray:
    """Weights ``[out, in]`` that average ``max(1, step)`` voxels about each output centre (linear where ``step`` <= 1)."""
    centers = start + (np.arange(count_out) + 0.5) * step
    half = max(1.0, step) / 2
    low = np.maximum((centers - half)[:, None], np.arange(count_in)[None])
    high = np.minimum((centers + half)[:, None], np.arange(1, count_in + 1)[None])
    return np.asarray(np.clip(high - low, 0, None) / (2 * half), dtype=np.float32)


def _grid_affine(
    affine: npt.NDArray[np.float64], start: tuple[float, ...], step: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Affine of a grid whose first voxel begins at edge ``start`` (z, y, x) of the canonical volume."""
    index = np.eye(4)
    for axis in range(3):
        index[axis, axis] = step[2 - axis]
        index[axis, 3] = start[2 - axis] + step[2 - axis] / 2 - 0.5
    return np.asarray(affine @ index, dtype=np.float64)


def _used(weights: FloatArray) -> slice:
    found = np.flatnonzero(weights.any(axis=0))
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)


def _nearest(
    count_in: int, start: float, step: float, count_out: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    position = np.floor(start + (np.arange(count_out) + 0.5) * step).astype(np.intp)
    inside = (position >= 0) & (position < count_in)
    return np.clip(position, 0, count_in - 1), np.asarray(inside)


def _unpadded(voxels: npt.NDArray[np.int16], padding_hu: int | None) -> npt.NDArray[np.int16]:
    """Voxels with padding, and whatever lies below air, as air."""
    held = np.maximum(voxels, np.int16(AIR_HU))
    if padding_hu is not None:
        held[voxels == padding_hu] = AIR_HU
    return held

"""The brush's work on a label map, in the plane a reader paints in: strokes, fills, growing and shrinking of a slice.

``Canvas`` turns the volume and its labels into a plane as views of the same memory, so that painting on coronal or sagittal
slices changes the one label map.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.display import Plane
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import HU_LIMITS, Box, Brush, BrushMode, Labels
from sinusviewer.domain.planes import hung_array

FILL_REACH_MM = 40.0
"""How far from the click a fill may run: through an ostium it would run through the whole nose."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """One plane of a volume and its labels ``[slice, row, column]``, both views; spacing in the same order, mm."""

    hu: npt.NDArray[np.int16]
    labels: Labels
    spacing: tuple[float, float, float]
    to_array: npt.NDArray[np.float64]
    """``(column, row, slice, 1)`` of the plane to ``(x, y, z, 1)`` of the array."""

    def array_box(self, box: Box) -> Box:
        """A box of the plane as a box of the label map itself."""
        corners = [[low, high - 1] for low, high in box]
        ends = np.array([[c, r, s, 1.0] for s in corners[0] for r in corners[1] for c in corners[2]]).T
        at = np.rint(self.to_array @ ends)[:3].astype(int)
        z, y, x = ((int(at[axis].min()), int(at[axis].max()) + 1) for axis in (2, 1, 0))
        return z, y, x


def canvas(volume: Volume, labels: Labels, plane: Plane) -> Canvas:
    """The plane to paint in."""
    hu, affine = hung_array(volume.voxels, volume.affine, plane)
    hung, _ = hung_array(labels, volume.affine, plane)
    spacing = tuple(float(np.linalg.norm(affine[:3, axis])) for axis in (2, 1, 0))
    to_array = np.linalg.inv(volume.affine) @ affine
    return Canvas(hu, hung, (spacing[0], spacing[1], spacing[2]), to_array)  # type: ignore[arg-type]


def stroke_box(canvas: Canvas, brush: Brush, index: int, start: Point, end: Point) -> Box | None:
    """The voxels of the plane that a stroke may touch; None outside the image. Points are (column, row) centres."""
    s_mm, r_mm, c_mm = canvas.spacing
    reach = int(brush.radius_mm / s_mm) if brush.ball else 0
    box = []
    for low, high, margin, size in (
        (index, index, reach, canvas.labels.shape[0]),
        (min(start[1], end[1]), max(start[1], end[1]), brush.radius_mm / r_mm, canvas.labels.shape[1]),
        (min(start[0], end[0]), max(start[0], end[0]), brush.radius_mm / c_mm, canvas.labels.shape[2]),
    ):
        first, last = max(int(np.floor(low - margin)), 0), min(int(np.ceil(high + margin)) + 1, size)
        if first >= last:
            return None
        box.append((first, last))
    return box[0], box[1], box[2]


def stroke(canvas: Canvas, brush: Brush, index: int, start: Point, end: Point, box: Box) -> bool:
    """Paint or erase along a line, in place; True if anything changed.

    The brush is a disc in the slice, or a ball, drawn from ``start`` to ``end``: every voxel whose centre is within the
    radius of the line. A radius smaller than a voxel still takes the voxel under the mouse.
    """
    (s0, s1), (r0, r1), (c0, c1) = box
    s_mm, r_mm, c_mm = canvas.spacing
    row = (np.arange(r0, r1) * r_mm)[:, np.newaxis]
    column = (np.arange(c0, c1) * c_mm)[np.newaxis]
    y0, x0, y1, x1 = start[1] * r_mm, start[0] * c_mm, end[1] * r_mm, end[0] * c_mm
    dy, dx = y1 - y0, x1 - x0
    length = dy * dy + dx * dx
    along = np.clip(((row - y0) * dy + (column - x0) * dx) / length, 0, 1) if length > 0 else np.zeros((1, 1))
    distance = (row - y0 - along * dy) ** 2 + (column - x0 - along * dx) ** 2
    off = ((np.arange(s0, s1) - index) * s_mm) ** 2
    least = 0.51 * max(r_mm, c_mm)  # under the mouse there is always a voxel
    inside = distance[np.newaxis] + off[:, np.newaxis, np.newaxis] <= max(brush.radius_mm, least) ** 2
    return _put(canvas, brush, (slice(s0, s1), slice(r0, r1), slice(c0, c1)), inside)


def _put(canvas: Canvas, brush: Brush, where: tuple[slice, ...], inside: npt.NDArray[np.bool_]) -> bool:
    """Write the brush's code where it may be written."""
    labels = canvas.labels[where]
    code = int(brush.structure)
    low, high = HU_LIMITS[brush.hu]
    hu = canvas.hu[where]
    chosen = inside & (hu >= low) & (hu <= high)
    if brush.mode is BrushMode.ERASE:
        chosen &= labels == code
        code = int(Structure.BACKGROUND)
    else:
        chosen &= labels != code
        if brush.protect_others:
            chosen &= labels == Structure.BACKGROUND
    if not chosen.any():
        return False
    labels[chosen] = code
    return True


def fill_box(canvas: Canvas, brush: Brush, index: int, at: Point) -> Box | None:
    """The voxels of the plane that a fill may touch: within reach of the click, in its slice or also through slices."""
    wide = Brush(radius_mm=FILL_REACH_MM, ball=brush.ball)
    return stroke_box(canvas, wide, index, at, at)


def fill(canvas: Canvas, brush: Brush, index: int, at: Point, box: Box) -> bool:
    """Fill what hangs together with the voxel under the mouse and lies in the brush's range of HU, in place.

    It stops at the range, at other structures where those are protected, and `FILL_REACH_MM` from the click. Without a
    range it fills holes of the structure: background enclosed by it in the slice.
    """
    (s0, s1), (r0, r1), (c0, c1) = box
    seed = round(at[1]) - r0, round(at[0]) - c0
    where = (slice(s0, s1), slice(r0, r1), slice(c0, c1))
    labels, hu = canvas.labels[where], canvas.hu[where]
    low, high = HU_LIMITS[brush.hu]
    own = labels == int(brush.structure)
    if not (0 <= seed[0] < labels.shape[1] and 0 <= seed[1] < labels.shape[2]):
        return False
    if (low, high) == HU_LIMITS[type(brush.hu).ANY]:
        inside = np.stack([ndimage.binary_fill_holes(plane) for plane in own]) & ~own
        return _put(canvas, brush, where, inside)
    open_to = (hu >= low) & (hu <= high)
    if brush.protect_others:
        open_to &= own | (labels == Structure.BACKGROUND)
    parts, _ = ndimage.label(open_to)
    number = int(parts[index - s0, seed[0], seed[1]])
    if number == 0:
        return False
    return _put(canvas, brush, where, parts == number)


def step_slice(canvas: Canvas, brush: Brush, index: int, step: int) -> bool:
    """Grow (+1) or shrink (-1) the structure by one voxel in one slice, or clear it there (0), in place."""
    plane = canvas.labels[index]
    own = plane == int(brush.structure)
    if not own.any():
        return False
    where = (slice(index, index + 1), slice(None), slice(None))
    if step > 0:
        painting = Brush(brush.structure, BrushMode.PAINT, hu=brush.hu, protect_others=brush.protect_others)
        return _put(canvas, painting, where, ndimage.binary_dilation(own)[np.newaxis])
    rim = own & ~ndimage.binary_erosion(own, border_value=1) if step < 0 else own
    return _put(canvas, Brush(brush.structure, BrushMode.ERASE), where, rim[np.newaxis])

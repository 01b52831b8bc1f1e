"""Where slices lie: normals, positions along them, and the faults a stack of slices can have (PS3.3 C.7.6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sinusviewer.errors import GeometryError

Vector = npt.NDArray[np.float64]

ORTHOGONAL_TOLERANCE = 1e-3
"""Largest cosine between row and column that is rounding and no fault."""
CORRECTABLE_SKEW = 0.1
"""Largest cosine that is still turned into a right angle (about 6 degrees); beyond it the orientation is refused."""
DUPLICATE_MM = 0.01
TILT_TOLERANCE_DEG = 0.2
SPACING_TOLERANCE = 0.05
"""Departure of a slice from an even row that is no fault (share of the slice distance)."""
ROUNDING_MM = 0.06
"""Departure that rounding positions to 0.1 mm explains."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """An orthonormal image frame: unit vectors along a row (x), down a column (y) and the normal (z), LPS."""

    row: Vector
    column: Vector
    normal: Vector
    corrected: bool = False
    """True where row and column were not at right angles and have been made so."""


@lru_cache(maxsize=512)
def image_frame(orientation: tuple[float, ...]) -> Frame:
    """The frame of an ImageOrientationPatient, made orthonormal.

    Raises
    ------
    GeometryError
        If the two directions are missing, parallel or far from a right angle.
    """
    row, column = np.asarray(orientation[:3], dtype=np.float64), np.asarray(orientation[3:6], dtype=np.float64)
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not all(np.isfinite(lengths)) or min(lengths) < 1e-6:
        raise GeometryError("The image's orientation is not usable: a direction has no length.")
    row, column = row / lengths[0], column / lengths[1]
    skew = abs(float(row @ column))
    if skew > CORRECTABLE_SKEW:
        raise GeometryError(
            f"The image's rows and columns are not at right angles (off by {np.degrees(np.arcsin(min(skew, 1))):.1f} degrees)."
        )
    if skew > 1e-12:
        # Share the error between both directions (symmetric orthonormalisation).
        middle, difference = row + column, row - column
        middle, difference = middle / np.linalg.norm(middle), difference / np.linalg.norm(difference)
        row, column = (middle + difference) / np.sqrt(2), (middle - difference) / np.sqrt(2)
    off_length = max(abs(length - 1) for length in lengths)
    normal = np.cross(row, column)
    for vector in (row, column, normal):
        vector.setflags(write=False)  # the frame is shared by all slices of one orientation
    return Frame(row, column, normal, skew > ORTHOGONAL_TOLERANCE or off_length > 0.01)


@dataclass(frozen=True, slots=True, eq=False)
class StackGeometry:
    """How a set of slices with one orientation lies in space.

    Attributes
    ----------
    order
        Indices of the given slices, sorted along the normal, duplicates removed.
    offsets
        ``[slice, 3]`` mm of each ordered slice's origin from the first one: along row, column and normal.
    spacing_mm
        Typical distance of neighbours along the normal; 0 for a single slice.
    """

    frame: Frame
    origin: Vector
    order: tuple[int, ...]
    offsets: npt.NDArray[np.float64]
    spacing_mm: float
    duplicates: int
    missing: int
    uneven: bool
    tilt_deg: float

    @property
    def regular(self) -> bool:
        return not self.uneven and not self.missing and abs(self.tilt_deg) <= TILT_TOLERANCE_DEG


def stack_geometry(orientation: Sequence[float], positions: Sequence[Sequence[float]]) -> StackGeometry:
    """Sort slices along the normal and find tilt, gaps, duplicates and uneven spacing.

    Parameters
    ----------
    orientation
        ImageOrientationPatient shared by the slices.
    positions
        ImagePositionPatient of each slice.

    Raises
    ------
    GeometryError
        If the orientation is not usable.
    """
    frame = image_frame(tuple(orientation))
    points = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    along = points @ frame.normal
    order = np.argsort(along, kind="stable")
    keep = np.ones(len(order), dtype=bool)
    keep[1:] = np.diff(along[order]) > DUPLICATE_MM
    duplicates = int(np.count_nonzero(~keep))
    order = order[keep]
    origin = points[order[0]]
    relative = points[order] - origin
    offsets = relative @ np.stack([frame.row, frame.column, frame.normal], axis=1)
    spacing, missing, uneven = _spacing_faults(offsets[:, 2])
    return StackGeometry(
        frame, origin, tuple(int(i) for i in order), offsets, spacing, duplicates, missing, uneven, _tilt_deg(offsets)
    )


def _spacing_faults(heights: npt.NDArray[np.float64]) -> tuple[float, int, bool]:
    """(slice distance in mm, how many slices are missing from an even row, whether the row is uneven)."""
    distances = np.diff(heights)
    if not len(distances):
        return 0.0, 0, False
    typical = float(np.median(distances))
    # Positions are often rounded to 0.1 mm, so the distance is their mean over all ordinary steps, not any one of them.
    ordinary = distances[np.abs(distances - typical) <= 0.3 * typical]
    steps = max(1, round(float(heights[-1]) / float(ordinary.mean())))
    numbers = np.rint(heights * (steps / float(heights[-1])))
    spacing, start = (float(v) for v in np.polyfit(numbers, heights, 1))
    off = np.abs(heights - (start + numbers * spacing))
    tolerance = max(SPACING_TOLERANCE * spacing, min(ROUNDING_MM, 0.1 * spacing))
    if np.any(off > tolerance) or np.any(np.diff(numbers) < 1):
        return typical, 0, True
    return spacing, steps - len(distances), False


def _tilt_deg(offsets: npt.NDArray[np.float64]) -> float:
    """Signed angle by which the stack leans from its normal; the larger of the row and column components has the sign."""
    if len(offsets) < 2 or offsets[-1, 2] <= 0:
        return 0.0
    # A line through the origins: robust against one slice that is out of place.
    x, y = (float(np.polyfit(offsets[:, 2], offsets[:, i], 1)[0]) for i in (0, 1))
    lean = float(np.degrees(np.arctan(np.hypot(x, y))))
    return lean if (y if abs(y) >= abs(x) else x) >= 0 else -lean


def stack_affine(
    geometry: StackGeometry, spacing_yx: Sequence[float], spacing_z: float, origin: Vector | None = None
) -> npt.NDArray[np.float64]:
    """Affine of voxel-centre index ``(x, y, z, 1)`` to LPS mm."""
    affine = np.eye(4)
    affine[:3, 0] = geometry.frame.row * spacing_yx[1]
    affine[:3, 1] = geometry.frame.column * spacing_yx[0]
    affine[:3, 2] = geometry.frame.normal * spacing_z
    affine[:3, 3] = geometry.origin if origin is None else origin
    return affine

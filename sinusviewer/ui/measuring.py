"""Lengths, angles and region statistics of marks made by hand; pure functions of points and pixels."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.display import Measurement, Tool
from sinusviewer.domain.image import SpacingKind

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Of the pixels whose centres lie inside a region."""

    count: int
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    area: float
    """mm² where the spacing is known, else pixels."""


def length(a: Point, b: Point, spacing: tuple[float, float] | None) -> float:
    """Distance in mm, or in pixels where there is no spacing."""
    rows, columns = spacing if spacing else (1.0, 1.0)
    return math.hypot((b[0] - a[0]) * columns, (b[1] - a[1]) * rows)


def angle(first: Point, vertex: Point, last: Point, spacing: tuple[float, float] | None) -> float:
    """Angle at ``vertex``, degrees, 0-180, measured in true proportions."""
    rows, columns = spacing if spacing else (1.0, 1.0)
    a = np.array([(first[0] - vertex[0]) * columns, (first[1] - vertex[1]) * rows])
    b = np.array([(last[0] - vertex[0]) * columns, (last[1] - vertex[1]) * rows])
    if not a.any() or not b.any():
        return 0.0
    return math.degrees(math.atan2(abs(a[0] * b[1] - a[1] * b[0]), float(a @ b)))


def region_statistics(
    pixels: npt.NDArray[np.generic],
    kind: Tool,
    corner: Point,
    opposite: Point,
    spacing: tuple[float, float] | None,
    padding: npt.NDArray[np.bool_] | None = None,
) -> RegionStatistics | None:
    """Statistics inside the rectangle or the ellipse between two corners; padding stays out. None if it is empty."""
    x0, x1 = sorted((corner[0], opposite[0]))
    y0, y1 = sorted((corner[1], opposite[1]))
    left, right = max(math.ceil(x0 - 0.5), 0), min(math.floor(x1 - 0.5) + 1, pixels.shape[1])
    top, bottom = max(math.ceil(y0 - 0.5), 0), min(math.floor(y1 - 0.5) + 1, pixels.shape[0])
    if pixels.ndim != 2 or right <= left or bottom <= top:
        return None
    inside = np.ones((bottom - top, right - left), bool)
    if kind is Tool.ELLIPSE:
        x = (np.arange(left, right) + 0.5 - (x0 + x1) / 2) / max((x1 - x0) / 2, 1e-9)
        y = (np.arange(top, bottom) + 0.5 - (y0 + y1) / 2) / max((y1 - y0) / 2, 1e-9)
        inside = x[np.newaxis] ** 2 + y[:, np.newaxis] ** 2 <= 1
    if padding is not None:
        inside = inside & ~padding[top:bottom, left:right]
    values = pixels[top:bottom, left:right][inside].astype(np.float64)
    if not values.size:
        return None
    rows, columns = spacing if spacing else (1.0, 1.0)
    return RegionStatistics(
        int(values.size), float(values.mean()), float(values.std()), float(values.min()), float(values.max()),
        float(values.size * rows * columns),
    )  # fmt: skip


def length_unit(spacing: tuple[float, float] | None, kind: SpacingKind) -> str:
    """Millimetres only where the spacing is the patient's."""
    if spacing is None or kind is SpacingKind.NONE:
        return "px"
    return "mm at detector" if kind is SpacingKind.DETECTOR else "mm"


def measurement_text(
    measurement: Measurement,
    pixels: npt.NDArray[np.generic],
    spacing: tuple[float, float] | None,
    kind: SpacingKind,
    value_unit: str,
    padding: npt.NDArray[np.bool_] | None = None,
) -> str:
    """What stands beside a mark."""
    return _words(measurement, pixels, spacing, kind, value_unit, padding).replace("-", "−")


def _words(
    measurement: Measurement,
    pixels: npt.NDArray[np.generic],
    spacing: tuple[float, float] | None,
    kind: SpacingKind,
    value_unit: str,
    padding: npt.NDArray[np.bool_] | None,
) -> str:
    if kind is SpacingKind.NONE:
        spacing = None
    unit = length_unit(spacing, kind)
    points = measurement.points
    match measurement.kind:
        case Tool.LENGTH:
            return f"{length(points[0], points[1], spacing):.1f} {unit}"
        case Tool.ANGLE if len(points) == 3:
            return f"{angle(points[0], points[1], points[2], spacing):.1f}°"
        case Tool.ELLIPSE | Tool.RECTANGLE:
            found = region_statistics(pixels, measurement.kind, points[0], points[1], spacing, padding)
            if found is None:
                return ""
            area = (
                f"{found.area:.0f} px" if spacing is None else f"{found.area / 100:.2f} {unit.replace('mm', 'cm²', 1)}"
            )
            return (
                f"mean {found.mean:.0f} {value_unit}".rstrip() + f", SD {found.standard_deviation:.0f}\n"
                f"{found.minimum:.0f} to {found.maximum:.0f}, {area}"
            )
        case Tool.PROBE:
            text = value_at(pixels, points[0], value_unit)
            return text or ""
    return ""


def value_at(pixels: npt.NDArray[np.generic], point: Point, unit: str) -> str:
    """The value of the pixel under a point, or nothing outside the image."""
    x, y = math.floor(point[0]), math.floor(point[1])
    if not (0 <= y < pixels.shape[0] and 0 <= x < pixels.shape[1]):
        return ""
    value = pixels[y, x]
    if pixels.ndim == 3:
        return "RGB " + " ".join(str(int(v)) for v in np.asarray(value)[:3])
    number = float(value)
    return (
        f"{number:.0f} {unit}".rstrip() if abs(number) >= 10 or number.is_integer() else f"{number:.2f} {unit}".rstrip()
    )

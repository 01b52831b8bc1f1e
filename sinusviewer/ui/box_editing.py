"""Taking hold of boxes and changing them; pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sinusviewer.domain.film_turns import side_of_box
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import Radiograph
from sinusviewer.session import ImageMarks
from sinusviewer.ui.view_geometry import Matrix, to_screen

__all__ = ["Grip", "ImageMarks", "grip_at", "moved", "ordered"]

Box = tuple[float, float, float, float]
SMALLEST = 4.0
"""Image pixels: no sinus is smaller, and a box without an inside can neither be seen nor taught from."""


@dataclass(frozen=True, slots=True)
class Grip:
    """What of a box the mouse holds: -1/+1 its low/high edge in x and y, 0 neither; both 0 is the whole box."""

    identifier: str
    x: int
    y: int


def ordered(a: tuple[float, float], b: tuple[float, float], shape: tuple[int, ...]) -> Box:
    """The box between two points, inside the image."""
    xs = sorted(min(max(v, 0.0), float(shape[1])) for v in (a[0], b[0]))
    ys = sorted(min(max(v, 0.0), float(shape[0])) for v in (a[1], b[1]))
    return xs[0], ys[0], xs[1], ys[1]


def grip_at(boxes: Sequence[Detection], matrix: Matrix, at: tuple[float, float], reach: float) -> Grip | None:
    """The edge, corner or border of the topmost box within ``reach`` screen pixels; the inside of a box is free."""
    for box in reversed(boxes):
        x0, y0, x1, y1 = box.xyxy
        corners = np.array([to_screen(matrix, (x, y)) for x, y in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))])
        low, high = corners.min(axis=0) - reach, corners.max(axis=0) + reach
        here = np.array(at)
        if (here < low).any() or (here > high).any():
            continue
        # Work in image coordinates, so that flips and turns need no thought.
        inverse = np.linalg.inv(matrix[:2, :2])
        px, py = inverse @ (here - matrix[:2, 2])
        reach_x = reach * float(np.hypot(*inverse[0]))
        reach_y = reach * float(np.hypot(*inverse[1]))
        on_x = -1 if abs(px - x0) <= reach_x else (1 if abs(px - x1) <= reach_x else 0)
        on_y = -1 if abs(py - y0) <= reach_y else (1 if abs(py - y1) <= reach_y else 0)
        if on_x or on_y:
            return Grip(box.identifier, on_x, on_y)
        if x0 <= px <= x1 and y0 <= py <= y1:
            return Grip(box.identifier, 0, 0)
    return None


def is_box(xyxy: Box) -> bool:
    """Whether there is anything inside."""
    return min(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]) >= SMALLEST


def moved(
    box: Detection,
    grip: Grip,
    by: tuple[float, float],
    shape: tuple[int, ...],
    film: Radiograph | None,
    face_box: Box | None = None,
) -> Detection:
    """The box after its grip was dragged; an AI box keeps its original and becomes edited.

    A box that is moved over the midline is on the other side from then on. One that was dragged to nothing stays as it was.
    """
    x0, y0, x1, y1 = box.xyxy
    if grip.x == 0 and grip.y == 0:
        dx = min(max(by[0], -x0), shape[1] - x1)
        dy = min(max(by[1], -y0), shape[0] - y1)
        xyxy = (x0 + dx, y0 + dy, x1 + dx, y1 + dy)
    else:
        xyxy = ordered(
            (x0 + by[0] * (grip.x == -1), y0 + by[1] * (grip.y == -1)),
            (x1 + by[0] * (grip.x == 1), y1 + by[1] * (grip.y == 1)),
            shape,
        )
    if not is_box(xyxy):
        return box
    side = box.side
    if film is not None:
        before, after = (side_of_box(film, where, face_box) for where in (box.xyxy, xyxy))
        side = box.side if before == after else after
    first = box.original_side or box.side
    other = first if box.author is Author.AI and side != first else None
    original = box.original_xyxy or (box.xyxy if box.author is Author.AI else None)
    status = FindingStatus.EDITED if box.author is Author.AI else box.status
    return replace(box, xyxy=xyxy, side=side, original_xyxy=original, original_side=other, status=status)

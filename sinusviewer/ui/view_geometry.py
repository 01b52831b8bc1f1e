"""From image pixels to the screen and back, and what that says about sides; pure functions, no Qt.

Image coordinates are pixel EDGES ``(x, y)`` (column, row) of the hung image; screen coordinates are logical pixels of the
view, x right, y down.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.display import ViewState
from sinusviewer.domain.geometry import direction_letters
from sinusviewer.domain.image import Radiograph

Matrix = npt.NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class EdgeLetters:
    """Orientation letters at the four edges of a view; empty where nothing proves them."""

    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


def pixel_aspect(spacing: tuple[float, float] | None) -> float:
    """Height of a pixel relative to its width."""
    return spacing[0] / spacing[1] if spacing and spacing[1] > 0 else 1.0


def fit_zoom(shape: tuple[int, int], aspect: float, turns: int, size: Point, margin: float = 0.0) -> float:
    """Screen pixels per column at which the whole image of ``(rows, columns)`` fits ``(width, height)``."""
    width, height = float(shape[1]), shape[0] * aspect
    if turns % 2:
        width, height = height, width
    return max(min((size[0] - 2 * margin) / max(width, 1.0), (size[1] - 2 * margin) / max(height, 1.0)), 1e-3)


def display_matrix(state: ViewState, shape: tuple[int, int], aspect: float, size: Point) -> Matrix:
    """The live 3 x 3 transform from image to screen: centre, scale, flip, quarter turns clockwise, move."""
    zoom = state.zoom if state.zoom is not None else fit_zoom(shape, aspect, state.quarter_turns, size)
    center = state.center if state.center is not None else (shape[1] / 2, shape[0] / 2)
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[state.quarter_turns % 4]
    flip = -1.0 if state.flipped else 1.0
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([flip * zoom, zoom * aspect])
    result = np.eye(3)
    result[:2, :2] = linear
    result[:2, 2] = np.array([size[0] / 2, size[1] / 2]) - linear @ np.asarray(center, dtype=np.float64)
    return result


def to_screen(matrix: Matrix, point: Point) -> Point:
    x, y, _ = matrix @ np.array([point[0], point[1], 1.0])
    return float(x), float(y)


def to_image(matrix: Matrix, point: Point) -> Point:
    x, y = np.linalg.solve(matrix[:2, :2], np.array(point, dtype=np.float64) - matrix[:2, 2])
    return float(x), float(y)


def film_directions(film: Radiograph) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """LPS directions of a radiograph's columns (to the right) and rows (down); None where unverified."""
    if film.patient_right_is_image_left is None:
        return None
    to_left = 1.0 if film.patient_right_is_image_left else -1.0
    column, row = np.array([to_left, 0.0, 0.0]), np.array([0.0, 0.0, 1.0 if film.upside_down else -1.0])
    for _ in range(
        film.upright_turns
    ):  # known of the upright image: the stored one's column runs down once it is turned
        column, row = row, -column
    return column, row


def edge_letters(
    matrix: Matrix, directions: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None
) -> EdgeLetters:
    """Letters at the edges through the live transform.

    Parameters
    ----------
    directions
        LPS vectors, mm, of one column to the right and one row down in the image; None gives no letters.
    """
    if directions is None:
        return EdgeLetters()
    column, row = directions
    inverse = np.linalg.inv(matrix[:2, :2])

    def letters(x: float, y: float) -> str:
        along = inverse @ np.array([x, y])
        return direction_letters(along[0] * column + along[1] * row)

    return EdgeLetters(letters(-1, 0), letters(1, 0), letters(0, -1), letters(0, 1))


def zoomed_about(
    state: ViewState, factor: float, at: Point, shape: tuple[int, int], aspect: float, size: Point
) -> tuple[float, Point]:
    """Zoom and centre after scaling by ``factor`` with the image point under ``at`` (screen) held still."""
    matrix = display_matrix(state, shape, aspect, size)
    old_zoom = state.zoom if state.zoom is not None else fit_zoom(shape, aspect, state.quarter_turns, size)
    zoom = min(max(old_zoom * factor, 0.02), 64.0)
    fixed = to_image(matrix, at)
    middle = to_image(matrix, (size[0] / 2, size[1] / 2))
    share = old_zoom / zoom
    return zoom, (fixed[0] + (middle[0] - fixed[0]) * share, fixed[1] + (middle[1] - fixed[1]) * share)


def panned(state: ViewState, by: Point, shape: tuple[int, int], aspect: float, size: Point) -> Point:
    """Centre after dragging the image by ``by`` screen pixels."""
    matrix = display_matrix(state, shape, aspect, size)
    return to_image(matrix, (size[0] / 2 - by[0], size[1] / 2 - by[1]))


def scale_bar(pixels_per_unit: float, longest: float) -> tuple[float, float]:
    """A round length (1, 2, 5 x 10^n units) and its size on screen, at most ``longest`` screen pixels."""
    if pixels_per_unit <= 0 or longest <= 0:
        return 0.0, 0.0
    units = longest / pixels_per_unit
    power = 10.0 ** math.floor(math.log10(units))
    length = next(step * power for step in (5, 2, 1) if step * power <= units * (1 + 1e-9))
    return length, length * pixels_per_unit


def flipped_on_screen(state: ViewState) -> tuple[bool, int]:
    """``flipped, quarter_turns`` after mirroring what is on screen left to right, however it is turned."""
    return not state.flipped, (-state.quarter_turns) % 4

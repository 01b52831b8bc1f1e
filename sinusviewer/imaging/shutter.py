"""Blank borders of a film: what the collimator kept dark, flat to the last pixel. For display only; no network sees this.

A border is a strip along an edge of the film in which nothing can be seen: every row (or column) of it has one value, and it
ends in a step, as a collimator's blade does. Anatomy, a marker or burned-in text ends it. What is saturated without a step
is left alone: it may be anatomy too dense to show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import Radiograph

_FLAT = 0.015
"""Of the film's range; a marker of lead differs from the collimator by twice as much in what was looked at."""
_STEP = 0.15
"""Within two blocks: dense shoulders fade more slowly."""
_SHARE_OF_STEP = 0.5
_DEEPEST = 0.45
_SMALLEST_FIELD = 0.25
_BLOCKS = 512
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Border:
    """One strip ``xyxy`` in pixel edges of the stored film, and the value that fills it."""

    xyxy: tuple[float, float, float, float]
    value: float


def blank_borders(film: Radiograph) -> tuple[Border, ...]:
    """The strips along the edges of a film that show nothing; none where the file has padding or a shutter of its own."""
    if film.is_color or film.padding is not None or min(film.pixels.shape[:2]) < 64:
        return ()
    rows, columns = film.pixels.shape[:2]
    step = max(1, min(rows, columns) // _BLOCKS)
    pixels: npt.NDArray[Any] = film.pixels
    low, high = (float(v) for v in np.percentile(pixels[:: 4 * step, :: 4 * step], (1, 99)))
    span = high - low
    if span <= 0:
        return ()
    # Rows first, then columns between them: strips that meet in a corner share it with the rows.
    top, over = _strip(pixels, step, span)
    bottom, under = _strip(pixels[::-1], step, span)
    between = pixels[top : rows - bottom].T
    left, before = _strip(between, step, span)
    right, after = _strip(between[::-1], step, span)
    if (rows - top - bottom) * (columns - left - right) < _SMALLEST_FIELD * rows * columns:
        return ()
    found = (
        (top, (0, 0, columns, top), over),
        (bottom, (0, rows - bottom, columns, rows), under),
        (left, (0, top, left, rows - bottom), before),
        (right, (columns - right, top, columns, rows - bottom), after),
    )
    return tuple(
        Border((float(box[0]), float(box[1]), float(box[2]), float(box[3])), value)
        for depth, box, value in found
        if depth
    )


def _strip(pixels: npt.NDArray[Any], step: int, span: float) -> tuple[int, float]:
    """How many rows from the first on are blank, ended by a step, and their value; 0 rows where there is no such strip.

    Looks no further in than it must, for most films have no such strip.
    """
    deepest = int(len(pixels) * _DEEPEST) // step
    level, depth = 0.0, 0
    for first in range(0, deepest, _AT_ONCE):
        part = _block_means(pixels[first * step : (first + _AT_ONCE) * step], step)
        level = float(np.median(part[0])) if first == 0 else level
        flat = np.abs(part - level).max(axis=1) <= _FLAT * span
        if not flat.all():
            depth = first + int(np.argmin(flat))
            break
    if depth == 0:  # not blank at its edge, or blank too far in to be a border
        return 0, level
    beyond = _block_means(pixels[(depth + 1) * step : (depth + 2) * step], step)[0]
    stepped = float(np.mean(np.abs(beyond - level) > _STEP * span))
    return (depth * step if stepped >= _SHARE_OF_STEP else 0), level


def _block_means(pixels: npt.NDArray[Any], step: int) -> npt.NDArray[np.float32]:
    """Means of ``step`` x ``step`` pixels: noise falls, a stroke of a letter stays."""
    rows, columns = pixels.shape[0] // step * step, pixels.shape[1] // step * step
    total = np.zeros((rows // step, columns // step), np.float32)
    for y in range(step):
        for x in range(step):
            total += pixels[y:rows:step, x:columns:step]
    total /= np.float32(step * step)
    return total

"""Blank borders of a film: what the collimator kept dark, flat to the last pixel. For display only; no network sees this.

A border is a strip along an edge of the film in which nothing can be seen: every row (or column) of it has one value, and it
ends in a step, as a collimator's blade does. Anatomy, a marker or burned-in text ends it. What is saturated without a step
is left alone: it may be anatomy too dense to show.
"""

from dataclasses import dataclass

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
    pixels = film.pixels
    low, high = (float(v) for v in np.percentile(pixels[:: 4 * step, :: 4 * step], (1, 99)))
    span = high - low
    outermost_ones = (pixels[:step], pixels[-step:], pixels[:, :step], pixels[:, -step:])
    if span <= 0 or not any(_is_flat(_block_means(part, step), span) for part in outermost_ones):
        return ()  # most films: nothing but their edges was looked at
    means = _block_means(pixels, step)
    # Rows first, then columns between them: strips that meet in a corner share it with the rows.
    top, bottom = _strip(means, span), _strip(means[::-1], span)
    inner = means[top : len(means) - bottom].T
    left, right = _strip(inner, span), _strip(inner[::-1], span)
    field_rows, field_columns = len(means) - top - bottom, means.shape[1] - left - right
    if field_rows * field_columns < _SMALLEST_FIELD * means.size:
        return ()
    y0, x0 = top * step, left * step
    # Blocks that are cut off at the far edges belong to the strips there.
    y1 = rows if not bottom else (len(means) - bottom) * step
    x1 = columns if not right else (means.shape[1] - right) * step
    found = (
        (top, (0, 0, columns, y0), means[0]),
        (bottom, (0, y1, columns, rows), means[-1]),
        (left, (0, y0, x0, y1), inner[0]),
        (right, (x1, y0, columns, y1), inner[-1]),
    )
    return tuple(
        Border((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(np.median(outermost)))
        for depth, box, outermost in found
        if depth
    )


def _block_means(pixels: npt.NDArray[np.generic], step: int) -> npt.NDArray[np.float32]:
    """Means of ``step`` x ``step`` pixels: noise falls, a stroke of a letter stays."""
    rows, columns = pixels.shape[0] // step * step, pixels.shape[1] // step * step
    total = np.zeros((rows // step, columns // step), np.float32)
    for y in range(step):
        for x in range(step):
            total += pixels[y:rows:step, x:columns:step]
    return total / np.float32(step * step)


def _is_flat(values: npt.NDArray[np.float32], span: float) -> bool:
    return bool(np.ptp(values) <= 2 * _FLAT * span)


def _strip(rows: npt.NDArray[np.float32], span: float) -> int:
    """How many rows from the first on are blank, ended by a step; 0 where there is no such strip."""
    deepest = int(len(rows) * _DEEPEST)
    part = rows[:deepest]
    level = float(np.median(part[0]))
    flat = np.abs(part - level).max(axis=1) <= _FLAT * span
    depth = deepest if flat.all() else int(np.argmin(flat))
    if depth == 0 or depth == deepest:
        return 0
    beyond = rows[min(depth + 1, len(rows) - 1)]
    stepped = float(np.mean(np.abs(beyond - level) > _STEP * span))
    return depth if stepped >= _SHARE_OF_STEP else 0

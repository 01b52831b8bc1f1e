"""Numbers beside their places on a nomogram's axes: inside the drawing, beside each other, shorter where there is no room."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from sinusviewer.ui.panels.nomogram_geometry import NomogramGeometry
from sinusviewer.ui.panels.tones import Tones


@dataclass(frozen=True, slots=True)
class Note:
    """A number that stands beside a place on an axis; ``texts`` from the longest wording to the shortest."""

    x: float
    texts: tuple[str, ...]
    color: QColor


def paint_notes(
    painter: QPainter,
    geometry: NomogramGeometry,
    tones: Tones,
    y: float,
    notes: list[Note],
    *,
    from_x: float = 0.0,
) -> None:
    """One note above ``y``, or two beside each other, on grounds of their own so that no line crosses them."""
    metrics, height = painter.fontMetrics(), geometry.font_height
    low, high = max(geometry.rect.left() + 2, from_x + height * 0.4), geometry.rect.right() - 2
    gap = height * 0.55
    wordings = [[note.texts[min(level, len(note.texts) - 1)] for note in notes] for level in range(3)]
    for texts in wordings:
        widths = [float(metrics.horizontalAdvance(text)) for text in texts]
        # A single note needs its marker beside it, or would hide it.
        room = high - low - (height if len(notes) == 1 else 0.0)
        if sum(widths) + gap * (len(notes) - 1) <= room:
            break
    places = note_places([note.x for note in notes], widths, gap, (low, high))
    for note, text, left, width in zip(notes, texts, places, widths, strict=True):
        place = QRectF(left - 2, y - height * 1.05, width + 4, height * 0.95)
        painter.fillRect(place, QColor(tones.field))
        painter.setPen(note.color)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


def note_places(at: list[float], widths: list[float], gap: float, limits: tuple[float, float]) -> list[float]:
    """Left ends of one note to the right of its place, or of two: the left one before its place, the right one behind.

    Notes stay within ``limits`` and never overlap, as long as there is room for them at all.
    """
    low, high = limits
    if len(at) == 1:
        left = at[0] + gap
        if left + widths[0] > high:
            left = at[0] - gap - widths[0]
        return [max(low, left)]
    first, second = (0, 1) if at[0] <= at[1] else (1, 0)
    right_start = min(at[second] + gap, high - widths[second])
    left_start = max(low, min(at[first] - gap, right_start - gap) - widths[first])
    right_start = max(right_start, min(left_start + widths[first] + gap, high - widths[second]))
    result = [0.0, 0.0]
    result[first], result[second] = left_start, right_start
    return result

"""Painting over the picture: boxes, masks, heat, measurements. Everything is given in image coordinates."""

import functools

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side, Structure
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.heat_controls import COLOR_MAPS
from sinusviewer.ui.panels.tones import DARK, structure_color
from sinusviewer.ui.view_geometry import Matrix, to_screen

TONES = DARK
"""Pictures lie on black in either theme, so marks on them use the dark tones."""
SIDE_LETTERS: dict[AnySide, str] = {
    Side.RIGHT: "R",
    Side.LEFT: "L",
    ImageSide.IMAGE_RIGHT: "image right",
    ImageSide.IMAGE_LEFT: "image left",
}


def color_table(name: str, steps: int = 256) -> npt.NDArray[np.uint8]:
    """``[steps, 3]`` of one of the perceptually even maps."""
    stops = [QColor(stop) for stop in COLOR_MAPS.get(name, COLOR_MAPS["inferno"])]
    anchors = np.array([(c.red(), c.green(), c.blue()) for c in stops], dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1).astype(np.uint8)


def _blended(rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """RGB32 words [code, grey] of each code's colour over each grey."""
    grey = np.arange(256, dtype=np.float64)[np.newaxis]
    a = np.clip(alpha, 0, 1)[:, np.newaxis]
    r, g, b = (
        np.round(rgb[:, c].astype(np.float64)[:, np.newaxis] * a + grey * (1 - a)).astype(np.uint32) for c in range(3)
    )
    return np.asarray(0xFF000000 | (r << 16) | (g << 8) | b, dtype=np.uint32)


@functools.lru_cache(maxsize=64)
def mask_table(opacity: float, hidden: frozenset[int] = frozenset()) -> npt.NDArray[np.uint32]:
    """Each label code's colour over grey; background and hidden ones are clear."""
    rgb = np.zeros((256, 3), np.uint8)
    alpha = np.zeros(256)
    for structure in Structure:
        if structure is not Structure.BACKGROUND and int(structure) not in hidden:
            color = structure_color(structure)
            rgb[structure] = (color.red(), color.green(), color.blue())
            alpha[structure] = opacity
    return _blended(rgb, alpha)


@functools.lru_cache(maxsize=64)
def heat_table(opacity: float, color_map: str = "inferno") -> npt.NDArray[np.uint32]:
    """Heat 0-255 over grey; weak heat fades out instead of dulling the picture."""
    level = np.linspace(0, 1, 256)
    return _blended(color_table(color_map), opacity * np.clip(level * 1.6, 0, 1))


def outline(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Only the voxels of each label that touch another one."""
    inner = np.ones(labels.shape, bool)
    inner[1:] &= labels[1:] == labels[:-1]
    inner[:-1] &= labels[:-1] == labels[1:]
    inner[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    inner[:, :-1] &= labels[:, :-1] == labels[:, 1:]
    return np.where(inner, 0, labels).astype(np.uint8)


ORIGINAL_COLORS = np.full(256, 0xFFFFFFFF, np.uint32)


def original_outline(labels: npt.NDArray[np.uint8], original: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The dashed outline of what the network said, of the structures that a reader has changed in this slice."""
    differs = labels != original
    if not differs.any():
        return np.zeros(labels.shape, np.uint8)
    edited = np.union1d(labels[differs], original[differs])
    lines = np.where(np.isin(original, edited), outline(original), 0).astype(np.uint8)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    lines[(rows + columns) % 5 > 2] = 0
    return lines


def quad(matrix: Matrix, xyxy: tuple[float, float, float, float]) -> QPolygonF:
    """A box's corners on screen, in order."""
    x0, y0, x1, y1 = xyxy
    return QPolygonF([QPointF(*to_screen(matrix, p)) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])


def label(painter: QPainter, at: QPointF, text: str, color: QColor, *, above: bool = True) -> QRectF:
    """Text on a dark plate, so that it is readable on bone and on air."""
    metrics = QFontMetricsF(painter.font())
    lines = text.split("\n")
    width = max(metrics.horizontalAdvance(line) for line in lines) + 8
    height = metrics.height() * len(lines) + 4
    area = painter.viewport()
    x = min(max(at.x(), 2.0), max(area.width() / painter.device().devicePixelRatioF() - width - 2, 2.0))
    y = at.y() - height - 2 if above else at.y() + 2
    if y < 2:
        y = at.y() + 4
    plate = QRectF(x, y, width, height)
    painter.fillRect(plate, QColor(10, 12, 15, 190))
    painter.setPen(color)
    painter.drawText(plate.adjusted(4, 2, -4, -2), Qt.AlignmentFlag.AlignLeft, text)
    return plate


def side_color(side: AnySide) -> QColor:
    return QColor(TONES.of_side(side))


def draw_detection(
    painter: QPainter, matrix: Matrix, detection: Detection, *, selected: bool, faint: bool = False
) -> None:
    """A box: AI dashed, a reader's solid, an edited one solid over its faint dashed original; letter and score at it."""
    color = side_color(detection.side)
    if detection.status is FindingStatus.REJECTED or faint:
        color.setAlphaF(0.35)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if detection.original_xyxy is not None and detection.status is FindingStatus.EDITED:
        ghost = side_color(detection.original_side or detection.side)
        ghost.setAlphaF(0.45)
        painter.setPen(QPen(ghost, 1.2, Qt.PenStyle.DashLine))
        painter.drawPolygon(quad(matrix, detection.original_xyxy))
    dashed = detection.author is Author.AI and detection.status in (FindingStatus.PROPOSED, FindingStatus.REJECTED)
    shadow = QPen(QColor(0, 0, 0, 130), 4.0)
    corners = quad(matrix, detection.xyxy)
    painter.setPen(shadow)
    painter.drawPolygon(corners)
    pen = QPen(color, 2.6 if selected else 2.0, Qt.PenStyle.CustomDashLine if dashed else Qt.PenStyle.SolidLine)
    if dashed:
        pen.setDashPattern([5, 3])
    painter.setPen(pen)
    painter.drawPolygon(corners)
    if selected:
        painter.setBrush(QBrush(color))
        painter.setPen(QPen(QColor(0, 0, 0, 160), 1))
        for corner in corners.toList():
            painter.drawRect(QRectF(corner.x() - 4, corner.y() - 4, 8, 8))
        painter.setBrush(Qt.BrushStyle.NoBrush)
    bounds = corners.boundingRect()
    label(painter, bounds.topLeft(), detection_text(detection), color)


def detection_text(detection: Detection) -> str:
    """Letter, who made it, and the score where there is one."""
    words = [SIDE_LETTERS[detection.side]]
    if detection.author is Author.READER:
        words.append("reader")
    else:
        words.append(f"AI {score_text(detection.score)}")
        if detection.status is not FindingStatus.PROPOSED:
            words.append(str(detection.status.value))
    return " · ".join(words)


def draw_face_box(painter: QPainter, matrix: Matrix, xyxy: tuple[float, float, float, float]) -> None:
    """The patch that the network looked at: corner brackets, quieter than a finding."""
    corners = quad(matrix, xyxy)
    painter.setPen(QPen(QColor(0, 0, 0, 110), 3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(QColor(0, 0, 0, 120), 3), QPen(QColor(TONES.muted), 1.2, Qt.PenStyle.DotLine)):
        painter.setPen(pen)
        painter.drawPolygon(corners)
    area, font = corners.boundingRect(), painter.font()
    painter.setFont(small(font))
    label(painter, QPointF(area.left(), area.bottom()), "area read", QColor(TONES.muted), above=False)
    painter.setFont(font)


def small(font: QFont) -> QFont:
    result = QFont(font)
    result.setPointSizeF(max(font.pointSizeF() * 0.9, 6.0))
    return result

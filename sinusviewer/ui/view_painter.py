"""Paints one view's content: picture, overlays, marks, corners. Called from ``Viewport.paintEvent`` only."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen

from sinusviewer.domain.display import Measurement, Tool, is_drawn
from sinusviewer.domain.finding import Detection
from sinusviewer.domain.image import LookupTable, SpacingKind
from sinusviewer.ui.image_layer import ImageLayer, Tint
from sinusviewer.ui.measuring import length_unit, measurement_text
from sinusviewer.ui.overlays import (
    ORIGINAL_COLORS,
    TONES,
    color_table,
    draw_detection,
    draw_face_box,
    heat_table,
    label,
    mask_table,
    original_outline,
    outline,
    quad,
    small,
)
from sinusviewer.ui.panels.wording import RESEARCH_ONLY
from sinusviewer.ui.view_content import ViewContent
from sinusviewer.ui.view_geometry import Matrix, edge_letters, pixel_aspect, scale_bar, to_screen

if TYPE_CHECKING:
    from sinusviewer.domain.planes import PlaneStack

_MARK = QColor("#e8d44d")
_INK = QColor(TONES.text)
_AMBER = QColor(TONES.amber)
_PLATE = QColor(0, 0, 0, 175)
_AMBER_PLATE = QColor(0, 0, 0, 240)
"""Under what must be read: writing burned into the image must not shine through."""


class ViewPainter:
    """Keeps the pictures of one view between two repaints."""

    def __init__(self) -> None:
        self._image = ImageLayer()
        self._stack: PlaneStack | None = None

    def paint(
        self,
        painter: QPainter,
        content: ViewContent,
        matrix: Matrix,
        size: tuple[float, float],
        draft: Measurement | None,
    ) -> None:
        """Everything over a black ground."""
        painter.setFont(fitting_font(painter.font(), size))
        pixels = content.pixels
        if pixels is None:
            self._paint_status(painter, content, size)
            return
        if content.stack is not self._stack:
            self._image.forget()
            self._stack = content.stack
        self._image.set_pixels(pixels, content.film.padding if content.film else None)
        zoom = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
        self._image.draw(
            painter, matrix, size, content.grey, smooth=zoom < 8, tint=self._tint(content, pixels.shape[:2])
        )
        for border in content.borders:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Qt.GlobalColor.black)
            painter.drawPolygon(quad(matrix, border.xyxy))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if content.cursor is not None:
            _paint_crosshair(painter, content.cursor, matrix, size)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if content.display.show_boxes and not content.display.ai_hidden:
            self._paint_boxes(painter, content, matrix)
        for mark in (*content.marks.measurements, *((draft,) if draft else ())):
            if draft is mark or (mark.plane is content.state.plane and mark.slice_index == content.state.slice_index):
                paint_measurement(painter, content, mark, matrix, selected=mark.identifier == content.selected != "")
        paint_frame(painter, content, matrix, size)

    def _tint(self, content: ViewContent, shape: tuple[int, ...]) -> Tint | None:
        """Masks or heat of the slice on screen; heat wins where both are asked for, with the masks' outlines in it."""
        state, display = content.state, content.display
        if display.ai_hidden:
            return None
        if content.heat is not None and content.stack is not None:
            index = min(state.slice_index * len(content.heat) // max(content.stack.count, 1), len(content.heat) - 1)
            codes = np.round(np.clip(content.heat[index], 0, 1) * 255).astype(np.uint8)
            if codes.shape != shape:
                codes = nearest(codes, shape)
            key: tuple[object, ...] = (id(content.heat), index, display.heatmap_opacity, display.heat_color_map)
            table = heat_table(display.heatmap_opacity, display.heat_color_map)
            if content.labels is None or content.labels.shape[1:] != shape:
                return Tint(codes, table, key)
            hidden = display.hidden_structures
            lines = outline(content.labels[state.slice_index])
            # Fully opaque colours are the same over every grey; hidden masks would be grey 0 and are taken out.
            lines = np.where(np.isin(lines, list(hidden)), 0, lines).astype(np.uint8) if hidden else lines
            key = (*key, id(content.labels), hidden, content.mask_revision)
            return Tint(codes, table, key, lines, mask_table(1.0)[:, 0])
        if content.labels is None or state.slice_index >= len(content.labels) or content.labels.shape[1:] != shape:
            return None
        labels = content.labels[state.slice_index]
        opacity, hidden = display.mask_opacity, display.hidden_structures
        if content.identity.modality == "SEG":  # nothing lies under them that must be seen
            opacity = max(opacity, 0.95)
        key = (id(content.labels), state.slice_index, opacity, hidden, display.masks_outlined, content.mask_revision,
               id(content.original_labels))  # fmt: skip
        own = content.original_labels
        dashed = None if own is None else original_outline(labels, own[state.slice_index])
        if display.masks_outlined:
            return Tint(outline(labels), mask_table(0.95, hidden), key, dashed, ORIGINAL_COLORS)
        return Tint(labels, mask_table(opacity, hidden), key, dashed, ORIGINAL_COLORS)

    @staticmethod
    def _paint_boxes(painter: QPainter, content: ViewContent, matrix: Matrix) -> None:
        waters = content.reading.waters if content.reading else None
        if waters is not None and any(waters.face_box):
            draw_face_box(painter, matrix, waters.face_box)
        for detection in shown_detections(content):
            draw_detection(painter, matrix, detection, selected=detection.identifier == content.selected != "")

    @staticmethod
    def _paint_status(painter: QPainter, content: ViewContent, size: tuple[float, float]) -> None:
        area = QRectF(24, 0, size[0] - 48, size[1])
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        if content.status == "loading":
            painter.setPen(QColor(TONES.muted))
            painter.drawText(area, flags, "Loading …")
        elif content.status == "failed" and content.message is not None:
            painter.setPen(QColor(TONES.red))
            text = "\n\n".join(part for part in (content.message.text, content.message.hint) if part)
            painter.drawText(area, flags, text + "\n\nRight-click: copy details")
        else:
            painter.setPen(QColor(TONES.line))
            painter.drawText(area, flags, "Empty view\n\nClick here, then a series on the left")


def nearest(codes: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A coarser map on the grid of the image, nearest value."""
    rows = np.arange(shape[0]) * codes.shape[0] // shape[0]
    columns = np.arange(shape[1]) * codes.shape[1] // shape[1]
    return np.asarray(codes[rows[:, np.newaxis], columns])


def shown_detections(content: ViewContent) -> tuple[Detection, ...]:
    """Boxes at the threshold in force; what a reader has touched always shows, rejected ones faintly."""
    waters = content.reading.waters if content.reading else None
    threshold = content.threshold if content.threshold is not None else (waters.threshold if waters else 0.0)
    return tuple(d for d in content.marks.detections if is_drawn(d, threshold))


def value_unit(content: ViewContent) -> str:
    return "HU" if content.stack is not None and content.identity.modality == "CT" and content.film is None else ""


def paint_measurement(
    painter: QPainter, content: ViewContent, mark: Measurement, matrix: Matrix, *, selected: bool
) -> None:
    """A person's mark: solid lines, its value beside it."""
    pixels = content.pixels
    if pixels is None or content.stack is None:
        return
    points = [QPointF(*to_screen(matrix, p)) for p in mark.points]
    spacing = content.film.spacing if content.film else content.stack.spacing
    for pen in (QPen(QColor(0, 0, 0, 140), 3.6), QPen(_MARK, 2.4 if selected else 1.6)):
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if mark.kind in (Tool.LENGTH, Tool.ANGLE):
            for a, b in itertools.pairwise(points):
                painter.drawLine(a, b)
        elif mark.kind is Tool.PROBE:
            painter.drawLine(points[0] - QPointF(7, 0), points[0] + QPointF(7, 0))
            painter.drawLine(points[0] - QPointF(0, 7), points[0] + QPointF(0, 7))
        elif len(points) == 2:
            box = quad(matrix, (*mark.points[0], *mark.points[1]))
            if mark.kind is Tool.ELLIPSE:
                painter.drawEllipse(box.boundingRect())
            else:
                painter.drawPolygon(box)
    if selected:
        for point in points:
            painter.fillRect(QRectF(point.x() - 3.5, point.y() - 3.5, 7, 7), _MARK)
    padding = content.film.padding if content.film else None
    text = measurement_text(mark, pixels, spacing, content.spacing_kind, value_unit(content), padding)
    if text:
        label(painter, points[-1] + QPointF(8, 0), text, _MARK)


def _paint_crosshair(painter: QPainter, cursor: tuple[float, float], matrix: Matrix, size: tuple[float, float]) -> None:
    at = to_screen(matrix, (cursor[0] + 0.5, cursor[1] + 0.5))
    color, gap = QColor(79, 195, 201, 150), 14.0
    x, y = round(at[0]), round(at[1])
    for left, top, right, bottom in (
        (0.0, y, at[0] - gap, y + 1), (at[0] + gap, y, size[0], y + 1),
        (x, 0.0, x + 1, at[1] - gap), (x, at[1] + gap, x + 1, size[1]),
    ):  # fmt: skip
        if right > left and bottom > top:
            painter.fillRect(QRectF(left, top, right - left, bottom - top), color)


def _text(painter: QPainter, area: QRectF, flags: Qt.AlignmentFlag, text: str, color: QColor) -> None:
    if not text:
        return
    # A dim plate: the text stands on bone, on air and on an inverted image alike.
    plate = QFontMetricsF(painter.font()).boundingRect(area, int(flags), text)
    painter.fillRect(plate.adjusted(-3, 0, 3, 0), _AMBER_PLATE if color is _AMBER else _PLATE)
    painter.setPen(color)
    painter.drawText(area, flags, text)


def paint_frame(painter: QPainter, content: ViewContent, matrix: Matrix, size: tuple[float, float]) -> None:
    """Corners, letters, scale bar, colour bar and what must be said on every view with AI."""
    width, height = size
    font = painter.font()
    left, right, top, bottom = (
        Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom,
    )  # fmt: skip
    area = QRectF(8, 6, width - 16, height - 12)
    painter.setFont(font if width >= 420 else small(font))
    letters = edge_letters(matrix, content.directions)
    big = QFont(font)
    big.setBold(True)
    big.setPointSizeF(font.pointSizeF() * 1.35)
    line = QFontMetricsF(painter.font()).height()
    if content.display.show_corners:
        # Identity never goes: two patients may be on screen at once. It is elided before it may run into its neighbour.
        metrics = QFontMetricsF(painter.font())
        room = width * 0.5 - 24
        texts = [metrics.elidedText(t, Qt.TextElideMode.ElideRight, room) for t in identity_lines(content)]
        _text(painter, area, left | top, "\n".join(texts), _INK)
        texts = [metrics.elidedText(t, Qt.TextElideMode.ElideRight, room) for t in series_lines(content)]
        _text(painter, area, right | top, "\n".join(texts), _INK)
        _text(painter, area, left | bottom, "\n".join(window_lines(content, matrix)), _INK)
        _paint_scale_bar(painter, content, matrix, size, line)
    else:
        _text(painter, area, left | top, "\n".join(identity_lines(content)[:1]), _INK)
    below = line * (3.4 if content.display.show_corners else 1.4)
    for number, note in enumerate(content.notes):
        elided = QFontMetricsF(painter.font()).elidedText(note, Qt.TextElideMode.ElideRight, width - 20)
        _text(painter, area.adjusted(0, below + 6 + number * line, 0, 0), left | top, elided, _AMBER)
    if content.is_key_image:
        _text(painter, area.adjusted(0, below + 6, 0, 0), right | top, "★ key image", QColor(TONES.accent))
    if content.shows_ai:
        words = RESEARCH_ONLY if width > 460 else "Research use only"
        _text(painter, area, Qt.AlignmentFlag.AlignHCenter | bottom, words, _AMBER)
    painter.setFont(big)
    inset = QRectF(8, 8, width - 16, height - 16)
    vertical, horizontal = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
    _text(painter, inset, left | vertical, letters.left, _INK)
    _text(painter, inset, right | vertical, letters.right, _INK)
    _text(painter, inset, top | horizontal, letters.top, _INK)
    lifted = inset.adjusted(0, 0, 0, -line * 1.2 if content.shows_ai else 0)
    _text(painter, lifted, bottom | horizontal, letters.bottom, _INK)
    painter.setFont(font)
    if content.heat is not None and content.heatmap is not None and not content.display.ai_hidden:
        _paint_color_bar(painter, content, size)


def fitting_font(font: QFont, size: tuple[float, float]) -> QFont:
    """The window's font, smaller where large type in a small view would cover the image."""
    height = QFontMetricsF(font).height()
    allowed = max(min(size[0] / 22, size[1] / 18), 11.0)
    result = QFont(font)
    if height > allowed:
        result.setPointSizeF(font.pointSizeF() * allowed / height)
    return result


def identity_lines(content: ViewContent) -> list[str]:
    who = content.identity
    name = ", ".join(p for p in who.patient_name.replace("^", " ").split("=")[0].split("  ") if p).strip() or "No name"
    born = " ".join(p for p in (who.sex, age_text(who.age), date_text(who.birth_date)) if p)
    return [name, " · ".join(p for p in (who.patient_id, born) if p), date_text(who.study_date)]


def date_text(dicom_date: str) -> str:
    """20240229 as 2024-02-29; anything else as it is."""
    return (
        f"{dicom_date[:4]}-{dicom_date[4:6]}-{dicom_date[6:]}"
        if len(dicom_date) == 8 and dicom_date.isdigit()
        else dicom_date
    )


def age_text(dicom_age: str) -> str:
    """034Y as 34 y (PS3.5 Table 6.2-1, AS); anything else as it is."""
    number, unit = dicom_age[:-1], dicom_age[-1:]
    units = {"Y": "y", "M": "months", "W": "weeks", "D": "days"}
    return f"{int(number)} {units[unit]}" if number.isdigit() and unit in units else dicom_age


def series_lines(content: ViewContent) -> list[str]:
    count = content.stack.count if content.stack else 0
    lines = [content.series_text or content.identity.series_description or content.identity.modality]
    if count > 1:
        lines.append(f"{content.state.slice_index + 1} / {count}")
    return lines


def window_lines(content: ViewContent, matrix: Matrix) -> list[str]:
    window = content.window
    zoom = math.hypot(matrix[0, 0], matrix[1, 0])
    covered = "  blank border covered" if content.borders else ""
    if isinstance(content.grey.voi, LookupTable):
        return [f"Table of the file {content.grey.voi.name}".strip(), f"{zoom * 100:.0f} %{covered}"]
    name = f"{window.name}  " if window.name else ""
    inverted = "  inverted" if content.state.inverted else ""
    return [f"{name}W {window.width:.0f}  L {window.center:.0f}{inverted}", f"{zoom * 100:.0f} %{covered}"]


def _paint_scale_bar(
    painter: QPainter, content: ViewContent, matrix: Matrix, size: tuple[float, float], line: float
) -> None:
    spacing = (content.film.spacing if content.film else content.stack.spacing) if content.stack else None
    kind = content.spacing_kind
    unit = length_unit(spacing, kind)
    column = spacing[1] if spacing and kind is not SpacingKind.NONE else 1.0
    zoom = math.hypot(matrix[0, 0], matrix[1, 0])
    length, pixels = scale_bar(zoom / column, min(size[0] * 0.22, 160))
    if pixels <= 0:
        return
    right, y = size[0] - 10.0, size[1] - 10.0
    for pen in (QPen(QColor(0, 0, 0, 190), 4), QPen(_INK, 2)):
        painter.setPen(pen)
        painter.drawLine(QPointF(right - pixels, y), QPointF(right, y))
        for x in (right - pixels, right):
            painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 1))
    words = (
        f"{length / 10:g} cm" + unit.removeprefix("mm")
        if unit.startswith("mm") and length >= 10
        else f"{length:g} {unit}"
    )
    _text(painter, QRectF(0, y - line - 8, right, line + 2), Qt.AlignmentFlag.AlignRight, words, _INK)


def heat_caption(content: ViewContent) -> tuple[str, ...]:
    """What the heat is, in lines short enough for the smallest view; the layer's name stands in the panel."""
    if content.heatmap is None:
        return ()
    return f"{content.heatmap.method}: where the", "network looked, not why,", "not the lesion's extent"


def _paint_color_bar(painter: QPainter, content: ViewContent, size: tuple[float, float]) -> None:
    """The bar with its ends named, and its caption: under the corner's text, above the letter at the right edge."""
    top = 8 + QFontMetricsF(painter.font()).lineSpacing() * (4.6 if content.is_key_image else 3.2)
    painter.setFont(small(painter.font()))
    line = QFontMetricsF(painter.font()).lineSpacing()
    caption = heat_caption(content)
    room = size[1] * 0.5 - top - line * (len(caption) + 2)
    bar = QRectF(size[0] - 24, top, 12, max(min(room, size[1] * 0.2, 140.0), line * 2))
    gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
    colors = color_table(content.display.heat_color_map, 9)
    for number, (r, g, b) in enumerate(colors):
        gradient.setColorAt(number / (len(colors) - 1), QColor(int(r), int(g), int(b)))
    painter.fillRect(bar, gradient)
    painter.setPen(QPen(QColor(TONES.muted), 1))
    painter.drawRect(bar)
    right = Qt.AlignmentFlag.AlignRight
    _text(painter, QRectF(bar.left() - 34, bar.top() - line * 0.3, 28, line), right, "1", _INK)
    _text(painter, QRectF(bar.left() - 34, bar.bottom() - line * 0.8, 28, line), right, "0", _INK)
    below = QRectF(8, bar.bottom() + 5, bar.right() - 8, line * (len(caption) + 0.5))
    _text(painter, below, right, "\n".join(caption), QColor(TONES.muted))


def view_aspect(content: ViewContent) -> float:
    """Height of a pixel relative to its width on screen."""
    return pixel_aspect(content.stack.spacing if content.stack else None)

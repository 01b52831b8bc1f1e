"""Draws a nomogram and a patient's settings on it, with any painter: the screen's, a printer's, an SVG's."""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from sinusviewer.domain.scoring import risk_percent
from sinusviewer.nomogram import NomogramReading
from sinusviewer.ui.panels.nomogram_geometry import Axis, AxisKind, NomogramGeometry, tick_text
from sinusviewer.ui.panels.tones import Tones


@dataclass(frozen=True, slots=True)
class Setting:
    """One set of values on the nomogram and what it gives; ``shape`` is round for the patient, a diamond for "what if"."""

    values: Mapping[str, float | None]
    reading: NomogramReading
    what_if: bool = False


def risk_text(reading: NomogramReading) -> str:
    """A number where everything is known, an interval where not."""
    if reading.risk is not None:
        return risk_percent(reading.risk)
    low, high = (risk_percent(end) for end in reading.risk_interval)
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def paint_axes(painter: QPainter, geometry: NomogramGeometry, tones: Tones, active: str = "") -> None:
    """The part that stays while markers move: axes, ticks, labels."""
    font = QFont(painter.font())
    for axis in geometry.axes:
        chosen = axis.kind is AxisKind.PREDICTOR and axis.name == active
        height = geometry.font_height
        if chosen:
            painter.fillRect(geometry.row(axis), QColor(tones.faint))
        label_font = QFont(font)
        label_font.setBold(axis.kind is not AxisKind.PREDICTOR or chosen)
        painter.setFont(label_font)
        painter.setPen(QColor(tones.accent if chosen else tones.text))
        if geometry.stacked:
            above = 2.65 if axis.kind is AxisKind.POINTS else 2.05
            place = QRectF(geometry.rect.left() + 4, axis.y - height * above, geometry.rect.width(), height * 1.1)
        else:
            place = QRectF(geometry.rect.left() + 4, axis.y - height * 0.6, geometry.left, height * 1.2)
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, axis.label)
        painter.setFont(font)
        _paint_axis(painter, axis, height, tones)


def _paint_axis(painter: QPainter, axis: Axis, height: float, tones: Tones) -> None:
    above = axis.kind is AxisKind.POINTS
    direction = -1.0 if above else 1.0
    painter.setPen(QPen(QColor(tones.text), 1.2))
    painter.drawLine(QLineF(axis.x_start, axis.y, axis.x_end, axis.y))
    lines = [QLineF(m.x, axis.y, m.x, axis.y + direction * height * (0.38 if m.text else 0.2)) for m in axis.marks]
    painter.setPen(QPen(QColor(tones.text), 1.0))
    painter.drawLines(lines)
    painter.setPen(QColor(tones.muted))
    top = axis.y - height * 1.5 if above else axis.y + height * 0.42
    for mark in axis.marks:
        if mark.text:
            place = QRectF(mark.x - 60, top, 120, height * 1.1)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, mark.text)


def paint_settings(painter: QPainter, geometry: NomogramGeometry, tones: Tones, settings: tuple[Setting, ...]) -> None:
    """The living part: lines up to the points axis, markers, totals, risk and cut-off of one or two settings."""
    if not settings:
        return
    for setting in settings:
        _paint_drops(painter, geometry, _color(setting, tones), setting)
    _paint_cutoff(painter, geometry, tones, settings[-1])
    # With two settings only the one that can be moved carries its numbers: the other's stand in the text.
    _paint_numbers(painter, geometry, tones, settings[-1])
    for setting in settings:
        _paint_predictors(painter, geometry, tones, setting)
    middles = [sum(_ends(geometry, s)) / 2 for s in settings]
    for setting, middle in zip(settings, middles, strict=True):
        to_left = len(settings) > 1 and middle == min(middles) and (middle != max(middles) or setting.what_if)
        _paint_totals(painter, geometry, tones, setting, to_left=to_left)


def _color(setting: Setting, tones: Tones) -> QColor:
    return QColor(tones.amber if setting.what_if else tones.accent)


def _ends(geometry: NomogramGeometry, setting: Setting) -> tuple[float, float]:
    """Where the total's interval starts and ends, kept within the drawing (only the drawing is clamped)."""
    low, high = (
        min(max(geometry.x_of_total(total), geometry.left - 6), geometry.right + 6)
        for total in setting.reading.total_points_interval
    )
    return low, high


def _place(axis: Axis, geometry: NomogramGeometry, points: float) -> float:
    return min(max(geometry.x_of_points(points), axis.x_start), axis.x_end)


def _paint_drops(painter: QPainter, geometry: NomogramGeometry, color: QColor, setting: Setting) -> None:
    points_axis = geometry.axis(AxisKind.POINTS)
    painter.setPen(QPen(color, 1.0, Qt.PenStyle.DotLine))
    for axis in geometry.axes:
        points = setting.reading.points.get(axis.name) if axis.kind is AxisKind.PREDICTOR else None
        if points is not None:
            x = _place(axis, geometry, points)
            painter.drawLine(QLineF(x, axis.y, x, points_axis.y))


def _paint_numbers(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting) -> None:
    for axis in geometry.axes:
        if axis.kind is not AxisKind.PREDICTOR:
            continue
        points = setting.reading.points.get(axis.name)
        if points is None:
            _paint_note(painter, QPointF(axis.x_end, axis.y), geometry, "unknown", QColor(tones.amber), tones)
            continue
        outside = axis.name in setting.reading.outside_training
        text = f"{points:.1f} points" + (" · outside the training data" if outside else "")
        color = QColor(tones.amber) if outside else _color(setting, tones)
        _paint_note(painter, QPointF(_place(axis, geometry, points), axis.y), geometry, text, color, tones)


def _paint_predictors(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting) -> None:
    reading, color = setting.reading, _color(setting, tones)
    for axis in geometry.axes:
        if axis.kind is not AxisKind.PREDICTOR:
            continue
        points = reading.points.get(axis.name)
        if points is None:
            _paint_unknown(painter, axis, tones)
            continue
        x = _place(axis, geometry, points)
        beyond = abs(x - geometry.x_of_points(points)) > 0.5
        _paint_marker(painter, QPointF(x, axis.y), geometry.font_height, color, tones, setting.what_if, beyond)


def _paint_totals(
    painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting, *, to_left: bool
) -> None:
    reading, color = setting.reading, _color(setting, tones)
    total, risk = geometry.axis(AxisKind.TOTAL), geometry.axis(AxisKind.RISK)
    start, end = _ends(geometry, setting)
    if reading.total_points is None:
        band = QColor(color)
        band.setAlpha(45)
        painter.fillRect(QRectF(start, total.y, max(2.0, end - start), risk.y - total.y), band)
        painter.setPen(QPen(color, 4))
        for axis in (total, risk):
            painter.drawLine(QLineF(start, axis.y, max(end, start + 2), axis.y))
        low, high = reading.total_points_interval
        words = f"{low:.0f} to {high:.0f} points"
    else:
        painter.setPen(QPen(color, 1.4))
        painter.drawLine(QLineF(start, total.y, start, risk.y))
        for axis in (total, risk):
            _paint_marker(painter, QPointF(start, axis.y), geometry.font_height, color, tones, setting.what_if, False)
        words = f"{reading.total_points:.1f} points"
    plain = QFont(painter.font())
    bold = QFont(plain)
    bold.setBold(True)
    painter.setFont(bold)
    for axis, text in ((total, words), (risk, risk_text(reading))):
        _paint_note(painter, QPointF((start + end) / 2, axis.y), geometry, text, color, tones, to_left=to_left)
    painter.setFont(plain)


def _paint_cutoff(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting) -> None:
    """The cut-off as a line from the total points to the risk, its name on the side away from the patient's marker."""
    cutoff = geometry.nomogram.cutoff
    if cutoff is None or not 0.0 < cutoff < 1.0:
        return
    x = geometry.x_of_total(geometry.nomogram.total_points_at(cutoff))
    if not geometry.left - 1 <= x <= geometry.right + 1:
        return
    total, risk = geometry.axis(AxisKind.TOTAL), geometry.axis(AxisKind.RISK)
    color = QColor(tones.amber)
    painter.setPen(QPen(color, 1.4, Qt.PenStyle.DashDotLine))
    painter.drawLine(QLineF(x, total.y, x, risk.y + geometry.font_height * 0.3))
    to_left = sum(_ends(geometry, setting)) / 2 > x
    text = f"cut-off {tick_text(round(cutoff, 3))}"
    _paint_note(painter, QPointF(x, risk.y), geometry, text, color, tones, to_left=to_left)


def _paint_unknown(painter: QPainter, axis: Axis, tones: Tones) -> None:
    band = QColor(tones.amber)
    band.setAlpha(90)
    painter.fillRect(QRectF(axis.x_start, axis.y - 3, max(3.0, axis.x_end - axis.x_start), 6), band)


def _paint_marker(
    painter: QPainter, at: QPointF, height: float, color: QColor, tones: Tones, what_if: bool, beyond: bool
) -> None:
    size = height * 0.42
    painter.setPen(QPen(color, 2.0))
    painter.setBrush(QColor(tones.field) if what_if or beyond else color)
    if what_if:
        painter.drawPolygon(
            QPolygonF([at + QPointF(0, -size), at + QPointF(size, 0), at + QPointF(0, size), at + QPointF(-size, 0)])
        )
    else:
        painter.drawEllipse(at, size * 0.85, size * 0.85)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_note(
    painter: QPainter,
    at: QPointF,
    geometry: NomogramGeometry,
    text: str,
    color: QColor,
    tones: Tones,
    *,
    to_left: bool = False,
) -> None:
    """A number beside its marker, kept inside the drawing, on a ground of its own so that no line crosses it."""
    height = geometry.font_height
    width = float(painter.fontMetrics().horizontalAdvance(text))
    gap = height * 0.55
    left = at.x() - gap - width if to_left else at.x() + gap
    if left + width > geometry.rect.right() - 2:
        left = at.x() - gap - width
    left = max(geometry.rect.left() + 2, left)
    place = QRectF(left - 2, at.y() - height * 1.05, width + 4, height * 0.95)
    painter.fillRect(place, QColor(tones.field))
    painter.setPen(color)
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

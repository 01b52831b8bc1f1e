"""Draws a nomogram and a patient's settings on it, with any painter: the screen's, a printer's, an SVG's."""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from sinusviewer.domain.scoring import risk_percent
from sinusviewer.nomogram import NomogramReading
from sinusviewer.ui.panels.nomogram_geometry import Axis, AxisKind, NomogramGeometry, tick_text
from sinusviewer.ui.panels.nomogram_notes import Note, paint_notes
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
        place = geometry.label_place(axis)
        painter.setFont(_fitting(label_font, axis.label, geometry.rect.right() - place.left() - 4))
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, axis.label)
        painter.setFont(font)
        _paint_axis(painter, axis, height, tones)


def _fitting(font: QFont, text: str, width: float) -> QFont:
    """The font, or a smaller one in which the text fits; never below 60 %."""
    needed = QFontMetricsF(font).horizontalAdvance(text)
    if needed <= width:
        return font
    smaller = QFont(font)
    share = max(0.6, width / needed * 0.98)
    if font.pixelSize() > 0:
        smaller.setPixelSize(max(1, int(font.pixelSize() * share)))
    else:
        smaller.setPointSizeF(font.pointSizeF() * share)
    return smaller


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
            place = QRectF(mark.label_x - 60, top, 120, height * 1.1)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, mark.text)


def paint_settings(painter: QPainter, geometry: NomogramGeometry, tones: Tones, settings: tuple[Setting, ...]) -> None:
    """The living part: lines up to the points axis, markers, totals, risk and cut-off of one or two settings."""
    if not settings:
        return
    for setting in settings:
        _paint_drops(painter, geometry, _color(setting, tones), setting)
    _paint_cutoff(painter, geometry, tones)
    # With two settings only the one that can be moved carries its numbers: the other's stand in the text.
    _paint_numbers(painter, geometry, tones, settings[-1])
    for setting in settings:
        _paint_predictors(painter, geometry, tones, setting)
    for setting in settings:
        shift = 0.0 if len(settings) == 1 else 2.5 if setting.what_if else -2.5
        _paint_totals(painter, geometry, tones, setting, shift)
    _paint_total_notes(painter, geometry, tones, settings)


def _color(setting: Setting, tones: Tones) -> QColor:
    return QColor(tones.amber if setting.what_if else tones.accent)


def _ends(geometry: NomogramGeometry, setting: Setting) -> tuple[float, float]:
    """Where the total's interval starts and ends, kept within the axis (only the drawing is clamped)."""
    low, high = (geometry.kept_inside(geometry.x_of_total(total)) for total in setting.reading.total_points_interval)
    return low, high


def _beyond_total(geometry: NomogramGeometry, setting: Setting) -> int:
    """1 where the total (or its interval) goes on beyond the right end of its axis, -1 the left end, else 0."""
    low, high = (geometry.x_of_total(total) for total in setting.reading.total_points_interval)
    return 1 if high > geometry.right + 0.5 else -1 if low < geometry.left - 0.5 else 0


def _place(geometry: NomogramGeometry, points: float) -> float:
    return geometry.kept_inside(geometry.x_of_points(points))


def _beyond(axis: Axis, geometry: NomogramGeometry, points: float) -> int:
    """1 where a value lies beyond the right end of its axis, -1 the left end, else 0."""
    x = geometry.x_of_points(points)
    return 1 if x > axis.x_end + 0.5 else -1 if x < axis.x_start - 0.5 else 0


def _paint_drops(painter: QPainter, geometry: NomogramGeometry, color: QColor, setting: Setting) -> None:
    points_axis = geometry.axis(AxisKind.POINTS)
    painter.setPen(QPen(color, 1.0, Qt.PenStyle.DotLine))
    for axis in geometry.axes:
        points = setting.reading.points.get(axis.name) if axis.kind is AxisKind.PREDICTOR else None
        if points is not None:
            x = _place(geometry, points)
            painter.drawLines([QLineF(x, a, x, b) for a, b in geometry.beside_labels(x, points_axis.y, axis.y)])


def _paint_numbers(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting) -> None:
    for axis in geometry.axes:
        if axis.kind is not AxisKind.PREDICTOR:
            continue
        points = setting.reading.points.get(axis.name)
        if points is None:
            paint_notes(painter, geometry, tones, axis.y, [Note(axis.x_end, ("unknown",), QColor(tones.amber))])
            continue
        beyond = _beyond(axis, geometry, points)
        outside = axis.name in setting.reading.outside_training
        number = f"{points:.1f}".replace("-", "−")
        texts: tuple[str, ...]
        if beyond:
            texts = (f"{number} points · beyond the axis", f"{number} · beyond axis", _onwards(number, beyond))
        elif outside:
            texts = (f"{number} points · outside the training data", f"{number} · outside training", f"{number} points")
        else:
            texts = (f"{number} points",)
        color = QColor(tones.amber) if beyond or outside else _color(setting, tones)
        note = Note(_place(geometry, points), texts, color)
        paint_notes(painter, geometry, tones, axis.y, [note])


def _paint_predictors(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting) -> None:
    reading, color = setting.reading, _color(setting, tones)
    for axis in geometry.axes:
        if axis.kind is not AxisKind.PREDICTOR:
            continue
        points = reading.points.get(axis.name)
        if points is None:
            _paint_unknown(painter, axis, tones)
            continue
        x = _place(geometry, points)
        beyond = _beyond(axis, geometry, points)
        if beyond:
            _paint_extension(painter, axis, x, color)
        at = QPointF(x, axis.y)
        _paint_marker(painter, at, geometry.font_height, color, tones, setting.what_if, bool(beyond))
        if abs(x - geometry.x_of_points(points)) > 0.5:
            _paint_arrow(painter, at, geometry.font_height, color, beyond)


def _paint_totals(painter: QPainter, geometry: NomogramGeometry, tones: Tones, setting: Setting, shift: float) -> None:
    """``shift`` keeps the bars of two intervals apart."""
    reading, color = setting.reading, _color(setting, tones)
    total, risk = geometry.axis(AxisKind.TOTAL), geometry.axis(AxisKind.RISK)
    start, end = _ends(geometry, setting)
    beyond = _beyond_total(geometry, setting)
    if reading.total_points is None:
        band = QColor(color)
        band.setAlpha(45)
        painter.fillRect(QRectF(start, total.y, max(2.0, end - start), risk.y - total.y), band)
        pen = QPen(color, 4)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # a square end would reach beyond the axis
        painter.setPen(pen)
        for axis in (total, risk):
            painter.drawLine(QLineF(start, axis.y + shift, max(end, start + 2), axis.y + shift))
    else:
        painter.setPen(QPen(color, 1.4))
        painter.drawLine(QLineF(start, total.y, start, risk.y))
        _paint_extension(painter, risk, start, color)
        for axis in (total, risk):
            _paint_marker(
                painter, QPointF(start, axis.y), geometry.font_height, color, tones, setting.what_if, bool(beyond)
            )
    if beyond:
        for axis in (total, risk):
            at = QPointF(end if beyond > 0 else start, axis.y)
            _paint_arrow(painter, at, geometry.font_height, color, beyond)


def _paint_total_notes(
    painter: QPainter, geometry: NomogramGeometry, tones: Tones, settings: tuple[Setting, ...]
) -> None:
    """Total and risk of each setting beside its place; of two settings without the word that the axis bears already."""
    plain = QFont(painter.font())
    bold = QFont(plain)
    bold.setBold(True)
    painter.setFont(bold)
    words: dict[AxisKind, list[Note]] = {AxisKind.TOTAL: [], AxisKind.RISK: []}
    for setting in settings:
        middle = sum(_ends(geometry, setting)) / 2
        low, high = setting.reading.total_points_interval
        exact = setting.reading.total_points
        text = f"{low:.0f} to {high:.0f}" if exact is None else f"{exact:.1f}"
        text = text.replace("-", "−")
        beyond = _beyond_total(geometry, setting)
        short = _onwards(text, beyond)
        texts: tuple[str, ...] = (short,)
        if len(settings) == 1:
            texts = (
                (f"{text} points · beyond the axis", f"{text} · beyond axis", short) if beyond else (f"{text} points",)
            )
        color, risk = _color(setting, tones), risk_text(setting.reading)
        words[AxisKind.TOTAL].append(Note(middle, texts, color))
        words[AxisKind.RISK].append(Note(middle, (risk, risk.removesuffix(" %")), color))
    for kind, notes in words.items():
        paint_notes(painter, geometry, tones, geometry.axis(kind).y, notes)
    painter.setFont(plain)


def _paint_cutoff(painter: QPainter, geometry: NomogramGeometry, tones: Tones) -> None:
    """The cut-off as a line from the total points to the risk; its name one line above the settings' numbers."""
    cutoff = geometry.nomogram.cutoff
    if cutoff is None or not 0.0 < cutoff < 1.0:
        return
    x = geometry.x_of_total(geometry.nomogram.total_points_at(cutoff))
    if not geometry.left - 1 <= x <= geometry.right + 1:
        return
    total, risk = geometry.axis(AxisKind.TOTAL), geometry.axis(AxisKind.RISK)
    color, height = QColor(tones.amber), geometry.font_height
    painter.setPen(QPen(color, 1.4, Qt.PenStyle.DashDotLine))
    painter.drawLines([QLineF(x, a, x, b) for a, b in geometry.beside_labels(x, total.y, risk.y + height * 0.3)])
    number = tick_text(round(cutoff, 3))
    note = Note(x, (f"cut-off {number}", f"cut {number}", number), color)
    taken = 0.0
    if geometry.stacked:  # the axis' own name stands on that line
        bold = QFont(painter.font())
        bold.setBold(True)
        taken = geometry.rect.left() + 4 + QFontMetricsF(bold).horizontalAdvance(total.label)
    paint_notes(painter, geometry, tones, total.y - height, [note], from_x=taken)


def _onwards(text: str, direction: int) -> str:
    """A number with a sign that it goes on beyond the right (1) or the left (-1) end of its axis."""
    return f"{text} ▸" if direction > 0 else f"◂ {text}" if direction < 0 else text


def _paint_extension(painter: QPainter, axis: Axis, x: float, color: QColor) -> None:
    """Dots from the end of an axis to a place beyond it."""
    end = axis.x_end if x > axis.x_end else axis.x_start if x < axis.x_start else x
    if abs(end - x) > 0.5:
        painter.setPen(QPen(color, 1.2, Qt.PenStyle.DotLine))
        painter.drawLine(QLineF(end, axis.y, x, axis.y))


def _paint_arrow(painter: QPainter, at: QPointF, height: float, color: QColor, direction: int) -> None:
    """It goes on beyond the drawing."""
    tip, size = at + QPointF(direction * height * 0.55, 0), height * 0.3
    painter.setPen(QPen(color, 1.0))
    painter.setBrush(color)
    back = QPointF(-direction * size, 0)
    painter.drawPolygon(QPolygonF([tip, tip + back + QPointF(0, -size), tip + back + QPointF(0, size)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


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

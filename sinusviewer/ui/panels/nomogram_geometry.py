"""Where everything of a nomogram stands, in the layout of R's rms: points on top, one axis per predictor, totals below.

Every position follows from points (predictors) or total points (linear predictor, risk), never from rounded ones.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFontMetricsF

from sinusviewer.nomogram import Nomogram, Predictor


class AxisKind(StrEnum):
    """What an axis carries."""

    POINTS = "points"
    PREDICTOR = "predictor"
    TOTAL = "total"
    LINEAR = "linear"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick: its place, and its label (empty for a minor one)."""

    x: float
    text: str
    text_x: float | None = None
    """Where the label stands, if not at the tick."""

    @property
    def label_x(self) -> float:
        return self.x if self.text_x is None else self.text_x


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the drawing, in the coordinates of its rectangle."""

    kind: AxisKind
    name: str
    label: str
    y: float
    x_start: float
    x_end: float
    marks: tuple[Mark, ...]


_BOLD = 1.12
"""A bold label is so much wider than a plain one, at the most."""


def tick_text(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def drag_step(predictor: Predictor) -> float:
    """A decent step for dragging and arrow keys: a power of ten, at least a hundred steps an axis; 1 for yes/no."""
    low, high = predictor.axis
    return 1.0 if predictor.binary else float(10.0 ** math.floor(math.log10((high - low) / 100.0)))


class NomogramGeometry:
    """Places of all axes for one nomogram in one rectangle.

    Parameters
    ----------
    unit_labels
        Per predictor: (factor, unit) to label its axis in another unit, e.g. ``{"eos": (0.001, "10⁹/L")}``.
    """

    def __init__(
        self,
        nomogram: Nomogram,
        rect: QRectF,
        metrics: QFontMetricsF,
        *,
        show_linear: bool = False,
        unit_labels: dict[str, tuple[float, str]] | None = None,
    ) -> None:
        self.nomogram = nomogram
        self.rect = rect
        self.font_height = metrics.height()
        labels = unit_labels or {}
        names = [self._label(p, labels) for p in nomogram.predictors]
        outcome = f"Risk of {nomogram.outcome.replace('_', ' ')}"
        widest = max(metrics.horizontalAdvance(text) for text in [*names, outcome, "Linear predictor"])
        margin = metrics.horizontalAdvance("1000") * 0.7
        self.stacked = rect.width() < widest * 3.2
        """True where the labels stand above their axes, because the drawing is narrow."""
        self.left = rect.left() + (margin if self.stacked else widest + 1.2 * margin)
        self.right = rect.right() - margin
        self._total_max = nomogram.total_points_axis[-1]
        kinds = 1 + len(nomogram.predictors) + 2 + int(show_linear)
        self.row_height = rect.height() / kinds
        self.axes = self._build(names, outcome, labels, metrics, show_linear)
        self._label_widths = {
            a.label: metrics.horizontalAdvance(a.label) * (1.0 if a.kind is AxisKind.PREDICTOR else _BOLD)
            for a in self.axes
        }

    @staticmethod
    def minimum_height(nomogram: Nomogram, font_height: float, *, show_linear: bool = False) -> float:
        """Height at which no label touches another."""
        return (3 + len(nomogram.predictors) + int(show_linear)) * font_height * 3.9

    def x_of_points(self, points: float) -> float:
        return self.left + (self.right - self.left) * points / 100.0

    def points_of_x(self, x: float) -> float:
        return (x - self.left) / (self.right - self.left) * 100.0

    def kept_inside(self, x: float) -> float:
        """``x``, or the end of the drawing where it lies beyond."""
        return min(max(x, self.left), self.right)

    def x_of_total(self, total_points: float) -> float:
        return self.left + (self.right - self.left) * total_points / self._total_max

    def axis(self, kind: AxisKind, name: str = "") -> Axis:
        return next(a for a in self.axes if a.kind is kind and (not name or a.name == name))

    def has(self, kind: AxisKind) -> bool:
        return any(a.kind is kind for a in self.axes)

    def predictor_at(self, y: float) -> str:
        """The predictor whose row a height lies in, or nothing."""
        for axis in self.axes:
            if axis.kind is AxisKind.PREDICTOR and self.row(axis).top() <= y <= self.row(axis).bottom():
                return axis.name
        return ""

    def label_place(self, axis: Axis) -> QRectF:
        """Where an axis' label stands: above its axis where the drawing is narrow, else to the left of it."""
        if not self.stacked:
            return QRectF(self.rect.left() + 4, axis.y - self.font_height * 0.6, self.left, self.font_height * 1.2)
        above = 2.65 if axis.kind is AxisKind.POINTS else 2.05
        top = axis.y - self.font_height * above
        return QRectF(self.rect.left() + 4, top, self.rect.width(), self.font_height * 1.1)

    def beside_labels(self, x: float, y_from: float, y_to: float) -> list[tuple[float, float]]:
        """Parts of an upright line from ``y_from`` down to ``y_to`` that cross no label."""
        parts: list[tuple[float, float]] = []
        start = y_from
        for axis in self.axes:  # from the top
            place = self.label_place(axis)
            if not place.left() - 2 <= x <= place.left() + min(place.width(), self._label_widths[axis.label]) + 2:
                continue
            if place.bottom() <= start or place.top() >= y_to:
                continue
            if place.top() > start:
                parts.append((start, place.top()))
            start = place.bottom()
        return [*parts, (start, y_to)] if start < y_to else parts

    def row(self, axis: Axis) -> QRectF:
        above = self.row_height * (0.56 if self.stacked else 0.46)
        return QRectF(self.rect.left(), axis.y - above, self.rect.width(), self.row_height * 0.96)

    @staticmethod
    def _label(predictor: Predictor, labels: dict[str, tuple[float, str]]) -> str:
        unit = labels[predictor.name][1] if predictor.name in labels else predictor.unit
        return f"{predictor.label} ({unit})" if unit else predictor.label

    def _build(
        self,
        names: list[str],
        outcome: str,
        labels: dict[str, tuple[float, str]],
        metrics: QFontMetricsF,
        show_linear: bool,
    ) -> tuple[Axis, ...]:
        nomogram = self.nomogram
        rows: list[tuple[AxisKind, str, str, list[Mark]]] = []
        tens = [(self.x_of_points(p), tick_text(p)) for p in range(0, 101, 10)]
        minor = [self.x_of_points(p / 10) for p in range(0, 1001, 25) if p % 100]
        rows.append((AxisKind.POINTS, "points", "Points", self._marks(tens, metrics, minor)))
        for predictor, label in zip(nomogram.predictors, names, strict=True):
            factor = labels.get(predictor.name, (1.0, ""))[0]
            words = {0.0: "no", 1.0: "yes"} if predictor.binary else {}
            ticks = [
                (self.x_of_points(t.points), words.get(t.value, tick_text(t.value * factor)))
                for t in nomogram.predictor_ticks(predictor.name)
            ]
            rows.append((AxisKind.PREDICTOR, predictor.name, label, self._marks(ticks, metrics)))
        totals = nomogram.total_points_axis
        step = (totals[1] - totals[0]) / 5
        minor = [self.x_of_total(t + step * k) for t in totals[:-1] for k in range(1, 5)]
        marks = self._marks([(self.x_of_total(t), tick_text(t)) for t in totals], metrics, minor)
        rows.append((AxisKind.TOTAL, "total", "Total points", marks))
        if show_linear:
            linear = [(self.x_of_total(t.points), tick_text(t.value)) for t in nomogram.linear_predictor_axis]
            rows.append((AxisKind.LINEAR, "linear", "Linear predictor", self._marks(linear, metrics)))
        risks = [(self.x_of_total(t.points), tick_text(t.value)) for t in nomogram.risk_axis]
        rows.append((AxisKind.RISK, "risk", outcome, self._marks(risks, metrics)))
        shift = 0.66 if self.stacked else 0.5
        return tuple(
            Axis(
                kind, name, label, self.rect.top() + self.row_height * (index + shift),
                min(m.x for m in marks), max(m.x for m in marks), tuple(marks),
            )
            for index, (kind, name, label, marks) in enumerate(rows)
        )  # fmt: skip

    @staticmethod
    def _marks(ticks: list[tuple[float, str]], metrics: QFontMetricsF, minor: list[float] | None = None) -> list[Mark]:
        """Ticks with labels left out where they would touch: evenly if that can be, else with the two ends kept first."""
        gap = metrics.averageCharWidth() * 0.8
        taken: list[tuple[float, float]] = []
        texts: dict[int, str] = {}
        every = list(range(len(ticks)))
        spans = [(x - (w := metrics.horizontalAdvance(text) / 2 + gap / 2), x + w) for x, text in ticks]
        for stride in (s for s in range(1, len(ticks)) if (len(ticks) - 1) % s == 0 and s < len(ticks) - 1):
            kept = sorted(spans[i] for i in every[::stride])
            if all(b[0] >= a[1] for a, b in pairwise(kept)):
                shown = [Mark(x, text if i % stride == 0 else "") for i, (x, text) in enumerate(ticks)]
                return shown + [Mark(x, "") for x in minor or []]
        if len(ticks) == 2:  # yes and no: a label left out would say too little
            (a, first), (b, second) = sorted(ticks)
            apart = max(0.0, metrics.horizontalAdvance(first + second) / 2 + gap - (b - a)) / 2
            return [Mark(a, first, a - apart), Mark(b, second, b + apart)]
        # Ends first, then ever finer halves, so that what is left is evenly spread.
        order = [0, len(ticks) - 1]
        stride = len(ticks) - 1
        while stride > 1:
            stride = (stride + 1) // 2
            order += [i for i in every[::stride] if i not in order]
        order += [i for i in every if i not in order]
        for index in order:
            x, text = ticks[index]
            half = metrics.horizontalAdvance(text) / 2 + gap / 2
            if all(x + half <= low or x - half >= high for low, high in taken):
                taken.append((x - half, x + half))
                texts[index] = text
        return [Mark(x, texts.get(i, "")) for i, (x, _text) in enumerate(ticks)] + [Mark(x, "") for x in minor or []]

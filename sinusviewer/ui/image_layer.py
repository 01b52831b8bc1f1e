"""One slice drawn through a grey table, at the resolution and for the part that is on screen."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QTransform

from sinusviewer.domain.image import LookupTable, Window
from sinusviewer.ui.view_geometry import Matrix

_QUANTISED_STEPS = 4096
_LARGE = 1_500_000
"""Pixels from which on a smaller copy is kept for the whole view: windowing 5 megapixels takes longer than a frame."""


_GREYS = np.arange(256, dtype=np.uint8)
_GREY_WORDS = (np.arange(256, dtype=np.uint32) * 0x010101) | np.uint32(0xFF000000)


@dataclass(frozen=True, slots=True, eq=False)
class Tint:
    """Colour over the grey: ``codes`` [row, column] of the whole slice, ``table`` [code, grey] of RGB32 words."""

    codes: npt.NDArray[np.uint8]
    table: npt.NDArray[np.uint32]
    key: tuple[object, ...]
    lines: npt.NDArray[np.uint8] | None = None
    """Codes whose colour in ``line_colors`` replaces everything, e.g. outlines of masks over heat."""
    line_colors: npt.NDArray[np.uint32] | None = None

    def words(self, shades: npt.NDArray[np.uint8], rows: slice, columns: slice) -> npt.NDArray[np.uint32]:
        """RGB32 of a part of the slice over its grey."""
        index = (self.codes[rows, columns].astype(np.uint16) << 8) | shades
        result = np.asarray(self.table.ravel()[index])
        if self.lines is not None and self.line_colors is not None:
            lines = self.lines[rows, columns]
            drawn = lines > 0
            result[drawn] = self.line_colors[lines[drawn]]
        return result


@dataclass(frozen=True, slots=True)
class GreyScale:
    """How values become grey: window or VOI LUT, presentation LUT, one inversion, a value that is padding."""

    voi: Window | LookupTable
    presentation: LookupTable | None = None
    inverted: bool = False
    padding_value: int | None = None

    def key(self) -> tuple[object, ...]:
        voi = self.voi if isinstance(self.voi, Window) else id(self.voi)
        return voi, id(self.presentation), self.inverted, self.padding_value


class ImageLayer:
    """Turns ``[row, column]`` values into a picture; keeps halved copies of large images and the last picture."""

    def __init__(self) -> None:
        self._source: npt.NDArray[np.generic] | None = None
        self._levels: dict[int, npt.NDArray[np.generic]] = {}
        self._table_key: tuple[object, ...] = ()
        self._table: npt.NDArray[Any] = np.zeros(1, np.uint8)
        self._padding: dict[int, npt.NDArray[np.bool_]] = {}
        self._scale = 1.0
        self._offset = 0.0
        self._quantised = False
        self._picture_key: tuple[object, ...] = ()
        self._picture: tuple[QImage, QRectF, npt.NDArray[Any]] | None = None

    def set_pixels(self, pixels: npt.NDArray[np.generic], padding: npt.NDArray[np.bool_] | None = None) -> None:
        """Set the slice, and which of its pixels are no image and stay black; the same array again costs nothing."""
        if self._source is not None and _same(self._source, pixels):
            return
        self._source = pixels
        self._padding = {1: padding} if padding is not None and padding.any() else {}
        self._levels.clear()
        self._picture_key = ()
        self._scale, self._offset, self._quantised = 1.0, 0.0, False
        if pixels.ndim == 2 and not (pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2):
            self._quantise(pixels)
        elif pixels.ndim == 2 and abs(pixels.strides[1]) > 4 * pixels.itemsize:
            # A sagittal slice touches a cache line for each pixel: once is enough, however often it is drawn.
            self._levels[1] = np.ascontiguousarray(pixels)

    def forget(self) -> None:
        """Look at the pixels anew: they have been filled in place."""
        self._source = None

    def _quantise(self, pixels: npt.NDArray[np.generic]) -> None:
        """Values that no 16-bit table can hold are put on 4096 steps once, for display only."""
        finite = np.nan_to_num(np.asarray(pixels, dtype=np.float32))
        low, high = float(finite.min()), float(finite.max())
        self._quantised = True
        self._offset, self._scale = low, max(high - low, 1e-6) / (_QUANTISED_STEPS - 1)
        self._levels[1] = np.round((finite - low) / self._scale).astype(np.uint16)

    def _level(self, step: int) -> npt.NDArray[np.generic]:
        """The image averaged over ``step`` x ``step`` pixels."""
        if self._source is None:
            raise ValueError("no pixels set")
        if step == 1:
            return self._levels.get(1, self._source)
        if step not in self._levels:
            finer = self._level(step // 2)
            rows, columns = finer.shape[0] // 2 * 2, finer.shape[1] // 2 * 2
            part = finer[:rows, :columns].astype(np.int32)
            mean = (part[0::2, 0::2] + part[1::2, 0::2] + part[0::2, 1::2] + part[1::2, 1::2]) >> 2
            self._levels[step] = mean.astype(finer.dtype)
        return self._levels[step]

    def draw(
        self,
        painter: QPainter,
        matrix: Matrix,
        size: tuple[float, float],
        grey: GreyScale,
        *,
        smooth: bool = True,
        tint: Tint | None = None,
    ) -> None:
        """Paint the part that is on screen, tinted where asked."""
        if self._source is None:
            return
        rows, columns = self._source.shape[:2]
        part = visible_part(matrix, size, (rows, columns))
        if part[2] <= part[0] or part[3] <= part[1]:
            return
        scale = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2])))) * painter.device().devicePixelRatioF()
        step = 1
        while rows * columns > _LARGE and step < 8 and scale * step * 2 <= 1.3 and min(rows, columns) >= 4 * step:
            step *= 2
        if tint is not None:
            step = 1
        key = (step, part, *grey.key(), None if tint is None else tint.key)
        if key != self._picture_key or self._picture is None:
            self._picture = self._make(step, part, grey, tint)
            self._picture_key = key
        image, target, _ = self._picture
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.setTransform(qt_transform(matrix), True)
        painter.drawImage(target, image)
        painter.restore()

    def _make(
        self, step: int, part: tuple[int, int, int, int], grey: GreyScale, tint: Tint | None
    ) -> tuple[QImage, QRectF, npt.NDArray[Any]]:
        x0, y0, x1, y1 = (part[0] // step, part[1] // step, -(-part[2] // step), -(-part[3] // step))
        values = self._level(step)[y0:y1, x0:x1]
        rows, columns = values.shape[:2]
        target = QRectF(x0 * step, y0 * step, columns * step, rows * step)
        if values.ndim == 3:
            colour = np.ascontiguousarray(values[..., :3], dtype=np.uint8)
            colour = 255 - colour if grey.inverted else colour
            return QImage(colour.data, columns, rows, columns * 3, QImage.Format.Format_RGB888), target, colour
        # 32 bits a pixel: Qt draws these four times as fast as 8-bit grey.
        rows_shown, columns_shown = slice(y0, y1), slice(x0, x1)
        words = (
            self._look_up(values, grey, _GREY_WORDS)
            if tint is None
            else tint.words(self._look_up(values, grey, _GREYS), rows_shown, columns_shown)
        )
        if self._padding:
            words[self._padding_level(step)[rows_shown, columns_shown]] = _GREY_WORDS[0]
        return QImage(words.data, columns, rows, columns * 4, QImage.Format.Format_RGB32), target, words

    def _look_up(self, values: npt.NDArray[np.generic], grey: GreyScale, colors: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Look every value up once, in a table that already holds what of ``colors`` its grey is."""
        kind = np.dtype(values.dtype)
        key = (kind, self._scale, self._offset, colors.dtype, *grey.key())
        if key != self._table_key:
            self._table, self._table_key = colors[self._full_table(kind, grey)], key
        # The table is laid out by the bit pattern, so that int16 needs no offset and no second pass.
        unsigned = np.uint16 if kind.itemsize == 2 else np.uint8
        index: npt.NDArray[Any] = (
            values.view(unsigned) if kind.isnative else values.astype(kind.newbyteorder("=")).view(unsigned)
        )
        result = np.empty(values.shape, colors.dtype)
        self._table.take(index, out=result, mode="clip")
        return result

    def _full_table(self, kind: "np.dtype[np.generic]", grey: GreyScale) -> npt.NDArray[np.uint8]:
        """Screen grey by bit pattern for every value that the type can hold."""
        from sinusviewer.imaging.windowing import display_values  # here: pydicom comes with it, after the window is up

        bits = kind.itemsize * 8
        lowest = -(1 << (bits - 1)) if kind.kind == "i" else 0
        values = np.arange(lowest, lowest + (1 << bits)).astype(np.float32)
        if self._quantised:
            values = values[:_QUANTISED_STEPS] * np.float32(self._scale) + np.float32(self._offset)
        shown = display_values(values, grey.voi, grey.presentation, inverted=grey.inverted)
        table = (shown * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        if (
            grey.padding_value is not None
            and lowest <= grey.padding_value < lowest + len(table)
            and not self._quantised
        ):
            table[grey.padding_value - lowest] = 0
        return np.roll(table, lowest)

    def _padding_level(self, step: int) -> npt.NDArray[np.bool_]:
        """Padding at a smaller size: only where all of it is padding."""
        if step not in self._padding:
            finer = self._padding_level(step // 2)
            rows, columns = finer.shape[0] // 2 * 2, finer.shape[1] // 2 * 2
            part = finer[:rows, :columns]
            self._padding[step] = part[0::2, 0::2] & part[1::2, 0::2] & part[0::2, 1::2] & part[1::2, 1::2]
        return self._padding[step]


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> bool:
    return a is b or (
        a.__array_interface__["data"] == b.__array_interface__["data"]
        and a.shape == b.shape
        and a.strides == b.strides
        and a.dtype == b.dtype
    )


def visible_part(matrix: Matrix, size: tuple[float, float], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The ``x0, y0, x1, y1`` of whole image pixels that the screen shows."""
    inverse = np.linalg.inv(matrix)
    corners = inverse @ np.array([[0, size[0], 0, size[0]], [0, 0, size[1], size[1]], [1, 1, 1, 1]], dtype=np.float64)
    x0, x1 = math.floor(corners[0].min()) - 1, math.ceil(corners[0].max()) + 1
    y0, y1 = math.floor(corners[1].min()) - 1, math.ceil(corners[1].max()) + 1
    return max(x0, 0), max(y0, 0), min(x1, shape[1]), min(y1, shape[0])


def qt_transform(matrix: Matrix) -> QTransform:
    return QTransform(
        matrix[0, 0],
        matrix[1, 0],
        matrix[0, 1],
        matrix[1, 1],
        matrix[0, 2],
        matrix[1, 2],
    )

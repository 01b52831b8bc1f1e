"""One slice drawn through a grey table, at the resolution and for the part that is on screen."""

import math

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QTransform

from sinusviewer.domain.image import Window
from sinusviewer.ui.grey import grey_table
from sinusviewer.ui.view_geometry import Matrix

_QUANTISED_STEPS = 4096
_LARGE = 1_500_000
"""Pixels from which on a smaller copy is kept for the whole view: windowing 5 megapixels takes longer than a frame."""


class ImageLayer:
    """Turns ``[row, column]`` values into a picture; keeps halved copies of large images and the last picture."""

    def __init__(self) -> None:
        self._source: npt.NDArray[np.generic] | None = None
        self._levels: dict[int, npt.NDArray[np.generic]] = {}
        self._table_key: tuple[object, ...] = ()
        self._table: npt.NDArray[np.uint8] = np.zeros(1, np.uint8)
        self._first = 0
        self._scale = 1.0
        self._offset = 0.0
        self._quantised = False
        self._picture_key: tuple[object, ...] = ()
        self._picture: tuple[QImage, QRectF, npt.NDArray[np.uint8]] | None = None

    def set_pixels(self, pixels: npt.NDArray[np.generic]) -> None:
        """Set the slice; the same array again costs nothing."""
        source = self._source
        if source is not None and _same(source, pixels):
            return
        self._source = pixels
        self._levels.clear()
        self._picture_key = ()
        self._scale, self._offset, self._quantised = 1.0, 0.0, False
        if pixels.ndim == 2 and not (pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2):
            self._quantise(pixels)

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
        self, painter: QPainter, matrix: Matrix, size: tuple[float, float], window: Window, *, inverted: bool,
        smooth: bool = True, table: npt.NDArray[np.uint8] | None = None, table_first: int = 0,
    ) -> None:
        """Paint the part that is on screen.

        Parameters
        ----------
        table, table_first
            A ready grey table (VOI LUT of the file) and the value of its first entry, instead of ``window``.
        """
        if self._source is None:
            return
        rows, columns = self._source.shape[:2]
        x0, y0, x1, y1 = visible_part(matrix, size, (rows, columns))
        if x1 <= x0 or y1 <= y0:
            return
        scale = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2])))) * painter.device().devicePixelRatioF()
        step = 1
        while rows * columns > _LARGE and step < 8 and scale * step * 2 <= 1.3 and min(rows, columns) >= 4 * step:
            step *= 2
        key = (step, x0, y0, x1, y1, window, inverted, None if table is None else id(table))
        if key != self._picture_key or self._picture is None:
            self._picture = self._make(step, (x0, y0, x1, y1), window, inverted, table, table_first)
            self._picture_key = key
        image, target, _ = self._picture
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.setTransform(qt_transform(matrix), True)
        painter.drawImage(target, image)
        painter.restore()

    def _make(
        self, step: int, part: tuple[int, int, int, int], window: Window, inverted: bool,
        table: npt.NDArray[np.uint8] | None, table_first: int,
    ) -> tuple[QImage, QRectF, npt.NDArray[np.uint8]]:
        x0, y0, x1, y1 = (part[0] // step, part[1] // step, -(-part[2] // step), -(-part[3] // step))
        values = self._level(step)[y0:y1, x0:x1]
        target = QRectF(x0 * step, y0 * step, values.shape[1] * step, values.shape[0] * step)
        if values.ndim == 3:
            colour = np.ascontiguousarray(values[..., :3], dtype=np.uint8)
            image = QImage(colour.data, colour.shape[1], colour.shape[0], colour.shape[1] * 3, QImage.Format.Format_RGB888)
            return image, target, colour
        grey = self._grey(values, window, inverted, table, table_first)
        image = QImage(grey.data, values.shape[1], values.shape[0], grey.shape[1], QImage.Format.Format_Grayscale8)
        return image, target, grey

    def _grey(
        self, values: npt.NDArray[np.generic], window: Window, inverted: bool,
        table: npt.NDArray[np.uint8] | None, table_first: int,
    ) -> npt.NDArray[np.uint8]:
        """Look every value up; rows are padded to whole words, as QImage wants them."""
        kind = np.dtype(values.dtype)
        key = (window, inverted, kind, self._scale, self._offset, None if table is None else id(table), table_first)
        if key != self._table_key:
            self._table, self._table_key = self._full_table(kind, window, inverted, table, table_first), key
        width = values.shape[1]
        grey = np.empty((values.shape[0], -(-width // 4) * 4), np.uint8)
        # The table is laid out by the bit pattern, so that int16 needs no offset and no second pass.
        unsigned = np.uint16 if kind.itemsize == 2 else np.uint8
        index = values.view(unsigned) if kind.isnative else values.astype(kind.newbyteorder("=")).view(unsigned)
        grey[:, :width] = self._table[index]
        return grey

    def _full_table(
        self, kind: "np.dtype[np.generic]", window: Window, inverted: bool,
        table: npt.NDArray[np.uint8] | None, table_first: int,
    ) -> npt.NDArray[np.uint8]:
        bits = kind.itemsize * 8
        lowest = -(1 << (bits - 1)) if kind.kind == "i" else 0
        highest = lowest + (1 << bits) - 1
        if table is not None and not self._quantised:
            index = np.clip(np.arange(lowest, highest + 1) - table_first, 0, len(table) - 1)
            full: npt.NDArray[np.uint8] = table[index]
        elif self._quantised:
            center = (window.center - self._offset) / self._scale
            scaled = Window(center, max(window.width / self._scale, 1e-6), window.function)
            full = grey_table(lowest, highest, scaled, inverted=inverted)
        else:
            full = grey_table(lowest, highest, window, inverted=inverted)
        return np.roll(full, lowest)


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> bool:
    return a is b or (
        a.__array_interface__["data"] == b.__array_interface__["data"] and a.shape == b.shape and a.strides == b.strides
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
        matrix[0, 0], matrix[1, 0], matrix[0, 1], matrix[1, 1], matrix[0, 2], matrix[1, 2],
    )

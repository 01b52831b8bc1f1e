"""Pixels for networks: the only preprocessing there is. Training imports it, reading imports it, cards name it.

Radiographs (Oh 2021, "Workflow": inverted films corrected, intensity 0-1, resized): stored values are sampled onto a square
canvas by one affine map, whose inverse takes boxes back exactly; then a window between two percentiles of the canvas's
centre, where the face is, makes them 0-1. Padding stays out of the percentiles and becomes 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sinusviewer.domain.image import Radiograph
from sinusviewer.errors import InferenceError

WATERS_FILM = "waters_film_v1"
"""The whole film, letterboxed (stage 1)."""
WATERS_PATCH = "waters_patch_v1"
"""A square around the face box (stage 2)."""

FloatImage = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class FilmSource:
    """A film's stored grey values ``[y, x]``, which of them are image, and whether low means bright."""

    values: FloatImage
    valid: npt.NDArray[np.bool_] | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class FilmPreprocessing:
    """How a film becomes a network's input; the card keeps it word for word.

    Attributes
    ----------
    size
        Canvas side, pixels.
    low, high
        Percentiles that become 0 and 1.
    center
        Share of the canvas, in each direction, whose valid pixels set the percentiles.
    margin
        Stage 2: side of the square over the longer side of the face box.
    """

    name: str = WATERS_FILM
    size: int = 224
    low: float = 1.0
    high: float = 99.0
    center: float = 0.7
    margin: float = 1.0

    @classmethod
    def from_card(cls, parameters: Mapping[str, Any]) -> "FilmPreprocessing":
        """Read a card's ``input.preprocessing``.

        Raises
        ------
        InferenceError
            Where the card names a preprocessing this version does not have, or a parameter it does not know.
        """
        if parameters.get("name") not in (WATERS_FILM, WATERS_PATCH):
            raise InferenceError(
                f"The model wants the preprocessing “{parameters.get('name')}”, which this version does not have.",
                "Update SinusViewer or install a model made for it.",
            )
        try:
            return cls(**parameters)
        except TypeError as error:
            raise InferenceError(f"The model's preprocessing has a parameter that is not known: {error}.") from error


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a canvas lies on an image: ``canvas = (image - origin) * scale``, pixel edges on both sides."""

    scale: float
    origin_x: float
    origin_y: float
    size: int

    @property
    def canvas_to_image(self) -> npt.NDArray[np.float64]:
        """2 x 3 affine, pixel edges to pixel edges."""
        return np.array([[1 / self.scale, 0, self.origin_x], [0, 1 / self.scale, self.origin_y]])

    def boxes_to_canvas(self, xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Boxes ``[..., 4]`` of the image on the canvas."""
        return (np.asarray(xyxy, dtype=np.float64) - self._offset) * self.scale

    def boxes_to_image(self, xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Boxes ``[..., 4]`` of the canvas on the image."""
        return np.asarray(xyxy, dtype=np.float64) / self.scale + self._offset

    @property
    def _offset(self) -> npt.NDArray[np.float64]:
        return np.array([self.origin_x, self.origin_y, self.origin_x, self.origin_y])


def film_source(radiograph: Radiograph) -> FilmSource:
    """The values of a radiograph that a network may read.

    Raises
    ------
    InferenceError
        For colour, secondary captures and other images that are for viewing only.
    """
    if not radiograph.for_models or radiograph.is_color:
        raise InferenceError("This image is for viewing only; no network may read it.")
    valid = None if radiograph.padding is None else ~radiograph.padding
    return FilmSource(radiograph.pixels.astype(np.float32), valid, radiograph.inverted)


def reduced(source: FilmSource, longest: int) -> tuple[FilmSource, int]:
    """The film averaged over whole pixels to at most twice ``longest`` pixels a side, and by how much."""
    factor = max(1, max(source.values.shape) // longest)
    if factor == 1:
        return source, 1
    rows, columns = (n // factor * factor for n in source.values.shape)
    values = np.asarray(Image.fromarray(np.ascontiguousarray(source.values[:rows, :columns])).reduce(factor))
    valid = None
    if source.valid is not None:
        shape = (rows // factor, factor, columns // factor, factor)
        valid = np.asarray(source.valid[:rows, :columns].reshape(shape).all(axis=(1, 3)), dtype=np.bool_)
    return FilmSource(values.astype(np.float32), valid, source.inverted), factor


def place_whole(shape: tuple[int, int], size: int) -> Placement:
    """Letterbox: the whole image ``(rows, columns)`` centred on a square canvas."""
    rows, columns = shape
    side = float(max(rows, columns))
    return Placement(size / side, (columns - side) / 2, (rows - side) / 2, size)


def place_patch(face_box: Box, size: int, margin: float = 1.0) -> Placement:
    """A square of ``margin`` times the box's longer side around its centre; it may reach beyond the image."""
    x0, y0, x1, y1 = face_box
    side = max(x1 - x0, y1 - y0, 1.0) * margin
    return Placement(size / side, (x0 + x1 - side) / 2, (y0 + y1 - side) / 2, size)


def sample(
    source: FilmSource, canvas_to_image: npt.NDArray[np.float64], size: int
) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """Sample an image onto a ``size`` x ``size`` canvas: whole-pixel averaging first, then bilinear.

    Returns
    -------
    values, valid
        Stored values, and False where the canvas lies outside the image or on padding.
    """
    values = source.values
    if source.valid is not None and not source.valid.all():
        kept = values[source.valid]
        values = np.where(source.valid, values, kept.min() if kept.size else np.float32(0))
    step = float(np.sqrt(abs(np.linalg.det(canvas_to_image[:, :2]))))
    factor = max(1, int(step + 1e-9))
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    if factor > 1:
        image = image.reduce(factor)
    coefficients = tuple(float(c) for c in (canvas_to_image / factor).ravel())
    sampled = image.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    mask = np.ones(values.shape, dtype=np.uint8) if source.valid is None else source.valid.astype(np.uint8)
    covered = Image.fromarray(mask * np.uint8(255))
    if factor > 1:
        covered = covered.reduce(factor)
    valid = covered.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.NEAREST)
    return np.asarray(sampled, dtype=np.float32), np.asarray(valid) > 127


def to_unit(
    values: FloatImage, valid: npt.NDArray[np.bool_], inverted: bool, settings: FilmPreprocessing
) -> FloatImage:
    """Window between the percentiles of the canvas's centre to 0-1, bright bone; padding becomes 0."""
    size = values.shape[0]
    edge = round(size * (1 - settings.center) / 2)
    middle = (slice(edge, size - edge), slice(edge, size - edge))
    inside = values[middle][valid[middle]]
    if inside.size == 0:
        return np.zeros_like(values)
    low, high = (float(v) for v in np.percentile(inside, (settings.low, settings.high)))
    if not np.isfinite(high - low) or high - low <= 1e-6 * max(1.0, abs(high)):
        return np.zeros_like(values)
    unit = np.clip((values - low) / (high - low), 0, 1)
    if inverted:
        unit = 1 - unit
    return np.where(valid, unit, 0).astype(np.float32)


def film_input(source: FilmSource, placement: Placement, settings: FilmPreprocessing) -> FloatImage:
    """A film on its canvas, 0-1, as ``[1, 1, size, size]``."""
    values, valid = sample(source, placement.canvas_to_image, placement.size)
    return to_unit(values, valid, source.inverted, settings)[None, None]

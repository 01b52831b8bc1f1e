"""Turn a film as it hangs (face up, patient's right on the left) before a network reads it, and boxes back afterwards."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.film_turns import turned_box, turned_shape
from sinusviewer.domain.image import Radiograph
from sinusviewer.imaging.preprocess import Box, FilmSource


@dataclass(frozen=True, slots=True)
class Hanging:
    """How the stored image was turned; ``rows`` and ``columns`` of the stored image."""

    rows: int
    columns: int
    mirrored: bool
    upside_down: bool
    verified: bool
    turns: int = 0
    """Quarter turns clockwise before all else, where a reader turned the film upright."""

    def source(self, stored: FilmSource) -> FilmSource:
        """The values as they hang."""
        turn = np.s_[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]

        def hung(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.ascontiguousarray(np.rot90(array, -self.turns)[turn])

        valid = None if stored.valid is None else hung(stored.valid)
        return FilmSource(hung(stored.values), valid, stored.inverted)

    def box_to_stored(self, xyxy: Box) -> Box:
        """A box of the hanging film in stored pixel edges."""
        shape = turned_shape((self.rows, self.columns), self.turns)
        return turned_box(self._mirrored(xyxy, shape), shape, -self.turns)

    def box_to_hung(self, xyxy: Box) -> Box:
        """A box in stored pixel edges on the hanging film."""
        stored = (self.rows, self.columns)
        return self._mirrored(turned_box(xyxy, stored, self.turns), turned_shape(stored, self.turns))

    def _mirrored(self, xyxy: Box, shape: tuple[int, int]) -> Box:
        """Mirroring is its own inverse."""
        x0, y0, x1, y1 = xyxy
        if self.mirrored:
            x0, x1 = shape[1] - x1, shape[1] - x0
        if self.upside_down:
            y0, y1 = shape[0] - y1, shape[0] - y0
        return x0, y0, x1, y1

    def side(self, half: ImageSide) -> AnySide:
        """The patient's side of a half of the hanging film; the image's own where nothing proves the side."""
        if not self.verified:
            on_left = (half is ImageSide.IMAGE_LEFT) != self.mirrored
            return ImageSide.IMAGE_LEFT if on_left else ImageSide.IMAGE_RIGHT
        return Side.RIGHT if half is ImageSide.IMAGE_LEFT else Side.LEFT


def hanging_of(film: Radiograph) -> Hanging:
    """How a film must be turned: mirrored where it is stored mirrored, never where its side is unknown."""
    rows, columns = film.pixels.shape[:2]
    right_on_left = film.patient_right_is_image_left
    known = right_on_left is not None
    return Hanging(rows, columns, right_on_left is False, film.upside_down, known, film.upright_turns)

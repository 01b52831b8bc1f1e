"""Turn a film as it hangs (face up, patient's right on the left) before a network reads it, and boxes back afterwards."""

from dataclasses import dataclass

import numpy as np

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
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

    def source(self, stored: FilmSource) -> FilmSource:
        """The values as they hang."""
        turn = np.s_[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        valid = None if stored.valid is None else np.ascontiguousarray(stored.valid[turn])
        return FilmSource(np.ascontiguousarray(stored.values[turn]), valid, stored.inverted)

    def box_to_stored(self, xyxy: Box) -> Box:
        """A box of the hanging film in stored pixel edges (turning is its own inverse)."""
        x0, y0, x1, y1 = xyxy
        if self.mirrored:
            x0, x1 = self.columns - x1, self.columns - x0
        if self.upside_down:
            y0, y1 = self.rows - y1, self.rows - y0
        return x0, y0, x1, y1

    def side(self, half: ImageSide) -> AnySide:
        """The patient's side of a half of the hanging film; the half itself where nothing proves the side."""
        if not self.verified:
            return half
        return Side.RIGHT if half is ImageSide.IMAGE_LEFT else Side.LEFT


def hanging_of(film: Radiograph) -> Hanging:
    """How a film must be turned: mirrored where it is stored mirrored, never where its side is unknown."""
    rows, columns = film.pixels.shape[:2]
    right_on_left = film.patient_right_is_image_left
    return Hanging(rows, columns, right_on_left is False, film.upside_down, right_on_left is not None)

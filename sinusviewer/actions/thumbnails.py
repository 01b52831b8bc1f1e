"""Small pictures of series for the studies panel, as PNG."""

import io

import numpy as np
from PIL import Image as Picture

from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.image import SOFT_TISSUE, Radiograph, Volume
from sinusviewer.imaging.windowing import to_display_uint8

SIZE = 104


def thumbnail(image: Volume | tuple[Radiograph, ...]) -> bytes:
    """The middle slice, or the first film as it is hung, at most ``SIZE`` pixels wide and high."""
    if isinstance(image, Volume):
        pixels = image.voxels[len(image.voxels) // 2]
        step = max(1, max(pixels.shape) // (2 * SIZE))
        window = SOFT_TISSUE if image.identity.modality == "CT" else None
        grey = to_display_uint8(pixels[::step, ::step], window, padding=image.padding_hu)
    else:
        film = image[0]
        step = max(1, max(film.pixels.shape[:2]) // (2 * SIZE))
        small = Radiograph(
            film.pixels[::step, ::step], film.identity, inverted=film.inverted, windows=film.windows,
            padding=None if film.padding is None else film.padding[::step, ::step],
            voi_luts=film.voi_luts, presentation_lut=film.presentation_lut,
        )  # fmt: skip
        state = hang_film("", film)
        grey = np.rot90(to_display_uint8(small), -state.quarter_turns)
        if state.flipped:
            grey = grey[:, ::-1]
    picture = Picture.fromarray(np.ascontiguousarray(grey))
    picture.thumbnail((SIZE, SIZE), Picture.Resampling.BILINEAR)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

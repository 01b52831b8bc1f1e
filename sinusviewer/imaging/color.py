"""Colour frames as 8-bit RGB; they are shown and never measured or given to a model."""

import numpy as np
import numpy.typing as npt
from pydicom.pixels.processing import convert_color_space

from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.decode import JPEG_LOSSLESS, FrameReader
from sinusviewer.imaging.headers import Header
from sinusviewer.imaging.pixel_layout import is_native
from sinusviewer.imaging.plugins import plugin_frame
from sinusviewer.imaging.quiet import PYDICOM_ERRORS, quiet_readers


def read_color(header: Header, index: int) -> npt.NDArray[np.uint8]:
    """One frame ``[y, x, 3]``; palettes and YBR turned to RGB.

    Raises
    ------
    DicomReadError
        If it cannot be decoded.
    """
    if header.transfer_syntax_uid in JPEG_LOSSLESS and header.samples == 3:
        colors = _lossless(header, index)
    else:
        if not is_native(header):
            with FrameReader(header) as reader:
                reader.checked_stream(index)
        colors = plugin_frame(header, index, raw=False)
    if colors.ndim != 3 or colors.shape[:2] != (header.rows, header.columns) or colors.shape[2] not in (3, 4):
        raise DicomReadError("The colour image has an unknown layout.")
    return np.ascontiguousarray(_eight_bits(colors[:, :, :3], header))


def _lossless(header: Header, index: int) -> npt.NDArray[np.generic]:
    with FrameReader(header) as reader:
        colors = reader.read_lossless_color(index)
    if header.photometric != "YBR_FULL":
        return colors
    quiet_readers()
    try:
        return np.asarray(convert_color_space(colors, "YBR_FULL", "RGB"))
    except PYDICOM_ERRORS as error:
        raise DicomReadError("The colours of the image cannot be converted.") from error


def _eight_bits(colors: npt.NDArray[np.generic], header: Header) -> npt.NDArray[np.uint8]:
    """Colours scaled to 0-255 from the bits of the palette or of the pixels."""
    if colors.dtype == np.uint8:
        return np.asarray(colors, dtype=np.uint8)
    if header.photometric == "PALETTE COLOR" and colors.dtype == np.uint16:
        return np.asarray(np.right_shift(colors, 8)).astype(np.uint8)  # entries use all 16 bits (PS3.3 C.7.6.3.1.6)
    values = colors.astype(np.float64)
    top = max(float((1 << max(header.bits_stored, 8)) - 1), float(values.max(initial=0)))
    return np.asarray(values * (255.0 / top) + 0.5).astype(np.uint8)

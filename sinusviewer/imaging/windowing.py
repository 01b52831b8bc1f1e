"""From modality values to the screen: VOI, presentation LUT, MONOCHROME1 once (PS3.3 C.11.2, C.11.6, PS3.4 N.2)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import LookupTable, Radiograph, VoiFunction, Volume, Window
from sinusviewer.imaging.lookup import apply_table

Array = npt.NDArray[Any]
_SAMPLE = 1 << 20


def apply_window(values: Array, window: Window) -> npt.NDArray[np.float32]:
    """Window modality values to 0-1 by the window's function.

    LINEAR follows PS3.3 Equation C.11-1 (centre - 0.5, width - 1), LINEAR_EXACT C.11.2.1.3.2, SIGMOID C.11.2.1.3.1.
    """
    x = values.astype(np.float32)
    if window.function is VoiFunction.SIGMOID:
        exponent = np.clip(-4.0 * (x - np.float32(window.center)) / np.float32(window.width), -80, 80)
        return np.asarray(1.0 / (1.0 + np.exp(exponent)), dtype=np.float32)
    low, high = levels(window)
    if high <= low:  # LINEAR of width 1: a threshold
        return np.asarray(x > low, dtype=np.float32)
    return np.asarray(np.clip((x - np.float32(low)) / np.float32(high - low), 0.0, 1.0), dtype=np.float32)


def levels(window: Window) -> tuple[float, float]:
    """The modality values that become black and white, for pyqtgraph's ``setLevels``.

    A SIGMOID has no such ends; its tangent at the centre is given.
    """
    if window.function is VoiFunction.LINEAR:
        return window.center - 0.5 - (window.width - 1) / 2, window.center - 0.5 + (window.width - 1) / 2
    return window.center - window.width / 2, window.center + window.width / 2


def window_from_levels(low: float, high: float, function: VoiFunction = VoiFunction.LINEAR, name: str = "") -> Window:
    """The window whose ``levels`` are these."""
    if function is VoiFunction.LINEAR:
        return Window((low + high) / 2 + 0.5, max(1.0, high - low + 1), function, name)
    return Window((low + high) / 2, max(1e-6, high - low), function, name)


def apply_lut(values: Array, table: LookupTable) -> npt.NDArray[np.float32]:
    """Look modality values up in a VOI or presentation LUT, to 0-1 of its bits."""
    return np.asarray(apply_table(np.rint(values), table) / np.float32((1 << table.bits) - 1), dtype=np.float32)


def auto_window(
    values: Array, padding: npt.NDArray[np.bool_] | int | None = None, share: float = 0.005, name: str = "Auto"
) -> Window:
    """A window over all but the darkest and brightest ``share`` of the pixels.

    Parameters
    ----------
    padding
        Mask of, or value of, pixels that are no part of the image; they are left out.
    """
    flat = _sample(values, padding)
    if flat.size == 0:
        return Window(0.5, 1.0, VoiFunction.LINEAR_EXACT, name)
    low, high = (float(v) for v in np.quantile(flat, [share, 1 - share]))
    if high <= low:
        low, high = float(flat.min()), float(flat.max())
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return window_from_levels(low, high, VoiFunction.LINEAR_EXACT, name)


def _sample(values: Array, padding: npt.NDArray[np.bool_] | int | None) -> npt.NDArray[np.float64]:
    """At most about a million finite pixels, evenly taken, without padding."""
    step = max(1, int((values.size / _SAMPLE) ** (1 / max(values.ndim, 1))))
    taken = tuple(slice(None, None, step) for _ in range(values.ndim))
    chosen = values[taken]
    if isinstance(padding, np.ndarray):
        chosen = chosen[~padding[taken]]
    elif padding is not None:
        chosen = chosen[chosen != padding]
    flat = chosen.astype(np.float64).ravel()
    return np.asarray(flat[np.isfinite(flat)])


def initial_window(image: Radiograph | Volume) -> Window | LookupTable:
    """How an image is first shown: its own window, else its VOI LUT, else the auto window (PS3.3 C.11.2.1)."""
    if image.windows:
        return image.windows[0]
    if isinstance(image, Volume):
        return auto_window(image.voxels, image.padding_hu)
    if image.voi_luts:
        return image.voi_luts[0]
    return auto_window(image.pixels, image.padding)


def display_values(
    values: Array, voi: Window | LookupTable, presentation: LookupTable | None = None, *, inverted: bool = False
) -> npt.NDArray[np.float32]:
    """Modality values to brightness 0-1: VOI, then presentation LUT, then MONOCHROME1's inversion."""
    shown = apply_window(values, voi) if isinstance(voi, Window) else apply_lut(values, voi)
    if presentation is not None:
        # The presentation LUT takes the VOI's output stretched over its own inputs (PS3.4 N.2.3).
        shown = apply_lut(shown * np.float32(len(presentation.values) - 1) + presentation.first_mapped, presentation)
    return 1 - shown if inverted else shown


def to_display_uint8(
    image: Radiograph | Array, voi: Window | LookupTable | None = None, invert: bool = False,
    padding: npt.NDArray[np.bool_] | int | None = None,
) -> npt.NDArray[np.uint8]:  # fmt: skip
    """An image as it is shown, 0 (black) to 255 (white), in stored orientation.

    Parameters
    ----------
    image
        A Radiograph, whose MONOCHROME1, presentation LUT and padding are taken into account, or a slice of modality values.
    voi
        Window or table; ``initial_window`` where None.
    invert
        The reader's own inversion, on top of MONOCHROME1.
    padding
        For a slice: mask or value of padding, shown black.
    """
    presentation, inverted = None, invert
    if isinstance(image, Radiograph):
        if image.is_color:
            colors = np.asarray(image.pixels, dtype=np.uint8)
            return 255 - colors if invert else colors
        chosen = voi or initial_window(image)
        presentation, inverted = image.presentation_lut, image.inverted != invert
        values: Array = image.pixels
        padding = image.padding
    else:
        values = image
        chosen = voi or auto_window(values, padding)
    shown = display_values(values, chosen, presentation, inverted=inverted)
    result = np.asarray(shown * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if isinstance(padding, np.ndarray):
        result[padding] = 0
    elif padding is not None:
        result[values == padding] = 0
    return result

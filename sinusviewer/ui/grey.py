"""A table from stored values to screen grey, so that windowing costs one look-up a pixel."""

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import VoiFunction, Window


def window_levels(values: npt.NDArray[np.float64], window: Window) -> npt.NDArray[np.float64]:
    """Values through a VOI window to 0-1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    center, width = window.center, window.width
    if window.function is VoiFunction.SIGMOID:
        exponent = np.clip(-4 * (values - center) / max(width, 1e-6), -50, 50)
        return 1 / (1 + np.exp(exponent))
    if window.function is VoiFunction.LINEAR_EXACT:
        return np.clip((values - center) / max(width, 1e-6) + 0.5, 0, 1)
    return np.clip((values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)


def grey_table(lowest: int, highest: int, window: Window, *, inverted: bool) -> npt.NDArray[np.uint8]:
    """Screen grey for every whole value from ``lowest`` to ``highest``."""
    levels = window_levels(np.arange(lowest, highest + 1, dtype=np.float64), window)
    if inverted:
        levels = 1 - levels
    return np.round(levels * 255).astype(np.uint8)

"""From detector signal to the grey values a vendor stores: logarithm, window, multi-frequency enhancement, film curve."""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.radiograph.physics import Image, enlarge

_BANDS = 8
_EDGES_MM = (0.35, 1.5)
"""Scales of bony edges, which the unsharp mask lifts; finer is noise."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a film is made to look.

    Attributes
    ----------
    black_percentile, white_percentile
        Of the logarithmic signal in the central face: what the film shows as nearly black and nearly white.
    slope
        Steepness of the sigmoid film curve; 0 is a straight line.
    middle
        Where the curve is steepest, 0-1.
    gamma
        Applied after the curve.
    gains
        Amplification of detail, finest band first (octaves from 0.15 mm), 1 leaves it.
    latitude
        Amplification of what remains below the coarsest band: < 1 compresses the range, as large-latitude processing does.
    sharpen
        Strength of the unsharp mask on bony edges.
    """

    black_percentile: float = 3.0
    white_percentile: float = 97.0
    slope: float = 4.0
    middle: float = 0.5
    gamma: float = 1.0
    gains: tuple[float, ...] = (1.2, 1.2, 1.3, 1.4, 1.5, 1.5, 1.4, 1.4)
    latitude: float = 0.75
    sharpen: float = 0.3


def process(signal: Image, look: Look, pixel_mm: float, central: tuple[int, int, int, int]) -> Image:
    """Film values 0-1, dense tissue bright.

    Parameters
    ----------
    signal
        ``[y, x]`` detector signal over the open beam.
    central
        ``x0, y0, x1, y1``: the part of the film that sets the window (the central face).
    """
    density = -np.log(signal)
    x0, y0, x1, y1 = central
    sample = density[y0:y1:3, x0:x1:3]
    low, high = np.percentile(sample, [look.black_percentile, look.white_percentile])
    value = (density - np.float32(low)) * np.float32(1 / max(1e-3, high - low))
    # Open air and lead lie far outside; hold them near the ends, or every band would ring at their edge.
    value = np.clip(value, -0.6, 1.5)
    value = enhance(value, look, pixel_mm)
    if look.slope > 0:
        half = np.float32(1 / (1 + np.exp(-look.slope * (0 - look.middle))))
        full = np.float32(1 / (1 + np.exp(-look.slope * (1 - look.middle))))
        value = 1 / (1 + np.exp(np.float32(-look.slope) * (value - np.float32(look.middle))))
        value = (value - half) / (full - half) * np.float32(0.9) + np.float32(0.05)
    value = np.clip(value, 0, 1)
    result: Image = value if look.gamma == 1 else value ** np.float32(look.gamma)
    return result


def enhance(value: Image, look: Look, pixel_mm: float) -> Image:
    """Laplacian pyramid with a gain per octave; strong edges are amplified less, so that they do not halo."""
    levels: list[Image] = []
    current = value
    for _ in range(_BANDS - 1):
        if min(current.shape) < 16:
            break
        smaller = _reduced(current)
        levels.append(current - enlarge(smaller, current.shape))
        current = smaller
    middle = np.float32(0.5)
    current = (current - middle) * np.float32(look.latitude) + middle
    for number in range(len(levels) - 1, -1, -1):
        scale_mm = pixel_mm * 2**number
        edges = _EDGES_MM[0] <= scale_mm <= _EDGES_MM[1] or (number == 0 and scale_mm > _EDGES_MM[1])
        gain = _gain_at(look, scale_mm) * (1 + look.sharpen if edges else 1)
        band = levels[number]
        boosted = band * (1 + np.float32(gain - 1) / (1 + np.abs(band) * np.float32(8)))
        current = enlarge(current, band.shape) + boosted
    return current


def _gain_at(look: Look, scale_mm: float) -> float:
    octave = np.log2(max(scale_mm, 0.15) / 0.15)
    return float(np.interp(octave, np.arange(len(look.gains)), look.gains))


def _reduced(image: Image) -> Image:
    """Half the size by 2 x 2 means; odd edges are repeated."""
    rows, columns = image.shape
    if rows % 2 or columns % 2:
        image = np.pad(image, ((0, rows % 2), (0, columns % 2)), mode="edge")
    result: Image = (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) * np.float32(0.25)
    return result

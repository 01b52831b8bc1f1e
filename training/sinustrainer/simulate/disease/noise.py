"""Smooth random fields for textures, lumps and uneven linings."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage


def smooth_noise(
    shape: tuple[int, ...], scale_mm: float, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Standard normal noise correlated over about ``scale_mm``, ``[z, y, x]``; cheap: drawn coarse, then interpolated."""
    coarse = [max(int(np.ceil(n * s / scale_mm)), 1) + 3 for n, s in zip(shape, spacing_mm, strict=True)]
    values = rng.standard_normal(coarse).astype(np.float32)
    shift = rng.uniform(0, 1, 3)
    for axis, (n, s) in enumerate(zip(shape, spacing_mm, strict=True)):
        at = shift[axis] + np.arange(n) * (s / scale_mm)
        low = at.astype(np.intp)
        share = (at - low).astype(np.float32)
        # Cosine weights keep it smooth; dividing by their norm keeps the variance at one everywhere.
        first, second = np.cos(share * np.pi / 2), np.sin(share * np.pi / 2)
        form = [1, 1, 1]
        form[axis] = n
        values = values.take(low, axis) * first.reshape(form) + values.take(low + 1, axis) * second.reshape(form)
    return np.asarray(values, dtype=np.float32)


def blurred_noise(shape: tuple[int, ...], sigma_voxels: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Standard normal noise blurred with a Gaussian and brought back to unit variance."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma_voxels, mode="wrap")
    deviation = float(field.std())
    return field / np.float32(deviation) if deviation > 0 else field

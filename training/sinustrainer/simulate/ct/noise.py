"""CT noise with the grain of its kernel."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Voxels = npt.NDArray[np.float32]


def correlated_noise(hu: Voxels, sigma_hu: float, grain_px: float, edge: float, rng: np.random.Generator) -> Voxels:
    """Noise of ``sigma_hu`` in the middle of the head, less towards the skin and in air.

    Filtered back-projection passes no low frequencies and the kernel few high ones: a band, by the difference of two blurs.
    """
    white = rng.standard_normal(hu.shape, dtype=np.float32)
    low = max(0.3, grain_px)
    # In place where it can be: a scan's noise takes several times the scan otherwise.
    band: Voxels = ndimage.gaussian_filter(white, (0, low, low), truncate=3, mode="wrap")
    ndimage.gaussian_filter(white, (0, 2.5 * low, 2.5 * low), output=white, truncate=2.5, mode="wrap")
    white *= np.float32(0.75 if edge > 0.5 else 0.55)
    band -= white
    del white
    band *= np.float32(sigma_hu / max(1e-6, float(band[::4].std())))
    # More tissue in the way means fewer quanta: the noise grows with the blurred amount of it.
    step = max(1, hu.shape[1] // 32)
    tissue = np.clip(hu[:, ::step, ::step] / 1000 + 1, 0, 2.5)
    around = ndimage.gaussian_filter(tissue, (1, 4, 4), mode="nearest")
    gain = 0.35 + 0.65 * np.minimum(1.6, around / max(0.2, float(np.percentile(around, 85))))
    shape = hu.shape
    grown = np.repeat(np.repeat(gain, step, axis=1), step, axis=2)[:, : shape[1], : shape[2]]
    band *= ndimage.uniform_filter(grown, (0, step, step)).astype(np.float32, copy=False)
    return band

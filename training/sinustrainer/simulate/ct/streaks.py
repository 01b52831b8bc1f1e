"""Streaks from metal fillings: bright and dark rays in the slices that hold metal."""

import numpy as np
import numpy.typing as npt


def add_streaks(
    hu: npt.NDArray[np.float32], metal: npt.NDArray[np.bool_], strength: float, rng: np.random.Generator
) -> None:
    """Add streaks, in place. Rays start at each slice's metal and fade with distance; between metals it is darker."""
    _, rows, columns = hu.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    pattern = rng.normal(0, 1, 360).astype(np.float32)
    for k in np.flatnonzero(metal.any(axis=(1, 2))):
        found_y, found_x = np.nonzero(metal[k])
        # A few points stand for all of the slice's metal; neighbouring slices share the pattern and look alike.
        chosen = np.linspace(0, found_y.size - 1, min(4, found_y.size)).astype(int)
        amount = strength * min(1.0, found_y.size / 40)
        for point in chosen:
            dy, dx = y - found_y[point], x - found_x[point]
            angle = (np.degrees(np.arctan2(dy, dx)) % 360).astype(np.float32)
            low = angle.astype(np.int32) % 360
            weight = angle - np.floor(angle)
            ray = pattern[low] * (1 - weight) + pattern[(low + 1) % 360] * weight
            distance = np.sqrt(dx**2 + dy**2) * np.float32(256 / columns)
            hu[k] += ray * np.float32(amount * 180) * np.exp(-distance / 60) / (1 + 0.02 * distance)
        if chosen.size > 1:
            middle = (found_y.mean(), found_x.mean())
            spread = np.exp(-((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / (2 * (0.12 * columns) ** 2))
            hu[k] -= np.float32(amount * 150) * spread.astype(np.float32) * (~metal[k])

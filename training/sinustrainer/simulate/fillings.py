"""Metal fillings: a few small lumps of metal in teeth, for streaks on CT and white spots on films."""

from dataclasses import replace

import numpy as np

from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

_METAL_HU = 8000


def with_fillings(head: Head, count: int, rng: np.random.Generator) -> Head:
    """The head with ``count`` fillings; unchanged where it has no teeth."""
    z, y, x = np.nonzero((head.labels == Structure.TEETH) & (head.hu > 600))
    if z.size == 0 or count <= 0:
        return head
    hu = head.hu.copy()
    spacing = np.asarray(head.spacing)
    points = np.stack([z, y, x], axis=1)
    for _ in range(count):
        middle = points[int(rng.integers(len(points)))]
        radius = float(rng.uniform(1.5, 3.2))
        near = points[np.linalg.norm((points - middle) * spacing, axis=1) < radius]
        hu[near[:, 0], near[:, 1], near[:, 2]] = _METAL_HU
    return replace(head, hu=hu)

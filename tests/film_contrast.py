"""How dark a healthy antrum is against what lies around it on a noiseless film, in -ln of the detector signal."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sinustrainer.simulate.head import Head
from sinustrainer.simulate.radiograph import physics
from sinustrainer.simulate.radiograph.acquire import acquire, film_geometry
from sinustrainer.simulate.radiograph.geometry import Positioning
from sinustrainer.simulate.radiograph.labels import lumen_path
from sinusviewer.domain.anatomy import Side, Structure


@dataclass(frozen=True)
class FilmContrast:
    """Mean of both sides: brighter than the antrum's core by so much (1 is a factor e of signal)."""

    antrum: float
    surround: float
    orbit: float
    below: float
    lower_third: float


def film_contrast(head: Head, pixels: int = 224) -> FilmContrast:
    """Core: where the ray runs far through the lumen; surround: the ring 2-8 mm outside; below: 2-12 mm under it.

    Lower third: of the antrum's height on the film, against the two thirds above it.
    """
    geometry = film_geometry(head, Positioning(), pixels)
    projections = acquire(head, geometry)
    path = physics.optical_path(75.0, projections.soft, projections.bone)
    per_mm = 1 / geometry.pixel_mm
    rows = []
    for side in Side:
        lumen = projections.lumens[side]
        core = float(np.median(path[lumen > 0.7 * lumen.max()]))
        near, far = (ndimage.binary_dilation(lumen > 3, iterations=max(1, round(mm * per_mm))) for mm in (2, 8))
        (x0, y0, x1, y1), orbit_path = lumen_path(head, Structure[f"{side.name}_ORBIT"], geometry)
        orbit = path[y0:y1, x0:x1][orbit_path > 0.6 * orbit_path.max()]
        left, roof, right, floor = projections.antra[side]
        low = (np.arange(len(lumen)) + 0.5 >= roof + (floor - roof) * 2 / 3)[:, None]
        lower = float(np.median(path[(lumen > 3) & low]) - np.median(path[(lumen > 3) & ~low]))
        inner = slice(round(left + 0.2 * (right - left)), round(right - 0.2 * (right - left)))
        below = path[round(floor + 2 * per_mm) : round(floor + 12 * per_mm), inner]
        rows.append((core, *(float(np.median(part)) - core for part in (path[far & ~near], orbit, below)), lower))
    return FilmContrast(*(float(v) for v in np.mean(rows, axis=0)))

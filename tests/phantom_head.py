"""A small analytic head for tests: ellipsoid skull, two air antra, orbits, petrous ridges. Not meant to look like one."""

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure


def phantom_head(spacing_mm: float = 2.0, *, left_antrum_scale: float = 1.0) -> Head:
    """A head in its orbitomeatal frame (x left, y posterior, z up; origin between the porions)."""
    half = np.floor(85.0 / spacing_mm) * spacing_mm  # a grid that is its own mirror image
    low, high = np.array([-half, -115.0, -90.0]), np.array([half, 95.0, 100.0])
    count = np.round((high - low) / spacing_mm).astype(int) + 1
    axes = [low[i] + spacing_mm * np.arange(count[i]) for i in range(3)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")

    def inside(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> npt.NDArray[np.bool_]:
        result: npt.NDArray[np.bool_] = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 + (
            (z - centre[2]) / radii[2]
        ) ** 2 < 1
        return result

    hu = np.full(x.shape, -1000, np.int16)
    hu[inside((0, -5, 30), (78, 96, 66))] = 40
    hu[inside((0, -40, -25), (62, 62, 62))] = 40
    hu[inside((0, 0, 32), (72, 88, 60))] = 1000
    hu[inside((0, 0, 32), (66, 82, 54))] = 35
    hu[inside((0, -45, -18), (48, 46, 40))] = 300
    labels = np.zeros(x.shape, np.uint8)
    for sign, side in ((-1, "RIGHT"), (1, "LEFT")):
        scale = left_antrum_scale if side == "LEFT" else 1.0
        wall = inside((sign * 27, -62, -20), (13.5 * scale + 1.5, 17.5 * scale + 1.5, 16.5 * scale + 1.5))
        antrum = inside((sign * 27, -62, -20), (13.5 * scale, 17.5 * scale, 16.5 * scale))
        orbit = inside((sign * 31, -68, 12), (17, 20, 16))
        petrous = inside((sign * 35, -5, 4), (30, 8, 9))
        hu[wall], hu[antrum], hu[orbit], hu[petrous] = 500, -1000, -60, 1200
        labels[antrum] = Structure[f"{side}_MAXILLARY"]
        labels[orbit] = Structure[f"{side}_ORBIT"]
        labels[petrous] = Structure[f"{side}_PETROUS"]
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = low
    marks = {
        "porion_right": (-62.0, 0.0, 0.0), "porion_left": (62.0, 0.0, 0.0),
        "outer_canthus_right": (-48.0, -75.0, 0.0), "outer_canthus_left": (48.0, -75.0, 0.0),
        "orbitale_right": (-31.0, -84.0, -4.0), "orbitale_left": (31.0, -84.0, -4.0),
        "nasion": (0.0, -92.0, 12.0), "anterior_nasal_spine": (0.0, -95.0, -32.0),
        "antrum_floor_right": (-27.0, -62.0, -36.5), "antrum_floor_left": (27.0, -62.0, -36.5),
    }  # fmt: skip
    return Head(hu, labels, affine, marks, "phantom")


def mirrored(head: Head) -> Head:
    """The phantom's mirror image; its grid is symmetric in x."""
    from sinusviewer.domain.anatomy import MIRRORED

    swap = np.arange(256, dtype=np.uint8)
    for code, other in MIRRORED.items():
        swap[code] = other
    marks = {}
    for name, (px, py, pz) in head.landmarks.items():
        other_name = name.replace("_right", "_?").replace("_left", "_right").replace("_?", "_left")
        marks[other_name] = (-px, py, pz)
    return Head(
        np.ascontiguousarray(head.hu[:, :, ::-1]), swap[np.ascontiguousarray(head.labels[:, :, ::-1])],
        head.affine, marks, head.source,
    )  # fmt: skip

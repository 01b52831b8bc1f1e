"""The nouns of simulation: a head, what is wrong with its sinuses, and a patient made of both.

Frames: every head is stored in canonical LPS axes (x to the patient's left, y posterior, z to the head), arrays ``[z, y, x]``.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import Structure


class DiseaseForm(StrEnum):
    """The forms of Oh 2021's subclasses, and those that only CT tells apart."""

    MUCOSAL_THICKENING = "mucosal_thickening"
    POLYPOID_THICKENING = "polypoid_thickening"  # counts as mucosal_thickening on radiographs
    AIR_FLUID = "air_fluid"
    CYST = "cyst"
    FULL_OPACIFICATION = "full_opacification"
    POLYPS = "polyps"


@dataclass(frozen=True, slots=True)
class SinusDisease:
    """What is wrong with one sinus (or, for polyps, the nasal cavity).

    Attributes
    ----------
    structure
        Where: a sinus code or NASAL_CAVITY.
    severity
        0-1: share of the lumen aimed at (thickness, level, cyst size follow from it); 1 for full opacification.
    hu
        CT number of the content (mucosa and fluid 10-40, inspissated or eosinophilic mucin higher).
    hyperdense
        Share of the content that is hyperdense, patchy mucin (0-1).
    osteitis
        0-1: thickening and brightening of the walls.
    """

    structure: Structure
    form: DiseaseForm
    severity: float
    hu: float = 25.0
    hyperdense: float = 0.0
    osteitis: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head with healthy, aerated sinuses.

    Attributes
    ----------
    hu
        ``[z, y, x]`` int16.
    labels
        ``[z, y, x]`` uint8 Structure codes. A sinus label covers its whole lumen (air and, later, its disease), not its wall.
    affine
        Voxel-centre (x, y, z) to LPS mm.
    landmarks
        LPS mm points: porion_right/left (upper edge of the ear canal), orbitale_right/left (lowest point of the orbital rim),
        outer_canthus_right/left, nasion, anterior_nasal_spine, antrum_floor_right/left. The orbitomeatal line runs from
        the outer canthus to the porion.
    source
        Where the anatomy comes from ("head_ct_cranium", "parametric", ...), named in every card of weights trained with it.
    """

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    landmarks: dict[str, tuple[float, float, float]]
    source: str

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(z, y, x) mm."""
        x, y, z = (float(np.linalg.norm(self.affine[:3, i])) for i in range(3))
        return z, y, x


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """A head with its disease painted in.

    Attributes
    ----------
    diseased_hu
        ``[z, y, x]`` int16: ``head.hu`` with all disease painted.
    opacified
        ``[z, y, x]`` True where disease fills lumen.
    parameters
        The numbers it was drawn from, plain data, for the manifest.
    """

    head: Head
    diseases: tuple[SinusDisease, ...]
    diseased_hu: npt.NDArray[np.int16]
    opacified: npt.NDArray[np.bool_]
    parameters: dict[str, float | str] = field(default_factory=dict)

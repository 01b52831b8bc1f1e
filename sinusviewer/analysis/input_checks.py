"""Is this what a network may read? An empty answer is yes; else a sentence that says why not."""

import numpy as np

from sinusviewer.analysis.sinus_air import AIR_HU, SinusAir
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume

_MINIMUM_TISSUE_ML = 300.0
_MINIMUM_BONE_ML = 30.0
_MINIMUM_ENCLOSED_AIR_ML = 1.0
_MINIMUM_SINUS_ML = 2.0
_MINIMUM_SINUS_AIR_ML = 0.3
_MAXIMUM_SLICE_MM = 10.0


def refuse_ct(volume: Volume, air: SinusAir) -> str:
    """Why this volume cannot be assessed as a sinus CT; empty where it can."""
    if min(volume.voxels.shape) < 8:
        return "Cannot assess: too few slices for a sinus CT."
    if max(volume.spacing) > _MAXIMUM_SLICE_MM:
        return f"Cannot assess: slices {max(volume.spacing):.1f} mm apart are too coarse."
    if air.tissue_ml < _MINIMUM_TISSUE_ML:
        return "Cannot assess: no head of the size of a patient's was found."
    if air.bone_ml < _MINIMUM_BONE_ML:
        return "Cannot assess: no skull was found; this may be a phantom or another region."
    if air.enclosed_ml < _MINIMUM_ENCLOSED_AIR_ML:
        return "Cannot assess: no air within the head; sinuses cannot be told from a phantom or complete opacification."
    return ""


def refuse_segmentation(volume: Volume, segmentation: Segmentation) -> str:
    """Why the masks found cannot be those of a patient's sinuses; empty where they can."""
    labels = segmentation.labels
    sinuses = (labels > 0) & (labels < Structure.NASAL_CAVITY)
    sinus_ml = float(np.count_nonzero(sinuses)) * volume.voxel_ml
    if sinus_ml < _MINIMUM_SINUS_ML:
        return "Cannot assess: no paranasal sinuses were found on this CT."
    maxillary = (labels == Structure.RIGHT_MAXILLARY) | (labels == Structure.LEFT_MAXILLARY)
    if not maxillary.any() and sinus_ml < 2 * _MINIMUM_SINUS_ML:
        return "Cannot assess: too little of the paranasal sinuses is on this CT."
    found = labels > 0
    air_ml = float(np.count_nonzero(found & (volume.voxels < AIR_HU))) * volume.voxel_ml
    if air_ml < _MINIMUM_SINUS_AIR_ML:
        return (
            "Cannot assess: no air in nose or sinuses; total opacification cannot be told from a phantom "
            "or another region."
        )
    return ""

"""Is this what a network may read? An empty answer is yes; else a sentence that says why not."""

from sinusviewer.analysis.sinus_air import SinusAir
from sinusviewer.domain.image import Volume

_MINIMUM_TISSUE_ML = 300.0
_MINIMUM_BONE_ML = 30.0
_MINIMUM_ENCLOSED_AIR_ML = 1.0
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

"""Do the masks lie as sinuses lie? Right of left, ethmoids above the maxillary sinuses, sphenoid behind, bone around them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure
from sinusviewer.domain.image import Volume
from sinusviewer.imaging.resample import canonical, reorient_array
from sinusviewer.jobs.runner import CancelToken

_PRESENT_ML = 0.25
_LARGEST_ML = {
    Sinus.MAXILLARY: 60.0,
    Sinus.ANTERIOR_ETHMOID: 20.0,
    Sinus.POSTERIOR_ETHMOID: 20.0,
    Sinus.FRONTAL: 45.0,
    Sinus.SPHENOID: 35.0,
}
"""Generous: about twice the largest that anatomists report."""
_WORKING_MM = 1.2
_BONE_HU = 150
_BONE_NEAR_MM = 3.0
_WALL_SHARE = 0.5
"""Share of the sinuses' surface with bone beside it; simulated patients have 0.89 to 0.98."""
_FEWEST_STRUCTURES = 2
_FAULTS_ALLOWED = 0.2
_PREFIX = "Cannot assess: what was outlined does not lie as sinuses do"

Point = npt.NDArray[np.float64]


def implausible(volume: Volume, labels: npt.NDArray[np.uint8], token: CancelToken | None = None) -> str:
    """Why these cannot be a patient's sinuses, as a sentence; empty where they can."""
    token = token or CancelToken()
    token.raise_if_cancelled()
    turned = canonical(volume)
    steps = [max(1, int(_WORKING_MM / s + 1e-6)) for s in turned.spacing]
    thin = tuple(slice(None, None, s) for s in steps)
    spacing = np.array(turned.spacing) * steps
    codes = reorient_array(labels, volume.affine)[thin]
    margin = [int(np.ceil(_BONE_NEAR_MM / s)) + 1 for s in spacing]
    if (where := extent(codes, (margin[0], margin[1], margin[2]))) is None:
        return f"{_PREFIX}: nothing was outlined."
    codes, hu = codes[where], turned.voxels[thin][where]
    voxel_ml = float(np.prod(spacing)) / 1000.0
    size_ml = {code: float(n) * voxel_ml for code, n in enumerate(np.bincount(codes.ravel(), minlength=12)[:12])}
    present = [code for code in range(1, 12) if size_ml[code] >= _PRESENT_ML]
    if len(present) < _FEWEST_STRUCTURES:
        return "Cannot assess: too little of the nose and the sinuses is on this CT, or it is none of them."
    for (sinus, side), code in SINUS_CODES.items():
        if size_ml[code] > _LARGEST_ML[sinus]:
            words = f"{side.value} {sinus.value.replace('_', ' ')}"
            return f"{_PREFIX}: {size_ml[code]:.0f} ml are too much for a {words} sinus."
    token.raise_if_cancelled()
    if (walls := wall_share(hu, codes, spacing)) < _WALL_SHARE:
        return f"{_PREFIX}: only {100 * walls:.0f} % of it is walled by bone."
    token.raise_if_cancelled()
    centres = ndimage.center_of_mass(codes > 0, codes, present)
    middle = {code: np.array(c) * spacing for code, c in zip(present, centres, strict=True)}
    verdicts = list(_relations(middle))
    if verdicts and verdicts.count(False) > _FAULTS_ALLOWED * len(verdicts):
        return f"{_PREFIX} to each other ({verdicts.count(False)} of {len(verdicts)} relations are wrong)."
    return ""


def wall_share(hu: npt.NDArray[np.int16], codes: npt.NDArray[np.uint8], spacing_mm: npt.NDArray[np.float64]) -> float:
    """Share of the voxels about the sinuses (not towards the nose) that have bone within 3 mm; 1 where there is no surface."""
    sinus = (codes > 0) & (codes < Structure.NASAL_CAVITY)
    shell = ndimage.binary_dilation(sinus) & (codes == 0)
    if not shell.any():
        return 1.0
    bone = hu > _BONE_HU
    if not bone.any():
        return 0.0
    near = ndimage.distance_transform_edt(~bone, sampling=spacing_mm) <= max(_BONE_NEAR_MM, float(spacing_mm.max()))
    return float(near[shell].mean())


def _relations(middle: dict[int, Point]) -> Iterator[bool]:
    """Every relation that can be checked between the centres (z up, y back, x left; mm), true where it holds."""

    def centre(sinus: Sinus, side: Side) -> Point | None:
        return middle.get(int(SINUS_CODES[sinus, side]))

    for sinus in Sinus:
        right, left = centre(sinus, Side.RIGHT), centre(sinus, Side.LEFT)
        if right is not None and left is not None:
            yield bool(left[2] - right[2] > 3.0)
            yield bool(np.abs(left[:2] - right[:2]).max() < 25.0)
    for side in Side:
        maxillary, frontal, sphenoid = (centre(s, side) for s in (Sinus.MAXILLARY, Sinus.FRONTAL, Sinus.SPHENOID))
        anterior, posterior = centre(Sinus.ANTERIOR_ETHMOID, side), centre(Sinus.POSTERIOR_ETHMOID, side)
        for upper, lower in ((anterior, maxillary), (posterior, maxillary), (frontal, maxillary), (frontal, sphenoid)):
            if upper is not None and lower is not None:
                yield bool(upper[0] - lower[0] > 2.0)
        for front, back in ((anterior, posterior), (frontal, posterior), (frontal, sphenoid), (maxillary, sphenoid),
                            (anterior, sphenoid)):  # fmt: skip
            if front is not None and back is not None:
                yield bool(back[1] - front[1] > 2.0)
        nose = middle.get(int(Structure.NASAL_CAVITY))
        if nose is not None and maxillary is not None:
            yield bool((maxillary[2] - nose[2]) * (1 if side is Side.LEFT else -1) > 5.0)


def extent(labels: npt.NDArray[np.uint8], margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...] | None:
    """A box about all that is labelled, at most two voxels too wide; None where nothing larger than a voxel is.

    Every second voxel is looked at: on a CT of 512 x 512 x 300 this takes a twentieth of ``ndimage.find_objects``.
    """
    thin = labels[::2, ::2, ::2] > 0
    box: list[slice] = []
    for axis in range(3):
        found = np.flatnonzero(thin.any(axis=tuple(a for a in range(3) if a != axis)))
        if found.size == 0:
            return None
        low, high = 2 * int(found[0]) - 1, 2 * int(found[-1]) + 2
        box.append(slice(max(0, low - margin[axis]), min(labels.shape[axis], high + margin[axis])))
    return tuple(box)

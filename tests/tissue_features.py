"""HU histograms and edge spectra of the tissues of a head CT, found without labels so that real scans can be compared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import wasserstein_distance

TISSUES = ("air lumen", "soft tissue", "fat", "brain", "bone")
_PATCH, _RINGS = 24, (0.08, 0.16, 0.24, 0.32, 0.40)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TissueFeatures:
    """One tissue of one scan: a sample of its HU (away from its edge) and the log power spectrum of patches on its edge."""

    hu: npt.NDArray[np.float32]
    spectrum: npt.NDArray[np.float64]


def tissue_features(
    hu: npt.NDArray[np.generic], spacing: tuple[float, float, float], rng: np.random.Generator, slices: int = 24
) -> dict[str, TissueFeatures]:
    """Of random axial slices at 1 mm; tissues that the scan hardly shows are left out.

    Parameters
    ----------
    hu
        ``[z, y, x]``.
    spacing
        mm, (z, y, x).
    """
    values: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in TISSUES}
    energies: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in TISSUES}
    for k in rng.permutation(np.arange(int(0.15 * len(hu)), int(0.85 * len(hu))))[:slices]:
        plane = ndimage.zoom(hu[k].astype(np.float32), spacing[1:], order=1, mode="nearest", grid_mode=True)
        for name, mask in tissue_masks(plane).items():
            core = mask if name == "bone" else ndimage.binary_erosion(mask, iterations=2)  # most bone is a thin wall
            values[name].append(rng.permutation(plane[core])[:2000])
            energies[name] += _edge_energies(plane, mask, rng)
    return {
        name: TissueFeatures(np.concatenate(values[name]), np.mean(energies[name], axis=0))
        for name in TISSUES
        if sum(v.size for v in values[name]) > 500 and len(energies[name]) > 20
    }


def tissue_masks(plane: npt.NDArray[np.float32]) -> dict[str, Mask]:
    """Tissues of one axial slice of 1 mm pixels, by smoothed HU and by where they lie; noise does not move them."""
    smooth = ndimage.gaussian_filter(plane, 1.0)
    head = ndimage.binary_fill_holes(_largest(ndimage.binary_opening(smooth > -300, iterations=2)))
    deep = ndimage.binary_erosion(head, iterations=4)
    bone = head & (smooth > 300)
    closed = ndimage.binary_closing(bone, iterations=4)
    inside = ndimage.binary_opening(ndimage.binary_fill_holes(closed) & ~closed, iterations=4)
    cavity = _largest(inside) if np.count_nonzero(inside) > 3000 else np.zeros_like(inside)
    outside = head & ~ndimage.binary_dilation(cavity, iterations=6)
    return {
        "air lumen": deep & (smooth < -600),
        "soft tissue": outside & (smooth > -10) & (smooth < 110),
        "fat": outside & (smooth > -140) & (smooth < -60),
        "brain": ndimage.binary_erosion(cavity, iterations=2) & (smooth > -20) & (smooth < 90),
        "bone": bone,
    }


def hu_distance(a: TissueFeatures, b: TissueFeatures) -> float:
    """How far the HU of one histogram must move to become the other (HU)."""
    return float(wasserstein_distance(a.hu, b.hu))


def edge_distance(a: TissueFeatures, b: TissueFeatures) -> float:
    """Mean difference of the log spectra; 0.69 is a factor of two in power."""
    return float(np.abs(a.spectrum - b.spectrum).mean())


def _edge_energies(
    plane: npt.NDArray[np.float32], mask: Mask, rng: np.random.Generator, n: int = 12
) -> list[npt.NDArray[np.float64]]:
    half = _PATCH // 2
    edge = (mask & ~ndimage.binary_erosion(mask))[half:-half, half:-half]
    rows, columns = np.nonzero(edge)
    if rows.size < n:
        return []
    fy, fx = np.meshgrid(np.fft.fftfreq(_PATCH), np.fft.rfftfreq(_PATCH), indexing="ij")
    ring = np.digitize(np.hypot(fy, fx), _RINGS)
    window = np.outer(np.hanning(_PATCH), np.hanning(_PATCH))
    found = []
    for i in rng.integers(rows.size, size=n):
        patch = plane[rows[i] : rows[i] + _PATCH, columns[i] : columns[i] + _PATCH]
        power = np.abs(np.fft.rfft2((patch - patch.mean()) * window)) ** 2
        found.append(np.array([np.log1p(power[ring == r].mean()) for r in range(len(_RINGS) + 1)]))
    return found


def _largest(mask: Mask) -> Mask:
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == int(np.argmax(sizes)), dtype=np.bool_)

"""From area densities to detector signal: tube spectrum, attenuation, scatter, noise, blur.

Attenuation is from the Elam tables in ``xraydb``; tissues are ICRU Report 44. The spectrum is Kramers' bremsstrahlung with
tungsten's K lines behind a filter (Boone 1997, Med Phys 24:1661 gives the shape it is checked against by its half-value layer).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xraydb

Image = npt.NDArray[np.float32]

_TISSUE = {"H": 0.102, "C": 0.143, "N": 0.034, "O": 0.708, "Na": 0.002, "P": 0.003, "S": 0.003, "Cl": 0.002, "K": 0.003}
_CORTICAL = {
    "H": 0.034,
    "C": 0.155,
    "N": 0.042,
    "O": 0.435,
    "Na": 0.001,
    "Mg": 0.002,
    "P": 0.103,
    "S": 0.003,
    "Ca": 0.225,
}
_CSI = {"Cs": 0.5115, "I": 0.4885}
_CSI_G_CM2 = 0.2  # 0.5 mm of columnar CsI
_TUNGSTEN_K_KEV = {59.3: 0.50, 58.0: 0.29, 67.2: 0.17, 69.1: 0.04}
_TUNGSTEN_EDGE_KEV = 69.5
_SOFT_MAX, _BONE_MAX = 40.0, 14.0
_POWERS = [(i, j) for i in range(5) for j in range(5) if 0 < i + j <= 4]


def attenuation(mass_fractions: dict[str, float], energy_kev: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mass attenuation coefficient, cm2/g, at each energy."""
    total = np.zeros_like(energy_kev)
    for element, fraction in mass_fractions.items():
        total += fraction * np.asarray(xraydb.mu_elam(element, energy_kev * 1000.0))
    return total


@lru_cache(maxsize=256)
def spectrum(kvp: float, filter_mm_al: float = 2.8) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Energies (keV, 1 keV bins) and the photon fluence in each, summing to 1."""
    energy = np.arange(10.5, kvp, 1.0)
    fluence = kvp / energy - 1
    if kvp > _TUNGSTEN_EDGE_KEV + 1:
        lines = 1.1 * (kvp / _TUNGSTEN_EDGE_KEV - 1) ** 1.63 * fluence.sum() / 10
        for line, share in _TUNGSTEN_K_KEV.items():
            if line < kvp:
                fluence[int(np.argmin(np.abs(energy - line)))] += lines * share
    # The target absorbs its own soft photons: about 8 um of tungsten at 12 degrees.
    fluence = fluence * np.exp(-attenuation({"W": 1.0}, energy) * 19.3 * 8e-4)
    fluence *= np.exp(-attenuation({"Al": 1.0}, energy) * 2.699 * filter_mm_al / 10)
    return energy, fluence / fluence.sum()


def half_value_layer_mm_al(kvp: float, filter_mm_al: float = 2.8) -> float:
    """Aluminium that halves the air kerma of the beam, mm."""
    energy, fluence = spectrum(kvp, filter_mm_al)
    air = {"N": 0.755, "O": 0.232, "Ar": 0.013}
    # Energy absorption in air is close to (total minus scatter); the photoelectric and Compton transfer shares of xraydb.
    kerma = (
        fluence * energy * sum(f * np.asarray(xraydb.mu_elam(e, energy * 1000, kind="photo")) for e, f in air.items())
    )
    kerma = kerma + fluence * energy * sum(
        f * np.asarray(xraydb.mu_elam(e, energy * 1000, kind="incoh")) for e, f in air.items()
    ) * (energy / (energy + 511.0))
    mu = attenuation({"Al": 1.0}, energy) * 2.699 / 10
    low, high = 0.1, 15.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if (kerma * np.exp(-mu * middle)).sum() > kerma.sum() / 2 else (low, middle)
    return (low + high) / 2


def detector_signal(
    kvp: float, soft: npt.NDArray[np.float64], bone: npt.NDArray[np.float64], filter_mm_al: float = 2.8
) -> npt.NDArray[np.float64]:
    """Energy absorbed in a CsI detector behind g/cm2 of soft tissue and bone, over that of the open beam. Exact."""
    energy, fluence = spectrum(kvp, filter_mm_al)
    weight = fluence * energy * (1 - np.exp(-attenuation(_CSI, energy) * _CSI_G_CM2))
    mu_soft, mu_bone = attenuation(_TISSUE, energy), attenuation(_CORTICAL, energy)
    exponent = soft[..., None] * mu_soft + bone[..., None] * mu_bone
    signal: npt.NDArray[np.float64] = np.exp(-exponent) @ weight / weight.sum()
    return signal


@lru_cache(maxsize=256)
def _log_polynomial(kvp: float, filter_mm_al: float) -> tuple[float, ...]:
    """Coefficients of -ln(signal) in powers of soft and bone: beam hardening in fourteen numbers."""
    s, b = np.meshgrid(np.linspace(0, _SOFT_MAX, 25), np.linspace(0, _BONE_MAX, 15))
    target = -np.log(detector_signal(kvp, s.ravel(), b.ravel(), filter_mm_al))
    terms = np.stack([(s.ravel() / _SOFT_MAX) ** i * (b.ravel() / _BONE_MAX) ** j for i, j in _POWERS], axis=1)
    solution, *_ = np.linalg.lstsq(terms, target, rcond=None)
    return tuple(float(c) for c in solution)


def optical_path(kvp: float, soft: Image, bone: Image, filter_mm_al: float = 2.8) -> Image:
    """-ln(signal over open beam), polyenergetic; within 0.03 of the exact sum over the spectrum."""
    s = np.minimum(soft, _SOFT_MAX) * np.float32(1 / _SOFT_MAX)
    b = np.minimum(bone, _BONE_MAX) * np.float32(1 / _BONE_MAX)
    coefficient = dict(zip(_POWERS, _log_polynomial(kvp, filter_mm_al), strict=True))
    # Horner in b of polynomials in s.
    result = np.zeros_like(s)
    for j in range(4, -1, -1):
        row = np.zeros_like(s)
        for i in range(4 - j, -1, -1):
            row *= s
            row += np.float32(coefficient.get((i, j), 0.0))
        result *= b
        result += row
    return np.maximum(result, 0)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the technician and the room set.

    Attributes
    ----------
    scatter_to_primary
        Behind the grid, averaged over the face (0.1-0.4; 0.5-2 without a grid).
    photons
        Quanta absorbed per square millimetre in the open beam, in thousands; mAs / SDD^2 times the tube's output.
    electronic
        Standard deviation of electronic noise over the open signal.
    blur_mm
        Standard deviation of detector and focal-spot blur at the detector.
    """

    kvp: float = 75.0
    mas: float = 16.0
    exposure_ms: float = 60.0
    filter_mm_al: float = 2.8
    scatter_to_primary: float = 0.25
    photons: float = 250.0
    electronic: float = 1e-5
    blur_mm: float = 0.15


def absorbed_quanta(kvp: float, mas: float, source_detector_mm: float) -> float:
    """Quanta in thousands per mm2 of the open beam: about 2.5e6 per mm2, mGy at 70 kVp, 40 uGy/mAs at 1 m, 60 % absorbed."""
    air_kerma_mgy = 0.04 * mas * (kvp / 70) ** 2 * (1000 / source_detector_mm) ** 2
    return air_kerma_mgy * 29_000 * 0.6


def smooth(image: Image, sigma_px: float) -> Image:
    """A wide Gaussian, cheaply: on a coarse grid, back by linear interpolation."""
    from scipy import ndimage

    factor = int(max(1, sigma_px // 2))
    if factor == 1:
        result: Image = ndimage.gaussian_filter(image, sigma_px, mode="nearest")
        return result
    rows, columns = image.shape
    pad_y, pad_x = -rows % factor, -columns % factor
    padded = np.pad(image, ((0, pad_y), (0, pad_x)), mode="edge") if pad_y or pad_x else image
    coarse = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor).mean(axis=(1, 3))
    blurred = ndimage.gaussian_filter(coarse, sigma_px / factor, mode="nearest")
    return enlarge(blurred, padded.shape)[:rows, :columns]


def enlarge(image: Image, shape: tuple[int, int]) -> Image:
    """Linear interpolation to a larger grid over the same extent (pixel edges kept)."""
    from torch import from_numpy
    from torch.nn import functional

    picture = from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    wide: Image = functional.interpolate(picture, shape, mode="bilinear", align_corners=False)[0, 0].numpy()
    return wide


def expose(
    path: Image,
    exposure: Exposure,
    pixel_mm: float,
    rng: np.random.Generator | None,
) -> Image:
    """Detector signal over the open beam: primary, scatter, quantum and electronic noise, blur.

    Parameters
    ----------
    path
        ``[y, x]`` -ln of the primary transmission.
    rng
        None for a noiseless detector.
    """
    from scipy import ndimage

    primary = np.exp(-path)
    signal = primary
    if exposure.scatter_to_primary > 0:
        # Air around the head adds its full share of light to the blur; scatter comes from tissue only.
        source = primary * (1 - primary)
        signal = primary + exposure.scatter_to_primary * smooth(source, 35 / pixel_mm)
    if rng is not None:
        quanta = exposure.photons * 1000 * pixel_mm**2
        spread = np.sqrt(signal * np.float32(1 / quanta) + np.float32(exposure.electronic**2))
        signal = signal + spread * rng.standard_normal(signal.shape, dtype=np.float32)
    sigma = exposure.blur_mm / pixel_mm
    if sigma > 0.25:
        signal = ndimage.gaussian_filter(signal, sigma, mode="nearest", truncate=2.5).astype(np.float32)
    result: Image = np.maximum(signal, np.float32(1e-5))
    return result


@lru_cache(maxsize=64)
def bone_contrast(kvp: float) -> float:
    """CT number of cortical bone over that of the same mass of water, behind 18 cm of tissue."""
    energy, fluence = spectrum(kvp, 6.0)
    weight = fluence * energy * np.exp(-attenuation(_TISSUE, energy) * 18)
    water = float((weight * attenuation({"H": 0.1119, "O": 0.8881}, energy)).sum())
    bone = float((weight * attenuation(_CORTICAL, energy)).sum()) * 1.92
    return bone / water - 1

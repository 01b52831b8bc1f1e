"""Eight manufacturers' habits: detector, bit depth, curve, enhancement. Invented within what each is known for, not measured.

The names are those of Oh 2021, Table 1, so that a cohort's margins can be kept; no vendor's algorithm is reproduced.
"""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.radiograph.processing import Look

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Vendor:
    """Ranges that a vendor's films are drawn from.

    Attributes
    ----------
    detector_pixel_mm
        Pitch of the detector, for ImagerPixelSpacing at full size.
    computed
        Storage-phosphor cassettes (modality CR) rather than a flat panel (DX).
    inverted_share
        Share of films stored as MONOCHROME1.
    border
        Value of the collimated margin: "black", "white" (unexposed, left as it is) or "cut" (cropped away).
    """

    name: str
    model: str
    detector_pixel_mm: float
    bits: int
    computed: bool
    inverted_share: float
    border: str
    slope: Range
    middle: Range
    fine: Range
    coarse: Range
    latitude: Range
    sharpen: Range
    black: Range
    white: Range


VENDORS: dict[str, Vendor] = {
    v.name: v
    for v in (
        Vendor("Philips Medical Systems", "DigitalDiagnost", 0.148, 12, False, 0.0, "black",
               (3.2, 4.6), (0.42, 0.52), (1.2, 1.7), (1.35, 1.8), (0.55, 0.80), (0.2, 0.6), (2, 6), (95, 98.5)),
        Vendor("SIEMENS", "Ysio", 0.148, 12, False, 0.15, "cut",
               (2.6, 4.2), (0.45, 0.55), (1.1, 1.5), (1.25, 1.65), (0.60, 0.85), (0.2, 0.5), (1, 5), (95, 99)),
        Vendor("Agfa", "CR 85-X", 0.1, 12, True, 0.5, "white",
               (2.2, 3.6), (0.40, 0.52), (1.2, 1.9), (1.45, 2.1), (0.45, 0.70), (0.1, 0.4), (2, 7), (94, 98)),
        Vendor("LISTEM", "UNI-DR", 0.14, 14, False, 0.1, "white",
               (3.5, 5.5), (0.45, 0.60), (1.0, 1.4), (1.05, 1.3), (0.80, 1.00), (0.3, 0.9), (3, 9), (93, 98)),
        Vendor("DongKang", "Raysis", 0.139, 14, False, 0.3, "black",
               (4.0, 6.0), (0.40, 0.58), (1.0, 1.3), (0.9, 1.1), (0.9, 1.05), (0.0, 0.5), (3, 10), (92, 97)),
        Vendor("INFINITT", "Digitised film", 0.175, 10, True, 0.2, "white",
               (4.5, 6.5), (0.45, 0.62), (0.8, 1.0), (1.0, 1.0), (1.0, 1.1), (0.0, 0.2), (2, 8), (92, 97)),
        Vendor("Samsung Electronics", "GC80", 0.14, 16, False, 0.0, "cut",
               (2.8, 4.0), (0.44, 0.54), (1.4, 2.0), (1.40, 1.9), (0.50, 0.70), (0.3, 0.8), (1, 5), (96, 99)),
        Vendor("GE Healthcare", "Discovery XR656", 0.2, 14, False, 0.25, "cut",
               (2.6, 3.8), (0.45, 0.55), (1.3, 1.8), (1.35, 1.8), (0.50, 0.75), (0.2, 0.5), (1, 4), (96, 99)),
    )
}  # fmt: skip


def draw_look(vendor: Vendor, rng: np.random.Generator) -> Look:
    """One film's look within a vendor's habits."""

    def between(limits: Range) -> float:
        return float(rng.uniform(*limits))

    fine, coarse = between(vendor.fine), between(vendor.coarse)
    gains = tuple(float(g) for g in np.linspace(fine, coarse, 8))
    return Look(
        between(vendor.black), between(vendor.white), between(vendor.slope), between(vendor.middle),
        float(rng.uniform(0.9, 1.15)), gains, between(vendor.latitude), between(vendor.sharpen),
    )  # fmt: skip


def draw_foreign_look(rng: np.random.Generator) -> Look:
    """A look no vendor has: domain randomisation well beyond the eight."""
    fine, middle, coarse = rng.uniform(0.4, 3.0), rng.uniform(0.7, 2.0), rng.uniform(0.8, 1.8)
    gains = (*np.linspace(fine, middle, 4), *np.linspace(middle, coarse, 4))
    return Look(
        float(rng.uniform(0.5, 14)), float(rng.uniform(86, 99.7)), float(rng.choice([0.0, rng.uniform(1, 9)])),
        float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.6, 1.7)), tuple(float(g) for g in gains),
        float(rng.uniform(0.45, 1.2)), float(rng.uniform(0, 1.5)),
    )  # fmt: skip

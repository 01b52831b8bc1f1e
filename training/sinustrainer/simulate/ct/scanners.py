"""CT scanners of Hua 2022 and He 2023, what is set on them, how kernels differ. Noise levels are round figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kernel:
    """A reconstruction kernel.

    Attributes
    ----------
    blur_mm
        Standard deviation of the in-plane point spread beyond that of the head, which comes from a scan itself.
    edge
        Overshoot: 0 none, 1 and more as sharp bone kernels have.
    noise_hu
        Standard deviation in water at 120 kVp, 200 mAs and 1 mm.
    grain_mm
        Size of the noise's grain.
    """

    name: str
    blur_mm: float
    edge: float
    noise_hu: float
    grain_mm: float


@dataclass(frozen=True, slots=True)
class Scanner:
    """A scanner. ``padding_hu`` is written outside the round field of view where it is not None."""

    manufacturer: str
    model: str
    soft: Kernel
    bone: Kernel
    padding_hu: int | None = None


SCANNERS: dict[str, Scanner] = {
    s.model: s
    for s in (
        Scanner("GE MEDICAL SYSTEMS", "Discovery CT750 HD",
                Kernel("STANDARD", 0.16, 0.2, 13, 0.58), Kernel("BONEPLUS", 0.0, 1.1, 55, 0.35), -2000),
        Scanner("GE MEDICAL SYSTEMS", "Revolution CT",
                Kernel("STANDARD", 0.15, 0.2, 10, 0.60), Kernel("BONE", 0.0, 0.9, 42, 0.40), -2000),
        Scanner("GE MEDICAL SYSTEMS", "Revolution Frontier",
                Kernel("STANDARD", 0.16, 0.2, 12, 0.58), Kernel("BONEPLUS", 0.0, 1.1, 52, 0.35), -2000),
        Scanner("Philips", "Brilliance iCT",
                Kernel("B", 0.18, 0.15, 11, 0.64), Kernel("YD", 0.0, 1.2, 60, 0.35)),
        Scanner("SIEMENS", "SOMATOM Force",
                Kernel("Br40", 0.15, 0.2, 10, 0.55), Kernel("Hr64", 0.0, 1.0, 48, 0.35)),
        Scanner("SIEMENS", "SOMATOM Definition AS",
                Kernel("H30s", 0.2, 0.15, 13, 0.64), Kernel("H70h", 0.0, 1.3, 65, 0.33)),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CtProtocol:
    """One scan.

    Attributes
    ----------
    bone_kernel
        Sharp kernel rather than soft.
    field_mm
        Side of the square image.
    slice_mm, interval_mm
        Thickness and distance of slices.
    yaw_deg, pitch_deg, roll_deg
        How the head lies: turned to its left, chin raised, leaning to its left.
    gantry_tilt_deg
        The gantry leans; slices are sheared along the table.
    lower_mm, upper_mm
        Coverage in head coordinates relative to the anterior nasal spine and the nasion (negative cuts anatomy off).
    streaks
        0-1: strength of metal streaks where there is metal.
    """

    scanner: str
    kvp: float = 120.0
    mas: float = 200.0
    bone_kernel: bool = False
    matrix: int = 256
    field_mm: float = 200.0
    slice_mm: float = 1.0
    interval_mm: float = 1.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    gantry_tilt_deg: float = 0.0
    lower_mm: float = 25.0
    upper_mm: float = 35.0
    shift_left_mm: float = 0.0
    streaks: float = 0.0
    headrest: bool = True

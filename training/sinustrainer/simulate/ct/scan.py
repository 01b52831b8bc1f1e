"""Scan a virtual patient: place, sample, blur, streak, add noise; labels on the same grid.

Sampling reads the head once per slice profile; the slice's thickness is an average over its profile, as a detector row's is.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK

from sinustrainer.simulate.anatomy.boxes import box_where
from sinustrainer.simulate.anatomy.label_vote import voted_labels
from sinustrainer.simulate.ct.noise import correlated_noise
from sinustrainer.simulate.ct.scanners import SCANNERS, CtProtocol, Kernel
from sinustrainer.simulate.ct.streaks import add_streaks
from sinustrainer.simulate.head import Head
from sinustrainer.simulate.radiograph import physics
from sinusviewer.domain.anatomy import Structure
from sinusviewer.errors import GeometryError

sitk: Any = SimpleITK  # its own annotations are partial
_METAL_HU = 2800
_AIR = -1000.0
_WATER_SD_HU = 3.5
_SLICES_AT_ONCE = 16
_WITHIN_NOSE = (Structure.SEPTUM, Structure.RIGHT_TURBINATES, Structure.LEFT_TURBINATES)


@dataclass(frozen=True, slots=True, eq=False)
class CtScan:
    """A finished scan.

    Attributes
    ----------
    voxels
        ``[z, y, x]`` int16 HU; slices from the feet up.
    labels
        ``[z, y, x]`` uint8: sinus lumens and nasal cavity, its septum and turbinates included (codes to 11).
    opacified
        ``[z, y, x]`` True where disease fills lumen.
    affine
        Voxel-centre (x, y, z) to LPS mm of the scanner; sheared where the gantry leans.
    """

    voxels: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    opacified: npt.NDArray[np.bool_]
    affine: npt.NDArray[np.float64]
    protocol: CtProtocol


def scan(
    head: Head,
    diseased_hu: npt.NDArray[np.int16],
    opacified: npt.NDArray[np.bool_],
    protocol: CtProtocol,
    rng: np.random.Generator,
) -> CtScan:
    """Scan a head lying on its back, its disease painted."""
    affine, count = scan_grid(head, protocol)
    shape = (count, protocol.matrix, protocol.matrix)
    to_head = np.linalg.inv(head.affine) @ _scanner_to_head(head, protocol)
    profile = max(1, round(protocol.slice_mm / 0.9))
    offsets = ((np.arange(profile) + 0.5) / profile - 0.5) * protocol.slice_mm / protocol.interval_mm
    source = sitk.GetImageFromArray(diseased_hu)
    hu = np.zeros(shape, np.float32)
    for offset in offsets:
        hu += _sampled(source, to_head @ affine, shape, float(offset), sitk.sitkLinear, _AIR)
    hu /= len(offsets)
    del source
    labels = _sampled_labels(head, to_head @ affine, shape)
    share = _sampled(
        sitk.GetImageFromArray(opacified.astype(np.uint8)), to_head @ affine, shape, 0.0, sitk.sitkLinear, 0.0
    )
    kernel = _kernel(protocol)
    spacing = protocol.field_mm / protocol.matrix
    hu = _with_energy(hu, protocol.kvp)
    # No scanner's water is exactly 0 HU, and tissue differs between people.
    hu += np.clip(hu / 1000 + 1, 0, 1) * np.float32(rng.normal(0, _WATER_SD_HU))
    if protocol.headrest:
        _add_headrest(hu, spacing, rng)
    metal = hu > _METAL_HU
    hu = _with_kernel(hu, kernel, spacing)
    if protocol.streaks > 0 and metal.any():
        add_streaks(hu, metal, protocol.streaks, rng)
    grain_px = kernel.grain_mm / spacing * float(rng.uniform(0.7, 1.1))
    hu += correlated_noise(hu, noise_hu(protocol, kernel), grain_px, kernel.edge, rng)
    voxels = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    padding = SCANNERS[protocol.scanner].padding_hu
    if padding is not None:
        voxels[:, _outside_circle(protocol.matrix)] = padding
    return CtScan(voxels, labels, (share >= 0.5) & (labels > 0), affine, protocol)


def scan_grid(head: Head, protocol: CtProtocol) -> tuple[npt.NDArray[np.float64], int]:
    """The affine of the scan (voxel centre to scanner LPS mm) and its number of slices."""
    marks = head.landmarks
    missing = {"anterior_nasal_spine", "nasion", "porion_right", "porion_left"} - marks.keys()
    if missing:
        raise GeometryError(f"The head has no landmarks {', '.join(sorted(missing))}.")
    to_scanner = np.linalg.inv(_scanner_to_head(head, protocol))
    spine, nasion, right, left = (
        to_scanner[:3, :3] @ np.asarray(marks[name]) + to_scanner[:3, 3]
        for name in ("anterior_nasal_spine", "nasion", "porion_right", "porion_left")
    )
    lower, upper = float(spine[2]) - protocol.lower_mm, float(nasion[2]) + protocol.upper_mm
    count = int(np.floor((upper - lower) / protocol.interval_mm)) + 1
    if count < 4:
        raise GeometryError(f"The scan would have {count} slices.")
    spacing = protocol.field_mm / protocol.matrix
    middle_x = float(right[0] + left[0]) / 2 + protocol.shift_left_mm
    middle_y = float(spine[1] + (right[1] + left[1]) / 2) / 2 + 15
    tilt = np.deg2rad(protocol.gantry_tilt_deg)
    affine = np.eye(4)
    affine[:3, 0] = (spacing, 0, 0)
    affine[:3, 1] = (0, spacing * np.cos(tilt), spacing * np.sin(tilt))
    affine[:3, 2] = (0, 0, protocol.interval_mm)
    half = (protocol.matrix - 1) / 2
    affine[:3, 3] = np.array([middle_x, middle_y, lower]) - half * (affine[:3, 0] + affine[:3, 1])
    return affine, count


def noise_hu(protocol: CtProtocol, kernel: Kernel) -> float:
    """Standard deviation of noise in soft tissue: falls with the square root of dose and thickness."""
    dose = protocol.mas / 200 * (protocol.kvp / 120) ** 2.4
    return float(kernel.noise_hu / np.sqrt(dose * max(0.3, protocol.slice_mm)))


def _scanner_to_head(head: Head, protocol: CtProtocol) -> npt.NDArray[np.float64]:
    """Scanner LPS to head LPS: the head turned about the midpoint of its ears."""
    yaw, pitch, roll = (np.deg2rad(a) for a in (protocol.yaw_deg, protocol.pitch_deg, protocol.roll_deg))
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    ears = (np.asarray(head.landmarks["porion_right"]) + np.asarray(head.landmarks["porion_left"])) / 2
    to_scanner: npt.NDArray[np.float64] = np.eye(4)
    to_scanner[:3, :3] = about_z @ about_x @ about_y
    to_scanner[:3, 3] = -to_scanner[:3, :3] @ ears
    return np.asarray(np.linalg.inv(to_scanner), dtype=np.float64)


def gravity_in_head(head: Head, protocol: CtProtocol) -> npt.NDArray[np.float64]:
    """Down for the patient on the table, in the head's frame: fluid settles towards the back of the antra."""
    gravity: npt.NDArray[np.float64] = _scanner_to_head(head, protocol)[:3, :3] @ np.array([0.0, 1.0, 0.0])
    return gravity


def _sampled(
    image: Any, to_index: npt.NDArray[np.float64], shape: tuple[int, ...], k_offset: float, how: int, fill: float
) -> npt.NDArray[np.float32]:
    """An image on the scan's grid, both in index coordinates, so that any affine will do."""
    matrix = to_index[:3, :3]
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix.ravel().tolist())
    transform.SetTranslation((to_index[:3, 3] + matrix[:, 2] * k_offset).tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([shape[2], shape[1], shape[0]])
    resampler.SetTransform(transform)
    resampler.SetInterpolator(how)
    resampler.SetDefaultPixelValue(fill)
    resampler.SetOutputPixelType(sitk.sitkFloat32)
    values: npt.NDArray[np.float32] = sitk.GetArrayFromImage(resampler.Execute(image)).astype(np.float32, copy=False)
    return values


def _sampled_labels(head: Head, to_index: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Sinuses and nose on the scan's grid, their borders between voxels where the CT numbers have theirs."""
    codes = head.labels.copy()
    # readers outline the nose with its septum and turbinates (Hua 2022, He 2023)
    codes[np.isin(codes, _WITHIN_NOSE)] = Structure.NASAL_CAVITY
    codes[codes > Structure.NASAL_CAVITY] = 0
    labels = np.zeros(shape, dtype=np.uint8)
    z, y, x = _reached(codes, np.asarray(np.linalg.inv(to_index), dtype=np.float64), shape)
    for start in range(z.start, z.stop, _SLICES_AT_ONCE):  # the places of a whole scan would take 300 MiB
        slab = slice(start, min(start + _SLICES_AT_ONCE, z.stop))
        grid = np.meshgrid(*(np.arange(s.start, s.stop) for s in (slab, y, x)), indexing="ij")
        points = np.stack(grid[::-1], axis=-1) @ to_index[:3, :3].T + to_index[:3, 3]
        labels[slab, y, x] = voted_labels(codes, points.astype(np.float32))
    return labels


def _reached(
    codes: npt.NDArray[np.uint8], to_scan: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """The part of the scan's grid that can hold a code."""
    box = box_where(codes > 0)
    if box is None:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    corners = np.array(list(product(*((span.start - 1, span.stop) for span in box[::-1]))))
    found = corners @ to_scan[:3, :3].T + to_scan[:3, 3]
    low, high = np.floor(found.min(axis=0)).astype(int), np.ceil(found.max(axis=0)).astype(int) + 1
    x, y, z = (
        slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n))) for a, b, n in zip(low, high, shape[::-1], strict=True)
    )
    return z, y, x


def _kernel(protocol: CtProtocol) -> Kernel:
    scanner = SCANNERS[protocol.scanner]
    return scanner.bone if protocol.bone_kernel else scanner.soft


def _with_energy(hu: npt.NDArray[np.float32], kvp: float) -> npt.NDArray[np.float32]:
    """Bone's CT number follows the tube voltage; heads are stored as at 120 kVp."""
    factor = np.float32(physics.bone_contrast(kvp) / physics.bone_contrast(120.0))
    return np.where(hu > 100, 100 + (hu - 100) * factor, hu).astype(np.float32)


def _with_kernel(hu: npt.NDArray[np.float32], kernel: Kernel, spacing: float) -> npt.NDArray[np.float32]:
    sigma = kernel.blur_mm / spacing
    blurred = _blurred(hu, sigma) if sigma > 0.2 else hu
    if kernel.edge <= 0:
        return blurred
    halo = _blurred(blurred, 0.8 / spacing)
    np.subtract(blurred, halo, out=halo)
    halo *= np.float32(kernel.edge)
    halo += blurred
    return halo


def _blurred(hu: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    from scipy import ndimage

    result: npt.NDArray[np.float32] = ndimage.gaussian_filter(hu, (0, sigma, sigma), truncate=3, mode="nearest")
    return result


def _outside_circle(matrix: int) -> npt.NDArray[np.bool_]:
    y, x = np.ogrid[:matrix, :matrix]
    outside: npt.NDArray[np.bool_] = (x - (matrix - 1) / 2) ** 2 + (y - (matrix - 1) / 2) ** 2 > (matrix / 2) ** 2
    return outside


def _add_headrest(hu: npt.NDArray[np.float32], spacing: float, rng: np.random.Generator) -> None:
    """A carbon shell with foam in it behind the head, in place; how bright and how thick differs between tables."""
    rows, columns = hu.shape[1:]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    half, thick = float(rng.uniform(92, 118)), float(rng.uniform(0.012, 0.03))
    across = (x - columns / 2) * spacing / half
    down = (y - rows / 2) * spacing
    radius = np.sqrt(across**2 + ((down + 5) / (half * 1.07)) ** 2)
    shell = ((radius > 1 - thick) & (radius < 1.0) & (down > 20)).astype(np.float32)
    foam = ((radius > 0.9) & (radius <= 1 - thick) & (down > 20)).astype(np.float32)
    rest = np.float32(rng.uniform(600, 1400)) * shell + np.float32(rng.uniform(20, 80)) * foam
    hu += np.where(hu < -900, rest, np.float32(0))

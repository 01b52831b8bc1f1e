"""Bring a head into one pose: the orbitomeatal line along y, the porions level, 1 mm voxels.

The frame of every template is then the same: origin midway between the porions, x to the patient's left, y posterior, z to
the head. Scans of different tilt (the templates lie far apart) become comparable, and a film's angle has one meaning.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK

sitk: Any = SimpleITK  # it carries no types

Point = tuple[float, float, float]


def orbitomeatal_frame(landmarks: dict[str, Point]) -> npt.NDArray[np.float64]:
    """Rigid 4 x 4 from orbitomeatal coordinates to the frame of ``landmarks`` (LPS mm).

    Parameters
    ----------
    landmarks
        ``porion_right/left`` and ``outer_canthus_right/left``.
    """
    porion_r, porion_l, canthus_r, canthus_l = (
        np.asarray(landmarks[name], dtype=np.float64)
        for name in ("porion_right", "porion_left", "outer_canthus_right", "outer_canthus_left")
    )
    origin = (porion_r + porion_l) / 2
    backwards = origin - (canthus_r + canthus_l) / 2
    backwards /= np.linalg.norm(backwards)
    leftwards = (porion_l - porion_r) / np.linalg.norm(porion_l - porion_r)
    leftwards = leftwards + (canthus_l - canthus_r) / np.linalg.norm(canthus_l - canthus_r)
    leftwards -= backwards * (leftwards @ backwards)
    leftwards /= np.linalg.norm(leftwards)
    frame = np.eye(4)
    frame[:3, 0], frame[:3, 1], frame[:3, 2] = leftwards, backwards, np.cross(leftwards, backwards)
    frame[:3, 3] = origin
    return frame


def move_points(points: dict[str, Point], matrix: npt.NDArray[np.float64]) -> dict[str, Point]:
    """Each point through a 4 x 4 matrix."""
    moved: dict[str, Point] = {}
    for name, point in points.items():
        x, y, z = (matrix @ np.append(np.asarray(point, dtype=np.float64), 1.0))[:3]
        moved[name] = (float(x), float(y), float(z))
    return moved


def resample_rigid(
    image: Any, frame: npt.NDArray[np.float64], box_mm: tuple[Point, Point], spacing_mm: float
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64]]:
    """An image on a regular grid of the frame, cubic B-spline, -1024 HU where it was not scanned.

    Returns
    -------
    voxels, affine
        ``[z, y, x]`` HU and voxel centre to ``frame`` coordinates.
    """
    lower, upper = (np.asarray(corner, dtype=np.float64) for corner in box_mm)
    size = [int(n) for n in np.floor((upper - lower) / spacing_mm) + 1]
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(frame[:3, :3].ravel().tolist())
    transform.SetTranslation(frame[:3, 3].tolist())
    resampled = sitk.Resample(
        sitk.Cast(image, sitk.sitkFloat32),
        size,
        transform,
        sitk.sitkBSpline3,
        lower.tolist(),
        [spacing_mm] * 3,
        np.eye(3).ravel().tolist(),
        -1024.0,
        sitk.sitkFloat32,
    )
    voxels = np.clip(np.round(sitk.GetArrayFromImage(resampled)), -1024, 3071).astype(np.int16)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lower
    return voxels, affine

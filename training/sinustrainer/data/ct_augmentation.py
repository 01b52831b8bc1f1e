"""Augmentation of CT slices and boxes: parameters are drawn, then applied; a mirrored patient has mirrored labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict

from sinusviewer.domain.anatomy import MIRRORED

_MIRROR_TABLE = np.arange(256, dtype=np.uint8)
for _code, _other in MIRRORED.items():
    _MIRROR_TABLE[int(_code)] = int(_other)


class CtAugmentation(BaseModel):
    """Ranges to draw from; everything 0 or 1 is off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: float = 0.5
    """Probability of mirroring right and left; the labels' sides swap."""
    scale: tuple[float, float] = (0.9, 1.1)
    shift_mm: float = 8.0
    rotation_deg: float = 8.0
    hu_shift: float = 15.0
    hu_scale: float = 0.03
    noise_hu: float = 25.0
    smooth: float = 0.2
    """Probability of a slight blur in the plane (soft reconstruction kernels)."""


@dataclass(frozen=True, slots=True)
class DrawnCt:
    """Parameters drawn for one slice or box."""

    flip: bool
    scale: float
    shift: tuple[float, float, float]
    rotation_deg: float
    hu_shift: float
    hu_scale: float
    noise_hu: float
    smooth: bool
    noise_seed: int


def draw_ct(ranges: CtAugmentation, rng: np.random.Generator) -> DrawnCt:
    """Draw one set of parameters; shifts are in mm, (z, y, x)."""
    u = rng.uniform(-1, 1, size=7)
    return DrawnCt(
        flip=bool(rng.uniform() < ranges.flip),
        scale=float(np.exp(rng.uniform(*np.log(ranges.scale)))),
        shift=(u[0] * ranges.shift_mm, u[1] * ranges.shift_mm, u[2] * ranges.shift_mm),
        rotation_deg=float(u[3] * ranges.rotation_deg),
        hu_shift=float(u[4] * ranges.hu_shift),
        hu_scale=float(1 + u[5] * ranges.hu_scale),
        noise_hu=float(abs(u[6]) * ranges.noise_hu),
        smooth=bool(rng.uniform() < ranges.smooth),
        noise_seed=int(rng.integers(2**31)),
    )


def move_plane(plane: npt.NDArray[Any], drawn: DrawnCt, spacing_mm: float, *, labels: bool) -> npt.NDArray[Any]:
    """Turn, scale, shift and mirror one square plane about its centre; air or 0 beyond the edge."""
    size = plane.shape[0]
    angle = np.deg2rad(drawn.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / drawn.scale
    if drawn.flip:
        turn = turn @ np.diag([-1.0, 1.0])
    center = np.array([size / 2, size / 2])
    offset = center + np.array([drawn.shift[2], drawn.shift[1]]) / spacing_mm - turn @ center
    data = (turn[0, 0], turn[0, 1], offset[0], turn[1, 0], turn[1, 1], offset[1])
    if labels:
        picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.uint8))
        moved = np.asarray(picture.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.NEAREST))
        return _MIRROR_TABLE[moved] if drawn.flip else moved
    picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(
        picture.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR, fillcolor=-1024)
    )


def mirrored_labels(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Labels turned over along the last axis, their sides swapped."""
    return _MIRROR_TABLE[labels[..., ::-1]]


def change_hu(hu: npt.NDArray[np.float32], drawn: DrawnCt) -> npt.NDArray[np.float32]:
    """The grey-value part: calibration, noise, kernel."""
    from scipy import ndimage

    result = hu * np.float32(drawn.hu_scale) + np.float32(drawn.hu_shift)
    if drawn.smooth:
        sigma = [0.0] * (hu.ndim - 2) + [0.6, 0.6]
        result = np.asarray(ndimage.gaussian_filter(result, sigma), dtype=np.float32)
    if drawn.noise_hu > 1:
        rng = np.random.default_rng(drawn.noise_seed)
        result = result + np.float32(drawn.noise_hu) * rng.standard_normal(hu.shape, dtype=np.float32)
    return np.asarray(result, dtype=np.float32)

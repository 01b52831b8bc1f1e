"""Augmentation of films: draw the parameters, then apply them. Geometry is one affine map, so boxes follow exactly."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

FilmImage = npt.NDArray[np.float32]


class FilmAugmentation(BaseModel):
    """Ranges to draw from. Oh 2021: flips, and scale 0.9-1.1; the rest is 0 (off) in the published recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: float = 0.5
    scale: tuple[float, float] = (0.9, 1.1)
    shift: float = 0.0
    """Either way, as a share of the canvas."""
    rotation_deg: float = 0.0
    gamma: float = 0.0
    """Natural logarithm of the largest gamma, either way."""
    contrast: float = 0.0
    noise: float = 0.0
    blur_px: float = 0.0
    invert: float = 0.0
    """Probability: some films carry a wrong photometric tag."""
    markers: float = 0.0
    """Probability of one or two bright or dark letters-like marks near an edge."""
    cutout: float = 0.0
    """Probability of one small grey rectangle."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle of one grey value: centre and half sizes as shares of the canvas."""

    x: float
    y: float
    half_width: float
    half_height: float
    value: float


@dataclass(frozen=True, slots=True)
class DrawnAugmentation:
    """Parameters drawn for one film."""

    flip: bool
    scale: float
    shift: tuple[float, float]
    rotation_deg: float
    gamma: float
    gain: float
    offset: float
    noise: float
    blur_px: float
    invert: bool
    marks: tuple[Mark, ...]
    noise_seed: int


def draw_augmentation(ranges: FilmAugmentation, rng: np.random.Generator) -> DrawnAugmentation:
    """Draw one film's parameters; the number of draws does not depend on the ranges."""
    u = rng.uniform(size=8)
    marks: list[Mark] = []
    if rng.uniform() < ranges.markers:
        for _ in range(int(rng.integers(1, 3))):
            edge = rng.uniform(0.03, 0.2)
            x = edge if rng.uniform() < 0.5 else 1 - edge
            marks.append(
                Mark(
                    x,
                    rng.uniform(0.05, 0.95),
                    rng.uniform(0.015, 0.04),
                    rng.uniform(0.015, 0.05),
                    float(rng.choice([0.0, 1.0])),
                )
            )
    if rng.uniform() < ranges.cutout:
        marks.append(
            Mark(rng.uniform(), rng.uniform(), rng.uniform(0.02, 0.08), rng.uniform(0.02, 0.08), rng.uniform())
        )
    return DrawnAugmentation(
        flip=bool(u[0] < ranges.flip),
        scale=float(np.exp(rng.uniform(np.log(ranges.scale[0]), np.log(ranges.scale[1])))),
        shift=((2 * u[1] - 1) * ranges.shift, (2 * u[2] - 1) * ranges.shift),
        rotation_deg=float((2 * u[3] - 1) * ranges.rotation_deg),
        gamma=float(np.exp((2 * u[4] - 1) * ranges.gamma)),
        gain=float(1 + (2 * u[5] - 1) * ranges.contrast),
        offset=float((2 * u[6] - 1) * ranges.contrast / 2),
        noise=float(rng.uniform() * ranges.noise),
        blur_px=float(rng.uniform() * ranges.blur_px),
        invert=bool(u[7] < ranges.invert),
        marks=tuple(marks),
        noise_seed=int(rng.integers(2**31)),
    )


def canvas_motion(drawn: DrawnAugmentation, size: int) -> npt.NDArray[np.float64]:
    """3 x 3 map from the augmented canvas to the plain one, about the centre; boxes follow its inverse."""
    angle = np.deg2rad(drawn.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / drawn.scale
    if drawn.flip:
        turn = turn @ np.diag([-1.0, 1.0])
    center = np.array([size / 2, size / 2])
    shift = np.array(drawn.shift) * size
    result = np.eye(3)
    result[:2, :2] = turn
    result[:2, 2] = center + shift - turn @ center
    return result


def move_boxes(xyxy: npt.ArrayLike, image_to_canvas: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Boxes ``[n, 4]`` under a similarity (3 x 3): centres move, sizes scale; a turn of a few degrees leaves them upright."""
    boxes = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 @ image_to_canvas[:2, :2].T + image_to_canvas[:2, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * np.sqrt(abs(np.linalg.det(image_to_canvas[:2, :2])))
    return np.concatenate([centers - half, centers + half], axis=1)


def apply_grey(unit: FilmImage, drawn: DrawnAugmentation) -> FilmImage:
    """The grey-value part on a 0-1 canvas."""
    image = unit
    if drawn.blur_px > 0.3:
        image = ndimage.gaussian_filter(image, drawn.blur_px)
    if drawn.gamma != 1:
        image = np.power(np.clip(image, 0, 1), drawn.gamma)
    image = (image - 0.5) * drawn.gain + 0.5 + drawn.offset
    if drawn.noise > 0:
        grain = np.random.default_rng(drawn.noise_seed).normal(0, drawn.noise, image.shape)
        image = image + grain.astype(np.float32)
    if drawn.invert:
        image = 1 - image
    image = np.clip(image, 0, 1).astype(np.float32)
    size = image.shape[0]
    for mark in drawn.marks:
        rows = slice(max(0, int((mark.y - mark.half_height) * size)), int((mark.y + mark.half_height) * size) + 1)
        columns = slice(max(0, int((mark.x - mark.half_width) * size)), int((mark.x + mark.half_width) * size) + 1)
        image[rows, columns] = mark.value
    return image

"""The shape of a new head against its template's: size, proportions, asymmetry, septum, and the map that follows from them.

Parameters are drawn first (``draw_shape``), then applied (``warp.warp_head``), which is deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import Structure

Points = npt.NDArray[np.float32]
Point = tuple[float, float, float]

CONTROL_MM = 40.0
"""Spacing of the random displacement's control points."""
LARGEST_CONTROL_MM = CONTROL_MM / 2.48 * 0.6
"""Cubic B-spline displacements below spacing / 2.48 cannot fold (Choi and Lee 2000); 0.6 of it bounds the Jacobian well
above zero once it is added to the other terms."""

_NEAR_ENOUGH_MM = 1e-3


@dataclass(frozen=True, slots=True)
class SinusWarp:
    """Growth of one sinus about an anchor near its natural ostium: the lumen's lengths times ``factors`` (x, y, z)."""

    structure: Structure
    factors: Point
    anchor_share: Point = (0.5, 0.0, 0.4)
    """Where the fixed point lies, in half-axes from the centre: towards the midline, backwards, upwards."""


@dataclass(frozen=True, slots=True)
class SeptumBend:
    """A sideways bulge of the septum (mm), centred at ``y``, ``z``, with its extent."""

    height_mm: float
    y: float
    z: float
    extent_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadShape:
    """How the new head differs from its template; all ones and zeros are the template itself.

    Attributes
    ----------
    scale
        Of the whole head along x, y, z.
    face_height, face_width
        Of what lies below the orbits and in front of the ears.
    lean_mm
        Sideways bend of the face: chin against forehead.
    control_mm
        ``[3, n, n, n]`` random displacements (x, y, z) at control points ``CONTROL_MM`` apart about the origin.
    """

    scale: Point = (1.0, 1.0, 1.0)
    face_height: float = 1.0
    face_width: float = 1.0
    lean_mm: float = 0.0
    control_mm: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((3, 8, 8, 8), dtype=np.float32))
    septum_bends: tuple[SeptumBend, ...] = ()
    sinus_warps: tuple[SinusWarp, ...] = ()
    bone_density: float = 1.0
    """Factor on what exceeds soft tissue (osteopenia below 1)."""
    noise_hu: float = 0.0


def draw_shape(rng: np.random.Generator, size: float = 1.0, strength: float = 1.0) -> HeadShape:
    """Random proportions of a head whose mean linear size is ``size`` (1 = the template)."""
    overall = size * (1 + 0.03 * strength * rng.standard_normal())
    own = 1 + 0.025 * strength * rng.standard_normal(3)
    scale = np.clip(overall * own, 0.55, 1.15)
    control = rng.standard_normal((3, 8, 8, 8)).astype(np.float32) * np.float32(2.2 * strength)
    bends: tuple[SeptumBend, ...] = ()
    if rng.random() < 0.8:  # septal deviation in 80 % (EJO 2021;37:58)
        bends = tuple(
            SeptumBend(
                float(rng.choice([-1, 1]) * rng.uniform(1.0, 4.0)),
                float(rng.uniform(-78, -45)),
                float(rng.uniform(-32, -5)),
                float(rng.uniform(8, 14)),
            )
            for _ in range(int(rng.integers(1, 3)))
        )
    return HeadShape(
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        face_height=float(np.clip(1 + 0.05 * strength * rng.standard_normal(), 0.85, 1.15)),
        face_width=float(np.clip(1 + 0.04 * strength * rng.standard_normal(), 0.88, 1.12)),
        lean_mm=float(1.2 * strength * rng.standard_normal()),
        control_mm=np.clip(control, -LARGEST_CONTROL_MM, LARGEST_CONTROL_MM),
        septum_bends=bends,
        bone_density=float(rng.uniform(0.85, 1.15)),
        noise_hu=float(rng.uniform(3, 10)),
    )


def source_points(points: Points, shape: HeadShape, axes: Sequence[npt.NDArray[np.float64]] | None = None) -> Points:
    """Backward map without the sinuses: template coordinates of points ``[..., 3]`` (x, y, z mm) of the new head.

    Parameters
    ----------
    axes
        The x, y and z that the points ``[z, y, x, 3]`` are the grid of, where they are one: much faster.
    """
    x, y, z = (points[..., i] / np.float32(shape.scale[i]) for i in range(3))
    below = _softplus(-z - 8.0, 6.0)  # mm below the orbits' middle
    ahead = smooth_step(-y, 15.0, 50.0)
    # Below the eyes z runs faster or slower: face height; x likewise: face width.
    z = z - below * ahead * np.float32(1 / shape.face_height - 1)
    face = smooth_step(below, 0.0, 25.0) * ahead
    x = x * (1 + face * np.float32(1 / shape.face_width - 1))
    x = x - np.float32(shape.lean_mm) * (below / 40.0) * ahead
    for bend in shape.septum_bends:
        distance2 = ((y - bend.y) ** 2 + (z - bend.z) ** 2) / bend.extent_mm**2
        # Fades before the lateral nasal wall, 15 mm from the middle, with a slope that cannot fold.
        x = x - np.float32(bend.height_mm) * np.exp(-distance2) * np.clip(1 - (np.abs(x) / 15.0) ** 2, 0, 1) ** 2
    result = np.stack([x, y, z], axis=-1).astype(np.float32)
    if np.any(shape.control_mm):
        result += _displaced(points, shape.control_mm) if axes is None else _displaced_grid(axes, shape.control_mm)
    return result


def _displaced(points: Points, control_mm: npt.NDArray[np.float32]) -> Points:
    """Cubic B-splines of the control points, at any points."""
    n = control_mm.shape[1]
    index = np.stack([points[..., 2 - i] / CONTROL_MM + (n - 1) / 2 for i in range(3)])
    moved = [ndimage.map_coordinates(control_mm[i], index, order=3, mode="nearest", prefilter=False) for i in range(3)]
    return np.stack(moved, axis=-1).astype(np.float32)


def _displaced_grid(axes: Sequence[npt.NDArray[np.float64]], control_mm: npt.NDArray[np.float32]) -> Points:
    """The same on the grid of three axes: one axis after the other."""
    z, y, x = (_spline_weights(axes[i] / CONTROL_MM, control_mm.shape[1]) for i in (2, 1, 0))
    moved = np.einsum("iabc,xc->iabx", control_mm, x)
    moved = np.einsum("iabx,yb->iayx", moved, y)
    return np.ascontiguousarray(np.einsum("iayx,za->zyxi", moved, z), dtype=np.float32)


def _spline_weights(place: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float32]:
    """``[places, n]`` weights of a cubic B-spline's control points, the first and last repeated beyond the ends."""
    at = place + (n - 1) / 2
    low = np.floor(at)
    t = at - low
    weights = np.zeros((len(at), n))
    for k, share in enumerate(((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (t + t**2 - t**3) + 1, t**3)):
        np.add.at(weights, (np.arange(len(at)), np.clip(low.astype(int) + k - 1, 0, n - 1)), share / 6)
    return weights.astype(np.float32)


def new_points(points: npt.ArrayLike, shape: HeadShape) -> npt.NDArray[np.float64]:
    """Forward map of a few template points ``[n, 3]`` by fixed-point iteration, without the sinuses."""
    wanted = np.asarray(points, dtype=np.float64)
    scale = np.asarray(shape.scale)
    found: npt.NDArray[np.float64] = wanted * scale
    for _ in range(25):
        step = (wanted - source_points(found.astype(np.float32), shape)) * scale
        found = found + step
        if float(np.abs(step).max()) < _NEAR_ENOUGH_MM:
            break
    return found


def smooth_step(values: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[np.float32]:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _softplus(values: npt.NDArray[np.float32], softness: float) -> npt.NDArray[np.float32]:
    return np.asarray(softness * np.logaddexp(0, values / softness), dtype=np.float32)

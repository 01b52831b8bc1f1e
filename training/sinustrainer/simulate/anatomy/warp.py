"""Smooth invertible warps of a head: size, proportions, asymmetry, the course of the septum and the size of each sinus.

Everything is one backward map (where in the template does this point of the new head come from), evaluated on a coarse grid
and sampled once, so that edges are blurred by a single interpolation. Parameters are drawn first (``draw_shape``), then
applied (``warp_head``), which is deterministic.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Structure

Points = npt.NDArray[np.float32]
Point = tuple[float, float, float]

COARSE_MM = 4.0
CONTROL_MM = 40.0
"""Spacing of the random displacement's control points."""
LARGEST_CONTROL_MM = CONTROL_MM / 2.48 * 0.6
"""Cubic B-spline displacements below spacing / 2.48 cannot fold (Choi and Lee 2000); 0.6 of it bounds the Jacobian well
above zero once it is added to the other terms."""
SMALLEST_RADIAL_FACTOR = 0.8
LARGEST_RADIAL_FACTOR = 1.6


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


def source_points(points: Points, shape: HeadShape) -> Points:
    """Backward map without the sinuses: template coordinates of points ``[..., 3]`` (x, y, z mm) of the new head."""
    x, y, z = (points[..., i] / np.float32(shape.scale[i]) for i in range(3))
    below = _softplus(-z - 8.0, 6.0)  # mm below the orbits' middle
    ahead = _smooth_step(-y, 15.0, 50.0)
    # Below the eyes z runs faster or slower: face height; x likewise: face width.
    z = z - below * ahead * np.float32(1 / shape.face_height - 1)
    face = _smooth_step(below, 0.0, 25.0) * ahead
    x = x * (1 + face * np.float32(1 / shape.face_width - 1))
    x = x - np.float32(shape.lean_mm) * (below / 40.0) * ahead
    for bend in shape.septum_bends:
        distance2 = ((y - bend.y) ** 2 + (z - bend.z) ** 2) / bend.extent_mm**2
        # Fades before the lateral nasal wall, 15 mm from the middle, with a slope that cannot fold.
        x = x - np.float32(bend.height_mm) * np.exp(-distance2) * np.clip(1 - (np.abs(x) / 15.0) ** 2, 0, 1) ** 2
    result = np.stack([x, y, z], axis=-1).astype(np.float32)
    if np.any(shape.control_mm):
        n = shape.control_mm.shape[1]
        index = np.stack([points[..., 2 - i] / CONTROL_MM + (n - 1) / 2 for i in range(3)])
        for i in range(3):
            result[..., i] += ndimage.map_coordinates(
                shape.control_mm[i], index, order=3, mode="nearest", prefilter=False
            )
    return result


def new_points(points: npt.ArrayLike, shape: HeadShape) -> npt.NDArray[np.float64]:
    """Forward map of a few template points ``[n, 3]`` by fixed-point iteration, without the sinuses."""
    wanted = np.asarray(points, dtype=np.float64)
    scale = np.asarray(shape.scale)
    found: npt.NDArray[np.float64] = wanted * scale
    for _ in range(25):
        found = found + (wanted - source_points(found.astype(np.float32), shape)) * scale
    return found


def warp_head(head: Head, shape: HeadShape, rng: np.random.Generator | None = None, spacing_mm: float = 1.0) -> Head:
    """The head in its new shape, on a grid cropped to it.

    Parameters
    ----------
    rng
        For the scanner noise added where ``shape.noise_hu`` is above 0.
    """
    lower, upper = _new_bounds(head, shape)
    size = np.floor((upper - lower) / spacing_mm).astype(int) + 1
    coarse_size = np.ceil((size - 1) * spacing_mm / COARSE_MM).astype(int) + 1
    axes = [lower[i] + COARSE_MM * np.arange(coarse_size[i]) for i in range(3)]
    zz, yy, xx = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    points = np.stack([xx, yy, zz], axis=-1).astype(np.float32)
    source = source_points(points, shape)
    scale = np.asarray(shape.scale)
    for warp in shape.sinus_warps:
        _add_sinus(source, axes, points, head, warp, shape, scale)
    grid = _dense_grid(source, head, size, spacing_mm)
    volume = torch.from_numpy(np.asarray(head.hu, dtype=np.float32))[None, None]
    warped = torch.nn.functional.grid_sample(
        volume + 1024, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    hu = warped[0, 0].numpy() - 1024
    labels = _warp_labels(head, grid)
    _finish(hu, shape, rng)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lower
    return Head(np.round(hu).astype(np.int16), labels, affine, _warp_landmarks(head, shape), head.source)


def sinus_extent(head: Head, structure: Structure) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Centre and half-axes (x, y, z mm) of a lumen, as of an ellipsoid with the same second moments; None if absent."""
    found = box_of(head.labels, structure)
    if found is None:
        return None
    inside = np.argwhere(head.labels[found] == structure)[:, ::-1] + [s.start for s in found[::-1]]
    mm = inside @ head.affine[:3, :3].T + head.affine[:3, 3]
    return mm.mean(axis=0), np.sqrt(5 * mm.var(axis=0)) + 0.5


def _add_sinus(
    source: Points,
    axes: list[npt.NDArray[np.float64]],
    points: Points,
    head: Head,
    warp: SinusWarp,
    shape: HeadShape,
    scale: npt.NDArray[np.float64],
) -> None:
    extent = sinus_extent(head, warp.structure)
    if extent is None or all(f == 1 for f in warp.factors):
        return
    centre, half = extent
    factors = np.asarray(warp.factors)
    inwards = -1.0 if centre[0] > 0 else 1.0
    shares = np.asarray([warp.anchor_share[0] * inwards, warp.anchor_share[1], warp.anchor_share[2]])
    anchor = new_points([centre + shares * half], shape)[0]
    new_half = half * scale * factors
    new_centre = anchor - shares * new_half
    reach = new_half * 2.2
    box = tuple(
        slice(*np.searchsorted(axes[i], [new_centre[i] - reach[i], new_centre[i] + reach[i]])) for i in (2, 1, 0)
    )
    near = points[box]
    if near.size == 0:
        return
    radius = np.sqrt((((near - new_centre) / new_half) ** 2).sum(axis=-1))
    weight = 1 - _smooth_step(radius, 1.1, 2.2)
    source[box] += ((near - anchor) * (1 / factors - 1) / scale * weight[..., None]).astype(np.float32)


def _dense_grid(source: Points, head: Head, size: npt.NDArray[np.int_], spacing_mm: float) -> torch.Tensor:
    nz, ny, nx = head.hu.shape
    normalised = torch.empty((1, 3, *source.shape[:3]))
    for i, n in enumerate((nx, ny, nz)):
        index = (source[..., i] - np.float32(head.affine[i, 3])) / np.float32(head.affine[i, i])
        normalised[0, i] = torch.from_numpy(index * np.float32(2 / (n - 1)) - 1)
    # Interpolate along one axis after the other: the coarse nodes stand COARSE_MM apart from the first voxel on.
    grid = normalised
    for axis in range(3):
        at = torch.arange(int(size[2 - axis]), dtype=torch.float32) * (spacing_mm / COARSE_MM)
        low = torch.clamp(at.long(), max=grid.shape[axis + 2] - 2)
        share_shape = [1, 1, 1, 1, 1]
        share_shape[axis + 2] = -1
        share = (at - low).reshape(share_shape)
        first = grid.index_select(axis + 2, low)
        grid = first + (grid.index_select(axis + 2, low + 1) - first) * share
    return grid.permute(0, 2, 3, 4, 1)


def _warp_labels(head: Head, grid: torch.Tensor) -> npt.NDArray[np.uint8]:
    volume = torch.from_numpy(head.labels.astype(np.float32))[None, None]
    found = torch.nn.functional.grid_sample(volume, grid, mode="nearest", padding_mode="zeros", align_corners=True)
    return found[0, 0].to(torch.uint8).numpy()


def _warp_landmarks(head: Head, shape: HeadShape) -> dict[str, Point]:
    if not head.landmarks:
        return {}
    moved = new_points(list(head.landmarks.values()), shape)
    return {name: (float(p[0]), float(p[1]), float(p[2])) for name, p in zip(head.landmarks, moved, strict=True)}


def _new_bounds(head: Head, shape: HeadShape) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    n = np.array(head.hu.shape[::-1]) - 1
    corners = np.array([[(n[0] * i), (n[1] * j), (n[2] * k)] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    mm = corners * np.diag(head.affine)[:3] + head.affine[:3, 3]
    scale = np.asarray(shape.scale)
    low, high = mm.min(axis=0) * scale, mm.max(axis=0) * scale
    return np.floor(low), np.ceil(high)


def _finish(hu: npt.NDArray[np.float32], shape: HeadShape, rng: np.random.Generator | None) -> None:
    if shape.bone_density != 1:
        bone = hu > 150
        hu[bone] = 150 + (hu[bone] - 150) * np.float32(shape.bone_density)
    if rng is not None and shape.noise_hu > 0:
        # Drawn once and tiled: white noise of ten million voxels costs more than the warp itself.
        tile = rng.standard_normal(1 << 20, dtype=np.float32) * np.float32(shape.noise_hu)
        flat = hu.reshape(-1)
        for start in range(0, flat.size, tile.size):
            part = flat[start : start + tile.size]
            part += np.roll(tile, int(rng.integers(tile.size)))[: part.size] * (part > -900)
    np.clip(hu, -1024, 3071, out=hu)


def _smooth_step(values: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[np.float32]:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _softplus(values: npt.NDArray[np.float32], softness: float) -> npt.NDArray[np.float32]:
    return np.asarray(softness * np.logaddexp(0, values / softness), dtype=np.float32)

"""Masks over bone as a cloud of surface points, and its picture from any side. numpy and scipy only; no graphics card."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

BONE_HU = 300
GRID_MM = 1.0
"""The surfaces are taken from an even grid of this spacing, which is what a small picture can show."""
MARGIN_MM = 22.0
"""How much bone around the sinuses is shown."""
MOST_BONE_POINTS = 90_000

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceCloud:
    """Points in mm (LPS, centred), outward normals, and the structure's code of each (0 is bone)."""

    points_mm: Floats
    normals: Floats
    codes: npt.NDArray[np.uint8]

    @property
    def radius_mm(self) -> float:
        return float(np.linalg.norm(self.points_mm, axis=1).max()) if len(self.points_mm) else 1.0


def surface_cloud(
    voxels: npt.NDArray[np.int16], labels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64]
) -> SurfaceCloud:
    """Surfaces of every labelled structure and of the bone around them.

    Parameters
    ----------
    voxels, labels
        HU and ``Structure`` codes, both ``[z, y, x]`` on the same grid.
    affine
        Index ``(x, y, z)`` to LPS mm.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    around = _box(labels, tuple(MARGIN_MM / float(s) for s in spacing))
    factors = tuple(float(s) / GRID_MM for s in spacing)
    # "nearest" and grid_mode: the default pads with 0 HU, which is water.
    small = ndimage.zoom(voxels[around], factors, order=1, mode="nearest", grid_mode=True)
    codes = ndimage.zoom(labels[around], factors, order=0, mode="nearest", grid_mode=True)
    real = np.array(small.shape) / np.array([b.stop - b.start for b in around])
    start = np.array([b.start for b in around])
    soft = ndimage.gaussian_filter(np.clip(small, -200, 1200).astype(np.float32), 0.8, mode="nearest")
    parts = [_surface(_largest(small > BONE_HU), soft, 0, MOST_BONE_POINTS)]
    for code in np.unique(codes):
        if code:
            part = codes == code
            parts.append(_surface(part, ndimage.gaussian_filter(part.astype(np.float32), 1.0), int(code), None))
    index, normal = (np.concatenate([p[n] for p in parts]).astype(np.float64) for n in (0, 1))
    which = np.concatenate([p[2] for p in parts])
    index = (index + 0.5) / real - 0.5 + start
    axes = affine[:3, :3]
    points = index[:, ::-1] @ axes.T
    turned = normal[:, ::-1] @ (axes / np.linalg.norm(axes, axis=0)).T
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2 if len(points) else np.zeros(3)
    return SurfaceCloud(
        (points - middle).astype(np.float32), (turned / np.maximum(length, 1e-6)).astype(np.float32), which
    )


def _box(labels: npt.NDArray[np.uint8], margins: tuple[float, ...]) -> tuple[slice, ...]:
    """The box of all labelled voxels with margins in voxels; everything where there are none."""
    box = []
    for axis, margin in enumerate(margins):
        others = tuple(n for n in range(labels.ndim) if n != axis)
        at = np.flatnonzero(labels.any(axis=others))
        low, high = (0, labels.shape[axis]) if not len(at) else (int(at[0] - margin), int(at[-1] + margin) + 1)
        box.append(slice(max(0, low), min(labels.shape[axis], high)))
    return tuple(box)


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The largest connected part: the skull without head rest and fillings' streaks."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(parts == 1 + int(np.bincount(parts.ravel())[1:].argmax()))


def _surface(
    mask: npt.NDArray[np.bool_], soft: Floats, code: int, most: int | None
) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    """Voxels of a mask that touch its outside: their indices ``[n, (z, y, x)]``, outward normals and codes."""
    at = np.argwhere(mask & ~ndimage.binary_erosion(mask, border_value=1))
    if most is not None and len(at) > most:
        at = at[np.random.default_rng(0).choice(len(at), most, replace=False)]
    slopes = np.zeros((len(at), 3), np.float32)
    for axis in range(3):  # central differences at the surface only
        ahead, behind = at.copy(), at.copy()
        ahead[:, axis] = np.minimum(at[:, axis] + 1, mask.shape[axis] - 1)
        behind[:, axis] = np.maximum(at[:, axis] - 1, 0)
        slopes[:, axis] = soft[tuple(behind.T)] - soft[tuple(ahead.T)]
    return at.astype(np.float32), slopes, np.full(len(at), code, np.uint8)


def rotation(yaw_degrees: float, pitch_degrees: float) -> npt.NDArray[np.float64]:
    """From LPS to the screen's right, up and towards the viewer; 0, 0 looks at the face, patient's right on the left."""
    yaw, pitch = np.deg2rad(yaw_degrees), np.deg2rad(pitch_degrees)
    face = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(nod @ turn @ face)


def render(
    cloud: SurfaceCloud,
    turn: npt.NDArray[np.float64],
    size: int,
    colors: npt.NDArray[np.uint8],
    hidden: frozenset[int] = frozenset(),
) -> npt.NDArray[np.uint8]:
    """``[size, size, 3]`` picture; ``colors[code]`` are the masks' colours, bone is grey and lets masks shine through."""
    seen = turn.astype(np.float32) @ cloud.points_mm.T
    light = (np.array([-0.3, 0.35, 0.89], np.float32) @ turn.astype(np.float32)) @ cloud.normals.T
    scale = 0.49 * size / cloud.radius_mm
    columns = (seen[0] * scale + size / 2).astype(np.int32)
    rows = (size / 2 - seen[1] * scale).astype(np.int32)
    inside = (columns > 0) & (columns < size - 1) & (rows > 0) & (rows < size - 1) & (light > -0.3)
    span = max(cloud.radius_mm, 1e-3)
    depth = ((seen[2] + span) * (65_000 / (2 * span))).astype(np.uint16)
    shade = 0.25 + 0.75 * np.clip(light, 0, 1)
    is_bone = cloud.codes == 0
    shown = inside & ~is_bone
    for code in hidden:
        shown &= cloud.codes != code
    pixel = rows * size + columns
    bone = _nearest(np.flatnonzero(inside & is_bone), pixel, depth, size)
    mask = _nearest(np.flatnonzero(shown), pixel, depth, size)
    picture = np.zeros((size * size, 3), np.float32)
    there = bone >= 0
    # Nearer bone is lighter, so that the picture has depth even where the light is flat.
    picture[there] = (shade[bone[there]] * (110 + 110 * (depth[bone[there]] / 65_000)))[:, np.newaxis]
    over = mask >= 0
    points = mask[over]
    hidden_by_bone = there[over] & (depth[bone[over]] > depth[points])
    share = np.where(hidden_by_bone, 0.55, 1.0)[:, np.newaxis]
    picture[over] = colors[cloud.codes[points]] * shade[points, np.newaxis] * share + picture[over] * (1 - share)
    return picture.astype(np.uint8).reshape(size, size, 3)


def _nearest(
    chosen: npt.NDArray[np.intp], pixel: npt.NDArray[np.int32], depth: npt.NDArray[np.uint16], size: int
) -> npt.NDArray[np.int32]:
    """Index of the nearest point over each pixel, -1 where there is none; a point covers 3 x 3 pixels."""
    index = np.full(size * size, -1, np.int32)
    order = chosen[np.argsort(depth[chosen], kind="stable")].astype(np.int32)  # far ones first: the last written stays
    around = np.array([down + right for down in (-size, 0, size) for right in (-1, 0, 1)], np.int32)
    # One assignment for all nine, so that no far point's edge is written over a near point.
    index[(pixel[order][:, np.newaxis] + around).ravel()] = np.repeat(order, len(around))
    return index

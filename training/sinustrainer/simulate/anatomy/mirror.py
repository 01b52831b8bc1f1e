"""Mirrored heads: the whole head exactly, or one sick side replaced by the healthy one's mirror image."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import MIRRORED, Side, Structure

Point = tuple[float, float, float]


def mirrored_labels(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Codes swapped left for right; positions stay."""
    table = np.arange(256, dtype=np.uint8)
    for structure, other in MIRRORED.items():
        table[int(structure)] = int(other)
    return table[labels]


def mirror(head: Head) -> Head:
    """The mirror image of a head in the plane x = 0, exactly: voxels reversed along x, sides of labels and landmarks swapped.

    ``mirror(mirror(head))`` equals ``head``.
    """
    affine = head.affine.copy()
    affine[0, 3] = -(head.affine[0, 3] + head.affine[0, 0] * (head.hu.shape[2] - 1))
    landmarks = {_swap_name(name): (-x, y, z) for name, (x, y, z) in head.landmarks.items()}
    return Head(
        np.ascontiguousarray(head.hu[:, :, ::-1]),
        mirrored_labels(np.ascontiguousarray(head.labels[:, :, ::-1])),
        affine,
        {name: landmarks[name] for name in head.landmarks if name in landmarks}
        | {name: point for name, point in landmarks.items() if name not in head.landmarks},
        head.source,
    )


def compose_mirrored_side(
    head: Head,
    healthy: Side,
    midline_x: Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None = None,
    keep_box_mm: tuple[Point, Point] | None = None,
) -> Head:
    """A head whose sick side is the mirror image of the healthy one.

    Parameters
    ----------
    healthy
        The side that is kept.
    midline_x
        x (mm) of the patient's midline at ``(y, z)``, so that a bent septum is not doubled; 0 everywhere if None.
    keep_box_mm
        A box whose inside stays as it was on both sides (the sphenoid, whose septum never lies in the middle).
    """
    nz, ny, nx = head.hu.shape
    axes = [head.affine[i, 3] + head.affine[i, i] * np.arange(n) for i, n in zip((2, 1, 0), (nz, ny, nx), strict=True)]
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    middle = np.zeros((nz, ny, 1)) if midline_x is None else midline_x(y, z)
    towards_sick = (x - middle) * (-1.0 if healthy is Side.LEFT else 1.0)
    replaced = np.clip(towards_sick / 2.0 + 0.5, 0, 1).astype(np.float32)
    if keep_box_mm is not None:
        low, high = keep_box_mm
        outside = np.maximum.reduce(
            [np.maximum(low[i] - axis, axis - high[i]) + np.zeros(replaced.shape) for i, axis in enumerate((x, y, z))]
        )
        replaced *= np.clip(outside / 4.0, 0, 1).astype(np.float32)
    step = float(head.affine[0, 0])
    source_index = (2 * middle - x - head.affine[0, 3]) / step
    lower = np.clip(np.floor(source_index).astype(np.intp), 0, nx - 2)
    share = np.clip(source_index - lower, 0, 1).astype(np.float32)
    rows = np.broadcast_to(lower, head.hu.shape)
    hu = head.hu.astype(np.float32)
    mirrored = np.take_along_axis(hu, rows, 2) * (1 - share) + np.take_along_axis(hu, rows + 1, 2) * share
    nearest = np.broadcast_to(np.clip(np.round(source_index).astype(np.intp), 0, nx - 1), head.hu.shape)
    other_labels = mirrored_labels(np.take_along_axis(head.labels, nearest, 2))
    landmarks = dict(head.landmarks)
    keep, lost = healthy.value, healthy.opposite.value
    for name, (px, py, pz) in head.landmarks.items():
        if name.endswith(f"_{keep}"):
            landmarks[name.replace(f"_{keep}", f"_{lost}")] = (-px, py, pz)
    mixed = np.round(hu * (1 - replaced) + mirrored * replaced).astype(np.int16)
    labels = np.where(replaced > 0.5, other_labels, head.labels)
    return Head(mixed, labels, head.affine.copy(), landmarks, f"{head.source}+mirrored_{keep}")


def septum_midline(head: Head) -> Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
    """The midline as the labelled septum runs, fading to x = 0 in front, behind and above it."""
    found = head.labels == Structure.SEPTUM
    x = head.affine[0, 3] + head.affine[0, 0] * np.arange(head.hu.shape[2])
    count = found.sum(axis=(0, 2))
    mean = np.where(count > 0, (found.sum(axis=0) @ x) / np.maximum(count, 1), 0.0)
    by_y = ndimage.gaussian_filter1d(mean, 3.0 / float(head.affine[1, 1]))
    start, step = float(head.affine[1, 3]), float(head.affine[1, 1])

    def midline(y: npt.NDArray[np.float64], z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        at_y = np.interp((y - start) / step, np.arange(by_y.size), by_y)
        return np.asarray(at_y * np.clip((20.0 - z) / 10.0, 0, 1))

    return midline


def _swap_name(name: str) -> str:
    if name.endswith("_right"):
        return name.removesuffix("right") + "left"
    return name.removesuffix("left") + "right" if name.endswith("_left") else name

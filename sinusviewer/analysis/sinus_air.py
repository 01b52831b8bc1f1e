"""Enclosed air in a head CT by a threshold and rules: no network, and no word on opacification.

Air in the head is what lies below -400 HU inside the filled outline of the largest body of tissue. Opening it by 2 mm
parts the cavities from each other; the largest one wholly off the midline in the front half, one on each side and at
like height, is taken for the maxillary sinus. It serves as evidence for the input checks of the networks (a phantom or
an opacified head has no such air) and, without networks, as the only measurement offered.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import SINUS_CODES, AnySide, ImageSide, Side, Sinus
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.geometry import canonical_axes
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import AirMeasurement, SinusMeasurement
from sinusviewer.jobs.runner import CancelToken

AIR_HU = -400.0
_TISSUE_HU = -300.0
_WORKING_SPACING_MM = 1.2
_OPENING_MM = 2.0
_REGROW_MM = 4.0
_MINIMUM_CAVITY_ML = 0.4
_OFF_MIDLINE_MM = (10.0, 50.0)
_PAIR_OFFSET_MM = 20.0
METHOD = (
    "Enclosed air by threshold and position (below -400 HU), no network: soft tissue within a sinus is not measured."
)


@dataclass(frozen=True, slots=True)
class AirCavity:
    """A cavity of air off the midline; ``centre_mm`` is (z, y, x) from the corner of the canonical array."""

    side: Side
    air_ml: float
    mean_hu: float
    centre_mm: tuple[float, float, float]
    complete: bool
    label: int


@dataclass(frozen=True, slots=True, eq=False)
class SinusAir:
    """What was found: the cavities taken for maxillary sinuses, all enclosed air, and whether this is a body at all.

    ``labels`` numbers the cavities on the thinned canonical grid (every ``steps``-th voxel).
    """

    cavities: tuple[AirCavity, ...]
    enclosed_ml: float
    tissue_ml: float
    bone_ml: float
    labels: npt.NDArray[np.int32]
    steps: tuple[int, int, int]


def side_name(side: Side, *, oriented: bool) -> AnySide:
    """The patient's side, or the side of the image (patient's right displayed on the left) where nothing proves it."""
    if oriented:
        return side
    return ImageSide.IMAGE_LEFT if side is Side.RIGHT else ImageSide.IMAGE_RIGHT


def code_of(sinus: Sinus, side: AnySide) -> int:
    """The label code of a sinus whose side may be the image's."""
    patient = side if isinstance(side, Side) else Side.RIGHT if side is ImageSide.IMAGE_LEFT else Side.LEFT
    return int(SINUS_CODES[sinus, patient])


def measure(volume: Volume, token: CancelToken | None = None) -> SinusAir:
    """Find enclosed air in ``volume`` (works on a copy thinned to about 1.2 mm)."""
    token = token or CancelToken()
    voxels, spacing, steps = working_copy(volume)
    voxel_ml = float(np.prod(spacing)) / 1000.0
    token.raise_if_cancelled()
    head = _largest(voxels > _TISSUE_HU, token)
    tissue_ml = float(np.count_nonzero(head)) * voxel_ml
    bone_ml = float(np.count_nonzero(voxels > 300)) * voxel_ml
    if not head.any():
        return SinusAir((), 0.0, tissue_ml, bone_ml, np.zeros(voxels.shape, np.int32), steps)
    enclosed = (voxels < AIR_HU) & _filled(head, token)
    token.raise_if_cancelled()
    enclosed_ml = float(np.count_nonzero(enclosed)) * voxel_ml
    token.raise_if_cancelled()
    cavities, labels = _paired_cavities(voxels, head, enclosed, spacing, token)
    return SinusAir(cavities, enclosed_ml, tissue_ml, bone_ml, labels, steps)


def as_measurement(air: SinusAir) -> AirMeasurement:
    """The summary that is shown and written."""
    by_side = {cavity.side: round(cavity.air_ml, 2) for cavity in air.cavities}
    return AirMeasurement(METHOD, AIR_HU, by_side.get(Side.RIGHT), by_side.get(Side.LEFT), round(air.enclosed_ml, 2))


def as_sinuses(air: SinusAir, volume: Volume) -> tuple[SinusMeasurement, ...]:
    """Maxillary air per side; opacification and Lund-Mackay stay unknown."""
    reason = "Air volume by threshold and position; opacification needs the segmentation network."
    return tuple(
        SinusMeasurement(
            Sinus.MAXILLARY,
            side_name(cavity.side, oriented=volume.oriented),
            round(cavity.air_ml, 2),
            None,
            round(cavity.mean_hu, 1),
            None,
            cavity.complete,
            reason,
        )
        for cavity in sorted(air.cavities, key=lambda c: c.side != Side.RIGHT)
    )


def as_segmentation(air: SinusAir, volume: Volume) -> Segmentation | None:
    """The cavities as a label map on the volume's own grid; None where there are none."""
    if not air.cavities:
        return None
    codes = np.zeros(int(air.labels.max()) + 1, np.uint8)
    for cavity in air.cavities:
        codes[cavity.label] = SINUS_CODES[Sinus.MAXILLARY, cavity.side]
    permutation, flips = canonical_axes(volume.affine)
    full = codes[air.labels]
    shape = [volume.voxels.shape[axis] for axis in permutation]
    for axis, step in enumerate(air.steps):
        full = np.repeat(full, step, axis=axis)
        full = np.take(full, range(shape[axis]), axis=axis, mode="clip")
    full = full[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    labels = np.ascontiguousarray(full.transpose(np.argsort(permutation)))
    return Segmentation(labels, volume.affine)


def working_copy(volume: Volume) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], tuple[int, int, int]]:
    """A canonical copy thinned to about 1.2 mm, its spacing (z, y, x) and how many voxels each step takes; padding is air."""
    permutation, flips = canonical_axes(volume.affine)
    voxels = volume.voxels.transpose(permutation)
    spacing = np.asarray(volume.spacing)[list(permutation)]
    steps = np.maximum(1, np.floor(_WORKING_SPACING_MM / spacing + 1e-6)).astype(int)
    slices = tuple(slice(None, None, -int(s) if flip else int(s)) for s, flip in zip(steps, flips, strict=True))
    thinned = np.ascontiguousarray(voxels[slices])
    if volume.padding_hu is not None:
        thinned[thinned == volume.padding_hu] = -1024
    return thinned, spacing * steps, (int(steps[0]), int(steps[1]), int(steps[2]))


def _largest(mask: npt.NDArray[np.bool_], token: CancelToken) -> npt.NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    token.raise_if_cancelled()
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    token.raise_if_cancelled()
    return np.asarray(labels == sizes.argmax())


def _filled(head: npt.NDArray[np.bool_], token: CancelToken) -> npt.NDArray[np.bool_]:
    """Fill what is enclosed within each axial, then each coronal slice: nostrils and throat stay open in one of them."""
    filled = head.copy()
    for axis in (0, 1):
        for plane in np.moveaxis(filled, axis, 0):
            token.raise_if_cancelled()
            parts, count = ndimage.label(~plane)
            outside = np.zeros(count + 1, bool)
            for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
                outside[edge] = True
            outside[0] = False
            plane[...] = ~outside[parts]
    return filled


def _paired_cavities(
    voxels: npt.NDArray[np.int16],
    head: npt.NDArray[np.bool_],
    enclosed: npt.NDArray[np.bool_],
    spacing: npt.NDArray[np.float64],
    token: CancelToken,
) -> tuple[tuple[AirCavity, ...], npt.NDArray[np.int32]]:
    labels = np.zeros(voxels.shape, np.int32)
    rows = np.flatnonzero(head.any(axis=(0, 2)))
    front = int(rows[0] + rows[-1]) // 2
    box = ndimage.find_objects(enclosed[:, :front].astype(np.uint8))
    if not box:
        return (), labels
    # A margin of one voxel, so that a cavity has a wall all round; beyond the volume there is one too.
    part = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box[0])
    air = enclosed[part]
    token.raise_if_cancelled()
    depth_mm = ndimage.distance_transform_edt(np.pad(air, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    token.raise_if_cancelled()
    cores, count = ndimage.label(depth_mm > _OPENING_MM)
    if count == 0:
        return (), labels
    token.raise_if_cancelled()
    grown = _regrow(cores, air, spacing)
    token.raise_if_cancelled()
    labels[part] = grown
    extents = [np.flatnonzero(plane.any(axis=0)) for plane in head if plane.any()]
    middle = float(np.median([(e[0] + e[-1]) / 2 for e in extents]))
    voxel_ml = float(np.prod(spacing)) / 1000.0
    candidates: dict[Side, list[AirCavity]] = {Side.RIGHT: [], Side.LEFT: []}
    for number, where in enumerate(ndimage.find_objects(labels), start=1):
        body = labels[where] == number
        air_ml = float(np.count_nonzero(body)) * voxel_ml
        if air_ml < _MINIMUM_CAVITY_ML:
            continue
        centre = [float(c) + float(w.start) for c, w in zip(ndimage.center_of_mass(body), where, strict=True)]
        off_mm = (centre[2] - middle) * float(spacing[2])
        crosses = where[2].start <= middle <= where[2].stop
        if crosses or not _OFF_MIDLINE_MM[0] <= abs(off_mm) <= _OFF_MIDLINE_MM[1]:
            continue
        inside = all(w.start > 0 and w.stop < n for w, n in zip(where, voxels.shape, strict=True))
        side = Side.LEFT if off_mm > 0 else Side.RIGHT
        core = ndimage.binary_erosion(body)
        mean_hu = float(voxels[where][core if core.any() else body].mean())
        at_mm = (centre[0] * float(spacing[0]), centre[1] * float(spacing[1]), centre[2] * float(spacing[2]))
        candidates[side].append(AirCavity(side, air_ml, mean_hu, at_mm, inside, number))
    return _best_pair(candidates), labels


def _regrow(
    cores: npt.NDArray[np.signedinteger], air: npt.NDArray[np.bool_], spacing: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """Give the air near a core back to it: the opening took off the outermost 2 mm."""
    distance, nearest = ndimage.distance_transform_edt(cores == 0, sampling=spacing, return_indices=True)
    grown = cores[tuple(nearest)]
    grown[~air | (distance > _REGROW_MM)] = 0
    return np.asarray(grown, dtype=np.int32)


def _best_pair(candidates: dict[Side, list[AirCavity]]) -> tuple[AirCavity, ...]:
    """The pair of largest joint smaller volume at like height and depth; none where no pair fits."""
    best: tuple[float, tuple[AirCavity, ...]] = (0.0, ())
    for right in candidates[Side.RIGHT]:
        for left in candidates[Side.LEFT]:
            offsets = [abs(a - b) for a, b in zip(right.centre_mm[:2], left.centre_mm[:2], strict=True)]
            smaller = min(right.air_ml, left.air_ml)
            if max(offsets) <= _PAIR_OFFSET_MM and smaller > best[0]:
                best = (smaller, (right, left))
    return best[1]

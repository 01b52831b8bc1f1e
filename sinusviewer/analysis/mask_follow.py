"""The numbers follow an edited mask: only what a stroke can have changed is looked at again, so that it takes milliseconds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.analysis import ct_checks, sinus_measurement
from sinusviewer.analysis.sinus_air import side_name
from sinusviewer.domain.anatomy import SINUS_CODES, AnySide, Side, Sinus, Structure
from sinusviewer.domain.finding import Author, Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import Box, MaskPatch, grown, joined, slices
from sinusviewer.domain.reading import LundMackay, SeriesReading, SinusMeasurement
from sinusviewer.jobs.runner import CancelToken

REACH_MM = 4.0
"""How far from a changed voxel the rule for opacified voxels can change its mind (shell and lining, with a margin)."""
_WITHHELD = "withheld, because the slices do not form an even volume"
_COMPLEX = frozenset(
    {
        Structure.NASAL_CAVITY,
        *(SINUS_CODES[s, side] for s in (Sinus.MAXILLARY, Sinus.ANTERIOR_ETHMOID) for side in Side),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class EditableMasks:
    """Masks that are painted on: the segmentation whose arrays change in place, and a box around each structure."""

    segmentation: Segmentation
    boxes: dict[int, Box]
    """By code; holds every voxel of it and may be larger."""
    kept: tuple[bytes, ...] = ()
    """For each patch put on, what takes it off again."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What follows from a change: new opacified voxels in a box, the measurements of all sinuses, the totals."""

    box: Box
    opacified: npt.NDArray[np.bool_]
    sinuses: tuple[SinusMeasurement, ...]
    lund_mackay: LundMackay | None


def editable(
    volume: Volume, segmentation: Segmentation | None, patches: Iterable[MaskPatch], token: CancelToken | None = None
) -> EditableMasks:
    """A copy of the masks to paint on, with the patches put on; the given arrays are the original and stay as they are.

    Without a segmentation a reader begins with nothing.
    """
    shape = volume.voxels.shape
    if segmentation is None:
        empty = np.zeros(shape, np.uint8)
        segmentation = Segmentation(empty, volume.affine, np.zeros(shape, bool), Author.READER, opacified_by_rule=True)
    base = segmentation.original or segmentation
    if base.opacified is None:
        rule = sinus_measurement.opacified_voxels(volume.voxels, base.labels, volume.spacing, token)
        base = replace(base, opacified=rule, opacified_by_rule=True)
    if token is not None:
        token.raise_if_cancelled()
    opacified = base.opacified if base.opacified is not None else np.zeros(shape, bool)
    working = replace(base, labels=base.labels.copy(), opacified=opacified.copy(), original=base)
    found = ndimage.find_objects(working.labels, max_label=int(Structure.NASAL_CAVITY))
    boxes = {code: _box(where) for code, where in enumerate(found, start=1) if where is not None}
    kept = []
    for patch in patches:
        kept.append(patch.put_on(working.labels))
        note_patch(boxes, patch)
    return EditableMasks(working, boxes, tuple(kept))


def note_patch(boxes: dict[int, Box], patch: MaskPatch) -> None:
    """Widen the boxes of the structures that a patch touches."""
    for code in patch.structures:
        wide = joined((patch.box, *((boxes[code],) if code in boxes else ())))
        if wide is not None:
            boxes[code] = wide


def follow(
    volume: Volume,
    masks: EditableMasks,
    reading: SeriesReading,
    changed: Box,
    codes: frozenset[int],
    token: CancelToken | None = None,
) -> Followed:
    """Measure what a change inside ``changed`` to the structures ``codes`` can have altered.

    Parameters
    ----------
    reading
        Its measurements stay for all other sinuses.
    """
    segmentation = masks.segmentation
    region, opacified = _opacified(volume, segmentation, changed, token)
    near = np.unique(segmentation.labels[slices(region)])
    affected = codes | {int(code) for code in near}
    known = {(m.sinus, m.side): m for m in reading.sinuses}
    withheld = "" if volume.measurable else _WITHHELD
    measured: list[SinusMeasurement] = []
    for (sinus, side), code in SINUS_CODES.items():
        before = known.get((sinus, side_name(side, oriented=volume.oriented)))
        if before is not None and int(code) not in affected:
            measured.append(before)
            continue
        if token is not None:
            token.raise_if_cancelled()
        fresh = _measured(volume, masks, (sinus, side), (region, opacified), withheld)
        measured.append(ct_checks.keep_withheld(before, fresh))
    sinuses = tuple(measured)
    complexes: dict[AnySide, int | None]
    if affected & _COMPLEX or reading.lund_mackay is None:
        complexes = _complexes(volume, masks, sinuses)
    else:
        old = reading.lund_mackay
        complexes = {Side.RIGHT: old.ostiomeatal_right, Side.LEFT: old.ostiomeatal_left}
    return Followed(region, opacified, sinuses, sinus_measurement.lund_mackay_total(sinuses, complexes))


def _opacified(
    volume: Volume, segmentation: Segmentation, changed: Box, token: CancelToken | None
) -> tuple[Box, npt.NDArray[np.bool_]]:
    """Opacified voxels around a change: the network's word where its sinus still is sinus, else the rule's."""
    reach = [max(2, int(np.ceil(REACH_MM / s))) for s in volume.spacing]
    margin = (reach[0], reach[1], reach[2])
    region = grown(changed, margin, segmentation.labels.shape)
    wide = grown(region, margin, segmentation.labels.shape)
    rule = sinus_measurement.opacified_voxels(
        volume.voxels[slices(wide)], segmentation.labels[slices(wide)], volume.spacing, token
    )
    inner = tuple(slice(low - w[0], high - w[0]) for (low, high), w in zip(region, wide, strict=True))
    result = rule[inner]
    original = segmentation.original
    if segmentation.opacified_by_rule or original is None or original.opacified is None:
        return region, result
    where = slices(region)
    both = _is_sinus(segmentation.labels[where]) & _is_sinus(original.labels[where])
    return region, np.where(both, original.opacified[where], result)


def _is_sinus(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return (labels > 0) & (labels < Structure.NASAL_CAVITY)


def _measured(
    volume: Volume,
    masks: EditableMasks,
    place: tuple[Sinus, Side],
    new: tuple[Box, npt.NDArray[np.bool_]],
    withheld: str,
) -> SinusMeasurement:
    """One sinus, with the new opacified voxels in place of the old ones."""
    code, segmentation = int(SINUS_CODES[place]), masks.segmentation
    where = _tight(segmentation.labels, code, masks.boxes.get(code))
    opacified = None if where is None else _part(segmentation.opacified, where, *new)
    measurement = sinus_measurement.measure_one(volume, segmentation.labels, opacified, where, *place, withheld)
    return replace(measurement, edited_by_reader=_edited(segmentation, code, masks.boxes.get(code)))


def _part(
    old: npt.NDArray[np.bool_] | None, where: tuple[slice, ...], box: Box, new: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """A part of the opacified voxels with the new ones of ``box`` laid over the old ones."""
    result = np.zeros(tuple(w.stop - w.start for w in where), bool) if old is None else old[where].copy()
    target, source = [], []
    for w, (low, high) in zip(where, box, strict=True):
        first, last = max(w.start, low), min(w.stop, high)
        if first >= last:
            return result
        target.append(slice(first - w.start, last - w.start))
        source.append(slice(first - low, last - low))
    result[tuple(target)] = new[tuple(source)]
    return result


def _tight(labels: npt.NDArray[np.uint8], code: int, box: Box | None) -> tuple[slice, ...] | None:
    """The smallest box around a structure that lies within ``box``."""
    if box is None:
        return None
    inside = labels[slices(box)] == code
    tight = []
    for axis, (start, _) in enumerate(box):
        found = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        if not found.size:
            return None
        tight.append(slice(start + int(found[0]), start + int(found[-1]) + 1))
    return tuple(tight)


def _edited(segmentation: Segmentation, code: int, box: Box | None) -> bool:
    """Whether a structure is no longer what the network said."""
    if box is None or segmentation.original is None:
        return False
    where = slices(box)
    return not np.array_equal(segmentation.labels[where] == code, segmentation.original.labels[where] == code)


def _complexes(
    volume: Volume, masks: EditableMasks, sinuses: tuple[SinusMeasurement, ...]
) -> dict[AnySide, int | None]:
    ethmoids = {}
    for side in Side:
        code = int(SINUS_CODES[Sinus.ANTERIOR_ETHMOID, side])
        where = _tight(masks.segmentation.labels, code, masks.boxes.get(code))
        if where is not None:
            ethmoids[side] = where
    return sinus_measurement.propose_ostiomeatal(volume, masks.segmentation, sinuses, ethmoids)


def _box(where: tuple[slice, ...]) -> Box:
    z, y, x = ((int(w.start), int(w.stop)) for w in where)
    return z, y, x

"""Changes a reader makes to sinus masks: the brush, and patches of a label map that can be put on and taken off.

The network's label map and the reader's patches in their order are all there is to know; the edited map follows from them.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import Structure

Labels = npt.NDArray[np.uint8]
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and last + 1 of z, y and x."""
UNCHANGED = 255
"""Stands in a patch for voxels that it leaves alone."""
RADIUS_MM = (0.5, 20.0)


class BrushMode(StrEnum):
    """What the brush does."""

    PAINT = "paint"
    ERASE = "erase"
    FILL = "fill"


class HuRange(StrEnum):
    """Which voxels the brush takes."""

    ANY = "any"
    AIR = "air"
    SOFT = "soft"


HU_LIMITS: dict[HuRange, tuple[int, int]] = {
    HuRange.ANY: (-32768, 32767),
    HuRange.AIR: (-32768, -400),
    HuRange.SOFT: (-400, 250),
}
"""Lowest and highest HU, both included. Air as the measurements take it; soft is denser than air and no bone."""


@dataclass(frozen=True, slots=True)
class Brush:
    """How masks are painted; ``ball`` paints through slices, else the disc stays in the slice on screen."""

    structure: Structure = Structure.RIGHT_MAXILLARY
    mode: BrushMode = BrushMode.PAINT
    radius_mm: float = 3.0
    ball: bool = False
    hu: HuRange = HuRange.ANY
    protect_others: bool = False
    """Whether voxels of another structure stay as they are."""

    def larger(self, factor: float) -> float:
        """The radius times a factor, in steps of half a millimetre and within what is allowed."""
        stepped = round(self.radius_mm * factor * 2) / 2
        if stepped == self.radius_mm:
            stepped += 0.5 if factor > 1 else -0.5
        return min(max(stepped, RADIUS_MM[0]), RADIUS_MM[1])


@dataclass(frozen=True, slots=True, eq=False)
class MaskPatch:
    """One change of a label map: new codes in a box, ``UNCHANGED`` where it leaves a voxel alone; packed."""

    identifier: str
    label: str
    box: Box
    packed: bytes
    structures: tuple[int, ...] = ()
    """Codes that gained or lost voxels."""

    def values(self) -> Labels:
        """The new codes ``[z, y, x]`` of the box."""
        return unpack_codes(self.packed, self.box)

    def put_on(self, labels: Labels) -> bytes:
        """Change ``labels`` in place; what must be kept to take the patch off again."""
        part, new = labels[slices(self.box)], self.values()
        changed = new != UNCHANGED
        before = np.where(changed, part, UNCHANGED).astype(np.uint8)
        part[changed] = new[changed]
        return zlib.compress(before.tobytes(), 1)

    def take_off(self, labels: Labels, before: bytes) -> None:
        """Put back what `put_on` gave, in place; only right for the patch that was put on last."""
        old = unpack_codes(before, self.box)
        changed = old != UNCHANGED
        labels[slices(self.box)][changed] = old[changed]


def slices(box: Box) -> tuple[slice, slice, slice]:
    z, y, x = box
    return slice(*z), slice(*y), slice(*x)


def unpack_codes(packed: bytes, box: Box) -> Labels:
    """Codes of a box as an array.

    Raises
    ------
    ValueError
        Where the bytes do not fill the box.
    """
    shape = tuple(high - low for low, high in box)
    try:
        # No more than the box holds is unpacked, whatever a damaged record claims.
        content = zlib.decompressobj().decompress(packed, int(np.prod(shape)) + 1)
    except zlib.error as error:
        raise ValueError("a mask's packed codes are damaged") from error
    return np.frombuffer(content, np.uint8).reshape(shape)


def patch_between(
    before: Labels, after: Labels, start: tuple[int, int, int], label: str, identifier: str
) -> MaskPatch | None:
    """The patch from ``before`` to ``after``, two crops that begin at voxel ``start``; None where they are the same."""
    changed = before != after
    if not changed.any():
        return None
    tight = []
    for axis in range(3):
        found = np.flatnonzero(changed.any(axis=tuple(a for a in range(3) if a != axis)))
        tight.append((int(found[0]), int(found[-1]) + 1))
    inner = (tight[0], tight[1], tight[2])
    where = slices(inner)
    values = np.where(changed[where], after[where], UNCHANGED).astype(np.uint8)
    touched = np.union1d(before[where][changed[where]], after[where][changed[where]])
    box = tuple((low + at, high + at) for (low, high), at in zip(inner, start, strict=True))
    return MaskPatch(
        identifier, label, (box[0], box[1], box[2]), zlib.compress(values.tobytes(), 6),
        tuple(int(code) for code in touched if code),
    )  # fmt: skip


def joined(boxes: Iterable[Box]) -> Box | None:
    """The smallest box around all; None of none."""
    known = tuple(boxes)
    if not known:
        return None
    z, y, x = ((min(b[axis][0] for b in known), max(b[axis][1] for b in known)) for axis in range(3))
    return z, y, x


def grown(box: Box, by: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    """A box with a margin in voxels, inside ``shape``."""
    z, y, x = (
        (max(low - margin, 0), min(high + margin, size))
        for (low, high), margin, size in zip(box, by, shape, strict=True)
    )
    return z, y, x

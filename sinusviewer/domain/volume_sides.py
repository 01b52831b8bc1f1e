"""A volume whose file proves no left and right, and what a person said of it: its sides, and marks on its mirrored planes."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sinusviewer.domain.anatomy import MIRRORED, Structure
from sinusviewer.domain.display import Measurement, Plane
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import MaskPatch
from sinusviewer.domain.planes import volume_stack
from sinusviewer.domain.session_parts import ImageMarks

UNVERIFIED = "side_unverified"
_TURNED_OVER = "-mirrored"
_CODES = np.arange(256, dtype=np.uint8)
_CODES[[int(s) for s in Structure]] = [int(MIRRORED[s]) for s in Structure]


def is_open(volume: Volume) -> bool:
    """Whether a person may say which side is which: the file gives directions and proves none of them.

    A stack without any positions is none of these: front and back, head and feet would be as unproved.
    """
    return not volume.oriented and any(w.code == UNVERIFIED for w in volume.warnings)


def sided(volume: Volume, right_is_image_left: bool) -> Volume:
    """The volume as a person says it lies; ``right_is_image_left`` speaks of it as hung by its file's own directions."""
    if not is_open(volume) and volume.right_is_image_left is None:
        return volume
    affine = volume.affine
    if (volume.right_is_image_left is not False) != right_is_image_left:
        affine = np.diag([-1.0, 1.0, 1.0, 1.0]) @ affine
    warnings = tuple(w for w in volume.warnings if w.code != UNVERIFIED)
    return replace(
        volume, affine=affine, oriented=True, right_is_image_left=right_is_image_left, warnings=warnings
    )  # fmt: skip


def mirrored_marks(volume: Volume) -> Callable[[ImageMarks], ImageMarks]:
    """What brings marks on a volume to the same voxels once left and right of it have changed places."""
    sizes = {plane: volume_stack(volume, plane).slices for plane in (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)}
    turned: dict[int, MaskPatch] = {}  # the steps of undo share their patches: they must after it too

    def measurement(mark: Measurement) -> Measurement:
        slices = sizes.get(mark.plane)
        if slices is None:
            return mark
        if mark.plane is Plane.SAGITTAL:
            return replace(mark, slice_index=len(slices) - 1 - mark.slice_index)
        columns = slices[0].shape[1]
        return replace(mark, points=tuple((columns - x, y) for x, y in mark.points))

    def patch(one: MaskPatch) -> MaskPatch:
        return turned.setdefault(id(one), _mirrored_patch(one))

    def marks(before: ImageMarks) -> ImageMarks:
        scores = ImageMarks()
        for side, score in before.ostiomeatal:
            scores = scores.with_score(side.opposite, score)
        return replace(
            before, measurements=tuple(measurement(m) for m in before.measurements),
            mask_patches=tuple(patch(p) for p in before.mask_patches), ostiomeatal=scores.ostiomeatal,
            masks_confirmed="",  # said of masks whose left and right were others
        )  # fmt: skip

    return marks


def _mirrored_patch(patch: MaskPatch) -> MaskPatch:
    """The same voxels as sinuses of the other side; under another name, for the records hold the first for good."""
    name = patch.identifier
    back = name.endswith(_TURNED_OVER)
    words = {"right": "left", "left": "right"}
    return MaskPatch(
        name.removesuffix(_TURNED_OVER) if back else name + _TURNED_OVER,
        " ".join(words.get(word, word) for word in patch.label.split()), patch.box,
        zlib.compress(_CODES[patch.values()].tobytes(), 6), tuple(int(_CODES[code]) for code in patch.structures),
    )  # fmt: skip

"""Sinus masks as a label map in NIfTI: told by this program's own list or mark beside integers that are codes of structures.

A label map of another program has codes of its own: nothing is guessed from its numbers, it stays an ordinary volume.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Author, Segmentation
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.study import MASKS_ALONE
from sinusviewer.errors import GeometryError, InputError
from sinusviewer.imaging.nifti import RawVolumeHeader, read_nifti
from sinusviewer.imaging.stored_masks import StoredMasks

ALONE = ImageWarning(MASKS_ALONE, "Sinus masks alone (NIfTI label map): there is no image behind them.")
WRITER = b"SinusViewer"
OF_OPACITY = b"SinusViewer opacified part"
"""What the description of a NIfTI file says that this program wrote."""
_LIST = "labels.json"
_PART_END = "opacified.nii.gz"
_TRAINING = ("ct.nii.gz", "labels.nii.gz")
"""A case of a folder of training data: the image and its masks."""
_MAX_LIST_BYTES = 1 << 22
_OFF_GRID_MM = 0.02


@dataclass(frozen=True, slots=True)
class LabelMapNote:
    """What is known of a file of masks beside its voxels.

    Attributes
    ----------
    series_instance_uid
        The series that the masks are about; empty where nothing says so.
    side_verified
        Whether left and right were proved when they were written.
    holds
        ``labels`` or ``opacified``.
    """

    series_instance_uid: str
    side_verified: bool
    holds: str
    edited: bool = False


def label_map_note(path: Path, header: RawVolumeHeader) -> LabelMapNote | None:
    """What a NIfTI file of masks is; None for any other volume."""
    if header.dtype.kind not in "ui" or (header.slope, header.intercept) != (1.0, 0.0):
        return None
    listed = _listed(path)
    if listed is not None:
        holds = "opacified" if listed.get("holds") == "opacified" else "labels"
        uid = str(listed.get("series_instance_uid", ""))
        return LabelMapNote(uid, listed.get("side_verified") is True, holds, listed.get("edited_by_reader") is True)
    if header.dtype.itemsize != 1 or not header.description.startswith(WRITER):
        return None  # 16 bits of this program are a CT of training data
    part = header.description.startswith(OF_OPACITY) or path.name.endswith(_PART_END)
    return LabelMapNote("", False, "opacified" if part else "labels")


def whole_of(part: Path) -> Path | None:
    """The masks whose opacified part a file holds; None where they are not beside it."""
    stem = part.name.removesuffix(_PART_END)
    names = (f"{stem.removesuffix('_')}.nii.gz",) if stem else ("labels.nii.gz",)
    return next((p for p in (part.with_name(n) for n in names) if p != part and p.is_file()), None)


def _listed(path: Path) -> dict[str, Any] | None:
    """The entry of a file in the list beside it."""
    try:
        beside = path.with_name(_LIST)
        if beside.stat().st_size > _MAX_LIST_BYTES:
            return None
        files = json.loads(beside.read_text(encoding="utf-8"))["files"]
        return next((dict(entry) for entry in files if entry["path"] == path.name), None)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no list, or somebody else's


def codes_of(stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8] | None:
    """The voxels as codes of structures; None where one of them is no such code."""
    low, high = int(stored.min()), int(stored.max())
    return stored.astype(np.uint8) if low >= 0 and high <= max(Structure) else None


def read_label_map(path: Path, volume: Volume, image: Path) -> StoredMasks:
    """The masks of a file on the voxels of the volume that they are about, or of their own; ``image`` is a file of that volume.

    Raises
    ------
    GeometryError
        Where they are about another series, or lie on another grid.
    InputError
        Where the file is damaged, or holds no codes of sinuses.
    """
    try:
        stored, header = read_nifti(path)
    except OSError as error:
        raise InputError(f"“{path.name}” cannot be opened ({error.strerror or type(error).__name__}).") from error
    note = label_map_note(path, header)
    labels = codes_of(stored) if note is not None and note.holds == "labels" else None
    if note is None or labels is None:
        raise InputError(f"“{path.name}” holds no codes of sinuses.")
    who = volume.identity
    of_its_own = any(w.code == MASKS_ALONE for w in volume.warnings)
    of_a_case = (image.name, path.name) == _TRAINING and image.parent == path.parent
    if not of_its_own and not of_a_case and note.series_instance_uid != who.series_instance_uid:
        raise GeometryError("These masks are about another series.")
    same_grid = labels.shape == volume.voxels.shape and _ends_apart(header.affine, volume) <= _OFF_GRID_MM
    if not same_grid:
        raise GeometryError("These masks lie on another grid than the images; they are not shown.")
    masks = Segmentation(labels, volume.affine, _opacified(path, labels), Author.READER)
    return StoredMasks(masks, f"{path.name}{', edited by a reader' if note.edited else ''}", (), label_map=True)


def _ends_apart(affine: npt.NDArray[np.float64], volume: Volume) -> float:
    """How far, in mm, the corners of two grids of the same size lie apart at the most."""
    z, y, x = volume.voxels.shape
    corners = np.array([(i, j, k, 1.0) for i in (0, x - 1) for j in (0, y - 1) for k in (0, z - 1)]).T
    return float(np.abs((affine - volume.affine) @ corners).max())


def _opacified(path: Path, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_] | None:
    """The opacified part beside the masks; None where there is none that fits."""
    stem = path.name.removesuffix(".nii.gz").removesuffix(".nii").removesuffix("_ai")
    beside = path.with_name(_PART_END if path.name == _TRAINING[1] else f"{stem}_{_PART_END}")
    if not beside.is_file():
        return None
    try:
        stored, _header = read_nifti(beside)
    except (OSError, InputError):
        return None
    return (stored > 0) & (labels > 0) if stored.shape == labels.shape else None

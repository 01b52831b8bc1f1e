"""Research formats: NIfTI, NRRD, PNG, JPEG and TIFF as series without DICOM's identity or proof of sides."""

import hashlib
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sinusviewer.domain.image import Identity, ImageWarning
from sinusviewer.domain.study import Instance, Series, SeriesKind
from sinusviewer.errors import InputError
from sinusviewer.imaging.headers import made_up_uid
from sinusviewer.imaging.label_map import ALONE, label_map_note, whole_of
from sinusviewer.imaging.nifti import read_nifti_header
from sinusviewer.imaging.nrrd import data_file_of, read_nrrd_header
from sinusviewer.imaging.pixel_layout import MAX_FRAME_PIXELS
from sinusviewer.imaging.quiet import quiet_readers


class ResearchFormat(StrEnum):
    """Formats other than DICOM, told by content."""

    NIFTI = "NIfTI"
    NRRD = "NRRD"
    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"


PICTURES = (ResearchFormat.PNG, ResearchFormat.JPEG, ResearchFormat.TIFF)
UNORIENTED = ImageWarning(
    "side_unverified", "The file format proves no patient orientation: left and right are not known."
)


class PartOfMasksError(InputError):
    """A file that is no image of its own: other masks are shown with it."""


def sniff_format(start: bytes, name: str) -> ResearchFormat | None:
    """The format by a file's first 400 bytes; the name only tells a gzipped NIfTI from other gzip files."""
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return ResearchFormat.PNG
    if start[:3] == b"\xff\xd8\xff":
        return ResearchFormat.JPEG
    if start[:4] in (b"II*\0", b"MM\0*"):
        return ResearchFormat.TIFF
    if start[:7] == b"NRRD000":
        return ResearchFormat.NRRD
    if start[344:348] in (b"n+1\0", b"n+2\0") or start[4:8] in (b"n+2\0", b"n+1\0"):
        return ResearchFormat.NIFTI
    if start[:2] == b"\x1f\x8b" and name.lower().endswith(".nii.gz"):
        return ResearchFormat.NIFTI
    return None


def research_series(path: Path, name: str, kind: ResearchFormat) -> Series:
    """The one series of a file.

    Raises
    ------
    InputError
        If the file is damaged or absurdly large.
    OSError
        If it cannot be opened.
    """
    if kind in PICTURES:
        return _picture(path, name, kind)
    header = read_nifti_header(path) if kind is ResearchFormat.NIFTI else read_nrrd_header(path)
    columns, rows, slices = header.shape_xyz
    note = label_map_note(path, header) if kind is ResearchFormat.NIFTI else None
    if note is not None and note.holds == "labels" and slices > 1:
        masks = _series(path, name, kind, SeriesKind.VIEW_ONLY, rows, columns, slices, "SEG")
        return replace(masks, warnings=(ALONE,))
    whole = whole_of(path) if note is not None and note.holds == "opacified" else None
    if whole is not None:
        raise PartOfMasksError(f"The opacified part of the masks in “{whole.name}”: it is shown with them.")
    return _series(path, name, kind, SeriesKind.VOLUME if slices > 1 else SeriesKind.STACK, rows, columns, slices, "CT")


def _picture(path: Path, name: str, kind: ResearchFormat) -> Series:
    quiet_readers()
    try:
        with path.open("rb") as file, Image.open(file, formats=(kind.value,)) as image:
            columns, rows = image.size
            frames = int(getattr(image, "n_frames", 1))
            grey = image.mode in ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:
        raise InputError(f"The {kind} file is damaged or cannot be read.") from error
    if rows * columns > MAX_FRAME_PIXELS:
        raise InputError(f"The file claims {columns} x {rows} pixels, more than any detector makes.")
    return _series(path, name, kind, SeriesKind.RADIOGRAPH if grey else SeriesKind.VIEW_ONLY, rows, columns, frames, "")


def _series(
    path: Path,
    name: str,
    kind: ResearchFormat,
    series_kind: SeriesKind,
    rows: int,
    columns: int,
    frames: int,
    modality: str,
) -> Series:
    data = data_file_of(path) if kind is ResearchFormat.NRRD else None
    prints = (_fingerprint(path), _fingerprint(data)) if data is not None else (_fingerprint(path),)
    uid = made_up_uid(" ".join(prints))
    identity = Identity(
        series_description=name, modality=modality, study_instance_uid=uid, series_instance_uid=f"{uid}.1"
    )
    instance = Instance(path, f"{uid}.1.1", rows=rows, columns=columns, frames=frames)
    return Series(identity, series_kind, (instance,), f"{name} ({kind})", f"{uid}.1", (UNORIENTED,))


def _fingerprint(path: Path) -> str:
    """Of content, not of place: a moved file keeps its identity."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        digest.update(file.read(1 << 20))
        file.seek(max(0, size - (1 << 16)))
        digest.update(file.read())
    return f"{size}:{digest.hexdigest()}"

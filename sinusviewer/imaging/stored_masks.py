"""Sinus masks from a DICOM Segmentation object (PS3.3 A.51), put onto the voxels of the volume that they are about.

Only what is certain is shown: the same frame of reference and the same grid, and segments whose codes or labels name a sinus.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure
from sinusviewer.domain.finding import Author, Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.errors import DicomReadError, GeometryError
from sinusviewer.imaging.decode import FrameReader
from sinusviewer.imaging.headers import Header, read_header
from sinusviewer.imaging.pixel_layout import MAX_FRAME_PIXELS, MAX_FRAMES, is_native, native_frame_bits
from sinusviewer.imaging.quiet import PYDICOM_ERRORS, quiet_readers
from sinusviewer.jobs.runner import CancelToken

_SINUS_OF_CODE = {"15924003": Sinus.MAXILLARY, "55060009": Sinus.FRONTAL, "24999009": Sinus.SPHENOID}
"""SNOMED CT; which ethmoid is meant only the label says."""
_SIDE_OF_CODE = {"24028007": Side.RIGHT, "7771000": Side.LEFT, "G-A100": Side.RIGHT, "G-A101": Side.LEFT}
_NASAL_CAVITY = frozenset({"279549004"})
_WORDS = {
    Sinus.MAXILLARY: ("maxillary",), Sinus.FRONTAL: ("frontal",), Sinus.SPHENOID: ("sphenoid",),
    Sinus.ANTERIOR_ETHMOID: ("ant", "ethmoid"), Sinus.POSTERIOR_ETHMOID: ("post", "ethmoid"),
}  # fmt: skip
_OPACIFIED_PART = "OPACIFIED_PART"
OPACITY_RULE = "density rule for opacified voxels"
"""What a segment's algorithm is named where no network, but a rule said what is opacified."""
_OFF_GRID = 0.3
"""Voxels by which a frame may lie off the volume's grid."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredMasks:
    """What an object holds for a volume, and the labels of segments that are no sinus."""

    segmentation: Segmentation
    description: str
    others: tuple[str, ...]
    label_map: bool = False
    """Whether they come from a label map instead of a Segmentation object."""


def read_stored_masks(path: Path, volume: Volume, token: CancelToken | None = None) -> StoredMasks:
    """The masks of an object on the grid of ``volume``.

    Raises
    ------
    GeometryError
        Where they are about other images, or lie on another grid.
    DicomReadError
        Where the object is damaged, or names no sinus.
    """
    quiet_readers()
    header = read_header(path)
    _check(header)
    try:
        with path.open("rb") as file:
            dataset = dcmread(file, stop_before_pixels=True)
        frame_of_reference = str(dataset.get("FrameOfReferenceUID", ""))
        referenced = {str(s.SeriesInstanceUID) for s in dataset.get("ReferencedSeriesSequence") or ()}
        meaning, opacified, others = _meaning(dataset)
        by_rule = _by_rule(dataset)
        frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        by_pixel = str(dataset.get("SegmentationType", "")).upper() == "LABELMAP"
        places = [_place(shared, own, by_pixel=by_pixel) for own in frames[: header.frames]]
        most = int(dataset.get("MaximumFractionalValue", 1) or 1)
    except PYDICOM_ERRORS as error:
        raise DicomReadError("The table of this Segmentation object is damaged.") from error
    who = volume.identity
    if frame_of_reference != who.frame_of_reference_uid or (referenced and who.series_instance_uid not in referenced):
        raise GeometryError("These masks are about another series.")
    if not meaning or len(places) != header.frames:
        raise DicomReadError(
            "This Segmentation object names no sinus." if not meaning else "Its frames have no places."
        )
    labels, opaque = np.zeros(volume.voxels.shape, np.uint8), np.zeros(volume.voxels.shape, np.uint8)
    to_index = np.linalg.inv(volume.affine)
    with FrameReader(header) as reader:
        for number, (segment, affine) in enumerate(places):
            if token is not None:
                token.raise_if_cancelled()
            for target, codes in ((labels, meaning), (opaque, opacified)):
                if (by_pixel and codes) or segment in codes:
                    values = reader.read(number)
                    _paste(target, to_index @ affine, values, codes, None if by_pixel else segment, (most + 1) // 2)
    if by_pixel:  # a pixel is one segment only there: what is opacified is no other part of its sinus
        labels = np.where(opaque > 0, opaque, labels).astype(np.uint8)
    # Where the masks say nothing of what is opacified, a rule will have to.
    said = (opaque == labels) & (opaque > 0) if opacified else None
    description = str(dataset.get("SeriesDescription", "")) or "DICOM Segmentation"
    masks = Segmentation(labels, volume.affine, said, Author.READER, opacified_by_rule=said is None or by_rule)
    return StoredMasks(masks, description, others)


def _check(header: Header) -> None:
    """Sizes before anything is reserved, as for images."""
    pixels = header.rows * header.columns
    if not 0 < pixels <= MAX_FRAME_PIXELS or header.frames > MAX_FRAMES or header.samples != 1:
        raise DicomReadError("The Segmentation object claims an impossible size.")
    if header.bits_allocated not in (1, 8, 16):
        raise DicomReadError(f"Masks of {header.bits_allocated} bits are not opened.")
    held = header.pixels.length if header.pixels is not None else 0
    if is_native(header) and held is not None and held < native_frame_bits(header) * header.frames // 8:
        raise DicomReadError("The masks end early.")


def _meaning(dataset: Dataset) -> tuple[dict[int, Structure], dict[int, Structure], tuple[str, ...]]:
    """Which structure each segment number is, of which it is the opacified part, and the labels of those that are neither."""
    found: dict[int, Structure] = {}
    opacified: dict[int, Structure] = {}
    others = []
    for segment in dataset.get("SegmentSequence") or ():
        label = str(segment.get("SegmentLabel", ""))
        structure = structure_of(segment, label)
        if structure is None:
            others.append(label or f"segment {segment.get('SegmentNumber', '?')}")
        elif is_opacified(segment, label):
            opacified[int(segment.SegmentNumber)] = structure
        else:
            found[int(segment.SegmentNumber)] = structure
    return found, opacified, tuple(others)


def is_opacified(segment: Dataset, label: str) -> bool:
    """Whether a segment is the opacified part of what it names, and not the whole of it."""
    kind = (segment.get("SegmentedPropertyTypeCodeSequence") or [Dataset()])[0]
    return str(kind.get("CodeValue", "")) == _OPACIFIED_PART or re.search(r"\bopaci", label.lower()) is not None


def _by_rule(dataset: Dataset) -> bool:
    """Whether the program that wrote what is opacified says that it followed from density."""
    for segment in dataset.get("SegmentSequence") or ():
        made_by = (segment.get("SegmentationAlgorithmIdentificationSequence") or [Dataset()])[0]
        if is_opacified(segment, str(segment.get("SegmentLabel", ""))):
            return str(made_by.get("AlgorithmName", "")) == OPACITY_RULE
    return False


def structure_of(segment: Dataset, label: str) -> Structure | None:
    """The structure that a segment's codes or, where they do not say it, its label name; None where neither does."""
    kind = (segment.get("SegmentedPropertyTypeCodeSequence") or [Dataset()])[0]
    code = str(kind.get("CodeValue", ""))
    if code in _NASAL_CAVITY:
        return Structure.NASAL_CAVITY
    region = (segment.get("AnatomicRegionSequence") or [Dataset()])[0]
    modifiers = (
        kind.get("SegmentedPropertyTypeModifierCodeSequence") or region.get("AnatomicRegionModifierSequence") or ()
    )
    side = next((_SIDE_OF_CODE[m.CodeValue] for m in modifiers if m.get("CodeValue") in _SIDE_OF_CODE), None)
    words = re.sub(r"[^a-z]+", " ", label.lower())
    if words.strip() == "nasal cavity":
        return Structure.NASAL_CAVITY
    if side is None:
        sides = [s for s in Side if re.search(rf"\b({s.value}|{s.value[0]})\b", words)]
        if "image" in words.split() or len(sides) != 1:
            return None  # a side is never guessed
        side = sides[0]
    sinus = _SINUS_OF_CODE.get(code) or _SINUS_OF_CODE.get(str(region.get("CodeValue", "")))
    if sinus is None:
        named = [s for s, parts in _WORDS.items() if all(re.search(rf"\b{part}", words) for part in parts)]
        sinus = named[0] if len(named) == 1 else None
    return None if sinus is None else SINUS_CODES[sinus, side]


def _place(shared: Dataset, own: Dataset, *, by_pixel: bool) -> tuple[int, npt.NDArray[np.float64]]:
    """The segment number of a frame and its affine, ``(column, row, 0, 1)`` to LPS mm."""

    def group(name: str) -> Dataset:
        return cast(Dataset, (own.get(name) or shared.get(name))[0])

    position = np.array([float(v) for v in group("PlanePositionSequence").ImagePositionPatient])
    cosines = np.array([float(v) for v in group("PlaneOrientationSequence").ImageOrientationPatient])
    row_mm, column_mm = (float(v) for v in group("PixelMeasuresSequence").PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = cosines[:3] * column_mm, cosines[3:] * row_mm
    affine[:3, 2] = np.cross(cosines[:3], cosines[3:])
    affine[:3, 3] = position
    if not np.isfinite(affine).all():
        raise ValueError("a frame's place is no number")
    segment = 0 if by_pixel else int(group("SegmentIdentificationSequence").ReferencedSegmentNumber)
    return segment, affine


def _paste(
    labels: npt.NDArray[np.uint8],
    to_index: npt.NDArray[np.float64],
    values: npt.NDArray[np.generic],
    meaning: dict[int, Structure],
    segment: int | None,
    threshold: int,
) -> None:
    """Write a frame into the label map, voxel by voxel at its place."""
    steps = np.abs(to_index[:3, :2])
    if not (np.allclose(steps.max(axis=0), 1, atol=0.02) and np.allclose(steps.sum(axis=0), 1, atol=0.04)):
        raise GeometryError("These masks lie on another grid than the images; they are not shown.")
    rows, columns = np.nonzero(values if segment is None else np.asarray(values) >= threshold)
    if not rows.size:
        return
    at = to_index @ np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)]).astype(np.float64)
    x, y, z = np.rint(at[:3]).astype(np.int64)
    if float(np.abs(at[:3] - np.stack([x, y, z])).max()) > _OFF_GRID:
        raise GeometryError("These masks lie between the images' voxels; they are not shown.")
    size = labels.shape
    inside = (x >= 0) & (x < size[2]) & (y >= 0) & (y < size[1]) & (z >= 0) & (z < size[0])
    table = np.zeros(65536, np.uint8)
    for number, structure in meaning.items():
        if 0 < number < len(table):
            table[number] = int(structure)
    codes = table[np.asarray(values)[rows, columns].astype(np.int64)] if segment is None else int(meaning[segment])
    inside &= np.asarray(codes) > 0
    chosen = codes[inside] if isinstance(codes, np.ndarray) else codes
    labels[z[inside], y[inside], x[inside]] = chosen

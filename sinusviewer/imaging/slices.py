"""The slices of a volume before their pixels: one per file, or one per frame of an Enhanced CT."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from pydicom.dataset import Dataset

from sinusviewer.domain.image import ImageWarning, Window
from sinusviewer.domain.study import Instance
from sinusviewer.errors import DicomReadError, GeometryError
from sinusviewer.imaging.decode import FrameReader
from sinusviewer.imaging.grey import Rescale, make_windows, nested, rescale_of, windows_of
from sinusviewer.imaging.headers import Header, read_header
from sinusviewer.imaging.pixel_layout import is_float, why_unreadable
from sinusviewer.imaging.quiet import PYDICOM_ERRORS
from sinusviewer.imaging.series import ENHANCED_CT_CLASSES, ORIENTATION_TOLERANCE
from sinusviewer.imaging.tags import Tag

_WORKERS = 4
_Six = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: where its pixels are and where it lies."""

    header: Header
    frame: int
    uid: str
    position: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    spacing: tuple[float, float] | None
    rescale: Rescale
    windows: tuple[Window, ...]


def slices_of(instances: Sequence[Instance]) -> tuple[list[Slice], list[ImageWarning]]:
    """Read the headers of a series' files again, in parallel.

    Returns
    -------
    slices, warnings
        Files that have become unreadable since the scan are left out and named in a warning.

    Raises
    ------
    DicomReadError
        If none can be read.
    """
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="headers") as pool:
        read = list(pool.map(_header_or_reason, instances))
    headers = [h for h in read if isinstance(h, Header)]
    if not headers:
        raise DicomReadError(next(r for r in read if isinstance(r, str)))
    warnings = []
    if len(headers) < len(read):
        warnings.append(
            ImageWarning("unreadable_slices", f"{len(read) - len(headers)} of {len(read)} files can no longer be read.")
        )
    slices: list[Slice] = []
    for header in headers:
        if header.sop_class_uid in ENHANCED_CT_CLASSES or header.frames > 1:
            slices.extend(_enhanced(header))
        else:
            slices.append(
                Slice(header, 0, header.sop_instance_uid, header.position, header.orientation, header.pixel_spacing,
                      rescale_of(header), windows_of(header))
            )  # fmt: skip
    return _one_orientation(slices, warnings)


def _header_or_reason(instance: Instance) -> Header | str:
    try:
        header = read_header(instance.path)
    except DicomReadError as error:
        return str(error)
    status, reason = why_unreadable(header)
    if status is None and is_float(header):
        return "Floating-point pixels are shown one by one: a volume holds whole Hounsfield units."
    return header if status is None else reason


def _one_orientation(slices: list[Slice], warnings: list[ImageWarning]) -> tuple[list[Slice], list[ImageWarning]]:
    """Keep the largest set of slices with one size and orientation (an Enhanced CT may hold several)."""
    keys = Counter((s.header.rows, s.header.columns, _rounded(s.orientation)) for s in slices)
    if len(keys) > 1:
        most = keys.most_common(1)[0][0]
        kept = [s for s in slices if (s.header.rows, s.header.columns) == most[:2] and _near(s.orientation, most[2])]
        if len(kept) < len(slices):
            warnings.append(
                ImageWarning(
                    "mixed_orientation",
                    f"{len(slices) - len(kept)} images of another orientation or size were left out.",
                )
            )
        slices = kept
    return slices, warnings


def _rounded(orientation: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if orientation is None else tuple(round(v, 2) for v in orientation)


def _near(orientation: tuple[float, ...] | None, rounded: tuple[float, ...] | None) -> bool:
    if orientation is None or rounded is None:
        return orientation is rounded
    return float(np.max(np.abs(np.subtract(orientation, rounded)))) <= 0.005 + ORIENTATION_TOLERANCE


def _enhanced(header: Header) -> list[Slice]:
    """Frames with the functional groups of Enhanced CT (PS3.3 C.7.6.16), per frame before shared."""
    FrameReader(
        header
    ).close()  # raises where the frames are not there, before memory is reserved for all that are promised
    dataset = nested(header, Tag.SHARED_FUNCTIONAL_GROUPS, Tag.PER_FRAME_FUNCTIONAL_GROUPS)
    try:
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[: header.frames]
        frames += [Dataset()] * (header.frames - len(frames))
        return [_frame(header, i, shared, own) for i, own in enumerate(frames)]
    except PYDICOM_ERRORS as error:
        raise DicomReadError("The frames' positions are damaged.") from error


def _frame(header: Header, index: int, shared: Dataset, own: Dataset) -> Slice:
    position = _numbers(_group(shared, own, "PlanePositionSequence"), "ImagePositionPatient", 3)
    orientation = _numbers(_group(shared, own, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = _numbers(_group(shared, own, "PixelMeasuresSequence"), "PixelSpacing", 2)
    transform = _group(shared, own, "PixelValueTransformationSequence")
    rescale = rescale_of(header)
    if transform is not None:
        slope, intercept = _numbers(transform, "RescaleSlope", 1), _numbers(transform, "RescaleIntercept", 1)
        rescale = Rescale((slope or (1.0,))[0] or 1.0, (intercept or (0.0,))[0])
    voi = _group(shared, own, "FrameVOILUTSequence")
    windows = windows_of(header)
    if voi is not None:
        centers, widths = _numbers(voi, "WindowCenter", 0) or (), _numbers(voi, "WindowWidth", 0) or ()
        windows = make_windows(centers, widths, str(voi.get("VOILUTFunction", "")))
    return Slice(
        header, index, f"{header.sop_instance_uid}#{index + 1}" if header.frames > 1 else header.sop_instance_uid,
        (position[0], position[1], position[2]) if position else header.position,
        cast(_Six, orientation) if orientation else header.orientation,
        (spacing[0], spacing[1]) if spacing and min(spacing) > 0 else header.pixel_spacing,
        rescale, windows,
    )  # fmt: skip


def _group(shared: Dataset, own: Dataset, name: str) -> Dataset | None:
    for groups in (own, shared):
        sequence = groups.get(name)
        if sequence:
            item: Dataset = sequence[0]
            return item
    return None


def _numbers(item: Dataset | None, name: str, count: int) -> tuple[float, ...] | None:
    """``count`` finite values of an attribute (any number for 0); None where they are not there."""
    value = None if item is None else item.get(name)
    if value is None or value == "":
        return None
    values = tuple(float(v) for v in (value if np.ndim(value) else [value]))
    return values if (len(values) == count or not count) and all(np.isfinite(values)) else None


def require_spacing(slices: Sequence[Slice]) -> tuple[float, float]:
    """PixelSpacing of the slices.

    Raises
    ------
    GeometryError
        If none of them has one.
    """
    for candidate in slices:
        if candidate.spacing is not None:
            return candidate.spacing
    raise GeometryError("The slices do not say how large their pixels are.")


def without_geometry(slices: Sequence[Slice]) -> list[Slice]:
    """The slices by instance number: for viewing only, since their places in space are not known."""
    ordered = sorted(slices, key=lambda s: (s.header.integer_string(Tag.INSTANCE_NUMBER), s.frame))
    return [replace(s, position=None) for s in ordered]

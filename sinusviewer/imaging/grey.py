"""From a header to the tables and windows of the grey pipeline (PS3.3 C.11.1, C.11.2, C.11.6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from sinusviewer.domain.image import LookupTable, VoiFunction, Window
from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.headers import Header
from sinusviewer.imaging.quiet import PYDICOM_ERRORS, quiet_readers
from sinusviewer.imaging.tags import Tag

_MAX_TABLE = 1 << 16


@dataclass(frozen=True, slots=True)
class Rescale:
    """Modality values from stored ones: ``stored * slope + intercept``."""

    slope: float = 1.0
    intercept: float = 0.0

    @property
    def identity(self) -> bool:
        return self.slope == 1 and self.intercept == 0


def rescale_of(header: Header) -> Rescale:
    """Slope and intercept; a missing or zero slope is 1."""
    slope, intercept = header.number(Tag.RESCALE_SLOPE), header.number(Tag.RESCALE_INTERCEPT)
    return Rescale(slope if slope else 1.0, intercept if intercept is not None else 0.0)


def windows_of(header: Header) -> tuple[Window, ...]:
    """All windows of the header, with their function and name; impossible ones are left out."""
    centers, widths = header.numbers(Tag.WINDOW_CENTER), header.numbers(Tag.WINDOW_WIDTH)
    names = header.text(Tag.WINDOW_EXPLANATION).split("\\")
    return make_windows(centers, widths, header.code(Tag.VOI_LUT_FUNCTION), names)


def make_windows(
    centers: Sequence[float], widths: Sequence[float], function: str, names: Sequence[str] = ()
) -> tuple[Window, ...]:
    """Windows from parallel lists. LINEAR takes widths from 1, the others above 0 (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    try:
        kind = VoiFunction(function.strip().upper() or "LINEAR")
    except ValueError:
        kind = VoiFunction.LINEAR
    smallest = 1.0 if kind is VoiFunction.LINEAR else np.finfo(np.float64).tiny
    return tuple(
        Window(float(c), float(w), kind, names[i].strip() if i < len(names) else "")
        for i, (c, w) in enumerate(zip(centers, widths, strict=False))
        if w >= smallest and np.isfinite(c) and np.isfinite(w)
    )


def padding_range(header: Header) -> tuple[int, int] | None:
    """Stored values that are padding, both ends included (PS3.3 C.7.5.1.1.2)."""
    raw = header.elements.values.get(int(Tag.PIXEL_PADDING_VALUE))
    if raw is None or len(raw) not in (2, 4):
        return None
    first = _stored_integer(raw, header)
    limit_raw = header.elements.values.get(int(Tag.PIXEL_PADDING_RANGE_LIMIT))
    last = _stored_integer(limit_raw, header) if limit_raw is not None and len(limit_raw) in (2, 4) else first
    return min(first, last), max(first, last)


def _stored_integer(raw: bytes, header: Header) -> int:
    """A US or SS value as the pixels would hold it, whatever sign it was written with."""
    value = int.from_bytes(raw[:2], "big" if header.elements.big_endian else "little")
    if not header.signed:
        return value
    value &= 0xFFFF
    return value - 0x10000 if value >= 0x8000 else value


def modality_lut_of(header: Header) -> LookupTable | None:
    """The first item of ModalityLUTSequence, where there is one."""
    return next(iter(_tables(header, Tag.MODALITY_LUT_SEQUENCE)), None)


def voi_luts_of(header: Header) -> tuple[LookupTable, ...]:
    """All items of VOILUTSequence."""
    return _tables(header, Tag.VOI_LUT_SEQUENCE)


def presentation_lut_of(header: Header) -> LookupTable | None:
    """The item of PresentationLUTSequence, where there is one."""
    return next(iter(_tables(header, Tag.PRESENTATION_LUT_SEQUENCE)), None)


def _tables(header: Header, tag: Tag) -> tuple[LookupTable, ...]:
    if not header.has(tag):
        return ()
    dataset = nested(header, tag)
    items = dataset.get(int(tag))
    tables = []
    for item in items.value if items is not None and items.VR == "SQ" else []:
        try:
            table = _table(item, header)
        except PYDICOM_ERRORS:
            continue  # a damaged table is as none: the window or the auto window stands in
        if table is not None:
            tables.append(table)
    return tuple(tables)


def nested(header: Header, *tags: Tag) -> Dataset:
    """The given sequences of a file, read by pydicom.

    Raises
    ------
    DicomReadError
        If pydicom cannot read the file.
    """
    quiet_readers()
    try:
        with header.path.open("rb") as file:
            dataset = dcmread(file, force=True, stop_before_pixels=True, specific_tags=[int(t) for t in tags])
            for tag in tags:
                dataset.get(int(tag))
            return dataset
    except PYDICOM_ERRORS as error:
        raise DicomReadError("A table of the file's header is damaged.") from error


def _table(item: Dataset, header: Header) -> LookupTable | None:
    descriptor = [int(v) for v in item.LUTDescriptor]
    count, first, bits = descriptor[0] & 0xFFFF or _MAX_TABLE, descriptor[1], descriptor[2] & 0xFFFF
    # The first value mapped has the sign of the pixels; US or SS is often written wrongly (PS3.3 C.11.1.1).
    rescaled_negative = (header.number(Tag.RESCALE_INTERCEPT) or 0) < 0
    if header.signed or rescaled_negative:
        first = first - 0x10000 if first >= 0x8000 else first
    elif first < 0:
        first &= 0xFFFF
    values = _table_values(item["LUTData"].value, count, bits, header.elements.big_endian)
    if values.size < 2 or not 1 <= bits <= 16:
        return None
    return LookupTable(first, values[:count], bits, str(item.get("LUTExplanation", "")))


def _table_values(content: object, count: int, bits: int, big_endian: bool) -> npt.NDArray[np.uint16]:
    if not isinstance(content, bytes):
        return np.asarray(content).astype(np.int64).astype(np.uint16)
    if bits <= 8 and len(content) in (count, count + 1):
        return np.frombuffer(content, np.uint8).astype(np.uint16)
    order = ">" if big_endian else "<"
    return np.frombuffer(content[: len(content) // 2 * 2], f"{order}u2").astype(np.uint16)

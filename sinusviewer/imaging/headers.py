"""The header of one image file: what scanning, sorting and decoding need, without pydicom's cost per file."""

import math
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from sinusviewer.domain.image import Identity
from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.elements import Elements, PixelLocation, read_elements
from sinusviewer.imaging.tags import Tag
from sinusviewer.imaging.text import decode_text, person_name

_WANTED = frozenset(int(t) for t in Tag)


@dataclass(frozen=True, slots=True)
class Header:
    """A file's header with typed access; damaged values read as missing."""

    path: Path
    elements: Elements
    character_set_fallback: str = ""

    def text(self, tag: Tag) -> str:
        """One value of text in the file's character set, stripped."""
        raw = self.elements.values.get(tag)
        return decode_text(raw, self.character_sets, self.character_set_fallback).strip() if raw else ""

    def code(self, tag: Tag) -> str:
        """A UID or code string: ASCII by definition."""
        raw = self.elements.values.get(tag)
        return raw.decode("ascii", "replace").strip("\0 \t\r\n") if raw else ""

    def codes(self, tag: Tag) -> tuple[str, ...]:
        value = self.code(tag)
        return tuple([part.strip("\0 ") for part in value.split("\\")]) if value else ()

    @property
    def character_sets(self) -> tuple[str, ...]:
        return self.codes(Tag.SPECIFIC_CHARACTER_SET)

    def numbers(self, tag: Tag) -> tuple[float, ...]:
        """All values of a decimal or integer string; empty if one of them is no finite number."""
        raw = self.elements.values.get(tag)
        if not raw:
            return ()
        try:
            values = tuple([float(part) for part in raw.rstrip(b"\0 ").split(b"\\") if part.strip()])
        except ValueError:
            return ()
        return values if math.isfinite(sum(values)) else ()

    def number(self, tag: Tag) -> float | None:
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: Tag, default: int = 0) -> int:
        """The first value of a binary US element (SS is left to ``signed``)."""
        raw = self.elements.values.get(tag)
        if raw is None or len(raw) < 2:
            return default
        return int(struct.unpack(">H" if self.elements.big_endian else "<H", raw[:2])[0])

    def integer_string(self, tag: Tag, default: int = 0) -> int:
        value = self.number(tag)
        return int(value) if value is not None and abs(value) < 2**53 else default

    # What is asked of every image.

    @property
    def sop_class_uid(self) -> str:
        return self.code(Tag.SOP_CLASS_UID) or self.code(Tag.MEDIA_STORAGE_SOP_CLASS_UID)

    @property
    def sop_instance_uid(self) -> str:
        """The SOP instance UID; for files without one, one made up from their place, so that no two images share their findings."""
        return self.code(Tag.SOP_INSTANCE_UID) or made_up_uid(f"image|{self.path}")

    @property
    def study_key(self) -> str:
        """The study instance UID; for files without one, something that never joins two patients."""
        own = self.code(Tag.STUDY_INSTANCE_UID)
        if own:
            return own
        who = self.text(Tag.PATIENT_ID) or self.text(Tag.PATIENT_NAME) + self.code(Tag.PATIENT_BIRTH_DATE)
        return made_up_uid(f"{who}|{self.path.parent}")

    @property
    def series_key(self) -> str:
        """The series instance UID; for files without one, something that no other study has."""
        return self.code(Tag.SERIES_INSTANCE_UID) or made_up_uid(f"series|{self.study_key}|{self.path.parent}")

    @property
    def modality(self) -> str:
        return self.code(Tag.MODALITY)

    @property
    def rows(self) -> int:
        return self.integer(Tag.ROWS)

    @property
    def columns(self) -> int:
        return self.integer(Tag.COLUMNS)

    @property
    def frames(self) -> int:
        return max(1, self.integer_string(Tag.NUMBER_OF_FRAMES, 1))

    @property
    def samples(self) -> int:
        return self.integer(Tag.SAMPLES_PER_PIXEL, 1)

    @property
    def bits_allocated(self) -> int:
        return self.integer(Tag.BITS_ALLOCATED, 16)

    @property
    def bits_stored(self) -> int:
        return self.integer(Tag.BITS_STORED, self.bits_allocated) or self.bits_allocated

    @property
    def high_bit(self) -> int:
        return self.integer(Tag.HIGH_BIT, self.bits_stored - 1)

    @property
    def signed(self) -> bool:
        return self.integer(Tag.PIXEL_REPRESENTATION) == 1

    @property
    def photometric(self) -> str:
        return self.code(Tag.PHOTOMETRIC_INTERPRETATION)

    @property
    def image_type(self) -> tuple[str, ...]:
        return tuple(part.upper() for part in self.codes(Tag.IMAGE_TYPE))

    @property
    def transfer_syntax_uid(self) -> str:
        return self.elements.transfer_syntax_uid

    @property
    def pixels(self) -> PixelLocation | None:
        return self.elements.pixels

    @property
    def position(self) -> tuple[float, float, float] | None:
        values = self.numbers(Tag.IMAGE_POSITION_PATIENT)
        return (values[0], values[1], values[2]) if len(values) == 3 else None

    @property
    def orientation(self) -> tuple[float, float, float, float, float, float] | None:
        v = self.numbers(Tag.IMAGE_ORIENTATION_PATIENT)
        return (v[0], v[1], v[2], v[3], v[4], v[5]) if len(v) == 6 and any(v[:3]) and any(v[3:]) else None

    @property
    def pixel_spacing(self) -> tuple[float, float] | None:
        return self._spacing(Tag.PIXEL_SPACING)

    @property
    def detector_spacing(self) -> tuple[float, float] | None:
        return self._spacing(Tag.IMAGER_PIXEL_SPACING)

    def _spacing(self, tag: Tag) -> tuple[float, float] | None:
        values = self.numbers(tag)
        return (values[0], values[1]) if len(values) == 2 and min(values) > 0 and max(values) < 1000 else None

    def has(self, tag: Tag) -> bool:
        return int(tag) in self.elements.present


def read_header(path: Path, character_set_fallback: str = "") -> Header:
    """The header of a DICOM file, up to its pixels.

    Raises
    ------
    DicomReadError
        If the file is no DICOM, is damaged before its first image attribute, or cannot be opened.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return read_open_header(cast(BinaryIO, file), path, character_set_fallback)
    except OSError as error:
        raise DicomReadError(f"The file cannot be opened ({error.strerror or type(error).__name__}).") from error


def read_open_header(file: BinaryIO, path: Path, character_set_fallback: str = "") -> Header:
    """As ``read_header``, of a file that is open already."""
    return Header(path, read_elements(file, _WANTED), character_set_fallback)


def made_up_uid(source: str) -> str:
    """A UID made from a text, the same each time (PS3.5 B.2: a UUID under 2.25)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, source).int}"


def identity_of(header: Header) -> Identity:
    """Whose image this is."""
    return Identity(
        patient_name=person_name(header.text(Tag.PATIENT_NAME)),
        patient_id=header.text(Tag.PATIENT_ID),
        birth_date=header.code(Tag.PATIENT_BIRTH_DATE),
        sex=header.code(Tag.PATIENT_SEX),
        age=header.code(Tag.PATIENT_AGE),
        study_date=header.code(Tag.STUDY_DATE),
        study_description=header.text(Tag.STUDY_DESCRIPTION),
        series_description=header.text(Tag.SERIES_DESCRIPTION),
        modality=header.modality,
        study_instance_uid=header.study_key,
        series_instance_uid=header.series_key,
        frame_of_reference_uid=header.code(Tag.FRAME_OF_REFERENCE_UID),
        accession_number=header.text(Tag.ACCESSION_NUMBER),
        institution=header.text(Tag.INSTITUTION_NAME),
        manufacturer=header.text(Tag.MANUFACTURER),
    )


_EXPOSURE: dict[Tag, str] = {
    Tag.KVP: "kvp",
    Tag.EXPOSURE: "mas",
    Tag.EXPOSURE_TIME: "exposure_ms",
    Tag.TUBE_CURRENT: "tube_current_ma",
    Tag.DISTANCE_SOURCE_TO_DETECTOR: "sdd_mm",
    Tag.SLICE_THICKNESS: "slice_thickness_mm",
    Tag.GANTRY_TILT: "gantry_tilt_deg",
}


def exposure_of(header: Header) -> dict[str, float]:
    """How it was taken: kvp, mas, exposure_ms, tube_current_ma, sdd_mm, slice_thickness_mm; absent where not recorded."""
    return {name: value for tag, name in _EXPOSURE.items() if (value := header.number(tag)) is not None}

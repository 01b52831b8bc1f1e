"""CR, DX and other single images as ``Radiograph``s in stored orientation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, UnidentifiedImageError

from sinusviewer.domain.image import (
    Identity,
    ImageWarning,
    OrientationEvidence,
    Radiograph,
    SpacingKind,
)
from sinusviewer.domain.study import Instance, SeriesKind
from sinusviewer.errors import DicomReadError, InputError
from sinusviewer.imaging.color import read_color
from sinusviewer.imaging.decode import LOSSY, FrameReader
from sinusviewer.imaging.elements import looks_like_dicom
from sinusviewer.imaging.grey import (
    modality_lut_of,
    padding_range,
    presentation_lut_of,
    rescale_of,
    voi_luts_of,
    windows_of,
)
from sinusviewer.imaging.headers import Header, exposure_of, identity_of, read_header
from sinusviewer.imaging.lookup import apply_table
from sinusviewer.imaging.orientation import read_patient_orientation
from sinusviewer.imaging.pixel_layout import why_unreadable
from sinusviewer.imaging.quiet import quiet_readers
from sinusviewer.imaging.research import UNORIENTED
from sinusviewer.imaging.series import DX_FOR_PROCESSING, RADIOGRAPH_CLASSES, kind_of
from sinusviewer.imaging.tags import Tag

Array = npt.NDArray[Any]


def load_radiograph(instance: Instance, identity: Identity | None = None) -> Radiograph:
    """Load a single image (the first frame of several).

    Parameters
    ----------
    identity
        Of its series; read from the file where None.

    Raises
    ------
    DicomReadError, InputError
        If the image cannot be read or decoded.
    """
    return next(load_frames(instance, identity))


def load_frames(instance: Instance, identity: Identity | None = None) -> Iterator[Radiograph]:
    """Every frame of an instance in turn, each as an image of its own.

    Raises
    ------
    DicomReadError, InputError
        If the image cannot be read or decoded.
    """
    if not instance.sop_class_uid and not instance.transfer_syntax_uid and not _is_dicom(instance.path):
        yield _load_picture(instance, identity)
        return
    header = read_header(instance.path)
    status, reason = why_unreadable(header)
    if status is not None:
        raise DicomReadError(reason)
    chosen = identity or identity_of(header)
    if header.samples == 1 and header.photometric != "PALETTE COLOR":
        with FrameReader(header) as reader:
            for index in range(header.frames):
                yield _grey(header, chosen, reader.read(index), index)
    else:
        for index in range(header.frames):
            yield _color(header, chosen, read_color(header, index), index)


def _grey(header: Header, identity: Identity, stored: Array, index: int) -> Radiograph:
    is_radiograph = kind_of(header) is SeriesKind.RADIOGRAPH
    sides = read_patient_orientation(header.codes(Tag.PATIENT_ORIENTATION) if is_radiograph else ())
    spacing, kind = _spacing(header)
    table, rescale = modality_lut_of(header), rescale_of(header)
    beyond = None
    if stored.dtype.kind == "f":  # a parametric map: what is no number is no image
        finite = np.isfinite(stored)
        beyond = None if finite.all() else ~finite
        stored, table = np.where(finite, stored, np.float32(0)), None
    pixels = stored
    if table is not None:
        pixels = apply_table(stored, table)
    elif not rescale.identity:
        pixels = _rescaled(stored, rescale.slope, rescale.intercept)
    shape = header.code(Tag.PRESENTATION_LUT_SHAPE)
    return Radiograph(
        pixels=pixels,
        identity=identity,
        sop_instance_uid=_uid(header, index),
        # MONOCHROME1 and the shape INVERSE say the same thing (PS3.3 C.8.11.3.1.2); together they invert once.
        inverted=header.photometric == "MONOCHROME1" or shape == "INVERSE",
        padding=_padding_mask(header, stored) if beyond is None else beyond,
        windows=windows_of(header),
        voi_luts=voi_luts_of(header),
        presentation_lut=presentation_lut_of(header),
        spacing=spacing,
        spacing_kind=kind,
        patient_right_is_image_left=sides.patient_right_is_image_left,
        orientation_evidence=sides.evidence,
        upside_down=sides.upside_down,
        for_models=is_radiograph,
        exposure=exposure_of(header),
        warnings=(sides.warnings if is_radiograph else ()) + quality_warnings(header),
    )


def _color(header: Header, identity: Identity, pixels: Array, index: int) -> Radiograph:
    spacing, kind = _spacing(header)
    return Radiograph(
        pixels, identity, _uid(header, index), spacing=spacing, spacing_kind=kind, for_models=False,
        warnings=(ImageWarning("view_only", "A colour image: shown, and never given to a model."), *quality_warnings(header)),
    )  # fmt: skip


def _uid(header: Header, index: int) -> str:
    return header.sop_instance_uid if header.frames == 1 else f"{header.sop_instance_uid}#{index + 1}"


def _rescaled(stored: Array, slope: float, intercept: float) -> Array:
    """Whole numbers stay whole, in the smallest type that holds them; everything else is float32."""
    if slope != int(slope) or intercept != int(intercept) or stored.dtype.kind == "f":
        return (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    wide = stored.astype(np.int64) * int(slope) + int(intercept)
    low, high = int(wide.min(initial=0)), int(wide.max(initial=0))
    for kind in (np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return wide.astype(kind)
    return wide.astype(np.float32)


def _spacing(header: Header) -> tuple[tuple[float, float] | None, SpacingKind]:
    """PixelSpacing counts as calibrated only where it is more than a copy of the detector's (PS3.3 10.7.1.3)."""
    pixel, detector = header.pixel_spacing, header.detector_spacing
    if header.sop_class_uid not in RADIOGRAPH_CLASSES:
        return (
            (pixel, SpacingKind.CALIBRATED)
            if pixel
            else (detector, SpacingKind.DETECTOR if detector else SpacingKind.NONE)
        )
    calibrated = bool(header.code(Tag.PIXEL_SPACING_CALIBRATION_TYPE))
    if pixel and (calibrated or (detector is not None and not np.allclose(pixel, detector, rtol=1e-3))):
        return pixel, SpacingKind.CALIBRATED
    if pixel and detector is None:
        return pixel, SpacingKind.CALIBRATED
    return (detector, SpacingKind.DETECTOR) if detector else (None, SpacingKind.NONE)


def _padding_mask(header: Header, stored: Array) -> npt.NDArray[np.bool_] | None:
    """True for padding values and for what the shutter covers (PS3.3 C.7.6.11); None where that is nothing."""
    mask: npt.NDArray[np.bool_] | None = None
    if (limits := padding_range(header)) is not None:
        mask = (stored >= limits[0]) & (stored <= limits[1])
    for shape in header.codes(Tag.SHUTTER_SHAPE):
        covered = _shutter(header, shape)
        if covered is not None:
            mask = covered if mask is None else mask | covered
    return mask if mask is not None and mask.any() and not mask.all() else None


def _shutter(header: Header, shape: str) -> npt.NDArray[np.bool_] | None:
    rows, columns = header.rows, header.columns
    if shape == "RECTANGULAR":
        edges = [header.number(t) for t in (Tag.SHUTTER_LEFT, Tag.SHUTTER_RIGHT, Tag.SHUTTER_UPPER, Tag.SHUTTER_LOWER)]
        if any(e is None for e in edges):
            return None
        left, right, upper, lower = (int(e or 0) for e in edges)
        covered = np.ones((rows, columns), dtype=bool)
        covered[max(upper, 0) : max(lower - 1, 0), max(left, 0) : max(right - 1, 0)] = False
        return covered
    if shape == "CIRCULAR":
        center, radius = header.numbers(Tag.SHUTTER_CENTER), header.number(Tag.SHUTTER_RADIUS)
        if len(center) != 2 or not radius:
            return None
        y, x = np.ogrid[:rows, :columns]
        return np.asarray((y + 1 - center[0]) ** 2 + (x + 1 - center[1]) ** 2 > radius**2)
    if shape == "POLYGONAL":
        values = header.numbers(Tag.SHUTTER_VERTICES)
        if len(values) < 6 or len(values) % 2:
            return None
        canvas = Image.new("1", (columns, rows), 1)
        corners = [(values[i + 1] - 1, values[i] - 1) for i in range(0, len(values), 2)]
        ImageDraw.Draw(canvas).polygon(corners, fill=0, outline=0)
        return np.asarray(canvas, dtype=bool)
    return None


def quality_warnings(header: Header) -> tuple[ImageWarning, ...]:
    """Lossy compression and raw detector data, as safety demands they be shown."""
    found = []
    if header.code(Tag.LOSSY_IMAGE_COMPRESSION) == "01" or header.transfer_syntax_uid in LOSSY - {
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.203",
    }:
        found.append(ImageWarning("lossy", "The image has been compressed with loss."))
    if header.sop_class_uid == DX_FOR_PROCESSING or header.code(Tag.PRESENTATION_INTENT_TYPE) == "FOR PROCESSING":
        found.append(ImageWarning("for_processing", "Raw detector image (For Processing): not meant for reading."))
    return tuple(found)


def _is_dicom(path: Path) -> bool:
    """Whether a file that no scan has looked at is DICOM; what cannot be opened is for the reader of pictures to name."""
    try:
        with path.open("rb") as file:
            return looks_like_dicom(file.read(400))
    except OSError:
        return False


def _load_picture(instance: Instance, identity: Identity | None) -> Radiograph:
    """PNG, JPEG or TIFF; grey ones may be given to a model for research, with no side proved."""
    quiet_readers()
    try:
        with instance.path.open("rb") as file, Image.open(file, formats=("PNG", "JPEG", "TIFF")) as image:
            lossy = image.format == "JPEG"
            white_is_zero = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(262) == 0 and image.mode != "1"
            plain = image.mode in ("L", "RGB", "I", "F") or image.mode.startswith("I;16")
            pixels: Array = np.array(image if plain else image.convert("L" if image.mode in ("1", "LA") else "RGB"))
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        MemoryError,
    ) as error:
        raise InputError("The picture is damaged or cannot be decoded.") from error
    if (
        pixels.ndim == 3
        and np.array_equal(pixels[..., 0], pixels[..., 1])
        and np.array_equal(pixels[..., 0], pixels[..., 2])
    ):
        pixels = np.ascontiguousarray(pixels[..., 0])
    if pixels.ndim == 2 and pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= 0xFFFF:
        pixels = pixels.astype(np.uint16)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    notes = (UNORIENTED,) + ((ImageWarning("lossy", "The image has been compressed with loss."),) if lossy else ())
    grey = pixels.ndim == 2
    return Radiograph(
        pixels, identity or Identity(series_description=instance.path.name), instance.sop_instance_uid,
        inverted=bool(grey and white_is_zero), orientation_evidence=OrientationEvidence.UNVERIFIED, for_models=grey, warnings=notes,
    )  # fmt: skip

"""What a header promises about its pixels, held against what the file really contains, before a byte is reserved."""

from pydicom.uid import UID

from sinusviewer.domain.study import FileStatus
from sinusviewer.imaging.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from sinusviewer.imaging.headers import Header

MAX_FRAME_PIXELS = 1 << 27
"""134 million: twice the largest detector's image. A larger frame is refused before it is decoded."""
MAX_FRAMES = 100_000
MAX_DECODED_BYTES = 8 << 30

NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})
FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}
"""FloatPixelData and DoubleFloatPixelData (PS3.3 C.7.6.24, C.7.6.25): bits of a value."""


def is_native(header: Header) -> bool:
    """Whether the pixels are stored as they are, without a codec."""
    return header.transfer_syntax_uid in NATIVE


def is_float(header: Header) -> bool:
    """Whether the pixels are IEEE 754 numbers."""
    return header.pixels is not None and header.pixels.tag in FLOAT_BITS


def native_frame_bits(header: Header) -> int:
    """Bits of one uncompressed frame (PS3.5 8.1.1, 8.2)."""
    samples: float = header.samples
    if header.photometric == "YBR_FULL_422":
        samples = 2
    return int(header.rows * header.columns * samples * header.bits_allocated)


def why_unreadable(header: Header) -> tuple[FileStatus | None, str]:
    """(None, "") for a file whose image can be tried, else what to list it as and why."""
    if header.pixels is None:
        if header.elements.truncated:
            return FileStatus.FAILED, "The file ends early or is damaged: its pixels were not found."
        return FileStatus.IGNORED, f"{_class_name(header)}: holds no image."
    if is_float(header) and (
        not is_native(header) or header.samples != 1 or header.bits_allocated != FLOAT_BITS[header.pixels.tag]
    ):
        return FileStatus.FAILED, f"{_class_name(header)}: its floating-point pixels contradict its header."
    if header.modality == "SEG":
        return FileStatus.IGNORED, "Segmentation object: a mask and not an image."
    rows, columns, frames = header.rows, header.columns, header.frames
    if not rows or not columns:
        return FileStatus.FAILED, "The file does not say how many rows and columns its image has."
    if header.samples not in (1, 3, 4) or (header.bits_allocated not in (1, 8, 16, 32) and not is_float(header)):
        return FileStatus.FAILED, f"Images of {header.samples} x {header.bits_allocated} bits per pixel are not opened."
    if rows * columns > MAX_FRAME_PIXELS:
        return FileStatus.FAILED, f"The file claims {columns} x {rows} pixels, more than any detector makes."
    if frames > MAX_FRAMES or rows * columns * frames * header.samples * header.bits_allocated // 8 > MAX_DECODED_BYTES:
        return (
            FileStatus.FAILED,
            f"The file claims {frames} frames of {columns} x {rows} pixels, more than can be opened.",
        )
    if not is_native(header):
        return (
            (None, "")
            if UID(header.transfer_syntax_uid).is_transfer_syntax or not header.transfer_syntax_uid
            else (FileStatus.FAILED, "The file's transfer syntax is not known.")
        )
    if header.transfer_syntax_uid == DEFLATED:
        return None, ""
    held = header.elements.size - header.pixels.offset
    if header.pixels.length is not None:
        held = min(held, header.pixels.length)
    expected = (native_frame_bits(header) * frames + 7) // 8
    if held < expected:
        return FileStatus.FAILED, f"The pixels end early: {expected} bytes are needed and {held} are there."
    return None, ""


def _class_name(header: Header) -> str:
    uid = UID(header.sop_class_uid)
    name = uid.name if header.sop_class_uid and uid.name != header.sop_class_uid else ""
    return name.removesuffix(" Storage") or header.modality or "DICOM file of an unknown kind"

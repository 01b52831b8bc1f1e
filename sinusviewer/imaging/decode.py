"""Stored pixel values of a frame, whatever codec they were packed with.

Grey frames take the fast path: native ones are read straight into place, compressed ones go to imagecodecs, which leaves
Python's lock while it works, so that threads use every core. What it cannot read, and colour, goes through pydicom and its
plug-ins. Nothing is decoded before the stream's own size has been held against the header.
"""

import contextlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import numpy.typing as npt

from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.deflate import inflate
from sinusviewer.imaging.elements import DEFLATED
from sinusviewer.imaging.encapsulated import Fragments, locate_frames, stream_size
from sinusviewer.imaging.headers import Header
from sinusviewer.imaging.pixel_layout import is_float, is_native, native_frame_bits
from sinusviewer.imaging.plugins import RLE, plugin_frame

Array = npt.NDArray[Any]

_JPEG_8 = ("1.2.840.10008.1.2.4.50",)
_JPEG_12 = ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")
JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_HTJ2K = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")

LOSSY = frozenset({*_JPEG_8, *_JPEG_12, "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"})
"""Transfer syntaxes that may lose information; JPEG 2000 (.91) and HTJ2K (.203) may also be lossless."""

_CODEC_ERRORS = (RuntimeError, ValueError, TypeError, MemoryError, NotImplementedError, OSError, OverflowError)


def _jpeg(stream: bytes) -> Array:
    return np.asarray(imagecodecs.jpeg8_decode(stream))


def decode_lossless_jpeg(stream: bytes) -> Array:
    try:
        return np.asarray(imagecodecs.ljpeg_decode(stream))
    except _CODEC_ERRORS:
        return np.asarray(imagecodecs.jpegsof3_decode(stream))


def _jpeg_ls(stream: bytes) -> Array:
    return np.asarray(imagecodecs.jpegls_decode(stream))


def _jpeg_2000(stream: bytes) -> Array:
    return np.asarray(imagecodecs.jpeg2k_decode(stream))


_FAST: dict[str, Callable[[bytes], Array]] = {
    **dict.fromkeys(_JPEG_8 + _JPEG_12, _jpeg),
    **dict.fromkeys(JPEG_LOSSLESS, decode_lossless_jpeg),
    **dict.fromkeys(_JPEG_LS, _jpeg_ls),
    **dict.fromkeys(_JPEG_2000 + _HTJ2K, _jpeg_2000),
}


class FrameReader:
    """Reads frames of one open file; cheap to make, one per thread.

    Raises
    ------
    DicomReadError
        On opening, if the file cannot be read or its frames cannot be found.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        if header.pixels is None:
            raise DicomReadError("The file holds no pixels.")
        self._offset = header.pixels.offset
        self._fragments: Fragments | None = None
        try:
            self._file: BinaryIO = header.path.open("rb")
        except OSError as error:
            raise DicomReadError(f"The file cannot be opened ({error.strerror or type(error).__name__}).") from error
        with contextlib.ExitStack() as unless_found:
            unless_found.callback(self._file.close)
            self._find_frames()
            unless_found.pop_all()

    def _find_frames(self) -> None:
        header = self.header
        if header.transfer_syntax_uid == DEFLATED:
            self._inflate()
        if not is_native(header):
            order = ">" if header.elements.big_endian else "<"
            try:
                self._fragments = locate_frames(self._file, self._offset, header.elements.size, header.frames, order)
            except OSError as error:
                raise DicomReadError("The file cannot be read to its end.") from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _inflate(self) -> None:
        header = self.header
        needed = self._offset + native_frame_bits(header) * header.frames // 8 + 1024
        start = self._file.read(132 + 12 + 4)
        begin = 132 + 12 + int.from_bytes(start[140:144], "little") if start[128:132] == b"DICM" else 0
        content = inflate(self._file, begin, needed)
        self._file.close()
        self._file = BytesIO(content)

    def read(self, index: int) -> Array:
        """Stored values of one grey frame ``[y, x]``, sign and unused bits put right.

        Raises
        ------
        DicomReadError
            If the frame is damaged, too short, or of another size than the header says.
        """
        header = self.header
        if header.samples != 1:
            raise DicomReadError("This is a colour image.")
        if is_float(header):
            return self._native(index).astype(np.float32)  # shown only; doubles beyond its range become infinite
        if self._fragments is None:
            return put_bits_right(self._native(index), header)
        return put_bits_right(self._decoded(self.checked_stream(index), index), header)

    def checked_stream(self, index: int) -> bytes:
        """The compressed stream of a frame, held against the header.

        Raises
        ------
        DicomReadError
            If it is missing, ends early or is of another size.
        """
        if self._fragments is None:
            raise DicomReadError("The image is not compressed.")
        stream = self._fragments.read(self._file, index)
        check_stream(stream, self.header)
        return stream

    def read_lossless_color(self, index: int) -> Array:
        """Samples ``[y, x, 3]`` of a lossless JPEG frame.

        Raises
        ------
        DicomReadError
            If it is damaged or not in colour.
        """
        stream = self.checked_stream(index)
        try:
            return decode_lossless_jpeg(stream)
        except _CODEC_ERRORS as error:
            raise DicomReadError("The image cannot be decoded: its compressed data are damaged.") from error

    def read_into(self, index: int, target: npt.NDArray[np.int16]) -> bool:
        """Read a native 16-bit frame straight into a contiguous ``[y, x]`` target; False where it is not stored so."""
        header = self.header
        if self._fragments is not None or header.bits_allocated != 16 or header.samples != 1:
            return False
        self._file.seek(self._offset + index * target.nbytes)
        if self._file.readinto(target.view(np.uint8).data) != target.nbytes:  # type: ignore[attr-defined]
            raise DicomReadError("The pixels end early.")
        if header.elements.big_endian:
            target.byteswap(inplace=True)
        return True

    def _native(self, index: int) -> Array:
        header = self.header
        bits = native_frame_bits(header)
        shape = header.rows, header.columns
        if header.bits_allocated == 1:
            first = bits * index
            self._file.seek(self._offset + first // 8)
            raw = np.frombuffer(self._file.read((first % 8 + bits + 7) // 8), np.uint8)
            flat = np.unpackbits(raw, bitorder="little")[first % 8 : first % 8 + bits]
        else:
            self._file.seek(self._offset + index * bits // 8)
            order = ">" if header.elements.big_endian else "<"
            content = self._file.read(bits // 8)
            if header.bits_allocated == 8 and header.elements.big_endian and header.pixels and header.pixels.vr == "OW":
                content = _swap_pairs(content)  # 8-bit pixels in words of big-endian files (PS3.5 8.1.1)
            kind = "f" if is_float(header) else "u"
            flat = np.frombuffer(content[: bits // 8], np.dtype(f"{order}{kind}{header.bits_allocated // 8}"))
        if flat.size != header.rows * header.columns:
            raise DicomReadError("The pixels end early.")
        return flat.reshape(shape)

    def _decoded(self, stream: bytes, index: int) -> Array:
        header = self.header
        shape = header.rows, header.columns
        decode = _FAST.get(header.transfer_syntax_uid)
        try:
            if header.transfer_syntax_uid == RLE:
                return _run_lengths(stream, header)
            if decode is not None:
                array = decode(stream)
                if array.shape == shape:
                    return array
        except _CODEC_ERRORS:
            pass  # the plug-ins below read some streams that the fast path does not
        array = plugin_frame(header, index)
        if array.shape != shape:
            raise DicomReadError("The decoded image has another size than the header says.")
        return array


def check_stream(stream: bytes, header: Header) -> None:
    """Refuse a stream whose own size differs from the header's, or that ends early, before memory is given to it.

    A cut JPEG stream would be shown half grey without a word, and a cut JPEG-LS stream keeps CharLS busy for seconds.

    Raises
    ------
    DicomReadError
        If it is empty, of another size, or a JPEG stream without its end.
    """
    if not stream:
        raise DicomReadError("The compressed pixels are missing.")
    if stream[:2] == b"\xff\xd8" and b"\xff\xd9" not in stream[-16:]:
        raise DicomReadError("The compressed pixels end early.")
    size = stream_size(stream)
    if size is not None and size.rows and (size.rows, size.columns) != (header.rows, header.columns):
        raise DicomReadError(
            f"The compressed image is {size.columns} x {size.rows} pixels, but the header says {header.columns} x {header.rows}."
        )


def _run_lengths(stream: bytes, header: Header) -> Array:
    dtype = np.dtype(f"<u{header.bits_allocated // 8}")
    needed = header.rows * header.columns * dtype.itemsize
    raw = imagecodecs.dicomrle_decode(stream, dtype, out=needed)
    flat = np.frombuffer(raw, dtype)
    if flat.size < header.rows * header.columns:
        raise DicomReadError("The compressed pixels end early.")
    return flat[: header.rows * header.columns].reshape(header.rows, header.columns)


def _swap_pairs(content: bytes) -> bytes:
    even = content if len(content) % 2 == 0 else content + b"\0"
    return np.frombuffer(even, np.uint16).byteswap().tobytes()


def put_bits_right(array: Array, header: Header) -> Array:
    """Drop bits above HighBit (overlays), shift, and extend the sign (PS3.5 8.1.1)."""
    allocated = array.dtype.itemsize * 8
    stored = min(header.bits_stored, allocated) or allocated
    high = header.high_bit if is_native(header) and stored - 1 <= header.high_bit < allocated else stored - 1
    values = (
        array.view(np.dtype(f"{array.dtype.byteorder}u{array.dtype.itemsize}")) if array.dtype.kind in "iu" else array
    )
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if header.bits_allocated == 1 or (stored == allocated and not header.signed):
        return values
    if header.signed:
        signed = values.astype(np.dtype(f"i{array.dtype.itemsize}"), copy=True)
        if stored < allocated:
            signed = np.left_shift(signed, allocated - 1 - high)
            signed = np.right_shift(signed, allocated - stored)
        return signed
    return np.asarray(np.right_shift(values, high + 1 - stored) & values.dtype.type((1 << stored) - 1))

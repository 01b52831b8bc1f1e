"""Every transfer syntax gives the stored values back; damaged streams are refused with a sentence, quickly."""

import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from made_dicom import write_film
from made_series import only_series
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from sinusviewer.domain.study import FileStatus
from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.headers import read_header
from sinusviewer.imaging.load import load_radiograph
from sinusviewer.imaging.pixel_layout import why_unreadable
from sinusviewer.imaging.scan import scan

RNG = np.random.default_rng(5)
PIXELS = np.cumsum(RNG.integers(-20, 21, (64, 48)), axis=1).astype(np.int64)
UNSIGNED = (PIXELS - PIXELS.min()).astype(np.uint16)


def _rle(pixels: npt.NDArray[np.uint16]) -> bytes:
    """PS3.5 G.3.1: one segment for each byte of a pixel, the most significant first, as literal runs."""
    segments = []
    for plane in (pixels >> 8, pixels & 0xFF):
        raw = plane.astype(np.uint8).tobytes()
        coded = b"".join(bytes([len(raw[i : i + 128]) - 1]) + raw[i : i + 128] for i in range(0, len(raw), 128))
        segments.append(coded + b"\0" * (len(coded) % 2))
    offsets = [64, 64 + len(segments[0])] + [0] * 13
    return struct.pack("<16I", 2, *offsets) + b"".join(segments)


LOSSLESS = [
    (JPEG2000Lossless, lambda p: imagecodecs.jpeg2k_encode(p, level=0, reversible=True, codecformat="j2k")),
    (HTJ2KLossless, lambda p: imagecodecs.htj2k_encode(p, reversible=True)),
    (JPEGLSLossless, imagecodecs.jpegls_encode),
    (JPEGLosslessSV1, lambda p: imagecodecs.ljpeg_encode(p, bitspersample=16)),
    (RLELossless, _rle),
]


def compressed(path: Path, syntax: pydicom.uid.UID, stream: bytes, **tags: object) -> Path:
    write_film(path, UNSIGNED, **tags)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(("syntax", "encode"), LOSSLESS, ids=[s.name for s, _ in LOSSLESS])
def test_lossless_codecs_give_back_every_bit(tmp_path: Path, syntax, encode) -> None:  # type: ignore[no-untyped-def]
    path = compressed(tmp_path / "f.dcm", syntax, encode(UNSIGNED))
    np.testing.assert_array_equal(load_radiograph(only_series(path).instances[0]).pixels, UNSIGNED)


@pytest.mark.parametrize(("syntax", "encode"), LOSSLESS, ids=[s.name for s, _ in LOSSLESS])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.97])
def test_cut_streams_are_refused_within_a_second(tmp_path: Path, syntax, encode, share: float) -> None:  # type: ignore[no-untyped-def]
    """CharLS alone takes many seconds over a cut JPEG-LS stream, and libjpeg shows a cut image as grey."""
    stream = encode(UNSIGNED)
    path = compressed(tmp_path / "f.dcm", syntax, stream[: int(len(stream) * share)])
    instance = only_series(path).instances[0]
    start = time.process_time()  # of this process: other work beside it does not count
    with pytest.raises(DicomReadError):
        load_radiograph(instance)
    assert time.process_time() - start < 2


def test_a_cut_jpeg_is_not_shown_half_grey(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg8_encode((UNSIGNED % 256).astype(np.uint8))
    path = compressed(
        tmp_path / "f.dcm", JPEGBaseline8Bit, stream[: len(stream) // 2], BitsAllocated=8, BitsStored=8, HighBit=7
    )
    with pytest.raises(DicomReadError, match="end early"):
        load_radiograph(only_series(path).instances[0])


def test_a_stream_of_another_size_than_the_header_is_refused_before_decoding(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg2k_encode(np.zeros((128, 128), np.uint16), level=0, codecformat="j2k")
    path = compressed(tmp_path / "f.dcm", JPEG2000Lossless, stream)
    with pytest.raises(DicomReadError, match="128 x 128"):
        load_radiograph(only_series(path).instances[0])


def test_a_frame_in_several_fragments_is_put_together(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg2k_encode(UNSIGNED, level=0, reversible=True, codecformat="j2k")
    path = compressed(tmp_path / "f.dcm", JPEG2000Lossless, stream)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([stream], fragments_per_frame=5)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    np.testing.assert_array_equal(load_radiograph(only_series(path).instances[0]).pixels, UNSIGNED)


def test_deflated_files_are_inflated(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", UNSIGNED)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    np.testing.assert_array_equal(load_radiograph(only_series(path).instances[0]).pixels, UNSIGNED)


def test_a_deflate_bomb_is_bounded(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", UNSIGNED)
    plain = path.read_bytes()
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    deflated = path.read_bytes()
    meta = deflated[: 144 + struct.unpack("<I", deflated[140:144])[0]]
    body = plain[144 + struct.unpack("<I", plain[140:144])[0] :]
    at = body.find(struct.pack("<HH", 0x0020, 0x000D))
    private = struct.pack(
        "<HH2sHI", 0x0011, 0x1001, b"OB", 0, 256 << 20
    )  # a value of 256 MiB of zeros before the pixels
    deflater = zlib.compressobj(9, wbits=-15)
    pieces = [deflater.compress(body[:at] + private), *(deflater.compress(bytes(1 << 20)) for _ in range(256))]
    bomb = b"".join(pieces) + deflater.compress(body[at:]) + deflater.flush()
    path.write_bytes(meta + bomb)
    tracemalloc.start()
    outcome = scan([path]).files[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.status is FileStatus.FAILED
    assert peak < 120 << 20


def test_8_bit_pixels_in_big_endian_words_are_put_in_order(tmp_path: Path) -> None:
    pixels = (UNSIGNED % 256).astype(np.uint8)
    path = write_film(tmp_path / "f.dcm", UNSIGNED)
    dataset = pydicom.dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = pixels.view("<u2").astype(">u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    shown = load_radiograph(only_series(path).instances[0]).pixels
    np.testing.assert_array_equal(shown, pixels)


def test_a_wrongly_declared_encoding_is_seen_through(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", UNSIGNED)
    content = path.read_bytes()
    explicit, implicit = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"
    assert content.count(explicit) == 1
    path.write_bytes(content.replace(explicit, implicit))
    np.testing.assert_array_equal(load_radiograph(only_series(path).instances[0]).pixels, UNSIGNED)


def test_a_file_without_preamble_and_meta_header_is_read(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", UNSIGNED)
    content = path.read_bytes()
    path.write_bytes(content[144 + struct.unpack("<I", content[140:144])[0] :])
    np.testing.assert_array_equal(load_radiograph(only_series(path).instances[0]).pixels, UNSIGNED)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Rows": 65535, "Columns": 65535}, "65535 x 65535"),
        ({"Rows": 0}, "how many rows"),
        ({"Rows": 200}, "end early"),
        ({"NumberOfFrames": "999999999"}, "999999999 frames"),
        ({"BitsAllocated": 12}, "12 bits"),
        ({"SamplesPerPixel": 7}, "7 x 16"),
    ],
)
def test_absurd_sizes_are_listed_with_a_reason_and_nothing_is_reserved(
    tmp_path: Path, tags: dict[str, object], words: str
) -> None:
    path = write_film(tmp_path / "f.dcm", UNSIGNED, SOPClassUID=SecondaryCaptureImageStorage, **tags)
    status, reason = why_unreadable(read_header(path))
    assert status is not None
    assert words in reason
    assert scan([path]).files[0].reason == reason

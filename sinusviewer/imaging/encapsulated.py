"""Frames of encapsulated pixel data: which fragments belong to which frame (PS3.5 A.4), and the sizes their streams claim."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from sinusviewer.errors import DicomReadError

_MAX_FRAGMENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Fragments:
    """Offsets and lengths of each frame's pieces within the file."""

    frames: tuple[tuple[tuple[int, int], ...], ...]

    def read(self, file: BinaryIO, index: int) -> bytes:
        """The whole stream of one frame."""
        pieces = []
        for offset, length in self.frames[index]:
            file.seek(offset)
            pieces.append(file.read(length))
        return b"".join(pieces)


def locate_frames(file: BinaryIO, offset: int, size: int, frames: int, order: str = "<") -> Fragments:
    """Find each frame of the pixel data that begin at ``offset`` of a file of ``size`` bytes.

    Raises
    ------
    DicomReadError
        If the fragments are damaged or do not make up the frames.
    """
    items: list[tuple[int, int]] = []
    position = offset
    while position + 8 <= size and len(items) < _MAX_FRAGMENTS:
        file.seek(position)
        group, element, length = struct.unpack(order + "HHI", file.read(8))
        if (group, element) != (0xFFFE, 0xE000):
            break  # the sequence's end, or damage
        # The last fragment of a truncated file is kept: the codec says what it is worth.
        items.append((position + 8, min(length, size - position - 8)))
        position += 8 + length
    if len(items) < 2:
        raise DicomReadError("The compressed pixels are missing or damaged.")
    table, pieces = items[0], items[1:]
    if frames == 1:
        return Fragments((tuple(pieces),))
    if len(pieces) == frames:
        return Fragments(tuple((piece,) for piece in pieces))
    starts = _offset_table(file, table, order)
    if len(starts) >= frames:
        return Fragments(_by_table(pieces, starts[:frames]))
    return Fragments(_by_start_of_image(file, pieces, frames))


def _offset_table(file: BinaryIO, item: tuple[int, int], order: str) -> list[int]:
    file.seek(item[0])
    raw = file.read(min(item[1], 4 * _MAX_FRAGMENTS))
    return list(struct.unpack(f"{order}{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))


def _by_table(pieces: list[tuple[int, int]], starts: list[int]) -> tuple[tuple[tuple[int, int], ...], ...]:
    base = pieces[0][0] - 8
    ends = [*starts[1:], 1 << 62]
    result = []
    for start, end in zip(starts, ends, strict=True):
        frame = tuple(p for p in pieces if start <= p[0] - 8 - base < end)
        if not frame:
            raise DicomReadError("The table of compressed frames does not match them.")
        result.append(frame)
    return tuple(result)


def _by_start_of_image(
    file: BinaryIO, pieces: list[tuple[int, int]], frames: int
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Without a table a new frame begins where a fragment begins with a codec's start marker."""
    groups: list[list[tuple[int, int]]] = []
    for piece in pieces:
        file.seek(piece[0])
        if file.read(3) in (b"\xff\xd8\xff", b"\xff\x4f\xff") or not groups:
            groups.append([])
        groups[-1].append(piece)
    if len(groups) < frames:
        raise DicomReadError(f"The file promises {frames} compressed frames and holds {len(groups)}.")
    return tuple(tuple(g) for g in groups[:frames])


@dataclass(frozen=True, slots=True)
class StreamSize:
    """What a JPEG, JPEG-LS or JPEG 2000 stream says of itself."""

    rows: int
    columns: int
    components: int
    precision: int


def stream_size(stream: bytes) -> StreamSize | None:
    """The size in the stream's own header; None where it has none that can be read (RLE, damage)."""
    if (
        stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 43
    ):  # JPEG 2000 codestream: its size follows the start marker
        right, bottom, left, top = struct.unpack(">4I", stream[8:24])
        return StreamSize(bottom - top, right - left, struct.unpack(">H", stream[40:42])[0], (stream[42] & 0x7F) + 1)
    if stream[:2] != b"\xff\xd8":
        return None
    position = 2
    for _ in range(200):
        if position + 9 >= len(stream):
            return None
        if stream[position] != 0xFF:
            position += 1
            continue
        marker = stream[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = struct.unpack(">HH", stream[position + 5 : position + 9])
            return StreamSize(rows, columns, stream[position + 9], stream[position + 4])
        elif marker in (0x01, *range(0xD0, 0xD9)):
            position += 2
        else:
            position += 2 + struct.unpack(">H", stream[position + 2 : position + 4])[0]
    return None

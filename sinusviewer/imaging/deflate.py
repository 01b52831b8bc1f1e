"""Deflated data sets, inflated within bounds."""

import zlib
from typing import BinaryIO

from sinusviewer.errors import DicomReadError


def inflate(file: BinaryIO, position: int, limit: int) -> bytes:
    """At most ``limit`` bytes of the deflated data set that begins at ``position`` (PS3.5 A.5)."""
    file.seek(position)
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    total = 0
    try:
        while total < limit and not inflater.eof:
            compressed = inflater.unconsumed_tail or file.read(1 << 20)
            if not compressed:
                break
            piece = inflater.decompress(compressed, limit - total)
            pieces.append(piece)
            total += len(piece)
    except zlib.error as error:
        if not total:
            raise DicomReadError("The deflated content of the file is damaged.") from error
    return b"".join(pieces)

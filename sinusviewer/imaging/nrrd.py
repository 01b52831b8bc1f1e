"""NRRD (Nearly Raw Raster Data), attached or with its data in one file beside it (.nhdr), encodings raw and gzip.

teem.sourceforge.net/nrrd/format.html
"""

import gzip
import io
import re
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sinusviewer.errors import InputError
from sinusviewer.imaging.nifti import MAX_VOXELS, RawVolumeHeader, read_array

_MAX_HEADER_LINES = 1000

_TYPES: dict[str, str] = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2", "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4", "uint": "u4", "unsigned int": "u4", "uint32": "u4",
    "uint32_t": "u4", "float": "f4", "double": "f8",
}  # fmt: skip

# Sign of each world axis on the way to LPS.
_SPACES: dict[str, tuple[int, int, int]] = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1), "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip


def read_nrrd_header(path: Path) -> RawVolumeHeader:
    """Read and check the header.

    Raises
    ------
    InputError
        If it is damaged, not three-dimensional, of an unknown encoding, or its data are not there.
    """
    with path.open("rb") as file:
        return _parse(file, path)[0]


def data_file_of(path: Path) -> Path | None:
    """The file that holds the data of a detached header; None where they follow the header itself.

    Raises
    ------
    InputError
        If it is not one plain file beside the header: a header never leads to another place.
    """
    with path.open("rb") as file:
        return _data_file(_fields(file), path)


def _data_file(fields: dict[str, str], path: Path) -> Path | None:
    name = fields.get("data file", fields.get("datafile", ""))
    if not name:
        return None
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError("NRRD files whose data lie in several files are not opened.")
    beside = path.with_name(name) if name == PurePosixPath(name).name == PureWindowsPath(name).name else None
    if beside is None or name in (".", "..") or beside == path:
        raise InputError("The NRRD header names data in another folder; only a file beside it is opened.")
    if not beside.is_file() or beside.resolve().parent != path.resolve().parent:
        raise InputError(f"The data of this NRRD header, “{name}”, are not beside it.", "Open both in one folder.")
    return beside


def _parse(file: BinaryIO, path: Path) -> tuple[RawVolumeHeader, str, Path | None]:
    fields = _fields(file)
    data = _data_file(fields, path)
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"NRRD data encoded as {encoding or 'nothing'} are not opened.")
    try:
        sizes = tuple(int(v) for v in fields["sizes"].split())
        dtype = np.dtype(
            ("<" if fields.get("endian", "little").lower() == "little" else ">") + _TYPES[fields["type"].lower()]
        )
    except (KeyError, ValueError) as error:
        raise InputError("The NRRD file's header is damaged.") from error
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise InputError("Only two- and three-dimensional NRRD files are opened.")
    shape = (sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1)
    if shape[0] * shape[1] * shape[2] > MAX_VOXELS:
        raise InputError("The NRRD file claims an impossible size.")
    start = file.tell() if data is None else _skipped(fields, data, encoding, int(np.prod(shape)) * dtype.itemsize)
    return RawVolumeHeader(shape, dtype, start, 1.0, 0.0, _affine(fields)), encoding, data


def _skipped(fields: dict[str, str], data: Path, encoding: str, wanted: int) -> int:
    """Where the data begin in a file of their own; a byte skip of -1 counts from its end."""
    try:
        lines = int(fields.get("line skip", fields.get("lineskip", "0")))
        skip = int(fields.get("byte skip", fields.get("byteskip", "0")))
    except ValueError as error:
        raise InputError("The NRRD file's header is damaged.") from error
    if lines or skip < -1 or (encoding != "raw" and skip):
        raise InputError("NRRD data behind lines or compressed bytes that are to be skipped are not opened.")
    return max(data.stat().st_size - wanted, 0) if skip == -1 else skip


def _fields(file: BinaryIO) -> dict[str, str]:
    if not file.readline(64).startswith(b"NRRD000"):
        raise InputError("This is not an NRRD file.")
    fields: dict[str, str] = {}
    for _ in range(_MAX_HEADER_LINES):
        line = file.readline(65536).decode("utf-8", "replace").strip()
        if not line:
            return fields
        if not line.startswith("#") and ":=" not in line and ":" in line:
            name, value = line.split(":", 1)
            fields[name.strip().lower()] = value.strip()
    raise InputError("The NRRD file's header does not end.")


def _vectors(text: str) -> list[list[float]]:
    return [[float(v) for v in group.split(",")] for group in re.findall(r"\(([^)]*)\)", text)]


def _affine(fields: dict[str, str]) -> npt.NDArray[np.float64]:
    affine = np.eye(4)
    try:
        directions = _vectors(fields.get("space directions", ""))
        if directions:
            for axis, direction in enumerate(directions[:3]):
                affine[:3, axis] = direction
            if "space origin" in fields:
                affine[:3, 3] = _vectors(fields["space origin"])[0]
        elif "spacings" in fields:
            spacings = [float(v) for v in fields["spacings"].split()]
            affine[:3, :3] = np.diag([v if np.isfinite(v) and v else 1.0 for v in [*spacings, 1.0][:3]])
    except (ValueError, IndexError) as error:
        raise InputError("The NRRD file's orientation is damaged.") from error
    if not np.all(np.isfinite(affine)) or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError("The NRRD file's orientation is damaged.")
    return np.diag([*_SPACES.get(fields.get("space", "").lower(), (1, 1, 1)), 1.0]) @ affine


def read_nrrd(path: Path) -> tuple[npt.NDArray[Any], RawVolumeHeader]:
    """Stored voxels ``[z, y, x]`` and header.

    Raises
    ------
    InputError
        If the file is damaged or shorter than its header says.
    """
    with path.open("rb") as file:
        header, encoding, data = _parse(file, path)
    with (data or path).open("rb") as file:
        file.seek(header.offset)
        x, y, z = header.shape_xyz
        wanted = x * y * z * header.dtype.itemsize
        source: BinaryIO = file
        if encoding != "raw":
            source = io.BufferedReader(gzip.GzipFile(fileobj=file))
        try:
            return read_array(source, (z, y, x), header.dtype, wanted), header
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise InputError("The compressed NRRD file is damaged.") from error

"""NIfTI-1 and NIfTI-2, read through Python file objects so that any path works, with sizes held against the file."""

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sinusviewer.errors import InputError

MAX_VOXELS = 1 << 31

# NIfTI-1 datatype codes (nifti1.h).
_TYPES: dict[int, str] = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class RawVolumeHeader:
    """What a research volume's header says.

    Attributes
    ----------
    shape_xyz
        Voxels along x, y, z (x varies fastest in the file).
    affine
        Voxel-centre index ``(x, y, z, 1)`` to LPS mm.
    """

    shape_xyz: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float
    affine: npt.NDArray[np.float64]
    description: bytes = b""
    """What the writing program put into the header's description."""


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    # GzipFile closes only files that it has opened itself
    return io.BufferedReader(gzip.GzipFile(path)) if packed else path.open("rb")


def read_nifti_header(path: Path) -> RawVolumeHeader:
    """Read and check the header of a ``.nii`` or ``.nii.gz``.

    Raises
    ------
    InputError
        If it is not NIfTI, not three-dimensional, or claims an absurd size.
    """
    try:
        with _open(path) as file:
            return _parse(file.read(540))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError("The compressed NIfTI file is damaged.") from error


def _parse(raw: bytes) -> RawVolumeHeader:
    if len(raw) < 348:
        raise InputError("The NIfTI file ends within its header.")
    for order in ("<", ">"):
        size = struct.unpack(order + "i", raw[:4])[0]
        if size == 348 and raw[344:347] == b"n+1":
            return _parse_1(raw, order)
        if size == 540 and raw[4:7] == b"n+2" and len(raw) >= 540:
            return _parse_2(raw, order)
    raise InputError("This is not a NIfTI file that can be opened (one file, version 1 or 2).")


def _parse_1(raw: bytes, order: str) -> RawVolumeHeader:
    def get(fmt: str, at: int) -> tuple[float, ...]:
        return struct.unpack_from(order + fmt, raw, at)

    quaternion = get("3f", 256) + get("3f", 268)
    rows = (get("4f", 280), get("4f", 296), get("4f", 312))
    (code,), (offset, slope, intercept), (qform, sform) = get("h", 70), get("3f", 108), get("2h", 252)
    return _header(
        get("8h", 40),
        int(code),
        order,
        offset,
        slope,
        intercept,
        get("8f", 76),
        int(qform),
        int(sform),
        quaternion,
        rows,
        raw[148:228].partition(b"\0")[0],
    )


def _parse_2(raw: bytes, order: str) -> RawVolumeHeader:
    def get(fmt: str, at: int) -> tuple[float, ...]:
        return struct.unpack_from(order + fmt, raw, at)

    (code,), (offset,), (slope, intercept), (qform, sform) = get("h", 12), get("q", 168), get("2d", 176), get("2i", 344)
    rows = (get("4d", 400), get("4d", 432), get("4d", 464))
    return _header(
        get("8q", 16),
        int(code),
        order,
        offset,
        slope,
        intercept,
        get("8d", 104),
        int(qform),
        int(sform),
        get("6d", 352),
        rows,
        raw[240:320].partition(b"\0")[0],
    )


def _header(
    dim: tuple[float, ...], code: int, order: str, offset: float, slope: float, intercept: float, pixdim: tuple[float, ...],
    qform: int, sform: int, quaternion: tuple[float, ...], rows: tuple[tuple[float, ...], ...],
    description: bytes = b"",
) -> RawVolumeHeader:  # fmt: skip
    sizes = [int(v) for v in dim[1:8]]
    count = int(dim[0])
    if not 2 <= count <= 7 or any(v > 1 for v in sizes[3:count]):
        raise InputError(f"Only single three-dimensional NIfTI volumes are opened; this one has {count} dimensions.")
    shape = (sizes[0], sizes[1], sizes[2] if count > 2 else 1)
    if min(shape) < 1 or shape[0] * shape[1] * shape[2] > MAX_VOXELS:
        raise InputError("The NIfTI file claims an impossible size.")
    if code not in _TYPES:
        raise InputError(f"NIfTI voxels of type {code} are not opened.")
    if not np.isfinite(offset) or not 0 <= offset < 1 << 30:
        raise InputError("The NIfTI file's data offset is damaged.")
    if not np.isfinite(slope) or slope == 0 or not np.isfinite(intercept):
        slope, intercept = 1.0, 0.0
    affine = _affine(pixdim, qform, sform, quaternion, rows)
    dtype = np.dtype(order + _TYPES[code])
    return RawVolumeHeader(shape, dtype, int(offset), float(slope), float(intercept), affine, description)


def _affine(
    pixdim: tuple[float, ...],
    qform: int,
    sform: int,
    quaternion: tuple[float, ...],
    rows: tuple[tuple[float, ...], ...],
) -> npt.NDArray[np.float64]:
    """The sform, else the qform, else the voxel sizes (nifti1.h, methods 3, 2, 1), turned from RAS to LPS."""
    ras = np.eye(4)
    sizes = np.array([abs(v) if np.isfinite(v) and v else 1.0 for v in pixdim[1:4]])
    if sform > 0:
        ras[:3] = np.asarray(rows, dtype=np.float64)
    elif qform > 0:
        b, c, d = (float(v) for v in quaternion[:3])
        a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
        rotation = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
            ]
        )
        ras[:3, :3] = rotation * (sizes * np.array([1, 1, -1 if pixdim[0] < 0 else 1]))
        ras[:3, 3] = quaternion[3:6]
    else:
        ras[:3, :3] = np.diag(sizes)
    if not np.all(np.isfinite(ras)) or abs(np.linalg.det(ras[:3, :3])) < 1e-9:
        raise InputError("The NIfTI file's orientation is damaged.")
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ ras


def read_nifti(path: Path) -> tuple[npt.NDArray[Any], RawVolumeHeader]:
    """Stored voxels ``[z, y, x]`` and header.

    Raises
    ------
    InputError
        If the file is damaged or shorter than its header says.
    """
    header = read_nifti_header(path)
    x, y, z = header.shape_xyz
    wanted = x * y * z * header.dtype.itemsize
    try:
        with _open(path) as file:
            file.read(header.offset)
            return read_array(file, (z, y, x), header.dtype, wanted), header
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError("The compressed NIfTI file is damaged.") from error


def read_array(
    file: BinaryIO, shape: tuple[int, int, int], dtype: np.dtype[np.generic], wanted: int
) -> npt.NDArray[Any]:
    """Exactly ``wanted`` bytes as an array, reserving memory only as the bytes arrive."""
    content = bytearray()
    while len(content) < wanted:
        piece = file.read(min(1 << 24, wanted - len(content)))
        if not piece:
            raise InputError(f"The file ends early: {wanted} bytes of voxels are needed and {len(content)} are there.")
        content += piece
    return np.frombuffer(content, dtype).reshape(shape)

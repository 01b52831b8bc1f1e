"""NIfTI-1 masks with any affine (sheared ones too), byte for byte the same each time."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

_TYPES = {np.dtype(np.uint8): (2, 8), np.dtype(np.int16): (4, 16), np.dtype(np.float32): (16, 32)}


def write_nifti(path: Path, voxels: npt.NDArray[np.generic], affine: npt.NDArray[np.float64], text: str = "") -> None:
    """Write ``[z, y, x]`` voxels (uint8, int16, float32) with an LPS affine; NIfTI's own frame is RAS.

    Raises
    ------
    ValueError
        For another type of voxel.
    """
    if voxels.dtype not in _TYPES:
        raise ValueError(f"NIfTI of {voxels.dtype} is not written here")
    code, bits = _TYPES[voxels.dtype]
    nz, ny, nx = voxels.shape
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, nx, ny, nz, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, 1.0, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    header[123] = 2  # millimetres
    header[148 : 148 + 79] = text.encode("ascii", "replace")[:79].ljust(79, b"\0")
    struct.pack_into("<2h", header, 252, 0, 2)  # no qform; sform: aligned to the scanner
    for row in range(3):
        struct.pack_into("<4f", header, 280 + 16 * row, *ras[row])
    header[344:348] = b"n+1\0"
    content = bytes(header) + np.ascontiguousarray(voxels).tobytes()
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 5, raw, mtime=0) as stream:
        stream.write(content)

"""Label maps as NIfTI in patient space, with a small writer of our own (no library that wants an ASCII path)."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Author, Segmentation
from sinusviewer.errors import StorageError
from sinusviewer.imaging.label_map import OF_OPACITY, WRITER
from sinusviewer.report.atomic import write_bytes, write_text

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DATATYPES = {np.dtype(np.uint8): (2, 8), np.dtype(np.int16): (4, 16)}
_MILLIMETRES = 2
_ALIGNED = 2


def nifti_bytes(
    labels: npt.NDArray[np.uint8] | npt.NDArray[np.int16], affine: npt.NDArray[np.float64], description: bytes = WRITER
) -> bytes:
    """A gzipped NIfTI-1 file of ``labels``, or of HU, ``[z, y, x]`` with LPS ``affine`` (NIfTI wants RAS: x, y turn sign).

    The same voxels give the same bytes: no time stamp is kept.
    """
    if labels.ndim != 3 or max(labels.shape) > 32767:
        raise StorageError(f"A mask of shape {labels.shape} cannot be written as NIfTI.")
    ras = _LPS_TO_RAS @ affine
    spacing = np.linalg.norm(ras[:3, :3], axis=0)
    handedness, quaternion = _rotation(ras[:3, :3] / spacing)
    z, y, x = labels.shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, x, y, z, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, *_DATATYPES[labels.dtype])
    struct.pack_into("<8f", header, 76, handedness, *spacing, 0, 0, 0, 0)
    struct.pack_into("<fff", header, 108, 352.0, 1.0, 0.0)
    header[123] = _MILLIMETRES
    header[148 : 148 + len(description)] = description
    # The affine (sform) is exact; the rotation (qform) helps readers that take no sheared axes.
    struct.pack_into("<hh", header, 252, _ALIGNED, _ALIGNED)
    struct.pack_into("<6f", header, 256, *quaternion, *ras[:3, 3])
    for row in range(3):
        struct.pack_into("<4f", header, 280 + 16 * row, *ras[row])
    header[344:348] = b"n+1\0"
    body = bytes(header) + np.ascontiguousarray(labels, labels.dtype.newbyteorder("<")).tobytes()
    return gzip.compress(body, compresslevel=4, mtime=0)


def _rotation(axes: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """Handedness (qfac) and quaternion (b, c, d) of the rotation nearest to ``axes`` (NIfTI-1 method 2)."""
    u, _, v = np.linalg.svd(axes)
    nearest = u @ v
    handedness = 1.0 if np.linalg.det(nearest) > 0 else -1.0
    nearest[:, 2] *= handedness
    x, y, z, w = Rotation.from_matrix(nearest).as_quat(canonical=True)
    return handedness, np.array([x, y, z]) if w >= 0 else np.array([-x, -y, -z])


def label_names() -> dict[str, str]:
    """Codes a network may write, with their names, for ``labels.json``."""
    last = Structure.NASAL_CAVITY
    return {str(code.value): code.name.lower() for code in Structure if code <= last}


def write_mask(folder: Path, stem: str, segmentation: Segmentation) -> tuple[Path, ...]:
    """Write ``<stem>.nii.gz`` and, where opacification is known, ``<stem>_opacified.nii.gz``; return their paths.

    Of masks that a reader edited, the network's own go beside them as ``<stem>_ai.nii.gz``.
    """
    written = [folder / f"{stem}.nii.gz"]
    write_bytes(written[0], nifti_bytes(segmentation.labels, segmentation.affine))
    if segmentation.opacified is not None:
        written.append(folder / f"{stem}_opacified.nii.gz")
        write_bytes(written[1], nifti_bytes(segmentation.opacified.astype(np.uint8), segmentation.affine, OF_OPACITY))
    if segmentation.original is not None and segmentation.original.author is Author.AI:
        written.append(folder / f"{stem}_ai.nii.gz")
        write_bytes(written[-1], nifti_bytes(segmentation.original.labels, segmentation.affine))
    return tuple(written)


def listed_elsewhere(folder: Path, series_instance_uid: str) -> list[dict[str, object]]:
    """Files of other series in the folder's ``labels.json``; none where there is no such list.

    Raises
    ------
    StorageError
        Where there is a file of that name that is no such list: it is somebody else's.
    """
    path = folder / "labels.json"
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = [dict(entry) for entry in content["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            "This folder has a labels.json that is no list of masks.", "Choose another folder."
        ) from error
    return [entry for entry in files if entry.get("series_instance_uid") != series_instance_uid]


def write_labels(folder: Path, files: list[dict[str, object]]) -> None:
    """Write ``labels.json``: codes, names, and for each file its series and what its voxels mean."""
    content = {
        "schema_version": 1,
        "research_use_only": True,
        "labels": label_names(),
        "opacified": {"1": "opacified"},
        "files": files,
    }
    write_text(folder / "labels.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")

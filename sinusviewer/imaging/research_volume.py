"""NIfTI and NRRD files as volumes: their affine is used, but no side is proved by it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import Series
from sinusviewer.errors import InputError
from sinusviewer.imaging.geometry import ORTHOGONAL_TOLERANCE
from sinusviewer.imaging.label_map import ALONE, codes_of, label_map_note
from sinusviewer.imaging.nifti import RawVolumeHeader, read_nifti
from sinusviewer.imaging.nrrd import read_nrrd
from sinusviewer.imaging.research import UNORIENTED, ResearchFormat, sniff_format
from sinusviewer.jobs.runner import CancelToken, Progress


def load_research_volume(
    series: Series, progress: Progress | None, token: CancelToken | None, first_image: Callable[[Volume], None] | None
) -> Volume:
    """Load a NIfTI or NRRD file, or a picture as a volume of one slice.

    Raises
    ------
    InputError
        If the file is damaged.
    CancelledError
        If the token was cancelled.
    """
    path = series.instances[0].path
    if progress is not None:
        progress("Reading the volume")
    try:
        with path.open("rb") as file:
            kind = sniff_format(file.read(400), series.identity.series_description or path.name)
        if kind not in (ResearchFormat.NIFTI, ResearchFormat.NRRD):
            raise InputError("A picture is no volume.")
        stored, header = read_nifti(path) if kind is ResearchFormat.NIFTI else read_nrrd(path)
    except OSError as error:
        raise InputError(f"The file cannot be opened ({error.strerror or type(error).__name__}).") from error
    if token is not None:
        token.raise_if_cancelled()
    note = label_map_note(path, header) if ALONE in series.warnings else None
    codes = None if note is None else codes_of(stored)
    if note is not None and codes is not None:
        return _masks_alone(series, codes, header, proved=note.side_verified)
    voxels = _to_hu(stored, header)
    affine = header.affine.copy()
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    skewed = float(np.abs(directions.T @ directions - np.eye(3)).max()) > 10 * ORTHOGONAL_TOLERANCE
    volume = Volume(
        voxels=voxels,
        affine=affine,
        identity=series.identity,
        sop_instance_uids=tuple(f"{series.instances[0].sop_instance_uid}#{i + 1}" for i in range(len(voxels))),
        oriented=False,
        measurable=len(voxels) > 1 and not skewed,
        for_models=len(voxels) > 1 and not skewed,
        warnings=(UNORIENTED,),
    )
    if first_image is not None:
        middle = len(voxels) // 2
        origin = affine.copy()
        origin[:3, 3] += affine[:3, 2] * middle
        first_image(
            Volume(
                voxels[middle : middle + 1], origin, series.identity, oriented=False, measurable=False, for_models=False
            )
        )
    return volume


def _masks_alone(series: Series, codes: npt.NDArray[np.uint8], header: RawVolumeHeader, *, proved: bool) -> Volume:
    """Codes of structures where an image has values; no network reads them, and no side of theirs is asked for.

    ``proved`` says that they were written over a CT whose sides were known: they then name the patient's.
    """
    uids = tuple(f"{series.instances[0].sop_instance_uid}#{i + 1}" for i in range(len(codes)))
    return Volume(
        codes.astype(np.int16), header.affine.copy(), series.identity, uids, oriented=proved, for_models=False,
        warnings=(ALONE,),
    )  # fmt: skip


def _to_hu(stored: npt.NDArray[Any], header: RawVolumeHeader) -> npt.NDArray[np.int16]:
    native = stored.dtype.newbyteorder("=")
    if header.slope == 1 and header.intercept == 0 and native == np.int16:
        return stored.astype(np.int16, copy=not stored.flags.writeable)
    result = np.empty(stored.shape, np.int16)
    for z, plane in enumerate(stored):  # plane by plane: a float64 copy of the whole would be four volumes
        values = np.nan_to_num(plane.astype(np.float64)) * header.slope + header.intercept
        result[z] = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return result

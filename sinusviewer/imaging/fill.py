"""Slices into an int16 volume of Hounsfield units, in place and in parallel."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.errors import CancelledError, DicomReadError
from sinusviewer.imaging.decode import FrameReader, put_bits_right
from sinusviewer.imaging.grey import Rescale, modality_lut_of, padding_range
from sinusviewer.imaging.headers import Header
from sinusviewer.imaging.lookup import apply_table
from sinusviewer.imaging.slices import Slice
from sinusviewer.jobs.runner import CancelToken

Hu = npt.NDArray[np.int16]

PADDING_HU = -3024
"""What padding becomes in every volume: below anything a scanner measures, so it can be told from air."""
_FILL_BELOW_HU = -1500
"""Corners below this are the fill outside the scanner's field of view, declared as padding or not."""
_AIR_LIKE_HU = -1100
_WORKERS = 4


@dataclass(frozen=True, slots=True)
class FillResult:
    """Which slices failed and why, and whether any padding was met."""

    failed: dict[int, str]
    padded: bool


def fill_slice(slice_: Slice, target: Hu) -> bool:
    """Decode one slice into ``target``; returns whether it has padding.

    Raises
    ------
    DicomReadError
        If it cannot be decoded.
    """
    with FrameReader(slice_.header) as reader:
        return _fill_with(reader, slice_, target)


def _fill_with(reader: FrameReader, slice_: Slice, target: Hu) -> bool:
    header = slice_.header
    table = modality_lut_of(header)
    if table is None and _read_in_place(reader, slice_, target):
        return _mark_fill(target)
    stored = reader.read(slice_.frame)
    mask = _padding(stored, header, slice_.rescale)
    if table is not None:
        values: npt.NDArray[Any] = apply_table(stored, table)
    else:
        values = _to_hu(stored, slice_.rescale)
    np.copyto(target, np.clip(values, -32768, 32767), casting="unsafe")
    if mask is not None:
        target[mask] = PADDING_HU
    return _mark_fill(target) or mask is not None


def _to_hu(stored: npt.NDArray[Any], rescale: Rescale) -> npt.NDArray[Any]:
    if rescale.slope == int(rescale.slope) and rescale.intercept == int(rescale.intercept):
        return stored.astype(np.int64) * int(rescale.slope) + int(rescale.intercept)
    return np.rint(stored.astype(np.float64) * rescale.slope + rescale.intercept)


def _read_in_place(reader: FrameReader, slice_: Slice, target: Hu) -> bool:
    """The fast path: native 16-bit pixels with slope 1, without a temporary array where there is no padding value."""
    header, rescale = slice_.header, slice_.rescale
    if rescale.slope != 1 or rescale.intercept != int(rescale.intercept) or not reader.read_into(slice_.frame, target):
        return False
    stored_bits = header.bits_stored
    if stored_bits < 16:
        target[...] = put_bits_right(target, header).view(np.int16)
    elif not header.signed and int(target.min()) < 0:
        return False  # unsigned values that int16 does not hold
    intercept = int(rescale.intercept)
    if intercept and not -32768 <= int(target.min()) + intercept <= int(target.max()) + intercept <= 32767:
        return False
    mask = _padding(target, header, rescale)
    if intercept:
        target += np.int16(intercept)
    if mask is not None:
        target[mask] = PADDING_HU
    return True


def _padding(stored: npt.NDArray[Any], header: Header, rescale: Rescale) -> npt.NDArray[np.bool_] | None:
    limits = padding_range(header)
    if limits is None:
        return None
    mask = np.asarray(stored == limits[0] if limits[0] == limits[1] else (stored >= limits[0]) & (stored <= limits[1]))
    if not mask.any():
        return None
    if limits[1] * rescale.slope + rescale.intercept > _AIR_LIKE_HU:
        # The padding value is also that of air: only what touches the border is padding, never air in a sinus.
        regions, _ = ndimage.label(mask)
        border = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
        mask = np.isin(regions, border[border > 0])
        return mask if mask.any() else None
    return mask


def _mark_fill(target: Hu) -> bool:
    """Turn undeclared fill outside the field of view, seen in the corners, into padding."""
    corners = {int(target[y, x]) for y in (0, -1) for x in (0, -1)}
    fills = [v for v in corners if v < _FILL_BELOW_HU]
    for value in fills:
        if value != PADDING_HU:
            target[target == value] = PADDING_HU
    return bool(fills)


def fill_volume(
    slices: Sequence[Slice], voxels: Hu, done: Callable[[int], None] | None = None, token: CancelToken | None = None
) -> FillResult:
    """Decode all slices into ``voxels[z]``; one that fails becomes padding and is named.

    Parameters
    ----------
    done
        Called with the number of slices finished.

    Raises
    ------
    CancelledError
        If the token was cancelled; checked before every slice.
    """
    failed: dict[int, str] = {}
    padded = threading.Event()

    def run(indices: Sequence[int]) -> int:
        reader: FrameReader | None = None
        try:
            for index in indices:
                if token is not None:
                    token.raise_if_cancelled()
                try:
                    header = slices[index].header
                    if reader is None or reader.header is not header:
                        if reader is not None:
                            reader.close()
                        reader = FrameReader(header)
                    if _fill_with(reader, slices[index], voxels[index]):
                        padded.set()
                except DicomReadError as error:
                    failed[index] = str(error)
                    voxels[index] = PADDING_HU
                    padded.set()
        finally:
            if reader is not None:
                reader.close()
        return len(indices)

    # Frames of one file go in longer batches, so that its table of frames is read a few times only.
    size = 4 if slices[0].header is not slices[-1].header else max(4, len(slices) // (2 * _WORKERS))
    batches = [range(i, min(i + size, len(slices))) for i in range(0, len(slices), size)]
    finished = 0
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="slices") as pool:
        futures = [pool.submit(run, batch) for batch in batches]
        try:
            for future in as_completed(futures):
                finished += future.result()
                if done is not None:
                    done(finished)
        except CancelledError:
            for future in futures:
                future.cancel()
            raise
    return FillResult(failed, padded.is_set())

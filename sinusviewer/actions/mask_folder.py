"""Masks and heat of kept readings in files beside the database, named by their content; what nothing refers to is deleted."""

import contextlib
import hashlib
import io
import os
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.finding import Author, Heatmap, Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.errors import StorageError
from sinusviewer.records.readings import HeatNote, MasksFile
from sinusviewer.report.atomic import write_bytes

_GONE = StorageError("The masks of the kept reading are gone or damaged.", "Read again to have them back.")
_FINEST_HEAT = 128
"""Rows and columns of kept heat: it came from far fewer cells of the network."""
_UNTOUCHED_S = 86_400.0
"""A file younger than a day may belong to a reading that is just being written, by this program or another."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptArrays:
    """What comes back from a file: the network's masks, and where it looked."""

    segmentation: Segmentation
    heatmaps: tuple[Heatmap, ...] = ()
    recurrence_heat: Heatmap | None = None


@dataclass(frozen=True, slots=True)
class PackedMasks:
    """A file of masks and its content, written or still to be."""

    file: MasksFile
    content: bytes


class MaskFolder:
    """Compressed files; one that exists is not written again. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def write(self, reading: SeriesReading) -> MasksFile:
        """Write the network's masks of a reading that has some, and its heat.

        Raises
        ------
        StorageError
            Where the disk is full, or there are no masks.
        """
        return self.store(self.pack(reading))

    def pack(self, reading: SeriesReading) -> PackedMasks:
        """What a file of a reading's masks and heat would hold; a hundredth of the arrays' size.

        Raises
        ------
        StorageError
            Where there are no masks.
        """
        if reading.segmentation is None:
            raise StorageError("There are no masks to keep.")
        own = reading.segmentation.original or reading.segmentation
        heats = tuple((h, "endotype") for h in reading.heatmaps)
        heats += ((reading.recurrence_heat, "recurrence"),) if reading.recurrence_heat is not None else ()
        arrays: dict[str, npt.NDArray[Any]] = {"labels": own.labels}
        if own.opacified is not None:
            arrays["opacified"] = own.opacified
        arrays |= {f"heat_{number}": _coarse_heat(heat.values) for number, (heat, _) in enumerate(heats)}
        content = _packed(arrays)
        digest = hashlib.sha256(content).hexdigest()
        notes = tuple(HeatNote(of, h.method, h.layer, h.window, h.inside_mask) for h, of in heats)
        file = MasksFile(f"{digest[:32]}.npz", digest, own.author.value, own.opacified_by_rule, notes)
        return PackedMasks(file, content)

    def store(self, packed: PackedMasks) -> MasksFile:
        """Write what was packed.

        Raises
        ------
        StorageError
            Where the disk is full.
        """
        path = self._folder / packed.file.name
        with self._lock:
            try:
                os.utime(path)  # from now on young: no sweep takes it before its row is written
            except OSError:
                write_bytes(path, packed.content)
        return packed.file

    def read(self, kept: MasksFile, volume: Volume) -> KeptArrays:
        """The masks and the heat, on the volume they were made on.

        Raises
        ------
        StorageError
            Where the file is gone, changed, or not of this volume.
        """
        if Path(kept.name).name != kept.name:
            raise _GONE
        try:
            content = (self._folder / kept.name).read_bytes()
            if hashlib.sha256(content).hexdigest() != kept.sha256:
                raise _GONE
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                labels = arrays["labels"]
                opacified = arrays["opacified"] if "opacified" in arrays.files else None
                heats = tuple(_heat(note, arrays[f"heat_{number}"]) for number, note in enumerate(kept.heats))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise _GONE from error
        whole = labels.dtype == np.uint8 and labels.shape == volume.voxels.shape
        if not whole or (opacified is not None and (opacified.dtype != np.bool_ or opacified.shape != labels.shape)):
            raise _GONE
        masks = Segmentation(labels, volume.affine, opacified, Author(kept.author), kept.opacified_by_rule)
        named = tuple(zip(kept.heats, heats, strict=True))
        of_score = next((heat for note, heat in named if note.of == "recurrence"), None)
        return KeptArrays(masks, tuple(heat for note, heat in named if note.of == "endotype"), of_score)

    def sweep(self, needed: Callable[[], frozenset[str]]) -> int:
        """Delete the files that nothing needs, and what a killed program left half written; how many went.

        ``needed`` gives names and is asked after the files were listed: a reading that was kept meanwhile is among them. A file
        is deleted only a day after it was last written, so that one whose row is still to come stays. Killed at any moment,
        this leaves every file that is needed.
        """
        now, count = time.time(), 0
        found = [*self._folder.glob("*.npz"), *self._folder.glob(".*.part")]
        names = needed() if found else frozenset()
        for path in found:
            if path.name in names:
                continue
            with self._lock, contextlib.suppress(OSError):  # gone already, or held open by another program
                if now - path.stat().st_mtime > _UNTOUCHED_S:
                    path.unlink()
                    count += 1
        return count


def _coarse_heat(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """In the 256 steps in which it is drawn, on no finer a grid in the slice than it can have had."""
    rows, columns = (_picked(size) for size in values.shape[-2:])
    coarse = values[..., rows[:, np.newaxis], columns]
    return np.round(np.clip(coarse, 0, 1) * 255).astype(np.uint8)


def _picked(size: int) -> npt.NDArray[np.intp]:
    """Indices at the middles of at most so many equal parts."""
    parts = min(size, _FINEST_HEAT)
    return np.asarray((np.arange(parts) + 0.5) * size / parts, dtype=np.intp)


def _heat(note: HeatNote, stored: npt.NDArray[Any]) -> Heatmap:
    if stored.dtype != np.uint8 or stored.ndim not in (2, 3):
        raise _GONE
    values = stored.astype(np.float32) / np.float32(255)
    return Heatmap(values, note.method, note.layer, note.window, note.inside_mask)


def _packed(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """An NPZ at the lowest level of compression: a label map shrinks to a hundredth even so, in a third of the time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            # A fixed date: equal masks give equal files.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()

"""Masks and heatmaps of studies that are not on screen, packed: a label map shrinks to a hundredth, and comes back whole."""

import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.domain.finding import Heatmap, Segmentation
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.session import Session


@dataclass(frozen=True, slots=True)
class PackedArray:
    """An array of any kind, compressed without loss."""

    content: bytes
    dtype: str
    shape: tuple[int, ...]


def pack(array: npt.NDArray[Any]) -> PackedArray:
    return PackedArray(zlib.compress(np.ascontiguousarray(array).view(np.uint8).data, 1), array.dtype.str, array.shape)


def unpack(packed: PackedArray) -> npt.NDArray[Any]:
    flat = np.frombuffer(bytearray(zlib.decompress(packed.content)), dtype=np.dtype(packed.dtype))
    return flat.reshape(packed.shape)


@dataclass(frozen=True, slots=True, eq=False)
class PutAway:
    """What was taken out of a reading, and the reading without it."""

    without: SeriesReading
    labels: PackedArray | None
    opacified: PackedArray | None
    heat: tuple[PackedArray, ...]
    segmentation: tuple[Any, ...]  # affine, author, whether a rule said what is opacified
    heatmaps: tuple[tuple[str, str, str], ...]  # method, layer, window


def put_away(reading: SeriesReading) -> PutAway:
    """Pack what is large in a reading; of edited masks the network's own, which the reader's patches are put on again."""
    masks = reading.segmentation
    masks = masks if masks is None or masks.original is None else masks.original
    return PutAway(
        replace(reading, segmentation=None, heatmaps=()),
        pack(masks.labels) if masks is not None else None,
        pack(masks.opacified) if masks is not None and masks.opacified is not None else None,
        tuple(pack(h.values) for h in reading.heatmaps),
        (masks.affine, masks.author, masks.opacified_by_rule) if masks is not None else (),
        tuple((h.method, h.layer, h.window) for h in reading.heatmaps),
    )


def take_back(kept: PutAway) -> SeriesReading:
    """The reading as it was."""
    segmentation = None
    if kept.labels is not None:
        affine, author, by_rule = kept.segmentation
        opacified = unpack(kept.opacified) if kept.opacified is not None else None
        segmentation = Segmentation(unpack(kept.labels), affine, opacified, author, by_rule)
    heatmaps = tuple(Heatmap(unpack(h), *named) for h, named in zip(kept.heat, kept.heatmaps, strict=True))
    return replace(kept.without, segmentation=segmentation, heatmaps=heatmaps)


class Shelf:
    """Keeps the session light; call `tidy` when what is shown has changed. Packing goes on in the background."""

    def __init__(self, session: Session, desk: JobDesk) -> None:
        self._session, self._desk = session, desk
        self._kept: dict[str, PutAway] = {}

    def tidy(self) -> None:
        """Put away what is no longer shown; bring back what is shown again."""
        for key, reading in self._session.readings.items():
            large = reading.segmentation is not None or bool(reading.heatmaps)
            shown, group = self._is_shown(key), f"shelf:{key}"
            if self._desk.works_for(group):
                continue
            if large and not shown:
                work, done = partial(_run, put_away, reading), partial(self._was_packed, key, reading)
                self._desk.submit("io", "Putting masks away", work, Continuation(done, group=group))
            elif shown and key in self._kept:
                kept = self._kept[key]
                work, done = partial(_run, take_back, kept), partial(self._was_unpacked, key, kept)
                self._desk.submit("io", "Bringing masks back", work, Continuation(done, group=group))

    def _is_shown(self, key: str) -> bool:
        session = self._session
        series_key = key.partition("/")[0]
        study = session.study_of(series_key)
        if any(session.views[view].series_key == series_key for view in session.shown_views):
            return True
        return study is not None and study.study_instance_uid == session.study_uid

    def _was_packed(self, key: str, packed: SeriesReading, kept: PutAway) -> None:
        if self._session.readings.get(key) is packed and not self._is_shown(key):
            self._session.readings[key] = kept.without  # nothing on screen changes, so nobody need be told
            self._kept[key] = kept

    def _was_unpacked(self, key: str, kept: PutAway, whole: SeriesReading) -> None:
        self._kept.pop(key, None)
        if self._session.readings.get(key) is kept.without:  # else it was read anew meanwhile
            self._session.set_reading(whole, key.partition("/")[0])
        self.tidy()


def _run(work: Any, given: Any, _progress: Progress, _token: CancelToken) -> Any:
    return work(given)

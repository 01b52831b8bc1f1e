"""Keeps readings between starts: what a reading was made of is marked when it is made and asked for before it is shown again."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.mask_folder import KeptArrays, MaskFolder, PackedMasks
from sinusviewer.actions.pending_writes import PendingWrites
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import Series, Study
from sinusviewer.errors import SinusViewerError, StorageError
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.records.readings import InputMark, KeptReading, MasksFile, ReadingStore, kept_reading
from sinusviewer.session import Image, Session, reading_key


@dataclass(frozen=True, slots=True)
class Traces:
    """What reading left behind of one image: the mark of what was read, and its masks in a file where they could be written."""

    hanging: str
    pixels: str
    masks: MasksFile | None = None
    fault: str = ""
    refused: PackedMasks | None = None
    """Masks that the disk refused: to be written when it takes them."""


Trace = Callable[[Image, tuple[SeriesReading, ...], CancelToken], dict[str, Traces]]
"""Runs in the background, right after reading; traces by SOP instance UID, "" for a volume."""


def no_traces(_image: Image, _readings: tuple[SeriesReading, ...], _token: CancelToken) -> dict[str, Traces]:
    """For scripts and tests that keep nothing."""
    return {}


def pixels_digest(image: Volume | Radiograph, token: CancelToken | None = None) -> str:
    """Digest of every pixel, and of where a volume lies in space."""
    digest = hashlib.blake2b(digest_size=16)
    array = image.voxels if isinstance(image, Volume) else image.pixels
    digest.update(f"{array.dtype.str} {array.shape}".encode())
    if isinstance(image, Volume):
        digest.update(np.round(image.affine, 5).tobytes())
    for part in array:
        if token is not None:
            token.raise_if_cancelled()
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def hanging_of(image: Volume | Radiograph) -> str:
    """What is known of sides and geometry; the wording of a reading follows from it."""
    if isinstance(image, Volume):
        return f"oriented={image.oriented} measurable={image.measurable}"
    turned = f" upright_turns={image.upright_turns}" if image.upright_turns else ""
    return f"right_is_left={image.patient_right_is_image_left} upside_down={image.upside_down}{turned}"


def instances_digest(series: Series, sop_instance_uid: str = "") -> str:
    """Digest of the UIDs that a reading covers, as the headers give them: the film's own, or all of the series."""
    if sop_instance_uid:
        uids = [i.sop_instance_uid for i in series.instances if i.sop_instance_uid == sop_instance_uid]
    else:
        uids = sorted(i.sop_instance_uid for i in series.instances)
    return hashlib.sha256("\n".join(uids).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def note_name(study: Study, image_key: str) -> str:
    """Names an image in the notes of its study: a film by its key; a volume also by its images, which give slices their numbers."""
    if "/" in image_key:
        return image_key
    series = next((s for s in study.series if s.key == image_key), None)
    return image_key if series is None else f"{image_key} {instances_digest(series)[:12]}"


def tracer(masks: MaskFolder) -> Trace:
    """The background part of keeping."""

    def trace(image: Image, readings: tuple[SeriesReading, ...], token: CancelToken) -> dict[str, Traces]:
        subjects = {"": image} if isinstance(image, Volume) else {film.sop_instance_uid: film for film in image}
        found: dict[str, Traces] = {}
        for reading in readings:
            subject = subjects.get(reading.sop_instance_uid)
            if subject is None or reading.status is not SeriesStatus.READ or not reading.provenance.created:
                continue
            file, fault, refused = None, "", None
            if reading.segmentation is not None:
                try:
                    refused = masks.pack(reading)
                    file, refused = masks.store(refused), None
                except StorageError as error:
                    fault = str(error)
                except MemoryError:
                    fault = "There is not enough memory."
            digest = pixels_digest(subject, token)
            found[reading.sop_instance_uid] = Traces(hanging_of(subject), digest, file, fault, refused)
        return found

    return trace


class ReadingKeeper:
    """Keeps what is read, and brings it back: numbers with the study, masks when the image is here and proved the same."""

    def __init__(
        self, session: Session, desk: JobDesk, store: ReadingStore, masks: MaskFolder,
        pending: PendingWrites | None = None,
    ) -> None:  # fmt: skip
        self._session, self._desk, self._store, self._masks = session, desk, store, masks
        self._pending = pending or PendingWrites(session)
        self._unproved: dict[str, KeptReading] = {}  # shown on the word of the headers, until the pixels are here
        session.reading_finished.connect(self._finished)

    def release(self) -> None:
        """Write what the disk refused before, then no more."""
        self._pending.flush()
        self._session.reading_finished.disconnect(self._finished)

    def forget_series(self, series_key: str) -> None:
        """Prove nothing of a series that has other images now."""
        for key in [k for k in self._unproved if k.partition("/")[0] == series_key]:
            del self._unproved[key]

    def _finished(self, key: str, reading: SeriesReading, traces: Traces | None) -> None:
        """Keep the network's own reading, whatever a reader has made of it on screen."""
        series_key, _, sop = key.partition("/")
        self._unproved.pop(key, None)
        session = self._session
        series, study = session.series(series_key), session.study_of(series_key)
        if traces is None or series is None or study is None:
            return
        mark = InputMark(instances_digest(series, sop), traces.hanging, traces.pixels)
        uid, refused = self._store.key_of(study.study_instance_uid), traces.refused
        kept = kept_reading(reading, mark, traces.masks)
        self._pending.write(f"{uid} {key} reading", lambda: self._store.keep(uid, key, kept), "reading")
        if refused is not None:  # its numbers are kept all the same, and once more with the masks
            whole = kept_reading(reading, mark, refused.file)

            def write() -> None:
                self._masks.store(refused)
                self._store.keep(uid, key, whole)

            self._pending.write(f"{uid} {key} reading", write, "masks")
        elif traces.fault:
            session.say("The masks of this reading could not be kept.", "warning", traces.fault)

    # -- bringing back -----------------------------------------------------------------------------------------------
    def recall(self, study_instance_uid: str) -> None:
        """Bring back what was read of a study, before its images are here; tells nobody, for nothing of it is on screen yet."""
        session = self._session
        try:
            found = self._store.recall(study_instance_uid)
        except StorageError as error:
            session.say(error.message, "error", error.hint)
            return
        if found.damaged:
            session.say(
                "A kept reading was damaged and has been dropped.", "warning", "Read again to see what is found."
            )
        changed = False
        for key, kept in found.readings.items():
            series_key, _, sop = key.partition("/")
            series = session.series(series_key)
            if series is None or key in session.readings:
                continue
            if instances_digest(series, sop) != kept.mark.instances:
                changed = True
                continue
            self._unproved[key] = kept
            session.place_reading(kept.reading(), series_key)
        if changed:
            session.say(
                "A kept reading is not shown: the images of its series are not the same any more.", "warning",
                "Read again.",
            )  # fmt: skip

    def image_loaded(self, series_key: str) -> None:
        """Prove, in the background, that what was read is what is here now; then the masks come back too."""
        image = self._session.images.get(series_key)
        if image is None:
            return
        subjects = {"": image} if isinstance(image, Volume) else {film.sop_instance_uid: film for film in image}
        for sop, subject in subjects.items():
            key = reading_key(series_key, sop)
            if key in self._unproved and not self._desk.works_for(f"kept:{key}"):
                self._prove(key, self._unproved[key], subject)

    def _prove(self, key: str, kept: KeptReading, subject: Volume | Radiograph) -> None:
        if hanging_of(subject) != kept.mark.hanging:
            self._forget(key, "its sides or its geometry have been settled differently since")
            return

        def work(_progress: Progress, token: CancelToken) -> tuple[bool, KeptArrays | None, str]:
            if pixels_digest(subject, token) != kept.mark.pixels:
                return False, None, ""
            if kept.masks is None or not isinstance(subject, Volume):
                return True, None, ""
            try:
                return True, self._masks.read(kept.masks, subject), ""
            except SinusViewerError as error:
                return True, None, str(error)

        def finished(result: tuple[bool, KeptArrays | None, str]) -> None:
            same, arrays, fault = result
            if self._unproved.pop(key, None) is None:  # read anew meanwhile
                return
            if not same:
                self._forget(key, "the pixels of its image are not the same any more")
                return
            if fault:
                self._session.say(fault, "warning")
            reading = self._session.readings.get(key)
            if arrays is not None and reading is not None and reading.segmentation is None:
                whole = replace(
                    reading,
                    segmentation=arrays.segmentation,
                    heatmaps=arrays.heatmaps,
                    recurrence_heat=arrays.recurrence_heat,
                )
                self._session.set_reading(whole, key.partition("/")[0])

        def cancelled() -> None:
            self.image_loaded(key.partition("/")[0])  # what is shown must be proved, whatever else was cancelled

        done = Continuation(finished, group=f"kept:{key}", on_cancelled=cancelled)
        self._desk.submit("io", "Bringing the reading back", work, done)

    def _forget(self, key: str, why: str) -> None:
        self._unproved.pop(key, None)
        self._session.forget_reading(key)
        self._session.say(f"A kept reading is not shown: {why}.", "warning", "Read again.")

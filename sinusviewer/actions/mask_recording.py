"""Keeps every change of a mask: each stroke goes to the records at once, and comes back when the CT is opened again.

A patch is written once and never changed; which of them are in force, in which order, is a note of the study.
"""

import base64
import binascii
from dataclasses import replace
from typing import Any

import numpy as np

from sinusviewer.actions.keeping import note_name
from sinusviewer.actions.pending_writes import PendingWrites
from sinusviewer.domain.finding import Author, Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import UNCHANGED, Box, MaskPatch
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.errors import StorageError
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.study_index import StudyIndex
from sinusviewer.records.study_keys import RecordsKey
from sinusviewer.session import ImageMarks, Session
from sinusviewer.session.connections import Connections

_PATCH = "#decision-"
"""Parts a patch's name in the history from its image's key; what is named so is no finding that stands on a film."""
_NOTE = "masks "
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, binascii.Error)


class MaskRecorder:
    """Listens to a session; a failure to write is said aloud and never stops painting."""

    def __init__(
        self, session: Session, findings: FindingStore, index: StudyIndex, pending: PendingWrites | None = None
    ) -> None:
        self._pending = pending or PendingWrites(session)
        self._session, self._findings, self._index = session, findings, index
        self._written: dict[str, tuple[MaskPatch, ...]] = {}
        self._known: set[str] = set()  # identifiers of patches whose voxels are in the records
        self._restored: set[str] = set()
        self._connections = Connections(
            (session.marks_changed, self._marks_changed),
            (session.image_changed, self._image_changed),
            (session.series_forgotten, self._forgotten),
        )

    def release(self) -> None:
        """Write what the disk refused before, then no more."""
        self._pending.flush()
        self._connections.release()

    def _forgotten(self, key: str, _study_uid: str) -> None:
        self._restored.discard(key)
        self._written.pop(key, None)

    def _marks_changed(self, key: str) -> None:
        patches = self._session.marks[key].mask_patches
        study = self._session.study_of(key)
        if study is None or patches == self._written.get(key, ()):
            return
        self._written[key] = patches  # or waiting to be
        uid, drawn = self._findings.key_of(study.study_instance_uid), self._drawn_alone(key)
        name = _NOTE + note_name(study, key)
        self._pending.write(
            f"{uid} masks {key}", lambda: self._write_patches(uid, key, name, patches, drawn_alone=drawn), "all"
        )

    def _write_patches(
        self, uid: RecordsKey, key: str, name: str, patches: tuple[MaskPatch, ...], *, drawn_alone: bool
    ) -> None:
        """Write the strokes that are not in the records yet, then which are in force."""
        for patch in patches:
            if patch.identifier not in self._known:
                self._write(uid, key, patch)
        content = {"in_force": [p.identifier for p in patches], "drawn_alone": drawn_alone}
        self._findings.set_note(uid, name, content)
        if patches:
            self._index.set_badge(uid, "edited")

    def _write(self, uid: RecordsKey, key: str, patch: MaskPatch) -> None:
        content = {
            "label": patch.label,
            "box": patch.box,
            "structures": patch.structures,
            "packed": base64.b64encode(patch.packed).decode("ascii"),
        }
        name = f"{key}{_PATCH}{patch.identifier}"
        self._findings.record(uid, key, "", name, "added", content)
        self._known.add(patch.identifier)

    def _drawn_alone(self, key: str) -> bool:
        """Whether a reader drew the masks without a network's."""
        reading = self._session.readings.get(key)
        segmentation = reading.segmentation if reading is not None else None
        return segmentation is not None and segmentation.author is Author.READER

    def _image_changed(self, key: str) -> None:
        """Bring the changes back as soon as the whole volume is here."""
        session = self._session
        volume, study = session.images.get(key), session.study_of(key)
        if not isinstance(volume, Volume) or len(volume.voxels) < 2 or study is None or key in self._restored:
            return
        self._restored.add(key)
        uid = study.study_instance_uid
        try:
            name = _NOTE + note_name(study, key)
            note = self._findings.note(uid, name)
            self._findings.show_note(uid, name, note)
            note = note if note is not None else self._findings.note(uid, _NOTE + key) or {}  # of earlier versions
            wanted = note.get("in_force", [])
            history = self._findings.latest(uid) if wanted else {}
        except (StorageError, ValueError):
            session.say("Changes of masks could not be read from the records.", "warning", self._unconfirm(key))
            return
        patches = []
        for identifier in wanted:
            event = history.get(f"{key}{_PATCH}{identifier}")
            patch = None if event is None else _patch(identifier, event.content, volume.voxels.shape)
            if patch is None:  # later ones may stand on it, but each says what its voxels became
                session.say("A change of a mask was damaged and is left out.", "warning", self._unconfirm(key))
                continue
            patches.append(patch)
        if not patches:
            return
        self._known.update(p.identifier for p in patches)
        marks = replace(session.marks.get(key, ImageMarks()), mask_patches=tuple(patches))
        self._written[key] = marks.mask_patches
        reading = session.readings.get(key)
        if note.get("drawn_alone") is True and (reading is None or reading.segmentation is None):
            session.set_reading(drawn_reading(key, volume, reading), key)
        session.restore_marks(key, marks)

    def _unconfirm(self, key: str) -> str:
        """Take back what was said of the masks: without a stroke they are others. Returns what a reader should do, if anything."""
        marks = self._session.marks.get(key)
        if marks is None or not marks.masks_confirmed:
            return ""
        self._session.restore_marks(key, replace(marks, masks_confirmed=""))
        return "Look at them, and confirm the masks again."


def drawn_reading(key: str, volume: Volume, reading: SeriesReading | None) -> SeriesReading:
    """A reading whose masks are the reader's alone, before any is put on."""
    empty = np.zeros(volume.voxels.shape, np.uint8)
    masks = Segmentation(empty, volume.affine, np.zeros(empty.shape, bool), Author.READER, opacified_by_rule=True)
    modality = volume.identity.modality
    return SeriesReading(
        reading.series_instance_uid if reading is not None else key, modality, SeriesStatus.READ, segmentation=masks
    )


def _patch(identifier: str, content: dict[str, Any], shape: tuple[int, ...]) -> MaskPatch | None:
    """A patch from the records; None where it is damaged or of another volume."""
    try:
        (z0, z1), (y0, y1), (x0, x1) = content["box"]
        box: Box = ((int(z0), int(z1)), (int(y0), int(y1)), (int(x0), int(x1)))
        inside = all(0 <= low < high <= size for (low, high), size in zip(box, shape, strict=True))
        packed = base64.b64decode(content["packed"], validate=True)
        structures = tuple(int(code) for code in content["structures"])
        patch = MaskPatch(str(identifier), str(content["label"]), box, packed, structures)
        known = not inside or np.isin(patch.values(), (*range(12), UNCHANGED)).all()
    except _DAMAGED:
        return None
    return patch if inside and known else None

"""Keeps what a person does: every change goes to the records at once, and comes back when the study is opened again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any

from sinusviewer.actions.keeping import ReadingKeeper, note_name
from sinusviewer.actions.pending_writes import PendingWrites
from sinusviewer.actions.restoring import DECISION, Restorer
from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.reading import SeriesStatus
from sinusviewer.domain.study import Study
from sinusviewer.errors import StorageError
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.study_index import StudyIndex
from sinusviewer.records.study_keys import SEPARATOR, RecordsKey
from sinusviewer.session import Image, ImageMarks, Session
from sinusviewer.session.connections import Connections

_STATUS_ACTIONS = {
    FindingStatus.ACCEPTED: "accepted",
    FindingStatus.REJECTED: "rejected",
    FindingStatus.EDITED: "edited",
    FindingStatus.PROPOSED: "restored",
}


class Recorder:
    """Listens to a session; a failure to write is said aloud and never stops reading."""

    def __init__(
        self, session: Session, findings: FindingStore, index: StudyIndex, keeper: ReadingKeeper,
        pending: PendingWrites | None = None,
    ) -> None:  # fmt: skip
        self._session, self._findings, self._index, self._keeper = session, findings, index, keeper
        self._written: dict[str, ImageMarks] = {}
        self._pending = pending or PendingWrites(session)
        self._known: dict[str, RecordsKey] = {}  # studies whose records are here, and whose these are
        self._restorer = Restorer(session, findings, keeper, self._written)
        findings.on_joined = self._joined
        self._connections = Connections(
            (session.marks_changed, self._marks_changed),
            (session.key_images_changed, self._key_images_changed),
            (session.clinical_changed, self._clinical_changed),
            (session.side_confirmed, self._side_confirmed),
            (session.decided, self._decided),
            (session.image_changed, self._restorer.image_changed),
            (session.studies_changed, self._studies_changed),
            (session.thumbnail_changed, self._thumbnail_changed),
            (session.readings_changed, self._readings_changed),
            (session.series_forgotten, self._forgotten),
        )

    def settled(self, series_key: str, image: Image) -> Image:
        """Films with the sides and turns that are in the records; safe to call in the background."""
        return self._restorer.settled(series_key, image)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Join what is noted of many studies in one writing; a disk that refuses it is said, and it is noted the next time."""
        try:
            with ExitStack() as stack:
                with suppress(StorageError):  # then each is written, or refused, by itself
                    stack.enter_context(self._findings.together())
                yield
        except StorageError as error:
            self._session.say(error.message, "error", error.hint)

    def owned(self, study: Study) -> Study:
        """The study under its patient's own records: series of a second patient under one UID get keys of their own."""
        key = self._findings.claim(study.study_instance_uid, study.identity)
        if not key.mark:
            return study
        self._session.say(
            "Another patient's study with the same UID is in the records: what is kept of the two stays apart.", "warning",
            "Number or birth date differ. Where it may be one person, a bar above the images asks.",
        )  # fmt: skip
        return replace(study, series=tuple(replace(s, key=f"{s.key}{SEPARATOR}{key.mark}") for s in study.series))

    def release(self) -> None:
        """Write what the disk refused before, then no more: the database is about to be closed."""
        self._pending.flush()
        self._connections.release()
        self._keeper.release()

    def _joined(self, name: str, aside: dict[str, Any] | None) -> None:
        """Another window changed the same note: nothing of it is lost, and the reader hears of it."""
        if aside is None:
            self._session.say(
                "Another window has changed this study too: what both did is kept.", "warning",
                "Close one of the windows and start the other again to see all of it.",
            )  # fmt: skip
            return
        what = {"report_text": "the text of this report", "side": "the sides of this image"}
        self._session.say(
            f"Another window has changed {what.get(name.partition(' ')[0], 'this study')} too: what was said last, here, stands.",
            "warning", "The other is kept beside it: click for it.", str(aside.get("text") or aside),
        )  # fmt: skip

    # -- writing -----------------------------------------------------------------------------------------------------
    def _marks_changed(self, image_key: str) -> None:
        study = self._study(image_key)
        if study is not None:
            uid, after = self._findings.key_of(study.study_instance_uid), self._session.marks[image_key]
            self._pending.write(f"{uid} {image_key}", lambda: self._write_marks(study, uid, image_key, after), "marks")

    def _write_marks(self, study: Study, uid: RecordsKey, image_key: str, after: ImageMarks) -> None:
        """Write what is new of an image's marks, part by part; what cannot be written is still new the next time."""
        before = self._written.get(image_key, ImageMarks())
        if before.detections != after.detections or before.film_confirmed != after.film_confirmed:
            self._write_detections(study, uid, image_key, before, after)
            before = replace(before, detections=after.detections, film_confirmed=after.film_confirmed)
            self._written[image_key] = before
        if before.ostiomeatal != after.ostiomeatal:
            self._write_scores(study, uid, image_key, dict(before.ostiomeatal), dict(after.ostiomeatal))
            before = replace(before, ostiomeatal=after.ostiomeatal)
            self._written[image_key] = before
        if before.masks_confirmed != after.masks_confirmed:
            series, _, sop = image_key.partition("/")
            said, name = ("masks_confirmed", "masks_unconfirmed")[not after.masks_confirmed], f"{image_key}{DECISION}"
            masks = {"masks": after.masks_confirmed or before.masks_confirmed}
            self._findings.record(uid, series, sop, f"{name}masks_confirmed", said, masks)
            before = replace(before, masks_confirmed=after.masks_confirmed)
            self._written[image_key] = before
            self._set_badge(study, uid)
        if before.measurements != after.measurements:
            content = {"items": [asdict(m) for m in after.measurements]}
            self._findings.set_note(uid, f"measurements {note_name(study, image_key)}", content)
        self._written[image_key] = after

    def _write_detections(
        self, study: Study, uid: RecordsKey, image_key: str, before: ImageMarks, after: ImageMarks
    ) -> None:
        old = {d.identifier: d for d in before.detections}
        new = {d.identifier: d for d in after.detections}
        series, _, sop = image_key.partition("/")

        def record(detection: Detection, action: str) -> None:
            name = f"{image_key}#{detection.identifier}"
            self._findings.record(uid, series, sop, name, action, asdict(detection))

        for identifier, detection in new.items():
            if identifier not in old:
                record(detection, "proposed" if detection.author is Author.AI else "added")
            elif detection != old[identifier]:
                status = detection.status
                moved = detection.xyxy != old[identifier].xyxy
                record(detection, "edited" if moved else _STATUS_ACTIONS[status])
        for identifier, detection in old.items():
            if identifier not in new:
                record(detection, "undone" if detection.author is Author.AI else "rejected")
        if before.film_confirmed != after.film_confirmed:
            said = "film_confirmed" if after.film_confirmed else "film_unconfirmed"
            self._findings.record(uid, series, sop, f"{image_key}{DECISION}film_confirmed", said, {})
        self._set_badge(study, uid)

    def _write_scores(
        self, study: Study, uid: RecordsKey, image_key: str, before: dict[Side, int], after: dict[Side, int]
    ) -> None:
        """A row for each complex that was scored, beside what was proposed; what stands is a note."""
        series, _, sop = image_key.partition("/")
        totals = self._session.proposed(image_key)
        for side in Side:
            if before.get(side) != after.get(side):
                proposed = totals and (totals.ostiomeatal_right if side is Side.RIGHT else totals.ostiomeatal_left)
                old = before.get(side, proposed)
                content = {"side": side.value, "before": old, "score": after.get(side), "proposed": proposed}
                self._findings.record(
                    uid, series, sop, f"{image_key}{DECISION}scored",
                    "scored" if side in after else "undone", content,
                )  # fmt: skip
        note = {side.value: score for side, score in after.items()}
        self._findings.set_note(uid, f"ostiomeatal {image_key}", note)
        self._set_badge(study, uid)

    def _key_images_changed(self) -> None:
        by_study: dict[str, list[dict[str, Any]]] = {uid: [] for uid in self._session.studies}
        for key in self._session.key_images:
            study = self._session.study_of(key.series_key)
            if study is not None:
                by_study[study.study_instance_uid].append(asdict(key))
        for uid, items in by_study.items():
            if items or self._note(uid, "key_images"):
                self._save(uid, "key_images", {"items": items})

    def _clinical_changed(self, study_uid: str) -> None:
        self._save(study_uid, "clinical", asdict(self._session.clinical[study_uid]))

    def _side_confirmed(self, image_key: str, right_is_left: bool) -> None:
        study = self._study(image_key)
        if study is None:
            return
        film = self._session.film_of(image_key)
        content = {"patient_right_is_image_left": right_is_left, "quarter_turns": film.upright_turns if film else 0}
        self._save(study.study_instance_uid, f"side {image_key}", content, image_key)
        self._record(study, image_key, f"{image_key}#side", "side_confirmed", content)

    def _decided(self, image_key: str, action: str, content: dict[str, Any]) -> None:
        """A decision on an image as a whole: a row of its history."""
        study = self._study(image_key)
        if study is None:
            return
        self._record(study, image_key, f"{image_key}{DECISION}{action}", action, content)
        if action == "turned":  # one note for both: a side confirmed before speaks of the image as it stood then
            side = {"patient_right_is_image_left": None, "quarter_turns": content["quarter_turns"]}
            self._save(study.study_instance_uid, f"side {image_key}", side, image_key)

    def _record(self, study: Study, image_key: str, name: str, action: str, content: dict[str, Any]) -> None:
        uid, (series, _, sop) = self._findings.key_of(study.study_instance_uid), image_key.partition("/")
        self._pending.write(
            f"{uid} {image_key}", lambda: self._findings.record(uid, series, sop, name, action, content)
        )

    def _studies_changed(self) -> None:
        with self.together():
            self._take_up()

    def _forgotten(self, series_key: str, study_uid: str) -> None:
        """Other images bear this name now: what is in the records of their study is asked for anew."""
        self._known.pop(study_uid, None)
        for key in [k for k in self._written if k not in self._session.marks and k.partition("/")[0] == series_key]:
            del self._written[key]
        self._restorer.forget_series(series_key)
        self._keeper.forget_series(series_key)

    def _take_up(self) -> None:
        """Note the studies that are new here, and bring back what is kept of them."""
        for uid, study in self._session.studies.items():
            key = self._findings.claim(uid, study.identity)
            before = self._known.get(uid)
            if before == key:
                continue
            if before is not None:  # the former patient's, of whom the study was closed
                self._session.clinical.pop(uid, None)
            self._known[uid] = key
            try:
                self._index.add(study)
            except StorageError as error:
                self._session.say(error.message, "error", error.hint)
            self._restorer.restore_study(uid)

    def _thumbnail_changed(self, key: str) -> None:
        study = self._session.study_of(key)
        if study is not None:
            try:
                self._index.set_thumbnail(study.study_instance_uid, self._session.thumbnails[key])
            except StorageError as error:
                self._session.say(error.message, "error", error.hint)

    def _readings_changed(self, reading_key: str) -> None:
        study = self._study(reading_key)
        if study is not None:
            try:
                self._set_badge(study, self._findings.key_of(study.study_instance_uid), reading_key)
            except StorageError as error:
                self._session.say(error.message, "error", error.hint)

    def _set_badge(self, study: Study, uid: RecordsKey, reading_key: str = "") -> None:
        """How far a study has come: signed for good, else edited as long as anything of a reader's stands, else as it was read."""
        session = self._session
        keys = {series.key for series in study.series}
        marks = [m for key, m in session.marks.items() if key.partition("/")[0] in keys]
        found = [r for key, r in session.readings.items() if key.partition("/")[0] in keys]
        last = session.readings.get(reading_key) or next(iter(found), None)
        badge = {SeriesStatus.READ: "read", SeriesStatus.REFUSED: "withheld"}.get(last.status, "") if last else ""
        if self._findings.signed_reports(uid):
            badge = "signed"
        elif any(m.judged for m in marks):
            badge = "edited"
        if badge:
            self._index.set_badge(uid, badge)

    def _save(self, study_uid: str, name: str, content: dict[str, Any], image_key: str = "") -> None:
        uid = self._findings.key_of(study_uid)
        self._pending.write(f"{uid} {image_key}", lambda: self._findings.set_note(uid, name, content), f"note {name}")

    def _note(self, uid: str, name: str) -> dict[str, Any] | None:
        try:
            return self._findings.note(uid, name)
        except StorageError as error:
            self._session.say(error.message, "error", error.hint)
            return None

    def _study(self, image_key: str) -> Study | None:
        return self._session.study_of(image_key.partition("/")[0])

"""Brings back what a person did and what was read, when a study is opened again."""

from dataclasses import replace
from typing import Any

from sinusviewer.actions.keeping import ReadingKeeper, note_name
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import KeyImage, Measurement, Plane, Tool
from sinusviewer.domain.film_turns import turned_upright
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.image import OrientationEvidence, Radiograph, Volume
from sinusviewer.domain.study import Study
from sinusviewer.domain.volume_sides import UNVERIFIED, is_open, sided
from sinusviewer.errors import StorageError
from sinusviewer.records.findings import FindingEvent, FindingStore
from sinusviewer.session import Image, ImageMarks, Session, reading_key

DECISION = "#decision-"
"""Names, in the history, what was decided of an image as a whole; not a finding that could be restored."""
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError)
"""What reading plain data of a damaged record may raise."""


class Restorer:
    """Reads the records; ``written`` is told what is in them already, so that nothing is recorded twice."""

    def __init__(
        self, session: Session, findings: FindingStore, keeper: ReadingKeeper, written: dict[str, ImageMarks]
    ) -> None:
        self._session, self._findings, self._keeper, self._written = session, findings, keeper, written
        self._measured: set[str] = set()  # series whose measurements are back

    def forget_series(self, series_key: str) -> None:
        """Bring its measurements back anew with the next image."""
        self._measured.discard(series_key)

    # -- with the study ----------------------------------------------------------------------------------------------
    def restore_study(self, uid: str) -> None:
        """Clinical data, key images, findings and readings of a study, before its images are here.

        Tells nobody but of key images: those who draw hear of the new study right after.
        """
        session = self._session
        found = self._note(uid, "clinical")
        self._findings.show_note(uid, "clinical", found)
        if found is not None:
            try:
                session.clinical[uid] = ClinicalData(**found)
            except TypeError:
                self._say_damaged("clinical data")
        keys, marked = [], self._note(uid, "key_images")
        self._findings.show_note(uid, "key_images", marked)
        for k in (marked or {}).get("items", ()):
            try:
                keys.append(
                    KeyImage(k["series_key"], Plane(k["plane"]), k["slice_index"], k["sop_instance_uid"], k["note"])
                )
            except _DAMAGED:
                self._say_damaged("key image")
        new = tuple(k for k in keys if k not in session.key_images)
        if new:
            session.key_images = (*session.key_images, *new)
            session.key_images_changed.emit()
        before = set(session.marks)
        self._restore_detections(uid)
        self._keeper.recall(uid)
        for key in set(session.marks) - before:
            self._written[key] = session.marks[key]

    def _restore_detections(self, uid: str) -> None:
        by_image: dict[str, list[Detection]] = {}
        confirmed = set()
        masks: dict[str, str] = {}  # which were confirmed
        for name, event in self._latest(uid).items():
            image_key, _, finding = name.rpartition("#")
            if event.action == "film_confirmed":
                confirmed.add(image_key)
                by_image.setdefault(image_key, [])
            if event.action == "masks_confirmed":
                masks[image_key] = str(event.content.get("masks", ""))
                by_image.setdefault(image_key, [])
            if finding == "side" or DECISION in name or event.action in ("proposed", "undone"):
                continue
            try:
                detection = _detection(event.content)
            except _DAMAGED:
                self._say_damaged("finding")
                continue
            if not (event.action == "rejected" and detection.author is Author.READER):
                by_image.setdefault(image_key, []).append(detection)
        for image_key, detections in by_image.items():
            if image_key not in self._session.marks:
                self._session.marks[image_key] = ImageMarks(
                    tuple(detections), film_confirmed=image_key in confirmed, masks_confirmed=masks.get(image_key, "")
                )

    # -- with the pixels ---------------------------------------------------------------------------------------------
    def image_changed(self, series_key: str) -> None:
        """Give an image that is here its confirmed side, its accepted geometry, its measurements and its masks back."""
        session = self._session
        image, study = session.images.get(series_key), session.study_of(series_key)
        if image is None or study is None:
            return
        uid = study.study_instance_uid
        if isinstance(image, Volume):
            if len(image.voxels) == 1:
                return  # the first slice of a volume that is being loaded
            if self._volume_side_again(uid, series_key, image) or self._accept_again(uid, series_key, image):
                return  # told again, of the one with its sides, of the accepted one
            image_keys = [series_key]
        else:
            if self._side_again(uid, series_key, image):
                return  # told again, of the films with their sides
            image_keys = [reading_key(series_key, film.sop_instance_uid) for film in image]
        if series_key not in self._measured:
            self._measured.add(series_key)
            self._restore_measurements(study, image_keys)
        self._keeper.image_loaded(series_key)

    def _side_again(self, uid: str, series_key: str, films: tuple[Radiograph, ...]) -> bool:
        """Turn films as a person said; not where the header says it itself."""
        session = self._session
        sided = self._settled(self._notes(uid, "side "), series_key, films)
        if all(now is before for now, before in zip(sided, films, strict=True)):
            return False
        session.set_image(series_key, sided)
        for view, state in session.views.items():
            number = state.slice_index
            if state.series_key == series_key and number < len(sided) and sided[number] is not films[number]:
                hung = hang_film(series_key, sided[number], number)
                session.set_view(view, flipped=hung.flipped, quarter_turns=hung.quarter_turns)
        return True

    def settled(self, series_key: str, image: Image) -> Image:
        """An image with the sides and turns that a person gave it; for images that are read without being shown."""
        study = self._session.study_of(series_key)
        if study is None:
            return image
        try:  # not by way of `_notes`: only the GUI thread may say anything
            known = self._findings.notes(study.study_instance_uid, "side ")
        except (StorageError, ValueError):
            return image
        if isinstance(image, Volume):
            return _sided_volume(image, known.get(series_key))
        return self._settled(known, series_key, image)

    def _volume_side_again(self, uid: str, series_key: str, volume: Volume) -> bool:
        """Give a volume the sides that a person named; not where its file proves them itself."""
        known = _sided_volume(volume, self._notes(uid, "side ").get(series_key))
        if known is volume:
            return False
        self._session.set_image(series_key, known)
        return True

    @staticmethod
    def _settled(
        known: dict[str, dict[str, Any]], series_key: str, films: tuple[Radiograph, ...]
    ) -> tuple[Radiograph, ...]:
        return tuple(_sided(film, known.get(reading_key(series_key, film.sop_instance_uid))) for film in films)

    def _accept_again(self, uid: str, series_key: str, volume: Volume) -> bool:
        """Accept faults of geometry that a reader has accepted before, and no others."""
        if volume.measurable:
            return False
        event = self._latest(uid).get(f"{series_key}{DECISION}geometry_accepted")
        if event is None or set(event.content.get("faults", ())) - {UNVERIFIED} != {
            w.code for w in volume.warnings if w.code != UNVERIFIED
        }:
            return False
        self._session.set_image(series_key, volume.accepted())
        self._session.say(
            f"Geometry accepted before ({event.reader}, {event.at[:10]}): volumes are measured; they carry the faults named."
        )
        return True

    def _restore_measurements(self, study: Study, image_keys: list[str]) -> None:
        session, uid = self._session, study.study_instance_uid
        notes, scored = self._notes(uid, "measurements "), self._notes(uid, "ostiomeatal ")
        for key in image_keys:
            self._findings.show_note(uid, f"ostiomeatal {key}", scored.get(key))
            self._findings.show_note(uid, f"measurements {note_name(study, key)}", notes.get(note_name(study, key)))
            try:
                scores = {Side(side): int(score) for side, score in scored.get(key, {}).items()}
                ostiomeatal = tuple((side, scores[side]) for side in Side if side in scores)
                note = notes.get(note_name(study, key), notes.get(key, {}))  # the plain key is of earlier versions
                measurements = tuple(_measurement(m) for m in note.get("items", ()))
            except _DAMAGED:
                self._say_damaged("measurement")
                continue
            if measurements or ostiomeatal:
                marks = session.marks.get(key, ImageMarks())
                marks = replace(marks, measurements=measurements, ostiomeatal=ostiomeatal)
                self._written[key] = marks
                session.restore_marks(key, marks)

    # -- records -----------------------------------------------------------------------------------------------------
    def _latest(self, uid: str) -> dict[str, FindingEvent]:
        try:
            return self._findings.latest(uid)
        except (StorageError, ValueError):
            self._say_damaged("finding")
            return {}

    def _note(self, uid: str, name: str) -> dict[str, Any] | None:
        return self._notes(uid, name).get("")

    def _notes(self, uid: str, prefix: str) -> dict[str, dict[str, Any]]:
        try:
            return self._findings.notes(uid, prefix)
        except (StorageError, ValueError):
            self._say_damaged("note")
            return {}

    def _say_damaged(self, what: str) -> None:
        self._session.say(f"A kept {what} was damaged and is not shown.", "warning")


def _sided(film: Radiograph, note: dict[str, Any] | None) -> Radiograph:
    """The film as a person turned it and named its sides; the same object where there is nothing new."""
    said, turns = (note or {}).get("patient_right_is_image_left"), (note or {}).get("quarter_turns", 0)
    if turns in (1, 2, 3) and film.upright_turns != turns:
        film = turned_upright(film, turns)
    if not isinstance(said, bool) or film.orientation_evidence is not OrientationEvidence.UNVERIFIED:
        return film
    return replace(
        film, patient_right_is_image_left=said, orientation_evidence=OrientationEvidence.CONFIRMED,
        warnings=tuple(w for w in film.warnings if w.code != "side_unverified"),
    )  # fmt: skip


def _sided_volume(volume: Volume, note: dict[str, Any] | None) -> Volume:
    """The volume as a person named its sides; the same object where there is nothing new."""
    said = (note or {}).get("patient_right_is_image_left")
    return sided(volume, said) if isinstance(said, bool) and is_open(volume) else volume


def _detection(content: dict[str, Any]) -> Detection:
    original, original_side = content.get("original_xyxy"), content.get("original_side")
    return Detection(
        _box(content["xyxy"]), float(content["score"]), _any_side(content["side"]),
        content["label"], Author(content["author"]), FindingStatus(content["status"]), content["identifier"],
        _box(original) if original else None, _any_side(original_side) if original_side else None,
    )  # fmt: skip


def _any_side(words: str) -> AnySide:
    return ImageSide(words) if words.startswith("image") else Side(words)


def _box(values: list[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(v) for v in values)
    return x0, y0, x1, y1


def _measurement(content: dict[str, Any]) -> Measurement:
    points = tuple((float(x), float(y)) for x, y in content["points"])
    return Measurement(
        Tool(content["kind"]), Plane(content["plane"]), int(content["slice_index"]), points, content["identifier"]
    )

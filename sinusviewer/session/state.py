"""The whole session: readings, key images, clinical data, jobs and messages over the layers below."""

from collections.abc import Set
from dataclasses import replace
from typing import ClassVar

from psygnal import Signal

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.display import KeyImage
from sinusviewer.domain.reading import LundMackay, SeriesReading
from sinusviewer.domain.scoring import scored_complexes, with_ostiomeatal
from sinusviewer.domain.session_parts import ImageMarks, JobState, Message
from sinusviewer.session.images import reading_key
from sinusviewer.session.marks import Marks, is_of

SAME_THRESHOLD = 0.005
"""A slider of whole hundredths cannot come nearer to a threshold."""


class Session(Marks):
    """Studies, images, readings, marks and display state, with a signal for each that may change."""

    readings_changed: ClassVar[Signal] = Signal(str)  # reading key
    reading_finished: ClassVar[Signal] = Signal(str, object, object)  # reading key, reading, its traces to be kept
    key_images_changed: ClassVar[Signal] = Signal()
    clinical_changed: ClassVar[Signal] = Signal(str)  # study instance UID
    models_changed: ClassVar[Signal] = Signal()
    jobs_changed: ClassVar[Signal] = Signal()
    messages_changed: ClassVar[Signal] = Signal()
    decided: ClassVar[Signal] = Signal(str, str, dict)  # image key, what a person decided of it, its particulars
    side_confirmed: ClassVar[Signal] = Signal(str, bool)  # image key, the patient's right is on the image's left

    def __init__(self) -> None:
        super().__init__()
        self.readings: dict[str, SeriesReading] = {}
        self._proposed: dict[str, LundMackay] = {}  # by reading key: totals before a reader scored a complex
        self.key_images: tuple[KeyImage, ...] = ()
        self.clinical: dict[str, ClinicalData] = {}
        self.jobs: dict[str, JobState] = {}
        self.models: dict[str, str] = {}  # SHA-256 of the active weights by name; empty until they were looked at
        self.messages: tuple[Message, ...] = ()
        for signal in (self.view_changed, self.layout_changed):
            signal.connect(self._leave_thresholds)

    def set_reading(self, reading: SeriesReading, series_key: str = "") -> None:
        """File a reading under its series; its boxes become marks unless a reader has marks there already."""
        key = self.place_reading(reading, series_key)
        self._keep_thresholds(self.display.thresholds.keys() - {key})  # another model may have another threshold
        if reading.waters is not None:
            self.marks_changed.emit(key)
        self.readings_changed.emit(key)

    def place_reading(self, reading: SeriesReading, series_key: str = "") -> str:
        """The same while nothing of it is on screen: nobody is told. The key of the reading."""
        key = reading_key(series_key or reading.series_instance_uid, reading.sop_instance_uid)
        self.readings[key] = reading = self._scored(key, reading)
        if reading.waters is not None:
            old = self.marks.get(key, ImageMarks())
            own = tuple(d for d in old.detections if d.author.value == "reader" or d.status.value != "proposed")
            kept = {d.identifier for d in own}
            fresh = tuple(
                replace(d, identifier=d.identifier or f"ai-{number}")
                for number, d in enumerate(reading.waters.boxes, 1)
            )
            marks = replace(old, detections=own + tuple(d for d in fresh if d.identifier not in kept))
            self.marks[key] = marks
        return key

    def _scored(self, key: str, reading: SeriesReading) -> SeriesReading:
        """The reading with the complexes that a reader scored, and what was proposed of the others."""
        totals = reading.lund_mackay
        if totals is None:
            return reading
        if not scored_complexes(totals):
            self._proposed[key] = totals
        reading = replace(reading, lund_mackay=self._proposed.get(key, totals))
        for side, score in self.marks.get(key, ImageMarks()).ostiomeatal:
            reading = with_ostiomeatal(reading, side, score)
        return reading

    def proposed(self, key: str) -> LundMackay | None:
        """The totals of a reading before any reader scored a complex."""
        return self._proposed.get(key)

    def restore_marks(self, image_key: str, marks: ImageMarks) -> None:
        """Put marks in place; the totals follow scores of complexes."""
        before, reading = self.marks.get(image_key, ImageMarks()), self.readings.get(image_key)
        self.marks[image_key] = marks
        rescored = reading is not None and before.ostiomeatal != marks.ostiomeatal
        if reading is not None and rescored:
            self.readings[image_key] = self._scored(image_key, reading)
        super().restore_marks(image_key, marks)
        if rescored:
            self.readings_changed.emit(image_key)

    def forget_reading(self, key: str) -> None:
        """Take a reading off the screen with what the network alone proposed; what a reader said of it stays."""
        if self.readings.pop(key, None) is None:
            return
        old = self.marks.get(key, ImageMarks())
        own = tuple(d for d in old.detections if d.author.value == "reader" or d.status.value != "proposed")
        if own != old.detections:
            self.restore_marks(key, replace(old, detections=own))
        self.readings_changed.emit(key)

    def forget_series(self, key: str, same_study: bool) -> None:
        """What was read of it goes too."""
        super().forget_series(key, same_study)
        for known in [k for k in self.readings if is_of(k, key, same_study)]:
            del self.readings[known]
            self._proposed.pop(known, None)

    def reading(self, view: str) -> SeriesReading | None:
        """The reading of what a view shows."""
        return self.readings.get(self.image_key(view))

    def waters_threshold(self, view: str) -> float:
        """The threshold for looking at what a view shows: the reader's, else the reading's own.

        Only what is drawn follows it. Result, report, list and exports keep to the reading's own.
        """
        reading = self.reading(view)
        own = reading.waters.threshold if reading is not None and reading.waters is not None else 0.0
        return self.display.thresholds.get(self.image_key(view), own)

    def move_threshold(self, view: str, threshold: float) -> None:
        """Look at the film of a view at another threshold, until it leaves the screen; the reading's own takes that back."""
        key, reading = self.image_key(view), self.reading(view)
        if reading is None or reading.waters is None:
            return
        others = {k: v for k, v in self.display.thresholds.items() if k != key}
        back = abs(threshold - reading.waters.threshold) < SAME_THRESHOLD
        self.set_display(thresholds=others if back else {**others, key: threshold})

    def _leave_thresholds(self, *_: object) -> None:
        """The next film is looked at with its own threshold, and so is this one when it comes back."""
        if self.display.thresholds:
            self._keep_thresholds({self.image_key(view) for view in self.views})

    def _keep_thresholds(self, keys: Set[str]) -> None:
        self.set_display(thresholds={k: v for k, v in self.display.thresholds.items() if k in keys})

    def toggle_key_image(self, key_image: KeyImage) -> None:
        known = [k for k in self.key_images if replace(k, note="") == replace(key_image, note="")]
        others = tuple(k for k in self.key_images if k not in known)
        self.key_images = others if known else (*others, key_image)
        self.key_images_changed.emit()

    def set_clinical(self, study_uid: str, clinical: ClinicalData) -> None:
        if self.clinical.get(study_uid) != clinical:
            self.clinical[study_uid] = clinical
            self.clinical_changed.emit(study_uid)

    def set_models(self, models: dict[str, str]) -> None:
        if models != self.models:
            self.models = models
            self.models_changed.emit()

    # -- jobs and messages -------------------------------------------------------------------------------------------
    def set_job(self, job: JobState) -> None:
        self.jobs[job.id] = job
        self.jobs_changed.emit()

    def end_job(self, job_id: str) -> None:
        if self.jobs.pop(job_id, None) is not None:
            self.jobs_changed.emit()

    def say(self, text: str, level: str = "info", hint: str = "", details: str = "") -> None:
        """Add a message; the last 200 are kept."""
        self.messages = (*self.messages[-199:], Message(text, level, hint, details))
        self.messages_changed.emit()

"""Small frozen parts of the session: a job as the job bar shows it, a message, what a person marked, a step to undo."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.display import Measurement
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.mask_edit import MaskPatch


@dataclass(frozen=True, slots=True)
class JobState:
    """What the job bar shows of one job."""

    id: str
    title: str
    stage: str = "Waiting"
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the message line; ``level`` is info, warning or error; ``details`` can be copied."""

    text: str
    level: str = "info"
    hint: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class ImageMarks:
    """Everything a person can change on one image: the boxes (AI and reader), the measurements, the masks."""

    detections: tuple[Detection, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    mask_patches: tuple[MaskPatch, ...] = ()
    """What a reader changed in a volume's masks, in order; the masks on screen follow from them."""
    film_confirmed: bool = False
    """Whether a reader said of the whole film: nothing is to be seen but what is marked. No mark alone says so."""
    ostiomeatal: tuple[tuple[Side, int], ...] = ()
    """The complexes that a reader scored, right before left; the others keep what is proposed."""
    masks_confirmed: str = ""
    """Names the masks of which a reader said, as a whole: they are right as they stand. Empty where nobody did."""

    @property
    def judged(self) -> bool:
        """Whether a reader has said or changed anything here that goes into a report; a measurement alone says nothing of it."""
        boxes = any(d.author is Author.READER or d.status is not FindingStatus.PROPOSED for d in self.detections)
        return boxes or self.film_confirmed or bool(self.mask_patches or self.ostiomeatal or self.masks_confirmed)

    def with_score(self, side: Side, score: int) -> "ImageMarks":
        """The same with a reader's score (0 or 2) of one complex."""
        scores = {**dict(self.ostiomeatal), side: score}
        return replace(self, ostiomeatal=tuple((s, scores[s]) for s in Side if s in scores))


@dataclass(frozen=True, slots=True)
class Edit:
    """One step that can be undone."""

    label: str
    image_key: str
    before: ImageMarks
    after: ImageMarks
    slice_index: int = 0

    def amended(self, change: Callable[[ImageMarks], ImageMarks]) -> "Edit":
        """The same step between marks that have been changed alike."""
        return replace(self, before=change(self.before), after=change(self.after))

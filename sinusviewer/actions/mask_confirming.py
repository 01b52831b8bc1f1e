"""What a reader says of a CT's masks as a whole: that they were looked at, all of them, and are right.

It is said of the masks on screen: a stroke, another reading or other sides make other masks, of which nobody has said anything.
"""

import zlib
from dataclasses import replace

import numpy as np

from sinusviewer.domain.finding import Author
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.session import ImageMarks, Session

_EVERY = 4
"""Along each axis: every fourth voxel tells masks from a file apart, and takes milliseconds, not the time of all."""
CONFIRMED = "The sinus masks are right."


def can_be_confirmed(reading: SeriesReading | None) -> bool:
    """Whether there are masks, and no network is still at work on them."""
    if reading is None or reading.segmentation is None:
        return False
    return reading.segmentation_model is None or reading.status is not SeriesStatus.VIEWED_ONLY


def masks_stamp(reading: SeriesReading | None) -> str:
    """What names the masks of a reading, the same when it comes back from the records; empty where none are finished."""
    if reading is None or reading.segmentation is None or not can_be_confirmed(reading):
        return ""
    model = reading.segmentation_model
    if model is not None:
        return f"{model.sha256} {reading.provenance.created}".strip()
    if reading.segmentation.author is Author.READER:
        return "drawn"
    own = reading.segmentation.original or reading.segmentation
    some = np.ascontiguousarray(own.labels[::_EVERY, ::_EVERY, ::_EVERY])
    return f"stored {zlib.crc32(some.tobytes()):08x}"


def masks_confirmed(marks: ImageMarks | None, reading: SeriesReading | None) -> bool:
    """Whether a reader has confirmed the masks of this very reading, as they stand now."""
    return marks is not None and bool(marks.masks_confirmed) and marks.masks_confirmed == masks_stamp(reading)


def confirm_masks(session: Session, view: str) -> None:
    """A reader says that all masks of a CT are right; said again, takes it back. One undoable step."""
    key, reading = session.image_key(view), session.reading(view)
    marks, stamp = session.marks.get(key, ImageMarks()), masks_stamp(reading)
    if masks_confirmed(marks, reading):
        session.edit("Take the confirmation back", key, replace(marks, masks_confirmed=""))
        return
    if not stamp:
        unread = reading is None or reading.segmentation is None
        session.say(
            "Not confirmed: this CT has no masks." if unread else "Not confirmed: the masks are still being made.", "warning",
            "Read it (Ctrl+R), or draw masks with the brush (M)." if unread else "Wait until the CT is read.",
        )  # fmt: skip
        return
    display = session.display
    if display.ai_hidden or not display.show_masks or display.hidden_structures:
        session.say("Not confirmed: masks are hidden.", "warning", "Show them all first (Sinuses tab, Masks).")
    else:
        session.edit("Confirm masks", key, replace(marks, masks_confirmed=stamp))
        session.say(f"Confirmed: {CONFIRMED[0].lower()}{CONFIRMED[1:]}")

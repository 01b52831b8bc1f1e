"""Which side of a CT is the patient's right, where its file does not prove it: a person says so, and all that is there follows."""

from dataclasses import replace

import numpy as np

from sinusviewer.actions.mask_recording import drawn_reading
from sinusviewer.domain.display import Plane
from sinusviewer.domain.finding import Author
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.volume_sides import is_open, mirrored_marks, sided
from sinusviewer.session import Session

TURNED = "A view is turned or mirrored: its left may be the image's right."


def is_turned(session: Session, view: str) -> bool:
    """Whether what a view shows is shown anywhere otherwise than it was hung, so that its left may be the image's right."""
    here, film = session.views[view], session.film(view)
    states = [s for v in session.shown_views if (s := session.views[v]).series_key == here.series_key]
    if film is None:
        return any(s.flipped or s.quarter_turns or s.mirror_compare for s in states)
    hung = hang_film(here.series_key, film, here.slice_index)
    return any(
        s.mirror_compare or (s.flipped, s.quarter_turns) != (hung.flipped, hung.quarter_turns)
        for s in states if s.slice_index == here.slice_index
    )  # fmt: skip


def confirm_volume_side(session: Session, view: str, *, right_is_image_left: bool) -> bool:
    """Settle the sides of what a view shows; whether a network must read it anew.

    Parameters
    ----------
    right_is_image_left
        Of the image as it hangs by its file's own directions, before anybody said anything of its sides.
    """
    key, volume = session.views[view].series_key, session.volume(view)
    if volume is None or not (is_open(volume) or volume.right_is_image_left is not None):
        return False
    if is_turned(session, view):
        session.say(TURNED, "warning", "Reset it first (R).")
        return False
    now = sided(volume, right_is_image_left)
    mirrored = not np.array_equal(now.affine, volume.affine)
    before = session.readings.get(key)
    drawn = before is not None and _drawn_alone(before)
    if mirrored or drawn:
        session.forget_reading(key)  # not a moment longer under the wrong sides
    follow = mirrored_marks(volume)
    sagittal = session.stack(key, Plane.SAGITTAL)
    session.replace_volume(key, now, mirrored=mirrored)
    if drawn:
        session.set_reading(drawn_reading(key, now, before), key)
    if mirrored:
        session.amend_marks(key, follow)  # no step to undo: a side is confirmed anew, never undone by the way
        last = sagittal.count - 1 if sagittal is not None else 0
        session.key_images = tuple(
            replace(k, slice_index=last - k.slice_index) if k.series_key == key and k.plane is Plane.SAGITTAL else k
            for k in session.key_images
        )
        session.key_images_changed.emit()
    session.side_confirmed.emit(key, right_is_image_left)
    session.say(
        "Side confirmed: the image hangs as its file gives it."
        if right_is_image_left
        else "Side confirmed: the image is mirrored in its file; it hangs the right way now, patient's right on the left.",
        hint="If that was wrong: menu Reading, Swap sides.",
    )
    return before is not None and not drawn


def _drawn_alone(reading: SeriesReading) -> bool:
    masks = reading.segmentation
    return masks is not None and masks.author is Author.READER and reading.status is SeriesStatus.READ

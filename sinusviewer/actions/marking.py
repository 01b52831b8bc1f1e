"""What a person says of findings and marks: accept, reject, draw, remember."""

from dataclasses import replace

from sinusviewer.actions.mask_confirming import confirm_masks
from sinusviewer.domain.display import KeyImage, is_drawn
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.session import ImageMarks, Session


class MarkActions:
    """The verbs of marking over one session; each is one step that can be undone."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def set_status(self, view: str, identifier: str, status: FindingStatus) -> None:
        """Accept or reject a finding of what a view shows; a reader's own one that is rejected is deleted. One undoable step.

        Only of that image: the networks' boxes bear the same names (ai-1, ai-2) on every film.
        """
        key = self.session.image_key(view)
        marks = self.session.marks.get(key, ImageMarks())
        found = next((d for d in marks.detections if d.identifier == identifier), None)
        if found is not None:
            changed = replace(found, status=status)
            own = found.author is Author.READER and status is FindingStatus.REJECTED
            rest = tuple(changed if d is found else d for d in marks.detections if not (own and d is found))
            words = {FindingStatus.ACCEPTED: "Accept finding", FindingStatus.REJECTED: "Reject finding"}
            after = replace(marks, detections=rest, film_confirmed=False)  # said of what was marked before
            self.session.edit(words.get(status, "Change finding"), key, after)
        elif status is FindingStatus.REJECTED and any(m.identifier == identifier for m in marks.measurements):
            rest_marks = tuple(m for m in marks.measurements if m.identifier != identifier)
            self.session.edit("Delete mark", key, replace(marks, measurements=rest_marks))

    def change_marks(self, view: str, label: str, marks: ImageMarks) -> None:
        key = self.session.image_key(view)
        if marks.detections != self.session.marks.get(key, ImageMarks()).detections:
            marks = replace(marks, film_confirmed=False)
        self.session.edit(label, key, marks, self.session.views[view].slice_index)

    def confirm_film(self, view: str) -> None:
        """A reader says that nothing is to be seen on the film but what is marked; said again, takes it back. One undoable step.

        On a CT: that its masks are right.
        """
        session = self.session
        if session.film(view) is None:
            confirm_masks(session, view)
            return
        key = session.image_key(view)
        marks = session.marks.get(key, ImageMarks())
        if marks.film_confirmed:
            session.edit("Take the confirmation back", key, replace(marks, film_confirmed=False))
        elif session.display.ai_hidden or not session.display.show_boxes:
            session.say("Not confirmed: the boxes are hidden.", "warning", "Show them first (Shift+B).")
        elif any(unjudged(d, lowest_threshold(session, view)) for d in marks.detections):
            session.say(
                "Not confirmed: a box is not judged yet.", "warning", "Accept, correct or reject every box first."
            )
        else:
            session.edit("Confirm film", key, replace(marks, film_confirmed=True))
            session.say(f"Confirmed: {confirmation(marks).lower()}")

    def delete_measurements(self, view: str) -> None:
        key = self.session.image_key(view)
        marks = self.session.marks.get(key, ImageMarks())
        self.session.edit("Delete measurements", key, replace(marks, measurements=()))

    def step_finding(self, view: str, by: int) -> None:
        """Select the next or the previous finding that shows on an image."""
        marks = self.session.marks.get(self.session.image_key(view), ImageMarks())
        threshold = self.session.waters_threshold(view)
        ids = [d.identifier for d in marks.detections if is_drawn(d, threshold)]
        if ids:
            at = ids.index(self.session.selected) if self.session.selected in ids else (-1 if by > 0 else 0)
            self.session.select(ids[(at + by) % len(ids)])

    def toggle_key_image(self, view: str) -> None:
        session = self.session
        state = session.views[view]
        stack = session.stack(state.series_key, state.plane)
        if stack is None:
            return
        film = session.film(view)
        uid = film.sop_instance_uid if film else ""
        session.toggle_key_image(KeyImage(state.series_key, stack.plane, state.slice_index, uid))

    def show_key_image(self, key_image: KeyImage) -> None:
        session = self.session
        view = next(
            (v for v in session.shown_views if session.views[v].series_key == key_image.series_key
             and session.views[v].plane is key_image.plane),
            session.active_view,
        )  # fmt: skip
        if key_image.series_key in session.images:
            session.set_view(view, series_key=key_image.series_key, plane=key_image.plane)
            session.go_to_slice(view, key_image.slice_index)
            session.set_active_view(view)


def unjudged(detection: Detection, threshold: float) -> bool:
    """Whether a finding is shown that a reader has neither accepted nor corrected nor rejected."""
    return detection.status is FindingStatus.PROPOSED and is_drawn(detection, threshold)


def confirmation(marks: ImageMarks) -> str:
    """What confirming a film with these marks says of it."""
    diseased = any(d.status in (FindingStatus.ACCEPTED, FindingStatus.EDITED) for d in marks.detections)
    return "No sinusitis beside what is marked." if diseased else "No sinusitis on this film."


def lowest_threshold(session: Session, view: str) -> float:
    """A box must be judged if the result shows it, or if it was shown for looking."""
    reading = session.reading(view)
    own = reading.waters.threshold if reading is not None and reading.waters is not None else 0.0
    return min(own, session.waters_threshold(view))

"""Why a key does nothing on the image that is shown: one line, for every verb that has nothing to work on there."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sinusviewer.actions.reading import NO_IMAGE, NO_IMAGE_HINT
from sinusviewer.domain.display import is_drawn
from sinusviewer.domain.study import MASKS_ALONE
from sinusviewer.session import ImageMarks

if TYPE_CHECKING:
    from sinusviewer.session import Session

_SLICES = ("next_slice", "previous_slice", "first_slice", "last_slice")
_OF_CT = {
    "tool_brush": "The brush paints sinus masks on CT",
    "brush_erase": "The brush paints sinus masks on CT",
    "brush_grow": "The brush paints sinus masks on CT",
    "brush_shrink": "The brush paints sinus masks on CT",
    "toggle_mpr": "Planes are cut through a CT",
    "masks": "Sinus masks are drawn on CT",
    "outlines": "Sinus masks are drawn on CT",
    "heatmap": "Heat is shown on CT",
}
_OF_FILMS = {
    "tool_box": "Boxes are drawn on films",
    "boxes": "Boxes are drawn on films",
    "shutter": "Blank borders are covered on films",
}
_FINDINGS = ("accept_finding", "edit_finding", "next_finding", "previous_finding")
_OF_IMAGES = ("read", "tool_brush", "brush_grow", "brush_shrink", "export_training")
_ALWAYS = {
    "undo": "There is nothing to undo.",
    "redo": "There is nothing to do again.",
    "link": "Two volumes that can scroll together are not on screen.",
    "swap_side": "Only a side that was confirmed by hand can be swapped.",
    "read": "No image is open.",
}
"""For verbs that are greyed where there is nothing to do."""


def why_not(session: "Session", verb: str, *, enabled: bool = True) -> str:
    """A sentence where ``verb`` has nothing to work on in the active view; empty where it has."""
    view = session.active_view
    film, volume = session.film(view), session.volume(view)
    if verb in _OF_IMAGES and volume is not None and any(w.code == MASKS_ALONE for w in volume.warnings):
        return f"{NO_IMAGE} {NO_IMAGE_HINT}"
    if film is None and volume is None:
        return "" if enabled else _ALWAYS.get(verb, "No image is open.")
    if film is not None and verb in _OF_CT:
        return f"{_OF_CT[verb]}; this is a film."
    if volume is not None and verb in _OF_FILMS:
        return f"{_OF_FILMS[verb]}; this is a CT."
    state = session.views[view]
    stack = session.stack(state.series_key, state.plane)
    if verb in (*_SLICES, "play") and (stack is None or stack.count < 2):
        return "This is a single image: there is nothing to scroll or play."
    if film is not None and verb.startswith("preset_"):
        return _no_window(len(film.windows), int(verb.removeprefix("preset_")))
    if verb in _FINDINGS:
        return _no_finding(session, verb)
    return "" if enabled else _ALWAYS.get(verb, "")


def _no_window(count: int, asked: int) -> str:
    if asked <= count:
        return ""
    if not count:
        return "This film has no window of its own: drag with the Window tool (W)."
    keys = "key 1 is that one" if count == 1 else f"keys 1 to {count}"
    return f"This film has {count} window{'' if count == 1 else 's'} of its own: {keys}."


def _no_finding(session: "Session", verb: str) -> str:
    view = session.active_view
    if session.film(view) is None:
        return "Findings are judged on films; this is a CT."
    marks = session.marks.get(session.image_key(view), ImageMarks())
    if not any(is_drawn(d, session.waters_threshold(view)) for d in marks.detections):
        return "No finding is shown on this film."
    if verb == "edit_finding" and session.selected not in {d.identifier for d in marks.detections}:
        return "No finding is selected: N selects the next one."
    return ""


def guarded(session: "Session", verbs: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
    """The same verbs; one that has nothing to work on says why instead of doing nothing."""

    def act(name: str, verb: Callable[[], object]) -> None:
        reason = why_not(session, name)
        if reason:
            session.say(reason)
        else:
            verb()

    return {name: partial(act, name, verb) for name, verb in verbs.items()}

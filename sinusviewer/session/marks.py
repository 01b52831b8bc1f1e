"""The third layer of the session: what a reader and the networks marked on the images, with undo across slices."""

from collections.abc import Callable
from typing import ClassVar

from psygnal import Signal

from sinusviewer.domain.session_parts import Edit, ImageMarks
from sinusviewer.session.views import Views

UNDO_DEPTH = 200


def is_of(image_key: str, series_key: str, same_study: bool) -> bool:
    """Whether an image key means other pixels when its series does; a film's names the film as well."""
    series, _, film = image_key.partition("/")
    return series == series_key and not (film and same_study)


class Marks(Views):
    """Marks by image key; every change of a person's is one step to undo."""

    marks_changed: ClassVar[Signal] = Signal(str)  # image key
    selection_changed: ClassVar[Signal] = Signal(str)  # identifier of the selected mark, or ""

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, ImageMarks] = {}
        self.mask_revisions: dict[str, int] = {}  # by series key: counts strokes, so that views draw masks anew
        self.selected = ""
        self._selected_on = ""  # image key; the networks' boxes bear the same names on every film
        for signal in (self.view_changed, self.layout_changed, self.active_view_changed):
            signal.connect(self._leave_selection)  # first of all listeners: none sees a mark of another image selected
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []

    def edit(self, label: str, image_key: str, after: ImageMarks, slice_index: int = 0) -> None:
        """Change the marks of one image, in one undoable step."""
        before = self.marks.get(image_key, ImageMarks())
        if before == after:
            return
        self._undo = [*self._undo[-UNDO_DEPTH + 1 :], Edit(label, image_key, before, after, slice_index)]
        self._redo.clear()
        self.restore_marks(image_key, after)

    def undo(self) -> Edit | None:
        """Take the last step back, whichever image it was on."""
        if not self._undo:
            return None
        step = self._undo.pop()
        self._redo.append(step)
        self.restore_marks(step.image_key, step.before)
        return step

    def redo(self) -> Edit | None:
        if not self._redo:
            return None
        step = self._redo.pop()
        self._undo.append(step)
        self.restore_marks(step.image_key, step.after)
        return step

    @property
    def undo_label(self) -> str:
        return self._undo[-1].label if self._undo else ""

    @property
    def redo_label(self) -> str:
        return self._redo[-1].label if self._redo else ""

    def restore_marks(self, image_key: str, marks: ImageMarks) -> None:
        """Put marks in place; nothing that could be undone."""
        self.marks[image_key] = marks
        self.marks_changed.emit(image_key)

    def amend_marks(self, image_key: str, change: Callable[[ImageMarks], ImageMarks]) -> None:
        """Apply what is known from now on to the marks of an image, and to those that undo and redo would bring back."""
        for steps in (self._undo, self._redo):
            steps[:] = [s.amended(change) if s.image_key == image_key else s for s in steps]
        if image_key in self.marks:
            self.restore_marks(image_key, change(self.marks[image_key]))

    def forget_series(self, key: str, same_study: bool) -> None:
        """Marks go too, with the steps that would bring them back; those of single films stay theirs while the study is the same."""
        super().forget_series(key, same_study)
        self._undo = [s for s in self._undo if not is_of(s.image_key, key, same_study)]
        self._redo = [s for s in self._redo if not is_of(s.image_key, key, same_study)]
        for known in [k for k in self.marks if is_of(k, key, same_study)]:
            del self.marks[known]

    def select(self, identifier: str) -> None:
        self._selected_on = self.image_key(self.active_view)
        if identifier != self.selected:
            self.selected = identifier
            self.selection_changed.emit(identifier)

    def _leave_selection(self, *_: object) -> None:
        """A mark stays selected only while the image it was selected on is the active one."""
        if self.selected and self.image_key(self.active_view) != self._selected_on:
            self.select("")

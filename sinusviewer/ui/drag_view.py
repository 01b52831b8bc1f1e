"""A view as a drag sees it, so that drags and views need not know one another."""

from typing import Any, Protocol

from PySide6.QtCore import QPointF, Qt

from sinusviewer.domain.display import Measurement
from sinusviewer.session import ImageMarks
from sinusviewer.ui.view_content import ViewContent
from sinusviewer.ui.view_geometry import Matrix


class DragView(Protocol):
    """What a drag needs of the view it happens in."""

    content: ViewContent
    marks: ImageMarks
    state_requested: Any
    point_requested: Any
    marks_requested: Any
    select_requested: Any
    paint_requested: Any
    modifiers: Qt.KeyboardModifier

    @property
    def logical_size(self) -> tuple[float, float]: ...
    def matrix(self) -> Matrix: ...
    def image_point(self, position: QPointF) -> tuple[float, float]: ...
    def preview_marks(self, marks: ImageMarks) -> None: ...
    def set_draft(self, draft: Measurement | None) -> None: ...
    def zoom_about(self, factor: float, position: QPointF | None = None) -> None: ...

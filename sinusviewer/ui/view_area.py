"""The views side by side, in the session's layout; each view's requests become changes of the session."""

from typing import Any

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QAbstractSpinBox, QGridLayout, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from sinusviewer.actions import Actions
from sinusviewer.domain.display import LayoutKind
from sinusviewer.session import VIEWS, ImageMarks, Session
from sinusviewer.session.connections import Connections
from sinusviewer.ui.mask_painting import Painting
from sinusviewer.ui.view_content import ContentResolver
from sinusviewer.ui.viewport import Viewport

# view -> row, column, row span, column span
_GRIDS: dict[LayoutKind, dict[str, tuple[int, int, int, int]]] = {
    LayoutKind.ONE: {"A": (0, 0, 2, 2)},
    LayoutKind.TWO: {"A": (0, 0, 2, 1), "B": (0, 1, 2, 1)},
    LayoutKind.FOUR: {"A": (0, 0, 1, 1), "B": (0, 1, 1, 1), "C": (1, 0, 1, 1), "D": (1, 1, 1, 1)},
    LayoutKind.MPR: {"A": (0, 0, 2, 1), "B": (0, 1, 1, 1), "C": (1, 1, 1, 1)},
    LayoutKind.SINUS_CT: {"A": (0, 0, 1, 1), "B": (0, 1, 1, 1), "C": (1, 0, 1, 1), "D": (1, 1, 1, 1)},
}
_STRETCH: dict[LayoutKind, tuple[tuple[int, int], tuple[int, int]]] = {
    LayoutKind.MPR: ((1, 1), (3, 2)),
    LayoutKind.SINUS_CT: ((4, 3), (1, 1)),
}


def _typing(widget: QWidget | None) -> bool:
    """Whether somebody is at work in a field: the focus is not taken from there."""
    return isinstance(widget, (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox))


class ViewArea(QWidget):
    """Owns the viewports."""

    hovered = Signal(str)
    menu_requested = Signal(str, QPoint)

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("view_area")
        self._session, self._actions = session, actions
        self._resolver = ContentResolver()
        self._painting = Painting(session, actions)
        self._maximized = ""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.viewports: dict[str, Viewport] = {}
        for view in VIEWS:
            self.viewports[view] = self._make(view)
        self._connections = Connections(
            (session.view_changed, self.refresh),
            (session.layout_changed, self.arrange),
            (session.display_changed, self.refresh_all),
            (session.display_changed, self._painting.display_changed),
            (session.active_view_changed, self._painting.display_changed),
            (session.image_changed, self._image_changed),
            (session.readings_changed, self._image_changed),
            (session.marks_changed, self._image_changed),
            (session.selection_changed, self._image_changed),
            (session.key_images_changed, self.refresh_all),
            (session.active_view_changed, self._activate),
            (session.study_changed, self._forget),
        )
        self.arrange()

    def _make(self, view: str) -> Viewport:
        port = Viewport(view)
        port.setParent(self)  # those that a layout leaves out go with the window too
        session, actions = self._session, self._actions
        port.activated.connect(lambda: session.set_active_view(view))
        port.state_requested.connect(lambda changes: self.change_state(view, changes))
        port.slices_requested.connect(lambda by: session.go_to_slice(view, session.views[view].slice_index + by))
        port.point_requested.connect(lambda point: self.go_to_image_point(view, point))
        port.marks_requested.connect(lambda label, marks: self._marks(actions, view, label, marks))
        port.select_requested.connect(session.select)
        port.hovered.connect(self.hovered)
        port.menu_requested.connect(lambda at: self.menu_requested.emit(view, at))
        port.paint_requested.connect(lambda phase, at: self._painting.paint(view, phase, at))
        port.maximize_requested.connect(lambda: self.toggle_maximized(view))
        return port

    @staticmethod
    def _marks(actions: Actions, view: str, label: str, marks: ImageMarks) -> None:
        actions.marks.change_marks(view, label, marks)

    def release(self) -> None:
        """Let go of the session, so that nothing of the window is kept alive by it."""
        self._connections.release()

    def change_state(self, view: str, changes: dict[str, Any]) -> None:
        """Change one view; a window set on one plane of a CT follows in the views that had the same."""
        session = self._session
        if "window" in changes and session.display.linked:
            state = session.views[view]
            for other in session.shown_views:
                twin = session.views[other]
                if (
                    other != view
                    and twin.series_key == state.series_key
                    and twin.window == state.window
                    and state.window
                ):
                    session.set_view(other, window=changes["window"])
        session.set_view(view, **changes)

    def go_to_image_point(self, view: str, point: tuple[float, float]) -> None:
        state = self._session.views[view]
        stack = self._session.stack(state.series_key, state.plane)
        place = stack.point_lps(point[0] - 0.5, point[1] - 0.5, state.slice_index) if stack else None
        if place is not None:
            self._session.go_to_point(view, (float(place[0]), float(place[1]), float(place[2])))

    def toggle_maximized(self, view: str) -> None:
        """One view alone over the whole area, and back."""
        self._maximized = "" if self._maximized else view
        self.arrange()

    def arrange(self) -> None:
        kind = self._session.display.layout
        shown = _GRIDS[kind]
        if self._maximized not in shown:
            self._maximized = ""
        for view, port in self.viewports.items():
            self._grid.removeWidget(port)
            visible = view in shown and self._maximized in ("", view)
            if visible:
                self._grid.addWidget(port, *((0, 0, 2, 2) if self._maximized else shown[view]))
            port.setVisible(visible)
            if not visible:
                port.forget()
        rows, columns = _STRETCH.get(kind, ((1, 1), (1, 1)))
        for number in range(2):
            self._grid.setRowStretch(number, rows[number])
            self._grid.setColumnStretch(number, columns[number])
        self._activate(self._session.active_view)
        self.refresh_all()

    def refresh(self, view: str) -> None:
        port = self.viewports[view]
        if not port.isHidden():
            port.set_content(self._resolver.content(self._session, view))

    def refresh_all(self, *_: object) -> None:
        for view in self._session.shown_views:
            self.refresh(view)

    def _forget(self) -> None:
        """Nothing of the former study may keep its memory."""
        self._resolver.forget()
        for port in self.viewports.values():
            port.forget()

    def _image_changed(self, _key: str) -> None:
        self.refresh_all()

    def _activate(self, active: str) -> None:
        for view, port in self.viewports.items():
            port.set_active(view == active and len(self._session.shown_views) > 1)
        if self.isVisible() and not self.viewports[active].hasFocus() and not _typing(self.window().focusWidget()):
            self.viewports[active].setFocus()

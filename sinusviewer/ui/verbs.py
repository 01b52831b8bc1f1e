"""From action ids to what the window does: a table of plain callables, and the QActions that menus, keys and buttons share."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QWidget

from sinusviewer.actions.table import ACTIONS, ICONS, MENUS, TABS
from sinusviewer.domain.display import LayoutKind, Tool
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.hanging import CT_PRESETS, hang_film
from sinusviewer.ui.icons import icon
from sinusviewer.ui.mask_painting import brush_verbs
from sinusviewer.ui.view_geometry import flipped_on_screen

if TYPE_CHECKING:
    from sinusviewer.actions import Actions
    from sinusviewer.session import Session
    from sinusviewer.ui.view_area import ViewArea

_KEYS_OF_WIDGETS = frozenset(
    (
        "return",
        "shift+return",
        "enter",
        "space",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "del",
        "backspace",
        "tab",
        "pgup",
        "pgdown",
    )
)


def build_actions(
    parent: QWidget, verbs: dict[str, Callable[[], object]], keys: dict[str, str], after: Callable[[], object]
) -> dict[str, QAction]:
    """One QAction for each entry of the table; ``hide_ai`` has none of Qt's key handling, for it acts while held.

    ``after`` is called after each: Qt has toggled the check mark by itself, whatever the verb did.
    """
    result: dict[str, QAction] = {}
    for entry in ACTIONS:
        action = QAction(entry.text, parent)
        action.setObjectName(f"action_{entry.id}")
        action.setCheckable(entry.checkable)
        verb = verbs[entry.id]
        action.triggered.connect(lambda _checked=False, verb=verb: (verb(), after()))
        if entry.id in ICONS:
            action.setIcon(icon(ICONS[entry.id]))
        result[entry.id] = action
    set_keys(result, keys)
    return result


def set_keys(actions: dict[str, QAction], keys: dict[str, str]) -> None:
    """Give the actions their keys; keys that lists, fields and buttons need themselves act only on the pictures."""
    for entry in ACTIONS:
        key = keys[entry.id]
        if entry.id != "hide_ai":
            actions[entry.id].setShortcut(QKeySequence(key))
            on_pictures = key.casefold() in _KEYS_OF_WIDGETS
            context = Qt.ShortcutContext
            actions[entry.id].setShortcutContext(
                context.WidgetWithChildrenShortcut if on_pictures else context.WindowShortcut
            )
        says = f"{entry.text.rstrip(' …')}: {entry.tooltip}" if entry.tooltip else entry.text
        actions[entry.id].setToolTip(f"{says}  [{key}]" if key else says)
        actions[entry.id].setStatusTip(entry.tooltip)


def refresh_icons(actions: dict[str, QAction]) -> None:
    for entry in ACTIONS:
        actions[entry.id].setIcon(icon(ICONS[entry.id]) if entry.id in ICONS else QIcon())


def menu_entries(menu: str) -> tuple[str, ...]:
    return tuple(a.id for a in ACTIONS if a.menu == menu)


__all__ = ["MENUS", "build_actions", "menu_entries", "refresh_icons", "set_keys", "verbs_of"]


class WindowVerbs(Protocol):
    """What the window itself does; the window knows this module, never the other way round."""

    session: "Session"
    actions_: "Actions"
    view_area: "ViewArea"
    results_export_requested: Any
    training_export_requested: Any
    read_list_requested: Any
    report_copy_requested: Any

    def close(self) -> bool: ...
    def show_tab(self, number: int, title: str) -> None: ...
    def cancel(self) -> None: ...
    def compare_study(self) -> None: ...
    def export_key_images(self) -> None: ...
    def export_picture(self) -> None: ...
    def link_here(self) -> None: ...
    def open_files(self) -> None: ...
    def open_folder(self) -> None: ...
    def open_sample(self) -> None: ...
    def read(self) -> None: ...
    def redo(self) -> None: ...
    def show_about(self) -> None: ...
    def show_messages(self) -> None: ...
    def show_shortcuts(self) -> None: ...
    def toggle_full_screen(self) -> None: ...
    def toggle_left(self) -> None: ...
    def toggle_play(self) -> None: ...
    def toggle_right(self) -> None: ...
    def toggle_theme(self) -> None: ...
    def undo(self) -> None: ...


def verbs_of(window: WindowVerbs) -> dict[str, Callable[[], object]]:
    """What each action does. The window's own verbs are its methods; everything else goes to the session or its actions."""
    session, actions = window.session, window.actions_
    area = window.view_area

    def view() -> str:
        return session.active_view

    def change(**changes: object) -> None:
        area.change_state(view(), changes)

    def flip() -> None:
        flipped, turns = flipped_on_screen(session.views[view()])
        change(flipped=flipped, quarter_turns=turns)

    def reset() -> None:
        film = session.film(view())
        now = session.views[view()]
        hung = hang_film(now.series_key, film, now.slice_index) if film else None
        window_ = CT_PRESETS[0] if session.volume(view()) is not None and now.window is not None else None
        change(
            window=window_, inverted=False, flipped=hung.flipped if hung else False,
            quarter_turns=hung.quarter_turns if hung else 0, zoom=None, center=None, mirror_compare=False,
        )  # fmt: skip

    def preset(number: int) -> None:
        if session.volume(view()) is not None:
            change(window=CT_PRESETS[number])
        else:
            film = session.film(view())
            if film is not None and number < len(film.windows):
                change(window=film.windows[number])

    def toggle(name: str) -> Callable[[], None]:
        return lambda: session.set_display(**{name: not getattr(session.display, name)})

    def step(by: int) -> Callable[[], None]:
        return lambda: session.go_to_slice(view(), session.views[view()].slice_index + by)

    def next_view() -> None:
        shown = session.shown_views
        session.set_active_view(shown[(shown.index(view()) + 1) % len(shown)] if view() in shown else shown[0])

    def toggle_mpr() -> None:
        layout = LayoutKind.SINUS_CT if session.display.layout is LayoutKind.MPR else LayoutKind.MPR
        actions.opening.set_layout(layout)

    def selected_status(status: FindingStatus) -> Callable[[], None]:
        def decide() -> None:
            if session.selected:
                actions.marks.set_status(view(), session.selected, status)
            else:  # seen before it is judged: the next press decides
                actions.marks.step_finding(view(), 1)

        return decide

    verbs: dict[str, Callable[[], object]] = {
        "open_files": window.open_files, "open_folder": window.open_folder, "open_sample": window.open_sample,
        "next_study": lambda: actions.opening.step_study(1), "previous_study": lambda: actions.opening.step_study(-1),
        "first_study": lambda: actions.opening.step_study(-(1 << 30)),
        "compare_study": window.compare_study, "close_study": actions.opening.close_study, "export_picture": window.export_picture,
        "export_key_images": window.export_key_images,
        "export_dicom": window.results_export_requested.emit, "export_training": window.training_export_requested.emit,
        "quit": window.close, "undo": window.undo, "redo": window.redo,
        "reject_finding": selected_status(FindingStatus.REJECTED), "accept_finding": selected_status(FindingStatus.ACCEPTED),
        "delete_measurements": lambda: actions.marks.delete_measurements(view()),
        "confirm_film": lambda: actions.marks.confirm_film(view()),
        "swap_side": lambda: actions.reading.swap_side(view()),
        "edit_finding": lambda: session.set_display(tool=Tool.POINTER), "toggle_mpr": toggle_mpr,
        "next_finding": lambda: actions.marks.step_finding(view(), 1),
        "previous_finding": lambda: actions.marks.step_finding(view(), -1),
        "link": toggle("linked"), "link_here": window.link_here,
        "corners": toggle("show_corners"), "boxes": toggle("show_boxes"), "masks": toggle("show_masks"),
        "outlines": toggle("masks_outlined"), "heatmap": toggle("show_heatmap"), "hide_ai": toggle("ai_hidden"),
        "shutter": toggle("shutter"), "read_list": window.read_list_requested.emit, "copy_report": window.report_copy_requested.emit,
        "studies_panel": window.toggle_left, "results_panel": window.toggle_right, "full_screen": window.toggle_full_screen,
        "theme": window.toggle_theme, "auto_window": lambda: change(window=None),
        "invert": lambda: change(inverted=not session.views[view()].inverted), "flip": flip,
        "rotate": lambda: change(quarter_turns=(session.views[view()].quarter_turns + 1) % 4, zoom=None, center=None),
        "fit": lambda: change(zoom=None, center=None), "one_to_one": lambda: change(zoom=1.0),
        "zoom_in": lambda: area.viewports[view()].zoom_about(1.25), "zoom_out": lambda: area.viewports[view()].zoom_about(0.8),
        "reset": reset, "mirror_compare": lambda: change(mirror_compare=not session.views[view()].mirror_compare),
        "next_slice": step(1), "previous_slice": step(-1), "first_slice": lambda: session.go_to_slice(view(), 0),
        "last_slice": lambda: session.go_to_slice(view(), 1 << 30), "play": window.toggle_play, "next_view": next_view,
        "key_image": lambda: actions.marks.toggle_key_image(view()), "read": window.read, "cancel": window.cancel,
        "shortcuts": window.show_shortcuts, "messages": window.show_messages, "about": window.show_about,
    }  # fmt: skip
    verbs |= brush_verbs(session, actions)
    for number in range(len(CT_PRESETS)):
        verbs[f"preset_{number + 1}"] = partial(preset, number)
    for number, title in enumerate(TABS):
        verbs[f"tab_{number + 1}"] = partial(window.show_tab, number, title)
    for tool in Tool:
        verbs[f"tool_{tool.value}"] = partial(session.set_display, tool=tool)
    for layout in LayoutKind:
        verbs[f"layout_{layout.value}"] = partial(actions.opening.set_layout, layout)
    return verbs

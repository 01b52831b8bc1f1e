"""The main window: lays the parts out, draws the session's changes, hands requests to the actions."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMenu,
)

from sinusviewer.actions import Actions, study_title
from sinusviewer.actions.reading import outdated
from sinusviewer.actions.siding import is_turned
from sinusviewer.actions.table import BY_ID, shortcuts
from sinusviewer.domain.display import Tool
from sinusviewer.domain.image import OrientationEvidence
from sinusviewer.domain.mask_edit import BrushMode
from sinusviewer.paths import resources_dir
from sinusviewer.session import Edit, Session
from sinusviewer.session.connections import Connections
from sinusviewer.settings import Settings
from sinusviewer.ui import dialogs, pictures, verbs
from sinusviewer.ui.bottom_line import BottomLine
from sinusviewer.ui.navigator import strip_content
from sinusviewer.ui.theme import apply_theme
from sinusviewer.ui.view_area import ViewArea
from sinusviewer.ui.why_not import guarded
from sinusviewer.ui.window_frame import WindowFrame

TITLE = "SinusViewer · Research use only. Not for diagnostic use."


class MainWindow(WindowFrame):
    """Everything in one window. ``panels`` are put into tabs on the right by `add_panel`."""

    def __init__(
        self, session: Session, actions: Actions, settings: Settings, save: Callable[[Settings], None]
    ) -> None:
        super().__init__(ViewArea(session, actions))
        self.session, self.actions_, self.settings, self._save = session, actions, settings, save
        self.verbs = verbs.build_actions(
            self, guarded(session, verbs.verbs_of(self)), shortcuts(settings.shortcuts), self._check_actions
        )
        self._right_open = True
        self._bottom_line = BottomLine(session, self.job_bar)
        self._hold = QShortcut(QKeySequence(shortcuts(settings.shortcuts)["hide_ai"]), self)
        self._hold.setAutoRepeat(False)
        self._hold.activated.connect(lambda: session.set_display(ai_hidden=True))
        self._play = QTimer(self)
        self._play.timeout.connect(self._next_frame)
        self._build_menus(self.verbs)
        self.dress_toolbar(settings.scale_percent)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(80)
        self._soon.timeout.connect(self.refresh)
        self._connect()
        self.refresh()

    # -- construction ------------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        session = self.session
        self._connections = Connections(
            (session.studies_changed, self._show_studies),
            (session.study_changed, self.refresh),
            (session.image_changed, self.refresh),
            (session.layout_changed, self.refresh),
            (session.display_changed, self.refresh),
            (session.view_changed, self._refresh_soon),
            (session.active_view_changed, self.refresh),
            (session.marks_changed, self.refresh),
            (session.readings_changed, self.refresh),
            (session.models_changed, self.refresh),
            (session.thumbnail_changed, self._show_thumbnail),
            (session.key_images_changed, self._show_key_images),
            (session.view_changed, self._show_strip),
            (session.readings_changed, self._show_strip),
        )
        self.scale_requested.connect(self.set_scale)
        self.job_bar.cancel_requested.connect(self.actions_.desk.cancel)
        self.job_bar.messages_requested.connect(self.show_messages)
        self.view_area.hovered.connect(self.job_bar.set_where)
        self.view_area.menu_requested.connect(self._show_view_menu)
        self.studies_panel.study_requested.connect(self.actions_.opening.show_study)
        self.studies_panel.series_requested.connect(self._show_series)
        self.studies_panel.source_requested.connect(lambda path: self.open_paths([Path(path)]))
        self.studies_panel.key_image_requested.connect(self.actions_.marks.show_key_image)
        self.navigator.slice_requested.connect(lambda index: self.session.go_to_slice(self.session.active_view, index))
        self.notice_bar.geometry_accepted.connect(
            lambda: self.actions_.reading.accept_geometry(self.session.active_view)
        )
        self.notice_bar.read_again_requested.connect(self.read)
        self.start_page.open_files_requested.connect(self.open_files)
        self.start_page.open_folder_requested.connect(self.open_folder)
        self.start_page.open_sample_requested.connect(self.open_sample)
        self.start_page.path_requested.connect(lambda path: self.open_paths([Path(path)]))
        self.notice_bar.side_confirmed.connect(
            lambda left: self.actions_.reading.confirm_side(self.session.active_view, patient_right_is_image_left=left)
        )

    # -- drawing the session -----------------------------------------------------------------------------------------
    def refresh(self, *_: object) -> None:
        """Title, page, notices and the check marks of the actions."""
        session = self.session
        title = study_title(session.study)
        self.setWindowTitle(f"{title} · {TITLE}" if title else TITLE)
        anything = any(state.series_key for state in session.views.values())
        self._pages.setCurrentIndex(1 if anything else 0)
        self.tabs.setVisible(anything and self._right_open)  # nothing is said beside nothing
        self.start_page.set_recent(self.settings.recent_paths, sample_available=sample_study() is not None)
        active = session.active_view
        self.notice_bar.set_image(
            session.film(active), session.volume(active), outdated(session.reading(active), session.models),
            turned=is_turned(session, active),
        )  # fmt: skip
        self._show_strip()
        self.studies_panel.set_current(session.study_uid, session.views[session.active_view].series_key)
        self._check_actions()

    def _refresh_soon(self, _view: str) -> None:
        """Check marks may lag a little behind a scroll; the picture may not."""
        if not self._soon.isActive():
            self._soon.start()

    def _check_actions(self) -> None:
        session, display = self.session, self.session.display
        state = session.views[session.active_view]
        on = {
            "link": display.linked and session.linkable, "corners": display.show_corners,
            "shutter": display.shutter, "boxes": display.show_boxes, "masks": display.show_masks,
            "outlines": display.masks_outlined, "heatmap": display.show_heatmap, "mirror_compare": state.mirror_compare,
            "play": self._play.isActive(), "studies_panel": not self.studies_panel.isHidden(),
            "results_panel": self._right_open, "full_screen": self.isFullScreen(), "theme": self.settings.theme == "light",
            "brush_erase": display.brush.mode is BrushMode.ERASE,
            f"tool_{display.tool.value}": True, f"layout_{display.layout.value}": True,
        }  # fmt: skip
        for name, action in self.verbs.items():
            if BY_ID[name].checkable:
                action.setChecked(on.get(name, False))
        self.verbs["undo"].setText(f"Undo {session.undo_label.lower()}".strip())
        self.verbs["redo"].setText(f"Redo {session.redo_label.lower()}".strip())
        self.verbs["undo"].setEnabled(bool(session.undo_label))
        self.verbs["redo"].setEnabled(bool(session.redo_label))
        image = session.images.get(state.series_key)
        self.verbs["read"].setEnabled(image is not None)
        film = session.film(session.active_view)
        self.verbs["tool_box"].setEnabled(film is not None)
        by_hand = film is not None and film.orientation_evidence is OrientationEvidence.CONFIRMED
        volume = session.volume(session.active_view)
        by_hand = by_hand or (volume is not None and volume.right_is_image_left is not None)
        self.verbs["swap_side"].setEnabled(by_hand)
        self.verbs["link"].setEnabled(session.linkable)
        self.verbs["tool_brush"].setEnabled(session.volume(session.active_view) is not None)

    def _show_studies(self) -> None:
        self.studies_panel.set_studies(tuple(self.session.studies.values()))
        self.refresh()

    def _show_thumbnail(self, key: str) -> None:
        self.studies_panel.set_thumbnail(key, self.session.thumbnails[key])

    def _show_key_images(self) -> None:
        self.studies_panel.set_key_images(self.session.key_images)
        self._show_strip()

    def _show_strip(self, *_: object) -> None:
        self.navigator.set_content(strip_content(self.session))

    def _show_view_menu(self, view: str, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.session.set_active_view(view)
        failure = self.session.failures.get(self.session.views[view].series_key)
        if failure is not None:
            menu.addAction("Copy details").triggered.connect(lambda: QApplication.clipboard().setText(failure.details))
        for name in ("key_image", "invert", "flip", "rotate", "fit", "reset", "mirror_compare", "export_picture"):
            menu.addAction(self.verbs[name])
        menu.popup(at)

    def _show_series(self, key: str) -> None:
        """Into the active view where that one is empty, else hung as its kind is hung."""
        session = self.session
        empty = not session.views[session.active_view].series_key and len(session.shown_views) > 1
        self.actions_.opening.show_series(key, session.active_view if empty else "")

    # -- verbs of the window itself ----------------------------------------------------------------------------------
    def open_paths(self, paths: list[Path]) -> None:
        if paths:
            self.settings = self.settings.with_recent(str(paths[0]))
            self._save(self.settings)
            self.actions_.opening.open_paths(paths)

    def open_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Open files", self.settings.last_folder)
        self._opened(names)

    def open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open folder", self.settings.last_folder)
        self._opened([name] if name else [])

    def _opened(self, names: list[str]) -> None:
        if names:
            self.settings = self.settings.model_copy(update={"last_folder": str(Path(names[0]).parent)})
            self.open_paths([Path(name) for name in names])

    def open_sample(self) -> None:
        sample = sample_study()
        if sample is not None:
            self.actions_.opening.open_paths([sample])

    def compare_study(self) -> None:
        others = self.actions_.opening.others_of_patient()
        if others:
            self.actions_.opening.compare_study(others[0].study_instance_uid)
        else:
            self.prior_requested.emit()

    def link_here(self) -> None:
        if self.session.link_here(self.session.active_view):
            self.session.set_display(linked=True)
            self.session.say("Linked: both studies scroll together from this place. Ctrl+L links them anew.")
        else:
            self.session.say("No second study is beside this one.", "warning", "Ctrl+D shows one of the same patient.")

    def export_picture(self) -> None:
        port = self.view_area.viewports[self.session.active_view]
        pictures.export_view(self, self.session, port.content, port.size())

    def export_key_images(self) -> None:
        pictures.export_key_images(self, self.session)

    def undo(self) -> None:
        self._said_and_shown("Undone", self.session.undo())

    def redo(self) -> None:
        self._said_and_shown("Done again", self.session.redo())

    def _said_and_shown(self, what: str, step: Edit | None) -> None:
        """Nothing changes out of sight: the image that a step was on comes back on screen."""
        if step is not None:
            elsewhere = self.actions_.opening.show_image(step.image_key)
            self.session.say(
                f"{what}: {step.label.lower()}{', on the image that is shown again' if elsewhere else ''}."
            )

    def read(self) -> None:
        self.actions_.reading.read()

    def cancel(self) -> None:
        """Esc: first what is being drawn, then the work under way, then back to the pointer."""
        if self.view_area.viewports[self.session.active_view].cancel_drag():
            return
        if self._play.isActive():
            self.toggle_play()
        elif not self.actions_.desk.cancel_all():
            self.session.set_display(tool=Tool.POINTER)
            self.view_area.viewports[self.session.active_view].setFocus()  # from a panel back to the picture's keys

    def toggle_left(self) -> None:
        self.studies_panel.setVisible(self.studies_panel.isHidden())
        self._check_actions()

    def toggle_right(self) -> None:
        self._right_open = not self._right_open
        self.refresh()

    def show_tab(self, number: int, title: str) -> None:
        """Bring a tab to the front and the keyboard to it; one that says nothing of this image is not shown."""
        if not self.tabs.isTabVisible(number):
            self.session.say(f"“{title}” has nothing to say of this image.")
            return
        if not self._right_open:
            self.toggle_right()
        self.tabs.setCurrentIndex(number)
        self.tabs.tabBar().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def toggle_full_screen(self) -> None:
        self.showNormal() if self.isFullScreen() else self.showFullScreen()
        self._check_actions()

    def toggle_theme(self) -> None:
        self._change_settings(theme="light" if self.settings.theme == "dark" else "dark")

    def set_scale(self, percent: int) -> None:
        self._change_settings(scale_percent=percent)
        self.fit_panels(percent)

    def _change_settings(self, **changes: Any) -> None:
        self.settings = self.settings.model_copy(update=changes)
        self._save(self.settings)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self.settings.theme, self.settings.scale_percent)
        verbs.refresh_icons(self.verbs)
        self.dress_toolbar(self.settings.scale_percent)
        self._bottom_line.show_message()
        self.refresh()

    def set_shortcuts(self, changed: dict[str, str]) -> None:
        """Take a reader's own keys into use."""
        self._change_settings(shortcuts=changed)
        verbs.set_keys(self.verbs, shortcuts(changed))
        self._hold.setKey(QKeySequence(shortcuts(changed)["hide_ai"]))

    def remember_reader(self, name: str) -> None:
        """The name a reader signs with is proposed the next time."""
        self._change_settings(reader=name)

    def toggle_play(self) -> None:
        if self._play.isActive():
            self._play.stop()
        else:
            self._play.start(1000 // self.settings.cine_frames_per_second)
        self._check_actions()

    def _next_frame(self) -> None:
        view = self.session.active_view
        state = self.session.views[view]
        stack = self.session.stack(state.series_key, state.plane)
        if stack is None or stack.count < 2:
            self.toggle_play()
        else:
            self.session.go_to_slice(view, (state.slice_index + 1) % stack.count)

    def show_shortcuts(self) -> None:
        dialogs.show_shortcuts(self, dict(self.settings.shortcuts), self.set_shortcuts)

    def show_messages(self) -> None:
        dialogs.show_messages(self, self.session.messages)

    def show_about(self) -> None:
        dialogs.show_about(self)

    # -- events of the window ----------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.open_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._bottom_line.say_why_not(event, self.verbs):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if self.session.display.ai_hidden and not event.isAutoRepeat():
            self.session.set_display(ai_hidden=False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        # A key released over another window is never heard of here: AI marks must not stay hidden.
        if (
            event.type() is QEvent.Type.ActivationChange
            and not self.isActiveWindow()
            and self.session.display.ai_hidden
        ):
            self.session.set_display(ai_hidden=False)
        super().changeEvent(event)

    def restore_place(self) -> None:
        """Put the window where it was left."""
        if self.settings.window_geometry:
            self.restoreGeometry(QByteArray(base64.b64decode(self.settings.window_geometry)))
        if self.settings.window_state:
            self._splitter.restoreState(QByteArray(base64.b64decode(self.settings.window_state)))
        self.studies_panel.setVisible(self.settings.left_panel_open)
        self._right_open = self.settings.right_panel_open
        self.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._play.stop()
        self._soon.stop()
        self.actions_.desk.cancel_all()
        self.settings = self.settings.model_copy(
            update={
                "window_geometry": base64.b64encode(self.saveGeometry().data()).decode(),
                "window_state": base64.b64encode(self._splitter.saveState().data()).decode(),
                "left_panel_open": not self.studies_panel.isHidden(),
                "right_panel_open": self._right_open,
            }
        )
        self._save(self.settings)
        self._connections.release()
        self._bottom_line.release()
        self.view_area.release()
        super().closeEvent(event)


def sample_study() -> Path | None:
    """The simulated study that comes with the program, if it is installed."""
    folder = resources_dir() / "sample"
    return folder if folder.is_dir() and any(folder.iterdir()) else None

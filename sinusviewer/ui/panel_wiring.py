"""Wires the result panels to session and actions: what changed goes in by ``set_``, what is asked for comes out by signals."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sinusviewer.actions.reporting import Reporting
from sinusviewer.domain.anatomy import SINUS_CODES, Structure
from sinusviewer.domain.display import Tool
from sinusviewer.domain.film_turns import turns_on_screen
from sinusviewer.domain.finding import FindingStatus
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.session import ImageMarks
from sinusviewer.session.connections import Connections
from sinusviewer.ui.panels.endotype_panel import EndotypePanel
from sinusviewer.ui.panels.findings_panel import FindingsPanel
from sinusviewer.ui.panels.heat_controls import HeatStyle
from sinusviewer.ui.patient_wiring import PatientWiring
from sinusviewer.ui.sinus_wiring import SinusWiring
from sinusviewer.ui.worklist_wiring import WorklistWiring

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from sinusviewer.ui.main_window import MainWindow


class PanelWiring:
    """Owns the panels' connections; the window owns the panels."""

    def __init__(self, window: "MainWindow", reporting: Reporting) -> None:
        self._window, self._reporting = window, reporting
        self._session, self._actions = window.session, window.actions_
        self._sinuses = SinusWiring(window, reporting)
        self.findings, self.sinuses, self.endotype = FindingsPanel(), self._sinuses.panel, EndotypePanel()
        self._worklist = WorklistWiring(window, reporting.signed_of)
        self.worklist = self._worklist.panel
        self.patient = PatientWiring(window, reporting)
        self._tabs: tuple[tuple[QWidget, str, str], ...] = (
            (self.findings, "Findings", "What was found on a Waters' view"),
            (self.sinuses, "Sinuses", "Volumes, opacification and Lund-Mackay on CT"),
            (self.endotype, "Endotype", "Probability of eosinophilic chronic rhinosinusitis on CT"),
            (self.patient.nomogram, "Nomogram", "Risk of recurrence after surgery"),
            (self.patient.clinical, "Clinical", "Age, history, laboratory"),
            (self.patient.report, "Report", "Text, export, signature"),
            (self.worklist, "List", "All open films and CTs, sorted by score"),
        )
        for panel, title, says in self._tabs:
            window.add_panel(panel, title, says)
        self._connect_panels()
        session = self._session
        self._connections = Connections(
            (session.readings_changed, self._on_image),
            (session.marks_changed, self._on_image),
            (session.image_changed, self.refresh),
            (session.active_view_changed, self.refresh),
            (session.layout_changed, self.refresh),
            (session.study_changed, self.refresh),
            (session.clinical_changed, self.patient.clinical_changed),
            (session.models_changed, self._worklist.refresh_soon),
            (session.studies_changed, self.refresh),
            (session.jobs_changed, self._show_jobs),
            (session.selection_changed, self.findings.set_selected),
            (session.display_changed, self._show_display),
            (session.view_changed, self._show_slice),
        )
        self._reading_now = False
        self._kind = ""
        self.refresh()
        self._show_display()

    def release(self) -> None:
        """Keep what is not written yet, stop every timer, let go of the session."""
        self.patient.release()
        self._worklist.release()
        self._connections.release()

    # -- asked for by the panels -------------------------------------------------------------------------------------
    def _connect_panels(self) -> None:
        session, actions, window = self._session, self._actions, self._window

        def status(identifier: str, wanted: FindingStatus) -> None:
            actions.marks.set_status(session.active_view, identifier, wanted)

        self.findings.threshold_changed.connect(lambda value: session.move_threshold(session.active_view, value))
        self.findings.accept_requested.connect(lambda i: status(i, FindingStatus.ACCEPTED))
        self.findings.reject_requested.connect(lambda i: status(i, FindingStatus.REJECTED))
        self.findings.edit_requested.connect(self._edit)
        self.findings.select_requested.connect(session.select)
        self.findings.add_requested.connect(lambda: session.set_display(tool=Tool.BOX))
        self.findings.confirm_film_requested.connect(lambda: actions.marks.confirm_film(session.active_view))
        self.findings.right_side_confirmed.connect(
            lambda left: actions.reading.confirm_side(session.active_view, patient_right_is_image_left=left)
        )
        self.findings.read_as_shown_requested.connect(lambda: actions.reading.read_as_shown(session.active_view))
        self.findings.mirror_compare_requested.connect(lambda: window.verbs["mirror_compare"].trigger())
        for panel in (self.findings, self.sinuses, self.endotype):
            panel.read_requested.connect(lambda: actions.reading.read())
            panel.read_anyway_requested.connect(lambda reason: actions.reading.read(reason))
            panel.view_only_requested.connect(lambda: actions.reading.view_only(session.active_view))
        self.endotype.slice_requested.connect(self._go_to_axial)
        self.endotype.heat_style_requested.connect(
            lambda s: session.set_display(
                show_heatmap=s.visible, heatmap_opacity=s.opacity, heat_color_map=s.color_map, heat_of="endotype"
            )
        )

    def _edit(self, identifier: str) -> None:
        self._session.set_display(tool=Tool.POINTER)
        self._session.select(identifier)

    # -- what is shown -----------------------------------------------------------------------------------------------
    def _on_image(self, image_key: str) -> None:
        """Something was read or marked: all panels follow if it is on screen, else only the list, and that in good time."""
        if image_key == self._session.image_key(self._session.active_view):
            self.refresh()
        else:
            self._worklist.refresh_soon()

    def refresh(self, *_: object) -> None:
        """Everything but the current slice; called when something was read or changed, not while scrolling."""
        session = self._session
        view = session.active_view
        reading, film, volume = session.reading(view), session.film(view), session.volume(view)
        is_film, is_volume = film is not None, volume is not None
        for panel, shown in ((self.findings, is_film or not is_volume), (self.sinuses, is_volume), (self.endotype, is_volume),
                             (self.patient.nomogram, is_volume)):  # fmt: skip
            self._window.tabs.setTabVisible(self._window.tabs.indexOf(panel), shown)
        kind = "volume" if is_volume else ("film" if is_film else "")
        if kind and kind != self._kind:  # what can be said of it comes to the front when another kind of image is shown
            self._kind = kind
            self._window.tabs.setCurrentWidget(self.sinuses if is_volume else self.findings)
        study = session.study_of(session.views[view].series_key)
        if is_volume:
            self._show_volume(reading, len(volume.voxels) if volume is not None else 0)
        else:
            self._show_film(reading, view)
        self.patient.refresh(reading, session.views[view].series_key, study)
        self._worklist.refresh()

    def _show_film(self, reading: SeriesReading | None, view: str) -> None:
        session = self._session
        if self._actions.reading.is_reading(session.views[view].series_key):
            self.findings.set_message("Reading … the image stays usable.", can_read=False)
            return
        self.findings.set_series_reading(reading, session.waters_threshold(view))
        self._show_slice(view)
        marks = session.marks.get(session.image_key(view), ImageMarks())
        self.findings.set_detections(marks.detections, session.selected, confirmed=marks.film_confirmed)

    def _show_volume(self, reading: SeriesReading | None, slices: int) -> None:
        self._sinuses.show(reading)
        self.endotype.set_series_reading(reading, slices)
        session = self._session
        if reading is None and self._actions.reading.is_reading(session.views[session.active_view].series_key):
            for panel in (self.sinuses, self.endotype):
                panel.set_message("Reading … the image stays usable.")
        self._show_slice(self._session.active_view)

    def _show_jobs(self) -> None:
        session = self._session
        key = session.views[session.active_view].series_key
        reading_now = self._actions.reading.is_reading(key)
        if reading_now != self._reading_now:
            self._reading_now = reading_now
            self.refresh()
        self._worklist.show_jobs()

    def _show_display(self) -> None:
        display = self._session.display
        self._sinuses.show_display()
        style = HeatStyle(display.show_heatmap, display.heatmap_opacity, display.heat_color_map)
        of_score = display.heat_of == "recurrence"
        self.endotype.set_heat_style(replace(style, visible=style.visible and not of_score))
        self.patient.nomogram.set_heat_style(replace(style, visible=style.visible and of_score))
        view = self._session.active_view
        reading = self._session.reading(view)
        if reading is not None and reading.waters is not None:
            self.findings.set_threshold(self._session.waters_threshold(view))

    def _show_slice(self, _view: str) -> None:
        """Keep the strip of slices and the row of the table in step with the crosshair."""
        session = self._session
        view = session.active_view
        volume, cursor = session.volume(view), session.cursor_lps(view)
        film, state = session.film(view), session.views[view]
        if film is not None:
            hung = hang_film(state.series_key, film, state.slice_index)
            self.findings.set_turned(turns_on_screen(state) != turns_on_screen(hung))
        if volume is None or cursor is None:
            return
        x, y, z = (round(float(v)) for v in np.linalg.solve(volume.affine, np.append(np.array(cursor), 1.0))[:3])
        self.endotype.set_current_slice(z)
        reading = session.reading(view)
        if reading is None or reading.segmentation is None:
            return
        labels = reading.segmentation.labels
        if all(0 <= at < size for at, size in zip((z, y, x), labels.shape, strict=True)):
            code = int(labels[z, y, x])
            if 1 <= code <= len(SINUS_CODES):  # in no sinus: the row chosen last stays
                self.sinuses.set_selected(Structure(code))

    # -- verbs of single panels --------------------------------------------------------------------------------------

    def _go_to_axial(self, index: int) -> None:
        session = self._session
        view = session.active_view
        volume = session.volume(view)
        if volume is None:
            return
        middle = np.array([(volume.voxels.shape[2] - 1) / 2, (volume.voxels.shape[1] - 1) / 2, index, 1.0])
        cursor = session.cursor_lps(view)
        if cursor is not None:
            here = np.linalg.solve(volume.affine, np.append(np.array(cursor), 1.0))
            middle[:2] = here[:2]
        x, y, z = (volume.affine @ middle)[:3]
        session.go_to_point(view, (float(x), float(y), float(z)))

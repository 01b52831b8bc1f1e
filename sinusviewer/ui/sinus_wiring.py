"""Wires the Sinuses tab: the table to the picture and back, masks, the ostiomeatal complex, the 3D view, exports."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtWidgets import QFileDialog

from sinusviewer.actions import Continuation
from sinusviewer.actions.box_export import export_training_film, why_no_training_film
from sinusviewer.actions.dicom_export import export_dicom
from sinusviewer.actions.mask_confirming import can_be_confirmed, masks_confirmed
from sinusviewer.actions.mask_export import export_training_case, why_no_training_case
from sinusviewer.actions.prior_reading import prior_reading
from sinusviewer.actions.reporting import Reporting
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.display import Tool
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import mark_of
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.session import ImageMarks
from sinusviewer.ui.panels.mask_controls import MaskStyle
from sinusviewer.ui.panels.sinus_panel import SinusPanel
from sinusviewer.ui.panels.surface_points import SurfaceCloud, surface_cloud
from sinusviewer.ui.saving import ask_file

if TYPE_CHECKING:
    from sinusviewer.domain.finding import Segmentation
    from sinusviewer.ui.main_window import MainWindow


class SinusWiring:
    """Owns the panel's connections; the window owns the panel."""

    def __init__(self, window: "MainWindow", reporting: Reporting) -> None:
        self._window, self._session, self._actions, self._reporting = window, window.session, window.actions_, reporting
        self._surface_of: Segmentation | None = None
        self._surface_revision = 0
        self._training_folder = ""  # the one chosen last: an annotator puts film after film into it
        self.panel = SinusPanel()
        panel = self.panel
        panel.surface_requested.connect(self._make_surface)
        panel.go_to_sinus_requested.connect(self._go_to_sinus)
        panel.brush.brush_requested.connect(lambda brush: self._session.set_display(brush=brush))
        panel.brush.tool_requested.connect(
            lambda held: self._session.set_display(tool=Tool.BRUSH if held else Tool.POINTER)
        )
        panel.brush.step_slice_requested.connect(self._step_slice)
        panel.brush.restore_requested.connect(lambda: self._actions.masks.restore_original(self._session.active_view))
        panel.brush.original_requested.connect(lambda on: self._session.set_display(show_original_masks=on))
        panel.mask_style_requested.connect(self._set_mask_style)
        panel.ostiomeatal_requested.connect(self._set_ostiomeatal)
        panel.accept_geometry_requested.connect(self._accept_geometry)
        panel.confirm_masks_requested.connect(lambda: self._actions.marks.confirm_film(self._session.active_view))
        panel.export_csv_requested.connect(self._export_csv)
        panel.export_masks_requested.connect(self._export_masks)
        panel.export_training_requested.connect(self._export_training)
        panel.export_dicom_requested.connect(self._export_dicom)
        window.results_export_requested.connect(self._export_dicom)
        window.training_export_requested.connect(self._export_training)
        panel.export_pictures_requested.connect(window.export_picture)

    def show(self, reading: SeriesReading | None) -> None:
        """The reading of the active view, beside the newest prior of the same patient that is open."""
        prior, date = self._prior()
        session = self._session
        marks = session.marks.get(session.image_key(session.active_view), ImageMarks())
        self.panel.brush.set_edits(len(marks.mask_patches))
        self.panel.set_series_reading(reading, prior, date)
        self.panel.set_confirmation(masks_confirmed(marks, reading) if can_be_confirmed(reading) else None)
        segmentation = reading.segmentation if reading is not None else None
        revision = session.mask_revisions.get(session.image_key(session.active_view), 0)
        if segmentation is self._surface_of and revision != self._surface_revision:
            self._surface_revision = revision
            if self.panel.shows_surface:  # edited: the old one stays until the new one is made
                self._make_surface()
        if segmentation is not self._surface_of:
            self._surface_of, self._surface_revision = segmentation, revision
            self._actions.desk.cancel_group("surface")
            self.panel.set_surface(None)
        elif self.panel.shows_surface and not self.panel.surface.has_cloud:
            self._make_surface()  # the CT may have come after its masks

    def show_display(self) -> None:
        """The brush and how masks are drawn, after either changed."""
        display = self._session.display
        hidden = frozenset(Structure(c) for c in display.hidden_structures)
        self.panel.set_mask_style(MaskStyle(display.show_masks, display.masks_outlined, display.mask_opacity, hidden))
        held = display.tool is Tool.BRUSH
        self.panel.set_brush(display.brush, held=held, original=display.show_original_masks)

    def _step_slice(self, step: int) -> None:
        self._actions.masks.step_slice(self._session.active_view, step)

    def _prior(self) -> tuple[SeriesReading | None, str]:
        """The reading that the active view's CT is compared with, and its date."""
        session = self._session
        here = session.study_of(session.views[session.active_view].series_key)
        return prior_reading(session, here) or (None, "")

    def _go_to_sinus(self, structure: Structure) -> None:
        """Show the slices through the middle of a sinus, on its largest extent; the brush takes it up."""
        session = self._session
        session.set_display(brush=replace(session.display.brush, structure=structure))
        view = session.active_view
        reading, volume = session.reading(view), session.volume(view)
        if reading is None or reading.segmentation is None or volume is None:
            return
        at = largest_place(reading.segmentation.labels, int(structure))
        if at is not None:
            x, y, z = (volume.affine @ np.array([at[2], at[1], at[0], 1.0]))[:3]
            session.go_to_point(view, (float(x), float(y), float(z)))

    def _make_surface(self) -> None:
        """Make the 3D view in the background; shown only if its masks are still the ones on screen."""
        segmentation, volume = self._surface_of, self._session.volume(self._session.active_view)
        revision = self._surface_revision
        if segmentation is None or volume is None or self._actions.desk.works_for("surface"):
            return
        if volume.voxels.shape != segmentation.labels.shape:
            return  # the first slice of a CT that is being loaded, under masks that are back already

        def work(_progress: Progress, _token: CancelToken) -> SurfaceCloud:
            return surface_cloud(volume.voxels, segmentation.labels, volume.affine)

        def finished(cloud: SurfaceCloud) -> None:
            if segmentation is self._surface_of:
                self.panel.set_surface(cloud, verified=volume.oriented)
            if segmentation is not self._surface_of or revision != self._surface_revision:
                self._make_surface()  # painted on meanwhile

        self._actions.desk.submit("io", "Making the 3D view", work, Continuation(finished, group="surface"))

    def _set_mask_style(self, style: MaskStyle) -> None:
        self._session.set_display(
            show_masks=style.visible, masks_outlined=style.outlined, mask_opacity=style.opacity,
            hidden_structures=frozenset(int(s) for s in style.hidden),
        )  # fmt: skip

    def _set_ostiomeatal(self, side: Any, score: int) -> None:
        self._reporting.set_ostiomeatal(self._session.image_key(self._session.active_view), side, score)

    def _accept_geometry(self) -> None:
        self._actions.reading.accept_geometry(self._session.active_view)
        self._actions.reading.read()

    def _export_csv(self) -> None:
        reading = self._session.reading(self._session.active_view)
        if reading is None:
            return
        proposed = f"sinuses_{mark_of(reading.series_instance_uid)}.csv"
        path = ask_file(self._window, "Save the table", proposed, "CSV (*.csv)")
        if path is not None:
            prior, date = self._prior()
            self._reporting.export_sinus_table(reading, path, prior, date)

    def _export_training(self) -> None:
        """A CT with its masks or a film with its boxes; what is missing is said before a folder is asked for."""
        session, view = self._session, self._session.active_view
        volume = session.volume(view)
        missing = why_no_training_film(session, view) if volume is None else why_no_training_case(session, view)
        if missing is not None:
            session.say(missing.message, "warning", missing.hint)
            return
        folder = QFileDialog.getExistingDirectory(self._window, "Save as training data to", self._training_folder)
        self._training_folder = folder or self._training_folder
        if folder and volume is None:
            export_training_film(session, self._actions.desk, view, Path(folder))
        elif folder:
            export_training_case(session, self._actions.desk, view, Path(folder))

    def _export_dicom(self) -> None:
        """All that was found in the study of the active view, as DICOM objects."""
        session = self._session
        study = session.study_of(session.views[session.active_view].series_key)
        report = self._reporting.report(study)
        if study is None or report is None:
            session.say("Nothing of this study is read yet.", "warning", "Read it first (Ctrl+R).")
            return
        folder = QFileDialog.getExistingDirectory(self._window, "Save the results as DICOM to")
        if folder:
            export_dicom(session, self._actions.desk, study, report, Path(folder))

    def _export_masks(self) -> None:
        reading = self._session.reading(self._session.active_view)
        folder = QFileDialog.getExistingDirectory(self._window, "Save the masks to")
        if reading is not None and folder:
            self._reporting.export_masks(reading, Path(folder))


def largest_place(labels: Any, code: int) -> tuple[int, int, int] | None:
    """``z, y, x`` inside the largest axial slice of a structure; looks at every second voxel, which is quick and enough."""
    mask = np.asarray(labels[::2, ::2, ::2] == code)
    areas = mask.sum(axis=(1, 2))
    if not areas.any():
        return None
    z = int(areas.argmax())
    ys, xs = np.nonzero(mask[z])
    middle = int(np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2))
    return z * 2, int(ys[middle]) * 2, int(xs[middle]) * 2

"""Wires the panels of the patient as a whole: clinical data, nomogram, report."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QFileDialog

from sinusviewer.actions.reporting import Reporting, moment
from sinusviewer.analysis import clinical_table
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.header_clinical import header_clinical
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import Study, mark_of
from sinusviewer.errors import SinusViewerError
from sinusviewer.paths import resources_dir
from sinusviewer.ui.nomogram_wiring import NomogramWiring
from sinusviewer.ui.panels.clinical_panel import ClinicalPanel
from sinusviewer.ui.panels.report_panel import ReportPanel
from sinusviewer.ui.panels.report_text import Addendum, ReportState, Signature, proposed_text
from sinusviewer.ui.saving import ask_file

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow


DRAFT_MS = 500


class PatientWiring:
    """Owns the connections of the three panels; the window owns the panels."""

    def __init__(self, window: "MainWindow", reporting: Reporting) -> None:
        self._window, self._session, self._reporting = window, window.session, reporting
        self._nomogram = NomogramWiring(window)
        self.nomogram, self.clinical, self.report = self._nomogram.panel, ClinicalPanel(), ReportPanel()
        self._study: Study | None = None
        self._typed = QTimer(self.report)  # not restarted by further keys: what is typed is on disk half a second later
        self._typed.setSingleShot(True)
        self._typed.setInterval(DRAFT_MS)
        self._typed.timeout.connect(reporting.write_drafts)
        self.clinical.clinical_requested.connect(self._set_clinical)
        self.clinical.import_requested.connect(self._import_clinical)
        self.report.text_requested.connect(self._set_text)
        self.report.restore_requested.connect(self._restore_text)
        self.report.copy_requested.connect(self._copy)
        window.report_copy_requested.connect(self._copy_report)
        self.report.sign_requested.connect(self._sign)
        self.report.addendum_requested.connect(self._add_addendum)
        self.report.export_requested.connect(self._export_report)

    @property
    def nomogram_wiring(self) -> NomogramWiring:
        return self._nomogram

    def release(self) -> None:
        """Save what a marker was just dragged to and what was just typed."""
        self._nomogram.release()
        self._typed.stop()
        self._reporting.write_drafts()

    # -- what is shown -----------------------------------------------------------------------------------------------
    def refresh(self, reading: SeriesReading | None, series_key: str, study: Study | None) -> None:
        """Show what is known of the patient whose series is the active one."""
        self._study = study
        self._nomogram.refresh(reading, series_key, study)
        self._show_clinical()
        self.show_report()
        if study is not None:
            self._fill_sample(study)

    def clinical_changed(self, study_uid: str) -> None:
        self._show_clinical()
        self._nomogram.clinical_changed(study_uid)

    def _show_clinical(self) -> None:
        uid = self._study.study_instance_uid if self._study else ""
        header = header_clinical(self._study.identity) if self._study else None
        self.clinical.set_clinical(self._session.clinical.get(uid, ClinicalData()), header, uid)
        self.clinical.setEnabled(self._study is not None)

    def show_report(self) -> None:
        report = self._reporting.report(self._study)
        if report is None:
            self.report.set_report(None)
            return
        first = next((s for s in report.signed if s.addendum_to is None), None)
        text = str(first.content.get("text", "")) if first else report.text
        signature = Signature(str(first.content.get("reader", first.reader)), moment(first.at)) if first else None
        addenda = tuple(
            Addendum(str(s.content.get("text", "")), str(s.content.get("reader", s.reader)), moment(s.at))
            for s in report.signed
            if s.addendum_to is not None
        )
        self.report.set_report(ReportState(report.content, text, signature, addenda, report.outdated))
        if self._window.settings.reader:
            self.report.set_reader(self._window.settings.reader)

    # -- asked for ---------------------------------------------------------------------------------------------------
    def _with_study(self, verb: Callable[[Study], object]) -> None:
        if self._study is not None:
            verb(self._study)

    def _copy(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        self._session.say("Report copied.")

    def _copy_report(self) -> None:
        if not self.report.ask_copy():
            self._session.say("Nothing of this study is read yet.", "warning", "Read it first (Ctrl+R).")

    def _set_clinical(self, data: ClinicalData) -> None:
        self._with_study(lambda study: self._session.set_clinical(study.study_instance_uid, data))

    def _import_clinical(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "Clinical data", "", "Tables (*.csv *.json)")
        if name:
            self.import_clinical(Path(name))

    def import_clinical(self, path: Path) -> None:
        """Take this patient's row from a table; what is wrong with it is said and nothing is changed."""
        if self._study is None:
            return
        try:
            data = clinical_table.load(path).find(self._study.study_instance_uid, self._study.identity.patient_id)
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
            return
        if data == ClinicalData():
            self._session.say("That table has no row for this study or patient.", "warning")
        else:
            now = self._session.clinical.get(self._study.study_instance_uid, ClinicalData())
            self._set_clinical(replace(data, overruled_dlr_score=now.overruled_dlr_score))
            self._session.say("Clinical data taken over.")

    def _fill_sample(self, study: Study) -> None:
        """The sample patient's clinical data, made up as the images are, come with them; what a reader said of it stands."""
        uid, table = study.study_instance_uid, resources_dir() / "sample" / "clinical.csv"
        first = next((i.path for series in study.series for i in series.instances), None)
        if uid in self._session.clinical or first is None or not first.is_relative_to(table.parent):
            return
        try:
            data = clinical_table.load(table).find(uid, study.identity.patient_id)
        except SinusViewerError:
            return  # the sample is no place to complain about
        if data != ClinicalData():
            self._session.set_clinical(uid, data)
            self._session.say("Made-up clinical data of the sample patient taken over.")

    def _report_text(self) -> str:
        report = self._reporting.report(self._study)
        if report is None:
            return ""
        return report.text if report.text is not None else proposed_text(report.content)

    def _set_text(self, text: str) -> None:
        self._with_study(lambda study: self._reporting.draft_text(study, text))
        if not self._typed.isActive():
            self._typed.start()
        self.show_report()

    def _restore_text(self) -> None:
        self._with_study(lambda study: self._reporting.set_text(study, None))
        self.show_report()

    def _sign(self, reader: str) -> None:
        text = self._report_text()
        self._with_study(lambda study: self._reporting.sign(study, reader, text))
        self._window.remember_reader(reader)
        self.show_report()

    def _add_addendum(self, text: str) -> None:
        reader = self._window.settings.reader or "unknown"
        self._with_study(lambda study: self._reporting.add_addendum(study, reader, text))
        self.show_report()

    def _export_report(self, kind: str) -> None:
        if kind == "png":
            self._window.export_picture()
            return
        mark = mark_of(self._study.study_instance_uid) if self._study is not None else ""
        path = ask_file(self._window, "Save the report", f"report_{mark}.{kind}")
        if path is not None:
            text = self._report_text()
            self._with_study(lambda study: self._reporting.export(study, path, kind, text))

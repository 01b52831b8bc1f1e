"""Wires the panels of the patient as a whole: clinical data, nomogram, report."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QApplication, QFileDialog

from sinusviewer.actions.reporting import Reporting, moment
from sinusviewer.analysis import clinical_table
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import Study
from sinusviewer.errors import SinusViewerError
from sinusviewer.nomogram import Nomogram, read_nomogram
from sinusviewer.paths import bundled_models_dir
from sinusviewer.ui.panels.clinical_panel import ClinicalPanel
from sinusviewer.ui.panels.nomogram_page import write_page
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.nomogram_words import DlrSource, values_for
from sinusviewer.ui.panels.report_panel import Addendum, ReportPanel, ReportState, Signature, proposed_text

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow


class PatientWiring:
    """Owns the connections of the three panels; the window owns the panels."""

    def __init__(self, window: "MainWindow", reporting: Reporting) -> None:
        self._window, self._session, self._reporting = window, window.session, reporting
        self.nomogram, self.clinical, self.report = NomogramPanel(), ClinicalPanel(), ReportPanel()
        self._nomogram: Nomogram | None = None
        self.clinical.clinical_requested.connect(self._set_clinical)
        self.clinical.import_requested.connect(self._import_clinical)
        self.nomogram.value_requested.connect(self._set_predictor)
        self.nomogram.replace_requested.connect(self._replace_nomogram)
        self.nomogram.bundled_requested.connect(lambda: self._load_nomogram(bundled_nomogram()))
        self.nomogram.export_requested.connect(self._export_nomogram)
        self.nomogram.letter_copy_requested.connect(self._copy)
        self.report.text_requested.connect(lambda text: self._with_study(lambda s: self._reporting.set_text(s, text)))
        self.report.restore_requested.connect(self._restore_text)
        self.report.copy_requested.connect(self._copy)
        self.report.sign_requested.connect(self._sign)
        self.report.addendum_requested.connect(self._add_addendum)
        self.report.export_requested.connect(self._export_report)
        self._load_nomogram(bundled_nomogram())

    def _copy(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        self._session.say("Copied.")

    def _with_study(self, verb: Callable[[Study], object]) -> None:
        study = self._session.study
        if study is not None:
            verb(study)

    def refresh(self, reading: SeriesReading | None, study: Study | None) -> None:
        """Show what is known of the patient whose series is the active one."""
        session = self._session
        clinical = session.clinical.get(study.study_instance_uid if study else "", ClinicalData())
        self.clinical.set_clinical(clinical)
        recurrence = reading.recurrence if reading else None
        if self._nomogram is not None:
            score = recurrence.dlr_score if recurrence else None
            source = (
                DlrSource(recurrence.dlr_score, recurrence.model.name, recurrence.model.trained_on)
                if recurrence and recurrence.model
                else None
            )
            self.nomogram.set_values(
                values_for(self._nomogram, clinical, score), source, study.identity if study else None
            )
        self._show_report()

    def _show_report(self) -> None:
        report = self._reporting.report(self._session.study)
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
        self.report.set_report(ReportState(report.content, text, signature, addenda))
        if self._window.settings.reader != "":
            self.report.set_reader(self._window.settings.reader)

    def _set_clinical(self, data: ClinicalData) -> None:
        self._with_study(lambda study: self._session.set_clinical(study.study_instance_uid, data))

    def _import_clinical(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "Clinical data", "", "Tables (*.csv *.json)")
        study = self._session.study
        if not name or study is None:
            return
        try:
            data = clinical_table.load(Path(name)).find(study.study_instance_uid, study.identity.patient_id)
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
            return
        if data == ClinicalData():
            self._session.say("That table has no row for this study or patient.", "warning")
        else:
            self._set_clinical(data)

    def _set_predictor(self, name: str, value: object) -> None:
        study = self._session.study
        if study is None:
            return
        data = self._session.clinical.get(study.study_instance_uid, ClinicalData())
        field = {"ar": "allergic_rhinitis", "eos": "eosinophils_per_ul"}.get(name, name)
        changes: dict[str, Any] = {field: value}
        if value is not None and field not in ("age", "eosinophils_per_ul"):
            changes = {field: bool(value)}
        if field in ClinicalData.__slots__:
            self._set_clinical(replace(data, **changes))

    def _load_nomogram(self, path: Path | None) -> None:
        if path is None:
            self.nomogram.set_nomogram(None)
            return
        try:
            self._nomogram = read_nomogram(path)
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
            return
        self.nomogram.set_nomogram(self._nomogram, None, bundled=path == bundled_nomogram())
        self._window.session.clinical_changed.emit(self._session.study_uid)

    def _replace_nomogram(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "A nomogram of your own", "", "Nomogram (*.json)")
        if name:
            self._load_nomogram(Path(name))

    def _export_nomogram(self, kind: str) -> None:
        page = self.nomogram.page()
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the nomogram", f"nomogram.{kind}", f"*.{kind}")
        if page is not None and name:
            write_page(page, Path(name).with_suffix(f".{kind}"))
            self._session.say("Nomogram saved.")

    def _report_text(self) -> str:
        report = self._reporting.report(self._session.study)
        if report is None:
            return ""
        return report.text if report.text is not None else proposed_text(report.content)

    def _restore_text(self) -> None:
        self._with_study(lambda study: self._reporting.set_text(study, None))
        self._show_report()

    def _sign(self, reader: str) -> None:
        text = self._report_text()
        self._with_study(lambda study: self._reporting.sign(study, reader, text))
        self._window.remember_reader(reader)
        self._show_report()

    def _add_addendum(self, text: str) -> None:
        reader = self._window.settings.reader or "unknown"
        self._with_study(lambda study: self._reporting.add_addendum(study, reader, text))
        self._show_report()

    def _export_report(self, kind: str) -> None:
        if kind == "png":
            self._window.export_picture()
            return
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the report", f"report.{kind}", f"*.{kind}")
        if name:
            text = self._report_text()
            path = Path(name).with_suffix(f".{kind}")
            self._with_study(lambda study: self._reporting.export(study, path, kind, text))


def bundled_nomogram() -> Path | None:
    """The nomogram that comes with the models."""
    return next(iter(sorted(bundled_models_dir().glob("*/nomogram.json"))), None)

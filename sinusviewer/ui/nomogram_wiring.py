"""Wires the nomogram: values from clinical data and CT, live while a marker is dragged, saved when it rests."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from sinusviewer.analysis.recurrence import NOMOGRAM_FILE, assess, clinical_name, predictor_values
from sinusviewer.analysis.risk_limits import network_sentence
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.header_clinical import from_header, with_header
from sinusviewer.domain.reading import RecurrenceReading, SeriesReading, SeriesStatus
from sinusviewer.domain.study import Study
from sinusviewer.errors import SinusViewerError
from sinusviewer.nomogram import Nomogram, read_nomogram
from sinusviewer.paths import bundled_models_dir, user_data_dir
from sinusviewer.report.wording import BEFORE_EDITS, dlr_made_of, masks_edited
from sinusviewer.ui.panels.nomogram_page import NomogramPage, print_page, write_page
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel
from sinusviewer.ui.panels.nomogram_words import DlrSource, cohort_sentence, is_dlr
from sinusviewer.ui.saving import ask_file

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow

REST_MS = 250
"""A value is saved when its marker has rested that long; until then it is only shown."""
_NOBODY = ClinicalData()


class NomogramWiring:
    """Owns the panel's connections and the nomogram in use; the values belong to the session."""

    def __init__(self, window: "MainWindow") -> None:
        self._window, self._session = window, window.session
        self.panel = NomogramPanel()
        self._nomogram: Nomogram | None = None
        self._own = False
        self._study: Study | None = None
        self._series_key = ""
        self._reading: SeriesReading | None = None
        self._draft: ClinicalData | None = None
        self._rest = QTimer(self.panel)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.save)
        panel = self.panel
        panel.value_requested.connect(self._on_value)
        panel.replace_requested.connect(self._replace)
        panel.bundled_requested.connect(self._use_bundled)
        panel.export_requested.connect(self._export)
        panel.print_requested.connect(self._print)
        panel.letter_copy_requested.connect(self._copy_letter)
        panel.heat_style_requested.connect(
            lambda s: self._session.set_display(
                show_heatmap=s.visible, heatmap_opacity=s.opacity, heat_color_map=s.color_map, heat_of="recurrence"
            )
        )
        self.load()

    # -- the nomogram ------------------------------------------------------------------------------------------------
    def load(self) -> None:
        """Take a site's own nomogram, else the bundled one, into use; a broken own one is named and left alone."""
        for path in (own_nomogram(), bundled_nomogram()):
            if path is not None and path.is_file() and self._use(path):
                return
        self._nomogram = None
        self.panel.set_nomogram(None)

    def _use(self, path: Path) -> bool:
        try:
            self._nomogram = read_nomogram(path)
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
            return False
        self._own = path == own_nomogram()
        self.panel.set_nomogram(self._nomogram, _evaluation_beside(path), bundled=not self._own)
        self._show()
        return True

    def _replace(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "A nomogram of your own", "", "Nomogram (*.json)")
        if name:
            self.replace_by(Path(name))

    def replace_by(self, path: Path) -> None:
        """Check a site's own nomogram and keep a copy, with its evaluation; the window and the readings use it from now on."""
        try:
            read_nomogram(path)
            shutil.copyfile(path, own_nomogram())
            beside = path.with_name("evaluation.json")
            kept = own_nomogram().with_name("evaluation.json")
            if beside.is_file():
                shutil.copyfile(beside, kept)
            else:
                kept.unlink(missing_ok=True)
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
            return
        except OSError as error:
            self._session.say("The nomogram could not be copied.", "error", error.strerror or "")
            return
        self.load()
        self._refile(everywhere=True)
        if self._nomogram is not None:
            self._session.say(f"Your site's nomogram is in use now: {cohort_sentence(self._nomogram)}")

    def _use_bundled(self) -> None:
        try:
            own_nomogram().unlink(missing_ok=True)
        except OSError as error:
            self._session.say("Your site's nomogram could not be removed.", "error", error.strerror or "")
            return
        self.load()
        self._refile(everywhere=True)

    # -- values ------------------------------------------------------------------------------------------------------
    def refresh(self, reading: SeriesReading | None, series_key: str, study: Study | None) -> None:
        """Show the patient of the active view; what was not saved yet of the one before is saved first."""
        if self._draft is not None and study is not self._study:
            self.save()
        fresh = reading is not self._reading
        self._reading, self._series_key, self._study = reading, series_key, study
        self._show()
        if fresh:  # a kept reading may be older than the nomogram or the clinical data
            self._refile()

    def clinical_changed(self, study_uid: str) -> None:
        """Clinical data were changed somewhere: the drawing follows, and so does the risk in the reading and the report."""
        if self._study is None or study_uid != self._study.study_instance_uid:
            return
        self._draft = None
        self._rest.stop()
        self._show()
        self._refile()

    def save(self) -> None:
        """Hand what is shown to the session, which keeps it."""
        self._rest.stop()
        draft, self._draft = self._draft, None
        if draft is not None and self._study is not None:
            self._session.set_clinical(self._study.study_instance_uid, draft)

    def release(self) -> None:
        """Save what a marker was just dragged to; nothing fires later."""
        self.save()
        self._rest.stop()

    def _clinical(self) -> ClinicalData:
        if self._draft is not None:
            return self._draft
        return self._kept(self._study)

    def _recurrence(self) -> RecurrenceReading | None:
        return self._reading.recurrence if self._reading is not None else None

    def _show(self) -> None:
        if self._nomogram is None:
            return
        clinical, recurrence = self._clinical(), self._recurrence()
        source = None
        if recurrence is not None:
            model = recurrence.model
            name = f"{model.name} {model.version}".strip() if model else "a network without a card"
            edits = BEFORE_EDITS if self._reading is not None and masks_edited(self._reading) else ""
            note = " ".join(said for said in (dlr_made_of(recurrence), edits) if said)
            doubt = self._doubt() if clinical.overruled_dlr_score is None else ""
            source = DlrSource(recurrence.dlr_score, name, model.trained_on if model else "", note, doubt)
        borrowed: tuple[str, ...] = ()
        if self._study is not None:
            borrowed = from_header(clinical, self._study.identity)
            clinical = with_header(clinical, self._study.identity)
        values = predictor_values(self._nomogram, clinical, _score(clinical, recurrence))
        self.panel.set_heat(self._reading.recurrence_heat if self._reading is not None else None)
        self.panel.set_values(
            values, source, self._study.identity if self._study else None, borrowed,
            whose=self._study.study_instance_uid if self._study else "", no_score=_why_no_score(self._reading),
        )  # fmt: skip

    def _doubt(self) -> str:
        """Why the CT's score may not be what the nomogram's axis means."""
        said = [w.message for w in self._reading.warnings if w.code == "recurrence_doubtful"] if self._reading else []
        recurrence = self._recurrence()
        if self._nomogram is not None and recurrence is not None:
            said.append(network_sentence(self._nomogram, recurrence.model, own=self._own))
        return " ".join(sentence for sentence in said if sentence)

    def _refile(self, *, everywhere: bool = False) -> None:
        """Put the risks that follow from nomogram and clinical data in force into the readings.

        Of every series of the study on screen, since its report says them all; ``everywhere``: of every open study.
        """
        if self._nomogram is None:
            return
        for key, reading in tuple(self._session.readings.items()):
            recurrence, study = reading.recurrence, self._session.study_of(key.partition("/")[0])
            if recurrence is None or study is None or (study is not self._study and not everywhere):
                continue
            clinical = self._clinical() if study is self._study else self._kept(study)
            score, network = recurrence.dlr_score, recurrence.model
            new = assess(score, clinical, self._nomogram, network, study.identity, own=self._own)
            new = replace(new, network_score=recurrence.network_score)
            if new != recurrence:
                changed = replace(reading, recurrence=new)
                if reading is self._reading:
                    self._reading = changed
                self._session.set_reading(changed, key)

    def _kept(self, study: Study | None) -> ClinicalData:
        return self._session.clinical.get(study.study_instance_uid, _NOBODY) if study else _NOBODY

    def _on_value(self, name: str, value: float | None) -> None:
        field = "overruled_dlr_score" if is_dlr(name) else clinical_name(name)
        if field not in ClinicalData.__slots__:
            self._session.say(f"“{name}” is no field of the clinical data; use “What if” to try values.", "warning")
            return
        changes: dict[str, Any] = {field: value}
        recurrence = self._recurrence()
        if is_dlr(name) and recurrence is not None and value == recurrence.dlr_score:
            changes = {field: None}
        elif value is not None and field not in ("age", "eosinophils_per_ul", "overruled_dlr_score"):
            changes = {field: bool(value)}
        self._draft = replace(self._clinical(), **changes)
        self._show()
        self._rest.start()

    # -- what leaves -------------------------------------------------------------------------------------------------
    def _page(self) -> NomogramPage | None:
        return self.panel.page(datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"))

    def _export(self, kind: str) -> None:
        page = self._page()
        path = None if page is None else ask_file(self._window, "Save the nomogram", f"nomogram.{kind}")
        if page is not None and path is not None:
            self._try(lambda: write_page(page, path), f"Saved: {path}")

    def _print(self) -> None:
        page = self._page()
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        if page is not None and QPrintDialog(printer, self._window).exec() == QDialog.DialogCode.Accepted:
            self._try(lambda: print_page(page, printer), "Printed.")

    def _try(self, write: Callable[[], None], done: str) -> None:
        try:
            write()
        except SinusViewerError as error:
            self._session.say(error.message, "error", error.hint)
        else:
            self._session.say(done)

    def _copy_letter(self, text: str) -> None:
        QApplication.clipboard().setText(text)
        self._session.say("Paragraph copied.")


def _score(clinical: ClinicalData, recurrence: RecurrenceReading | None) -> float | None:
    if clinical.overruled_dlr_score is not None:
        return clinical.overruled_dlr_score
    return recurrence.dlr_score if recurrence is not None else None


def _why_no_score(reading: SeriesReading | None) -> str:
    """Why a CT that was read gave no radiomic score; empty where it gave one, or was not read."""
    if reading is None or reading.recurrence is not None:
        return ""
    said = [w.message for w in reading.warnings if w.code == "recurrence_not_assessed"]
    if reading.status is SeriesStatus.REFUSED and reading.reason:
        said.insert(0, f"This CT was not assessed: {reading.reason}")
    return " ".join(said)


def own_nomogram() -> Path:
    """Where a site's own nomogram is kept; the readings look there too."""
    return user_data_dir() / NOMOGRAM_FILE


def bundled_nomogram() -> Path | None:
    """The nomogram that comes with the models."""
    return next(iter(sorted(bundled_models_dir().glob(f"*/{NOMOGRAM_FILE}"))), None)


def _evaluation_beside(path: Path) -> dict[str, Any] | None:
    """The evaluation that was written with a nomogram, for its decision curve; None where there is none."""
    try:
        content = json.loads(path.with_name("evaluation.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None

"""Typed inputs of a nomogram: one row per predictor; blank is unknown, and what cannot be is named."""

from functools import partial

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from sinusviewer.analysis.recurrence import clinical_name
from sinusviewer.domain.scoring import score_text
from sinusviewer.errors import InputError
from sinusviewer.nomogram import Nomogram, Predictor
from sinusviewer.ui.panels.form_grid import FormGrid
from sinusviewer.ui.panels.nomogram_words import DlrSource, is_dlr, is_eosinophils
from sinusviewer.ui.panels.number_field import NumberField
from sinusviewer.ui.panels.parts import ToneLabel, button, choice, describe
from sinusviewer.ui.panels.units import (
    EosinophilEntry,
    EosinophilUnit,
    checked_age,
    shown_number,
)


class NomogramInputs(QWidget):
    """Rows of inputs; the eosinophil count has its units, the radiomic score its origin.

    Signals
    -------
    value_requested(str, object), unit_changed(): the labels of the eosinophil axis should follow ``unit_labels``.
    """

    value_requested = Signal(str, object)
    unit_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("nomogram_inputs")
        self._grid = FormGrid()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._grid)
        self._nomogram: Nomogram | None = None
        self._values: dict[str, float | None] = {}
        self._dlr: DlrSource | None = None
        self._no_score = ""
        self._fields: dict[str, NumberField] = {}
        self._choices: dict[str, QComboBox] = {}
        self._borrowed: dict[str, ToneLabel] = {}
        self._unit = QComboBox()
        self._white = NumberField()
        self._entry = EosinophilEntry()
        self._origin = ToneLabel("", "muted", "dlr_origin")
        self._back: QPushButton | None = None
        self._problem = ToneLabel("", "red", "nomogram_problem")

    def set_nomogram(self, nomogram: Nomogram | None) -> None:
        self._grid.clear()
        self._nomogram = nomogram
        self._fields, self._choices, self._back, self._borrowed = {}, {}, None, {}
        if nomogram is None:
            return
        for predictor in nomogram.predictors:
            label = QLabel(predictor.label)
            editor = self._choice(predictor) if predictor.binary else self._field(predictor)
            label.setBuddy(editor)
            label.setWordWrap(True)
            self._grid.add(label, editor)
            if clinical_name(predictor.name) in ("age", "female"):
                self._borrowed[predictor.name] = ToneLabel(
                    "From the image's header.", "muted", f"origin_{predictor.name}"
                )
                self._borrowed[predictor.name].hide()
                self._grid.add(None, self._borrowed[predictor.name])
            if is_eosinophils(predictor.name):
                self._grid.add(None, self._units())
            if is_dlr(predictor.name):
                self._origin = ToneLabel("", "muted", "dlr_origin")
                self._back = button("Use the CT's", "dlr_back", "Take the score that the network read from the CT.",
                                    partial(self._ask_back, predictor.name))  # fmt: skip
                self._grid.add(None, self._origin, wide=True)
                self._grid.add(None, self._back, wide=True)
        self._problem = ToneLabel("", "red", "nomogram_problem")
        self._problem.hide()
        self._grid.add(None, self._problem, wide=True)

    def set_values(
        self, values: dict[str, float | None], dlr: DlrSource | None, from_header: tuple[str, ...] | None = None
    ) -> None:
        """Show the values in force; a problem with what was typed is forgotten.

        ``from_header`` are the clinical fields that the image's header gave; None: as before.
        """
        self._values, self._dlr = dict(values), dlr
        if from_header is not None:
            for name, label in self._borrowed.items():
                label.setVisible(clinical_name(name) in from_header)
        if self._problem.isVisibleTo(self):
            self._problem.hide()
        for name, field in self._fields.items():
            value = values.get(name)
            if is_eosinophils(name) and value is not None:
                shown = self._entry.shown(value, self.unit)
                field.setPlaceholderText("unknown" if shown is not None else f"{shown_number(value)} cells/µL")
                field.set_value(shown)
            else:
                field.setPlaceholderText("unknown")
                field.set_value(value)
        for name, box in self._choices.items():
            value = values.get(name)
            index = 0 if value is None else 2 if value >= 0.5 else 1
            if box.currentIndex() != index:
                with QSignalBlocker(box):
                    box.setCurrentIndex(index)
        self._show_origin()

    def forget_patient(self) -> None:
        """Another patient's values follow: a white count, which is not kept, never outlives the one it was typed for."""
        self._entry = EosinophilEntry()
        self._white.set_value(None)

    def set_no_score(self, why: str) -> None:
        """Why the CT gave no radiomic score, where it was read; shown with the next values."""
        self._no_score = why

    def set_what_if(self, what_if: bool) -> None:
        self._origin.setEnabled(not what_if)

    @property
    def unit(self) -> EosinophilUnit:
        return EosinophilUnit(self._unit.currentText()) if self._unit.count() else EosinophilUnit.PER_UL

    def unit_labels(self) -> dict[str, tuple[float, str]]:
        """How the axes should be labelled; a percentage has no scale of its own, its axis stays in cells/µL."""
        if self.unit is not EosinophilUnit.GIGA_PER_L or self._nomogram is None:
            return {}
        return {p.name: (0.001, self.unit.value) for p in self._nomogram.predictors if is_eosinophils(p.name)}

    # Rows ---------------------------------------------------------------------------------------------------------

    def _choice(self, predictor: Predictor) -> QComboBox:
        box = choice("unknown", "no", "yes")
        describe(box, f"input_{predictor.name}", f"{predictor.label}: unknown gives an interval, not a guess.", "arrow keys",
                 predictor.label)  # fmt: skip
        box.activated.connect(lambda index, n=predictor.name: self.value_requested.emit(n, (None, 0.0, 1.0)[index]))
        self._choices[predictor.name] = box
        return box

    def _field(self, predictor: Predictor) -> NumberField:
        field = NumberField()
        low, high = predictor.training_range
        source = (
            "The deep-learning radiomic score of this CT, 0 to 1, from the network named below; type to overrule it."
            if is_dlr(predictor.name)
            else f"{predictor.label}{f' in {predictor.unit}' if predictor.unit else ''}."
        )
        describe(
            field,
            f"input_{predictor.name}",
            f"{source} Training patients had {shown_number(low)} to {shown_number(high)}. Blank is unknown.",
            "Enter",
            predictor.label,
        )
        field.value_entered.connect(lambda value, n=predictor.name: self._ask_number(n, value))
        field.rejected.connect(self._complain)
        self._fields[predictor.name] = field
        return field

    def _units(self) -> QWidget:
        part = QWidget()
        layout = QHBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        self._unit = choice(*(u.value for u in EosinophilUnit))
        describe(self._unit, "eosinophil_unit", "Unit of the eosinophil count; a percentage needs the white count.",
                 "arrow keys", "Eosinophil unit")  # fmt: skip
        self._white = NumberField()
        self._white.setPlaceholderText("white cells 10⁹/L")
        describe(self._white, "white_cells", "White cell count in 10⁹/L, to turn the percentage into cells/µL.", "Enter",
                 "White cell count, 10⁹/L")  # fmt: skip
        self._white.setVisible(False)
        self._unit.currentIndexChanged.connect(lambda _index: self._on_unit())
        self._white.value_entered.connect(self._on_white)
        self._white.rejected.connect(self._complain)
        layout.addWidget(self._unit, 2)
        layout.addWidget(self._white, 3)
        return part

    # Asking -------------------------------------------------------------------------------------------------------

    def _ask_number(self, name: str, value: float | None) -> None:
        if value is not None:
            try:
                value = self._checked(name, value)
            except InputError as error:
                self._complain(error.message)
                return
        self.value_requested.emit(name, value)

    def _checked(self, name: str, value: float) -> float:
        if is_eosinophils(name):
            return self._entry.per_ul(value, self.unit)
        if is_dlr(name) and not 0 <= value <= 1:
            raise InputError("The radiomic score lies between 0 and 1.")
        return checked_age(value) if name == "age" else value

    def _ask_back(self, name: str) -> None:
        if self._dlr is not None:
            self.value_requested.emit(name, self._dlr.score)

    def _complain(self, message: str) -> None:
        self._problem.setText(f"{message} Not taken over.")
        self._problem.show()

    def _on_unit(self) -> None:
        self._white.setVisible(self.unit is EosinophilUnit.PERCENT)
        self.set_values(self._values, self._dlr)
        self.unit_changed.emit()

    def _on_white(self, value: float | None) -> None:
        try:
            count = self._entry.with_white_cells(value)
        except InputError as error:
            self._complain(error.message)
            return
        name = next((n for n in self._fields if is_eosinophils(n)), "")
        if count is not None and name:
            self.value_requested.emit(name, count)
        self.set_values(self._values, self._dlr)

    def _show_origin(self) -> None:
        name = next((n for n in self._fields if is_dlr(n)), "")
        if not name or self._back is None:
            return
        value = self._values.get(name)
        overruled = self._dlr is not None and value != self._dlr.score
        if self._dlr is None:
            text = (
                self._no_score or "No CT has been read for this score."
                if value is None
                else f"Typed by the reader; not from a CT. {self._no_score}".rstrip()
            )
        elif overruled:
            text = f"OVERRULED by the reader. The CT gave {score_text(self._dlr.score)} ({self._dlr.model})."
        else:
            text = f"From the CT by {self._dlr.model}. {self._dlr.trained_on} {self._dlr.note}".rstrip()
        if text != self._origin.text():
            self._origin.setText(text)
            self._origin.set_tone("amber" if overruled else "muted")
        self._back.setVisible(overruled)

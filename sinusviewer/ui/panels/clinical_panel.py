"""The clinical data that the nomogram reads: typed or imported; blank is missing, and what cannot be is refused by name."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QWidget

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.header_clinical import HeaderClinical
from sinusviewer.errors import InputError
from sinusviewer.ui.panels.form_grid import FormGrid
from sinusviewer.ui.panels.number_field import NumberField
from sinusviewer.ui.panels.parts import Notice, ToneLabel, button, choice, describe, row
from sinusviewer.ui.panels.scroll_panel import ScrollPanel
from sinusviewer.ui.panels.units import (
    EosinophilEntry,
    EosinophilUnit,
    checked_age,
    shown_number,
)

_YES_NO = (
    ("asthma", "Asthma", "Asthma, diagnosed by a physician."),
    ("allergic_rhinitis", "Allergic rhinitis", "Allergic rhinitis, diagnosed by history and test."),
    ("smoking", "Smoking", "Smokes now or did for years."),
    ("drinking", "Drinking", "Drinks alcohol regularly."),
    ("hypertension", "Hypertension", "Arterial hypertension."),
    ("diabetes", "Diabetes", "Diabetes mellitus."),
)


class ClinicalPanel(ScrollPanel):
    """Shows ClinicalData and asks for changed ones.

    Signals
    -------
    clinical_requested(ClinicalData), import_requested()
    """

    clinical_requested = Signal(object)
    import_requested = Signal()

    def __init__(self) -> None:
        super().__init__("clinical_panel", "Clinical data")
        self._clinical = ClinicalData()
        self._header = HeaderClinical()
        self._entry, self._whose = EosinophilEntry(), ""
        self._summary = ToneLabel("", "muted", "clinical_summary")
        self._problem = Notice("clinical_problem")
        self._problem.hide()
        self._grid = FormGrid()
        self._age = NumberField()
        self._add("Age, years", self._age, "clinical_age", "Age at the time of the CT, in years.")
        self._age.value_entered.connect(self._on_age)
        self._sex = self._add_choice(
            "Sex", "clinical_female", "The patient's sex.", ("unknown", "male", "female"), "female"
        )
        self._choices: dict[str, QComboBox] = {"female": self._sex}
        self._origin = ToneLabel("", "muted", "clinical_origin")
        self._grid.add(None, self._origin, wide=True)
        for name, label, says in _YES_NO[:2]:
            self._choices[name] = self._add_choice(label, f"clinical_{name}", says, ("unknown", "no", "yes"), name)
        self._eosinophils = NumberField()
        self._add(
            "Eosinophils",
            self._eosinophils,
            "clinical_eosinophils",
            "Eosinophils in the blood, before the operation.",
        )
        self._eosinophils.value_entered.connect(self._on_eosinophils)
        self._unit = choice(*(u.value for u in EosinophilUnit))
        describe(self._unit, "clinical_unit", "Unit of the eosinophil count.", "arrow keys", "Eosinophil unit")
        self._grid.add(None, self._unit)
        self._unit.currentIndexChanged.connect(lambda _index: self._on_unit())
        self._white_label = QLabel("White cells")
        self._white = NumberField()
        describe(self._white, "clinical_white_cells", "White cell count, to turn a percentage into cells/µL.", "Enter",
                 "White cells, 10⁹/L")  # fmt: skip
        self._grid.add(self._white_label, self._white)
        self._white.value_entered.connect(self._on_white)
        for name, label, says in _YES_NO[2:]:
            self._choices[name] = self._add_choice(label, f"clinical_{name}", says, ("unknown", "no", "yes"), name)
        for field in (self._age, self._eosinophils, self._white):
            field.rejected.connect(self._complain)
        self.column.addWidget(
            ToneLabel("Blank or unknown is missing: the nomogram then gives an interval, not a guess.", "muted")
        )
        self.column.addWidget(self._problem)
        self.column.addWidget(self._grid)
        self.column.addWidget(self._summary)
        self.column.addLayout(
            row(button("Import CSV …", "clinical_import", "Take this patient's row from a CSV file (study UID or patient ID, "
                       "then any of the columns named as here).", self.import_requested.emit))
        )  # fmt: skip
        self.column.addStretch(1)
        self._on_unit()
        self.set_clinical(ClinicalData())

    def set_clinical(self, clinical: ClinicalData, header: HeaderClinical | None = None, whose: str = "") -> None:
        """Show these data, and the header's where the reader gave none; a complaint about what was typed is taken back.

        ``whose`` is the study: a white count, which is not kept, never outlives the one it was typed for.
        """
        if whose != self._whose:
            self._entry, self._whose = EosinophilEntry(), whose
            self._white.set_value(None)
        self._clinical = clinical
        self._header = header or HeaderClinical()
        self._problem.hide()
        self._show()

    def _show(self) -> None:
        clinical, header = self._clinical, self._header.data
        self._age.set_value(header.age if clinical.age is None else clinical.age)
        for name, box in self._choices.items():
            given = getattr(clinical, name)
            value = getattr(header, name) if given is None else given
            with QSignalBlocker(box):
                box.setCurrentIndex(0 if value is None else 2 if value else 1)
        self._show_eosinophils()
        names = ("age", "eosinophils_per_ul", *self._choices)
        known = sum(getattr(clinical, n) is not None or getattr(header, n) is not None for n in names)
        self._summary.setText(f"{known} of {len(names)} known. What is given here is saved with the study.")
        self._show_origin()

    def _show_origin(self) -> None:
        """Where age and sex come from, and what the header says where the reader says otherwise."""
        lines = [self._header.problem] if self._header.problem else []
        conflict = bool(self._header.problem)
        for name, what in (("age", "Age"), ("female", "Sex")):
            ours, theirs = getattr(self._clinical, name), getattr(self._header.data, name)
            if theirs is None:
                continue
            said = f"{shown_number(theirs)} years" if name == "age" else "female" if theirs else "male"
            if ours is None:
                lines.append(f"{what}: from the image's header.")
            elif ours != theirs:
                conflict = True
                lines.append(
                    f"{what}: given by the reader; the image's header says {said}. Clear it to take the header's."
                )
        self._origin.setText("\n".join(lines))
        self._origin.set_tone("amber" if conflict else "muted")
        self._origin.setVisible(bool(lines))

    # Rows and asking ------------------------------------------------------------------------------------------------

    def _add(self, label: str, editor: QWidget, name: str, says: str) -> None:
        caption = QLabel(label)
        caption.setBuddy(editor)
        describe(editor, name, f"{says} Blank is missing.", "Enter", label)
        self._grid.add(caption, editor)

    def _add_choice(self, label: str, name: str, says: str, options: tuple[str, ...], field: str) -> QComboBox:
        box = choice(*options)
        self._add(label, box, name, says)
        box.activated.connect(partial(self._on_choice, field))
        return box

    def _on_choice(self, field: str, index: int) -> None:
        self._ask(replace(self._clinical, **{field: (None, False, True)[index]}))

    def _on_age(self, value: float | None) -> None:
        try:
            age = None if value is None else checked_age(value)
        except InputError as error:
            self._complain(error.message)
            return
        self._ask(replace(self._clinical, age=age))

    def _on_eosinophils(self, value: float | None) -> None:
        try:
            count = None if value is None else self._entry.per_ul(value, self._current_unit)
        except InputError as error:
            self._complain(error.message)
            return
        self.clinical_requested.emit(replace(self._clinical, eosinophils_per_ul=count))

    def _on_white(self, value: float | None) -> None:
        try:
            count = self._entry.with_white_cells(value)
        except InputError as error:
            self._complain(error.message)
            return
        self._problem.hide()
        if count is not None:
            self.clinical_requested.emit(replace(self._clinical, eosinophils_per_ul=count))
        self._show_eosinophils()

    def _ask(self, wanted: ClinicalData) -> None:
        if wanted == self._clinical:  # cleared what is the header's: that is shown again
            self._problem.hide()
            self._show()
            return
        self.clinical_requested.emit(wanted)

    @property
    def _current_unit(self) -> EosinophilUnit:
        return EosinophilUnit(self._unit.currentText())

    def _on_unit(self) -> None:
        percent = self._current_unit is EosinophilUnit.PERCENT
        self._white.setVisible(percent)
        self._white_label.setVisible(percent)
        self._show_eosinophils()

    def _show_eosinophils(self) -> None:
        count = self._clinical.eosinophils_per_ul
        shown = self._entry.shown(count, self._current_unit)
        known_elsewhere = count is not None and shown is None
        self._eosinophils.setPlaceholderText(f"{shown_number(count)} cells/µL" if known_elsewhere else "unknown")
        self._eosinophils.set_value(shown)

    def _complain(self, message: str) -> None:
        self._problem.set_text(f"{message} Not taken over.")
        self._problem.show()

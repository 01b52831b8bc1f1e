"""The Nomogram tab: inputs, the live drawing, the risk, whom it rests on, and what to hand on."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from sinusviewer.analysis.risk_limits import calibration_sentence
from sinusviewer.domain.finding import Heatmap
from sinusviewer.domain.image import Identity
from sinusviewer.nomogram import Nomogram
from sinusviewer.ui.panels.foot_label import FootLabel
from sinusviewer.ui.panels.heat_controls import HeatControls, HeatStyle
from sinusviewer.ui.panels.nomogram_decision import decision_hint
from sinusviewer.ui.panels.nomogram_inputs import NomogramInputs
from sinusviewer.ui.panels.nomogram_page import NomogramPage, setting_doubts
from sinusviewer.ui.panels.nomogram_paint import Setting
from sinusviewer.ui.panels.nomogram_view import NomogramView
from sinusviewer.ui.panels.nomogram_words import (
    DlrSource,
    cohort_lines,
    letter_paragraph,
    points_sentence,
    risk_sentence,
    what_if_sentence,
)
from sinusviewer.ui.panels.parts import Facts, Fold, StillLabels, ToneLabel, button, describe, research_line, row
from sinusviewer.ui.panels.scroll_panel import ScrollPanel

_NO_HEAT = (
    "No heat: no CT was scored, or nothing in the network's bottleneck spoke for recurrence on it. "
    "A reading of an earlier version kept none: read again to see it (Ctrl+R)."
)
_LONGEST_RISK = "Risk of recurrence 00 to >99 %"
_LONGEST_POINTS = "000 to 000 points; on both sides of the cut-off 0.000."


class NomogramPanel(ScrollPanel):
    """Draws the patient's values on a nomogram. The values are the session's; only a "what if" is the panel's own scratch.

    Signals
    -------
    value_requested(str, object): a predictor's value for the patient (None: unknown).
    replace_requested(): use a site's own nomogram file. bundled_requested(): back to the bundled one.
    export_requested(str): "pdf", "svg" or "png". print_requested(). letter_copy_requested(str): the paragraph.
    heat_style_requested(HeatStyle): how the score's own heat is drawn over the CT.
    """

    value_requested = Signal(str, object)
    replace_requested = Signal()
    bundled_requested = Signal()
    export_requested = Signal(str)
    print_requested = Signal()
    letter_copy_requested = Signal(str)
    heat_style_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__("nomogram_panel", "Nomogram")
        self._nomogram: Nomogram | None = None
        self._values: dict[str, float | None] = {}
        self._dlr: DlrSource | None = None
        self._identity: Identity | None = None
        self._whose = ""
        self._from_header: tuple[str, ...] = ()
        self._what_if: dict[str, float | None] | None = None
        self._evaluation: Mapping[str, Any] | None = None

        self._state = ToneLabel("", "text", "nomogram_state")
        self._risk = ToneLabel("", "text", "risk_text", scale=1.3, bold=True)
        self._points = ToneLabel("", "text", "points_text")
        self._outside = ToneLabel("", "amber", "outside_text")
        self._held = ToneLabel("", "amber", "calibration_text")
        self._compare = ToneLabel("", "amber", "what_if_text")
        self.inputs = NomogramInputs()
        self.view = NomogramView()
        self._what_if_box = QCheckBox("What if")
        describe(
            self._what_if_box, "what_if",
            "Compare: from now on markers and fields change a second setting; the patient's own stays as it is and nothing is saved.",
            "Space", "What if",
        )  # fmt: skip
        self._linear = QCheckBox("Linear predictor")
        describe(
            self._linear, "show_linear", "Show the axis of the linear predictor as well.", "Space", "Linear predictor"
        )
        self._facts = Facts("nomogram_cohort")
        self._hint = ToneLabel("", "muted", "decision_hint")
        self._trained_on = FootLabel("", "amber", "nomogram_trained_on")
        self.heat = HeatControls("dlr_", "score", _NO_HEAT)
        self.heat.style_requested.connect(self.heat_style_requested)
        self._build()
        self.set_nomogram(None)

    def _build(self) -> None:
        self._shown = QWidget()
        shown = QVBoxLayout(self._shown)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(8)
        # Nothing above the drawing may change its height: it would move away under the mouse that drags a marker.
        for widget in (
            StillLabels((self._risk, _LONGEST_RISK), (self._points, _LONGEST_POINTS)),
            self.view,
            self._compare,
            self._outside,
            self._held,
        ):
            shown.addWidget(widget)
        shown.addLayout(row(self._what_if_box, self._linear))
        shown.addWidget(self.inputs)
        shown.addLayout(
            row(
                button("Print …", "nomogram_print", "Print the page for the surgeon.", self.print_requested.emit),
                *(
                    button(kind.upper(), f"nomogram_{kind}", f"Save the page for the surgeon as {kind.upper()}.",
                           partial(self.export_requested.emit, kind))
                    for kind in ("pdf", "svg", "png")
                ),
            )
        )  # fmt: skip
        shown.addLayout(
            row(button("Copy paragraph", "copy_letter", "Copy the paragraph for the letter.", self._ask_letter))
        )
        shown.addWidget(Fold("Where the network looked for the radiomic score", self.heat, "dlr_heat_fold"))
        facts = QWidget()
        inside = QVBoxLayout(facts)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._facts)
        inside.addWidget(self._hint)
        shown.addWidget(Fold("What it rests on", facts, "cohort_fold", open_at_start=True))
        self._replace = button("Own nomogram …", "replace_nomogram", "Replace this nomogram by your site's own file "
                               "(nomogram.json).", self.replace_requested.emit)  # fmt: skip
        self._bundled = button("Bundled one", "bundled_nomogram", "Back to the nomogram that came with the program.",
                               self.bundled_requested.emit)  # fmt: skip
        self.column.addWidget(self._state)
        self.column.addWidget(self._shown)
        self.column.addLayout(row(self._replace, self._bundled))
        self.column.addStretch(1)
        self.footer.addWidget(self._trained_on)
        self.footer.addWidget(research_line())
        self.view.value_requested.connect(self._on_value)
        self.inputs.value_requested.connect(self._on_value)
        self.inputs.unit_changed.connect(self._on_unit)
        self._what_if_box.toggled.connect(self._on_what_if)
        self._linear.toggled.connect(self.view.set_linear_predictor_shown)

    # What is shown ------------------------------------------------------------------------------------------------

    def set_nomogram(
        self, nomogram: Nomogram | None, evaluation: Mapping[str, Any] | None = None, *, bundled: bool = True
    ) -> None:
        """Show a nomogram; ``evaluation`` is the content of its evaluation.json, for the decision-curve hint."""
        self._nomogram, self._evaluation = nomogram, evaluation
        self._values, self._what_if = {}, None
        self._what_if_box.setChecked(False)
        self.view.set_nomogram(nomogram)
        self.inputs.set_nomogram(nomogram)
        self._state.setVisible(nomogram is None)
        self._shown.setVisible(nomogram is not None)
        self._trained_on.setVisible(nomogram is not None)
        self._bundled.setVisible(nomogram is not None and not bundled)
        if nomogram is None:
            self._state.setText("No nomogram is installed. Use your site's own file, or install the bundled models.")
            return
        self._facts.set_rows(cohort_lines(nomogram))
        self._trained_on.setText(nomogram.trained_on)
        hint = decision_hint(evaluation, nomogram.cutoff)
        self._hint.setText(hint.text or "No decision curve came with this nomogram.")
        self._hint.set_tone("amber" if hint.harmful else "muted")
        self._redraw()

    def set_values(
        self,
        values: Mapping[str, float | None],
        dlr: DlrSource | None = None,
        identity: Identity | None = None,
        from_header: tuple[str, ...] = (),
        *,
        whose: str = "",
        no_score: str = "",
    ) -> None:
        """The patient's values by predictor name, the score as the CT gave it, and whose they are.

        ``from_header`` are the clinical fields that nobody gave and the image's header had; ``whose`` is the study (patients
        without a name have equal identities); ``no_score`` says why the CT gave no score.
        """
        other_study = bool(whose and self._whose and whose != self._whose)
        other_name = identity is not None and self._identity is not None and identity != self._identity
        if other_study or other_name:
            self._what_if_box.setChecked(False)  # another patient: a comparison never outlives the one it was made for
        if other_study or identity != self._identity:
            self.inputs.forget_patient()
        self._values, self._dlr, self._identity = dict(values), dlr, identity
        self._whose = whose or self._whose
        self._from_header = from_header
        self.inputs.set_no_score(no_score)
        self._redraw()

    def set_heat(self, heat: Heatmap | None) -> None:
        """Where the network looked that gave the radiomic score; None where there is no such map."""
        self.heat.set_heat(() if heat is None else (heat,), None if heat is None else heat.inside_mask)

    def set_heat_style(self, style: HeatStyle) -> None:
        self.heat.set_heat_style(style)

    def page(self, created: str = "") -> NomogramPage | None:
        """The page to print or save, of what is shown now."""
        if self._nomogram is None:
            return None
        hint = decision_hint(self._evaluation, self._nomogram.cutoff)
        units = self.inputs.unit_labels()
        return NomogramPage(
            self._nomogram, self._settings(), self._dlr, self._identity, created, hint, self._from_header, units
        )

    def _settings(self) -> tuple[Setting, ...]:
        if self._nomogram is None:
            return ()
        patient = Setting(self._values, self._nomogram.read(self._values))
        if self._what_if is None:
            return (patient,)
        return patient, Setting(self._what_if, self._nomogram.read(self._what_if), what_if=True)

    def _redraw(self) -> None:
        nomogram = self._nomogram
        if nomogram is None:
            return
        settings = self._settings()
        patient = settings[0]
        self.view.set_settings(settings)
        edited = self._values if self._what_if is None else self._what_if
        self.inputs.set_values(edited, self._dlr, self._from_header)
        _set_text(self._risk, risk_sentence(nomogram, patient.reading))
        _set_text(self._points, points_sentence(nomogram, patient.reading))
        units = self.inputs.unit_labels()
        _set_text(self._outside, " ".join(said for s in settings if (said := setting_doubts(nomogram, s, units))))
        self._outside.setVisible(bool(self._outside.text()))
        doubt = self._dlr.doubt if self._dlr is not None else ""
        held = calibration_sentence(nomogram, patient.reading.risk_interval)
        _set_text(self._held, " ".join(said for said in (held, doubt) if said))
        self._held.setVisible(bool(self._held.text()))
        self._compare.setVisible(len(settings) > 1)
        if len(settings) > 1:
            _set_text(self._compare, what_if_sentence(patient.reading, settings[1].reading))

    # Asking -------------------------------------------------------------------------------------------------------

    def _on_value(self, name: str, value: float | None) -> None:
        if self._what_if is None:
            self.value_requested.emit(name, value)
            return
        self._what_if[name] = value
        self._redraw()

    def _on_unit(self) -> None:
        self.view.set_unit_labels(self.inputs.unit_labels())
        self._redraw()

    def _on_what_if(self, on: bool) -> None:
        self._what_if = dict(self._values) if on else None
        self._redraw()

    def _ask_letter(self) -> None:
        if self._nomogram is not None:
            reading = self._nomogram.read(self._values)
            self.letter_copy_requested.emit(
                letter_paragraph(
                    self._nomogram, reading, self._values, self._dlr, self._from_header, self.inputs.unit_labels()
                )
            )


def _set_text(label: ToneLabel, text: str) -> None:
    """Only when it differs: laying out a wrapped label anew costs more than drawing the nomogram."""
    if label.text() != text:
        label.setText(text)

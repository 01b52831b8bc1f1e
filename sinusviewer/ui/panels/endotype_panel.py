"""The Endotype tab: the probability of eosinophilic CRS, slice by slice and for the patient, with its heat."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from sinusviewer.domain.reading import EndotypeReading, SeriesReading, SeriesStatus, Standing
from sinusviewer.domain.scoring import score_text
from sinusviewer.report.wording import (
    BEFORE_EDITS,
    endotype_headline,
    endotype_made_of,
    endotype_reasons,
    masks_edited,
)
from sinusviewer.ui.panels.foot_label import FootLabel
from sinusviewer.ui.panels.heat_controls import HeatControls, HeatStyle
from sinusviewer.ui.panels.parts import Facts, Fold, ToneLabel, button, heading, research_line
from sinusviewer.ui.panels.probability_strip import ProbabilityStrip
from sinusviewer.ui.panels.scroll_panel import ScrollPanel
from sinusviewer.ui.panels.withheld import WithheldNotice
from sinusviewer.ui.panels.wording import ECRS_DEFINITION, model_lines, reading_stamp, trained_on_statement

_WHY_NOT = ("endotype_not_assessed", "model_missing")


class EndotypePanel(ScrollPanel):
    """Shows the endotype part of a CT's reading.

    Signals
    -------
    slice_requested(int), heat_style_requested(HeatStyle), read_requested(), view_only_requested(),
    read_anyway_requested(str: the reason)
    """

    slice_requested = Signal(int)
    heat_style_requested = Signal(object)
    read_requested = Signal()
    view_only_requested = Signal()
    read_anyway_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__("endotype_panel", "Endotype")
        self._state = ToneLabel("", "text", "endotype_state")
        self._read = button(
            "Read", "read_endotype", "Read the endotype from this CT.", self.read_requested.emit, "Ctrl+R"
        )
        self._withheld = WithheldNotice("endotype_withheld", "endotype_", "what is cut off was clear on an earlier CT")
        self._withheld.view_only_requested.connect(self.view_only_requested)
        self._withheld.read_anyway_requested.connect(self.read_anyway_requested)
        self._result = ToneLabel("", "text", "ecrs_probability", scale=1.25, bold=True)
        self._place = ToneLabel("", "text", "ecrs_threshold")
        self._definition = ToneLabel(ECRS_DEFINITION, "muted", "ecrs_definition")
        self._stamp = ToneLabel("", "muted", "endotype_stamp")
        self._pooling = Facts("endotype_pooling")
        self._spread = ToneLabel("", "amber", "endotype_spread")  # what casts doubt on the probability
        self.strip = ProbabilityStrip()
        self._strip_text = ToneLabel("", "muted", "strip_text")
        self.heat = HeatControls()
        self._facts = Facts("endotype_provenance")
        self._trained_on = FootLabel("", "amber", "endotype_trained_on")
        self._shown = QWidget()
        shown = QVBoxLayout(self._shown)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(8)
        for widget in (
            self._result, self._spread, self._place, self._stamp, self._definition, self._pooling, heading("Slices"), self.strip,
            self._strip_text, heading("Where the network looked"), self.heat,
            Fold("Where these numbers come from", self._facts, "endotype_provenance_fold", open_at_start=True),
        ):  # fmt: skip
            shown.addWidget(widget)
        for part in (self._state, self._read, self._withheld, self._shown):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self.footer.addWidget(self._trained_on)
        self.footer.addWidget(research_line())
        self.strip.slice_requested.connect(self.slice_requested)
        self.heat.style_requested.connect(self.heat_style_requested)
        self.set_series_reading(None)

    def set_series_reading(self, series: SeriesReading | None, slice_count: int = 0) -> None:
        """Show a CT's endotype; ``slice_count`` is that of the volume."""
        endotype = series.endotype if series is not None else None
        withheld = endotype is not None and endotype.standing is Standing.WITHHELD
        refused = series is not None and endotype is None and series.status is SeriesStatus.REFUSED
        self._state.setVisible(endotype is None and not refused)
        self._read.setVisible(series is None or series.asks_to_be_read)
        self._withheld.setVisible(refused or withheld)
        self._withheld.set_view_only_offered(refused)
        self._shown.setVisible(endotype is not None and not withheld)
        self._trained_on.setVisible(endotype is not None)
        if series is None:
            self._state.setText("Not read yet. Open a sinus CT and press Read (Ctrl+R).")
        elif refused:
            self._withheld.set_text(
                f"Withheld. {(series.reason or 'This is no sinus CT').rstrip('.')}. No probability is shown."
            )
        elif endotype is None:
            why = next((w.message for w in series.warnings if w.code in _WHY_NOT), series.reason)
            self._state.setText(why or "No endotype was read from this series.")
        elif withheld:
            self._withheld.set_text(f"{endotype_headline(endotype)}. {endotype.withheld}")
            self._trained_on.setText(trained_on_statement(endotype.models))
        else:
            self._draw(series, endotype, slice_count)

    def set_current_slice(self, index: int) -> None:
        self.strip.set_current_slice(index)

    def set_heat_style(self, style: HeatStyle) -> None:
        self.heat.set_heat_style(style)

    def set_message(self, text: str) -> None:
        """A sentence instead of what is not there yet, while it is being read."""
        self.set_series_reading(None)
        self._state.setText(text)
        self._read.setVisible(False)

    def _draw(self, series: SeriesReading, endotype: EndotypeReading, slice_count: int) -> None:
        probability = endotype.probability_ecrs or 0.0
        self._result.setText(endotype_headline(endotype))
        above = "At or above" if probability >= endotype.threshold else "Below"
        self._place.setText(f"{above} threshold {endotype.threshold:.2f}; {endotype_made_of(endotype)}.")
        mean = probability if endotype.mean_probability is None else endotype.mean_probability
        rows = [("Mean of slices", f"{score_text(mean)} (as published: patient as unit)")]
        if endotype.patient_model:
            rows.insert(0, ("Slices and extent", f"{score_text(probability)} (fitted on {endotype.patient_model})"))
        if endotype.attention_probability is not None:
            rows.append(
                ("Attention", f"{score_text(endotype.attention_probability)} (slices weighted by a learned attention)")
            )
        if endotype.spread is not None:
            rows.append(("Spread", f"± {endotype.spread:.2f} between networks or mirrored readings"))
        if reasons := endotype_reasons(endotype):
            rows.append(("Why", reasons))
        self._pooling.set_rows(rows)
        self._spread.setText(" ".join(endotype.doubts))
        self._spread.setVisible(bool(endotype.doubts))
        cut = endotype.threshold if endotype.slice_threshold is None else endotype.slice_threshold
        self.strip.set_slices(endotype.slices, cut, slice_count)
        over = sum(s.probability >= cut for s in endotype.slices)
        self._strip_text.setText(
            f"{over} of {len(endotype.slices)} slices at or above their threshold {cut:.2f} (dashed). "
            "Slices without lesion are not read."
        )
        even = endotype.heat_if_even
        doubted = None if even is None else any("of the heat" in doubt for doubt in endotype.doubts)
        self.heat.set_heat(series.heatmaps, endotype.heat_inside_mask, if_even=even, low=doubted)
        self._facts.set_rows(
            model_lines(endotype.models, endotype.threshold, series.provenance, endotype.calibrated_on)
        )
        self._trained_on.setText(trained_on_statement(endotype.models))
        edits = BEFORE_EDITS if masks_edited(series) else ""
        self._stamp.setText("\n".join(s for s in (reading_stamp(endotype.models, series.provenance), edits) if s))
        self._stamp.setVisible(bool(self._stamp.text()))

"""The Findings tab: what was found on a Waters' view, side by side, and what the reader says of it."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QLabel, QSlider, QVBoxLayout, QWidget

from sinusviewer.domain.anatomy import ImageSide
from sinusviewer.domain.film_turns import NOT_UPRIGHT
from sinusviewer.domain.finding import Detection
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, WatersReading
from sinusviewer.domain.scoring import score_text
from sinusviewer.ui.panels.confirmation import film_confirmation, film_words
from sinusviewer.ui.panels.detection_list import DetectionList
from sinusviewer.ui.panels.parts import Facts, Fold, Notice, ToneLabel, button, describe, line, research_line, row
from sinusviewer.ui.panels.score_bar import ScoreBar
from sinusviewer.ui.panels.scroll_panel import ScrollPanel
from sinusviewer.ui.panels.withheld import WithheldNotice
from sinusviewer.ui.panels.wording import (
    four_way_sentence,
    lower_first,
    model_lines,
    reading_stamp,
    trained_on_statement,
)

_STEPS = 100


class FindingsPanel(ScrollPanel):
    """Shows one film's reading at the session's threshold; holds neither of them as truth.

    Signals
    -------
    threshold_changed(float), accept_requested(str), edit_requested(str), reject_requested(str), select_requested(str),
    add_requested(), confirm_film_requested(), right_side_confirmed(bool: the patient's right is on the image's left),
    view_only_requested(),
    read_anyway_requested(str: the reason), read_requested(), mirror_compare_requested(bool), read_as_shown_requested()
    """

    threshold_changed = Signal(float)
    accept_requested = Signal(str)
    edit_requested = Signal(str)
    reject_requested = Signal(str)
    select_requested = Signal(str)
    add_requested = Signal()
    confirm_film_requested = Signal()
    right_side_confirmed = Signal(bool)
    view_only_requested = Signal()
    read_anyway_requested = Signal(str)
    read_requested = Signal()
    mirror_compare_requested = Signal()
    read_as_shown_requested = Signal()

    def __init__(self) -> None:
        super().__init__("findings_panel", "Findings")
        self._series: SeriesReading | None = None
        self._threshold = 0.5

        self._state = ToneLabel("", "text", "findings_state")
        self._read = button("Read", "read_now", "Read this film.", self.read_requested.emit, "Ctrl+R")
        self._withheld = WithheldNotice("withheld")
        self._withheld.view_only_requested.connect(self.view_only_requested)
        self._withheld.read_anyway_requested.connect(self.read_anyway_requested)
        self._turn_text = ToneLabel("", "text", "turn_text")
        self._as_shown = button(
            "Read as shown", "read_as_shown", "Take the film for upright as it is turned on screen, and read it. Its sides are "
            "asked for afterwards: what the file says of them no longer counts.", self.read_as_shown_requested.emit,
        )  # fmt: skip
        self._turned = False
        self._unverified = self._build_unverified()
        self._warnings = ToneLabel("", "amber", "findings_warnings")
        self._result = ToneLabel("", "text", "four_way_result", scale=1.15, bold=True)
        self._moved = ToneLabel("", "amber", "threshold_moved")
        self._stamp = ToneLabel("", "muted", "findings_stamp")
        self._bars = (ScoreBar("score_first"), ScoreBar("score_second"))
        self._evidence = ToneLabel("", "muted", "normal_evidence")
        self._sensitivity = self._build_sensitivity()
        self.boxes = DetectionList()
        self.confirmation = film_confirmation()
        self._facts = Facts("findings_provenance")
        self._trained_on = ToneLabel("", "amber", "trained_on")
        self._mirror = button(
            "Compare mirrored", "mirror_compare", "Show one antrum beside the mirror image of the other.",
            self.mirror_compare_requested.emit, "V",
        )  # fmt: skip

        self._shown = QWidget()
        shown = QVBoxLayout(self._shown)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(8)
        for widget in (
            self._result,
            self._moved,
            self._stamp,
            *self._bars,
            self._evidence,
            self._sensitivity,
            self.boxes,
            self.confirmation,
        ):
            shown.addWidget(widget)
        again = button("Read again", "read_again", "Read this film again, e.g. after another model was taken into use.",
                       self.read_requested.emit, "Ctrl+R")  # fmt: skip
        shown.addLayout(row(self._mirror, again))
        shown.addWidget(Fold("Where these numbers come from", self._facts, "provenance_fold", open_at_start=True))
        for part in (
            self._state,
            self._read,
            self._withheld,
            self._turn_text,
            self._as_shown,
            self._unverified,
            self._warnings,
            self._shown,
        ):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self.footer.addWidget(self._trained_on)
        self.footer.addWidget(research_line())

        self.boxes.accept_requested.connect(self.accept_requested)
        self.boxes.edit_requested.connect(self.edit_requested)
        self.boxes.reject_requested.connect(self.reject_requested)
        self.boxes.select_requested.connect(self.select_requested)
        self.boxes.add_requested.connect(self.add_requested)
        self.boxes.confirm_requested.connect(self.confirm_film_requested)
        self.confirmation.confirm_requested.connect(self.confirm_film_requested)
        self.set_series_reading(None)

    # What is shown ------------------------------------------------------------------------------------------------

    def set_series_reading(self, series: SeriesReading | None, threshold: float | None = None) -> None:
        """Show a film's reading, or that there is none; ``threshold`` defaults to the model's own."""
        self._series = series
        waters = series.waters if series is not None else None
        if waters is not None:
            self._threshold = waters.threshold if threshold is None else threshold
        self._redraw()

    def set_threshold(self, threshold: float) -> None:
        """The sensitivity for looking: bars and boxes follow; the result keeps to the model's own, as report and list do."""
        self._threshold = threshold
        self._redraw()

    def set_detections(
        self, detections: tuple[Detection, ...], selected: str | None = None, *, confirmed: bool = False
    ) -> None:
        """The boxes in force, AI's and reader's, with their status, and whether the reader confirmed the film with them."""
        self.boxes.set_detections(detections, selected)
        self.confirmation.set_confirmed(confirmed, film_words(detections), " on this film")

    def set_selected(self, identifier: str) -> None:
        self.boxes.set_selected(identifier)

    def set_turned(self, turned: bool) -> None:
        """Whether the reader has turned the film on screen another way than it was hung."""
        if turned != self._turned:
            self._turned = turned
            self._draw_turning()

    def _draw_turning(self) -> None:
        """What to do with a withheld film that lies or stands the wrong way."""
        series = self._series
        refused = series is not None and series.status is SeriesStatus.REFUSED
        lies = refused and series is not None and any(w.code == NOT_UPRIGHT for w in series.warnings)
        self._turn_text.setVisible(lies)
        self._as_shown.setVisible(refused and (lies or self._turned))
        self._as_shown.setEnabled(self._turned)
        self._turn_text.setText(
            "Turned: read it as it is shown now. Left and right are asked for afterwards."
            if self._turned
            else "To read it: turn it upright (Rotate clockwise, Shift+R), then press “Read as shown”."
        )

    def set_message(self, text: str, *, can_read: bool = True) -> None:
        """A sentence instead of a result (being read, no model, cancelled)."""
        self._series = None
        self._redraw()
        self._state.setText(text)
        self._read.setVisible(can_read)

    def _redraw(self) -> None:
        series = self._series
        waters = series.waters if series is not None else None
        withheld = series is not None and waters is None and series.status is SeriesStatus.REFUSED
        self._state.setVisible(waters is None and not withheld)
        self._read.setVisible(series is None or series.status is SeriesStatus.VIEWED_ONLY)
        self._withheld.setVisible(withheld)
        self._shown.setVisible(waters is not None)
        self._draw_turning()
        self._trained_on.setVisible(waters is not None)
        self._unverified.setVisible(waters is not None and isinstance(waters.sides[0].side, ImageSide))
        messages = (
            []
            if series is None
            else [w.message for w in series.warnings if w.code != "side_unverified" or self._unverified.isHidden()]
        )
        if series is not None and waters is not None and series.provenance.override_reason:
            messages.insert(
                0, f"Read against the input check; the reader's reason: {series.provenance.override_reason}"
            )
        self._warnings.setText("\n".join(messages))
        self._warnings.setVisible(bool(messages))
        if series is None:
            self._state.setText("Not read yet. Open a Waters' view and press Read (Ctrl+R).")
        elif withheld:
            reason = series.reason or "This image did not pass the check of its input"
            self._withheld.set_text(f"Withheld. {reason.rstrip('.')}. No score is shown.")
        elif waters is None:
            self._state.setText(series.reason or "Viewed only: this image was not read.")
        else:
            self._draw_waters(series, waters)

    def _draw_waters(self, series: SeriesReading, waters: WatersReading) -> None:
        changed = abs(self._threshold - waters.threshold) > 0.004
        self._result.setText(four_way_sentence(waters.sides, waters.threshold))
        self._moved.setText(
            f"Threshold moved to {self._threshold:.2f} for looking, on this film only. There: "
            f"{lower_first(four_way_sentence(waters.sides, self._threshold))}. "
            f"The result above, report, list and exports keep {waters.threshold:.2f}."
        )
        self._moved.setVisible(changed)
        for bar, side in zip(self._bars, waters.sides, strict=True):
            bar.set_score(side, self._threshold)
        clear = [
            f"{s.side.value} {score_text(s.normal_evidence)}" for s in waters.sides if s.normal_evidence is not None
        ]
        lines = [f"Evidence for a clear antrum: {', '.join(clear)}"] if clear else []
        if any(s.subclass and s.score >= self._threshold for s in waters.sides):
            lines.append("The form after each name is a hint, not measured.")
        self._evidence.setText("\n".join(lines))
        self._evidence.setVisible(bool(lines))
        self._evidence.setToolTip(
            "The network's own score, 0 to 1, that a clear antrum is seen: evidence, not absence."
        )
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(self._threshold * _STEPS))
        self.boxes.set_threshold(self._threshold)
        self._slider_text.setText(
            f"Sensitivity: threshold {self._threshold:.2f}"
            + (f"; the model's own is {waters.threshold:.2f}" if changed else " (the model's own)")
        )
        self._reset.setEnabled(changed)
        models = tuple(m for m in (waters.model, waters.patch_model) if m is not None)
        self._trained_on.setText(trained_on_statement(models))
        self._stamp.setText(reading_stamp(models, series.provenance))
        self._stamp.setVisible(bool(self._stamp.text()))
        self._facts.set_rows(model_lines(models, waters.threshold, series.provenance, waters.calibrated_on))

    # Parts --------------------------------------------------------------------------------------------------------

    def _build_sensitivity(self) -> QWidget:
        part = QWidget()
        self._slider_text = QLabel()
        self._slider_text.setObjectName("threshold_text")
        self._slider_text.setWordWrap(True)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(1, _STEPS - 1)
        self._slider.setPageStep(5)
        describe(
            self._slider,
            "threshold_slider",
            "Move left to see more (more sensitive), right to see less, on this film only. Result and report keep the model's own.",
            "arrow keys",
            "Threshold",
        )
        self._slider.valueChanged.connect(lambda value: self.threshold_changed.emit(value / _STEPS))
        self._reset = button(
            "Model's own", "threshold_reset", "Back to the threshold the model was shipped with.", self._ask_reset
        )
        layout = QVBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider_text)
        layout.addLayout(line(self._slider, self._reset))
        return part

    def _ask_reset(self) -> None:
        if self._series is not None and self._series.waters is not None:
            self.threshold_changed.emit(self._series.waters.threshold)

    def _build_unverified(self) -> Notice:
        notice = Notice("side_unverified")
        notice.set_text(
            "Side unverified: nothing in this file proves left and right. Which side is the patient's right?"
        )
        left = button("Image left", "right_is_image_left", "The patient's right is on the left of the image; this is recorded.",
                      lambda: self.right_side_confirmed.emit(True))  # fmt: skip
        right = button("Image right", "right_is_image_right", "The patient's right is on the right of the image (mirrored film); "
                       "this is recorded.", lambda: self.right_side_confirmed.emit(False))  # fmt: skip
        notice.body.addLayout(row(left, right))
        return notice

"""The Sinuses tab: volumes, opacification and the Lund-Mackay score per sinus and side."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from sinusviewer.domain.anatomy import ImageSide, Side, Structure
from sinusviewer.domain.mask_edit import Brush
from sinusviewer.domain.reading import LundMackay, SeriesReading, SeriesStatus
from sinusviewer.domain.scoring import scored_complexes
from sinusviewer.report.wording import (
    AIR_FLUID_LEVEL,
    NO_TOTALS,
    air_fluid_sentence,
    date_words,
    lacks_totals_for_sides,
)
from sinusviewer.ui.panels.brush_controls import BrushControls
from sinusviewer.ui.panels.confirmation import MASKS_RIGHT, mask_confirmation
from sinusviewer.ui.panels.foot_label import FootLabel
from sinusviewer.ui.panels.mask_controls import MaskControls, MaskStyle
from sinusviewer.ui.panels.parts import (
    Facts,
    Fold,
    Notice,
    ToneLabel,
    button,
    choice,
    describe,
    heading,
    research_line,
    row,
)
from sinusviewer.ui.panels.scroll_panel import ScrollPanel
from sinusviewer.ui.panels.sinus_table import SinusTable
from sinusviewer.ui.panels.surface_points import SurfaceCloud
from sinusviewer.ui.panels.surface_view import SurfaceView
from sinusviewer.ui.panels.withheld import WithheldNotice
from sinusviewer.ui.panels.wording import (
    image_side,
    missing_lines,
    model_lines,
    reading_stamp,
    trained_on_statement,
)

_UNKNOWN = "–"
_OF_ENDOTYPE = frozenset(
    {"heat_outside_sinuses", "endotype_of_a_part", "endotype_not_assessed", "endotype_withheld", "endotype_doubtful"}
)
"""Said in the Endotype tab, where they matter; here they would cast doubt on the wrong numbers."""
_GEOMETRY_FAULTS = frozenset({"missing_slices", "uneven_spacing", "duplicate_slices", "mixed_orientation"})


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else str(value)


def _difference(now: int | None, before: int | None) -> str:
    if now is None or before is None:
        return ""
    return " (as in the prior)" if now == before else f" ({now - before:+d} since the prior)".replace("-", "−")


def _origin_of_complexes(totals: LundMackay) -> str:
    """Whose the two scores are; one that a reader gave does not make the other one a reader's."""
    scored = scored_complexes(totals)
    if len(scored) == 1:
        other = Side.LEFT if scored[0] is Side.RIGHT else Side.RIGHT
        return f"{scored[0].value} as the reader scored it, {other.value} proposed from the CT, to be checked"
    return "as the reader scored it" if scored else "proposed from the CT, to be checked"


def _is_verified(series: SeriesReading) -> bool:
    """Whether left and right of the patient are proved."""
    unproved = any(isinstance(m.side, ImageSide) for m in series.sinuses)
    return not unproved and all(w.code != "side_unverified" for w in series.warnings)


class SinusPanel(ScrollPanel):
    """Shows the measurements of one CT; the ostiomeatal complex is proposed and may be changed.

    Signals
    -------
    go_to_sinus_requested(Structure), ostiomeatal_requested(Side, int 0|2), mask_style_requested(MaskStyle),
    export_csv_requested(), export_masks_requested(), export_training_requested(), export_dicom_requested(),
    export_pictures_requested(), read_requested(),
    surface_requested(), confirm_masks_requested(),
    view_only_requested(), read_anyway_requested(str: the reason), accept_geometry_requested()
    """

    go_to_sinus_requested = Signal(object)
    ostiomeatal_requested = Signal(object, int)
    mask_style_requested = Signal(object)
    export_csv_requested = Signal()
    export_masks_requested = Signal()
    export_pictures_requested = Signal()
    export_training_requested = Signal()
    export_dicom_requested = Signal()
    read_requested = Signal()
    surface_requested = Signal()
    confirm_masks_requested = Signal()
    view_only_requested = Signal()
    read_anyway_requested = Signal(str)
    accept_geometry_requested = Signal()

    def __init__(self) -> None:
        super().__init__("sinus_panel", "Sinuses")
        self._state = ToneLabel("", "text", "sinus_state")
        self._read = button(
            "Read", "read_sinuses", "Measure the sinuses of this CT.", self.read_requested.emit, "Ctrl+R"
        )
        self._withheld = WithheldNotice("sinus_withheld", "sinus_")
        self._withheld.view_only_requested.connect(self.view_only_requested)
        self._withheld.read_anyway_requested.connect(self.read_anyway_requested)
        self._geometry = Notice("geometry_faults")
        self._geometry.set_text(
            "The slices have geometry faults (named below): volumes are withheld until you accept them."
        )
        self._geometry.body.addLayout(
            row(
                button(
                    "Accept and measure",
                    "accept_geometry",
                    "Measure in spite of the geometry faults; this is recorded.",
                    self.accept_geometry_requested.emit,
                )
            )
        )
        self._air = ToneLabel("", "text", "air_text")
        self._warnings = ToneLabel("", "amber", "sinus_warnings")
        self._total = ToneLabel("", "text", "lund_mackay_total", scale=1.15, bold=True)
        self._stamp = ToneLabel("", "muted", "sinus_stamp")
        self.table = SinusTable()
        self.table.go_to_requested.connect(self.go_to_sinus_requested)
        self._prior = ToneLabel("", "muted", "prior_text")
        self._level = ToneLabel("", "text", "air_fluid_text")
        self._level.setToolTip(AIR_FLUID_LEVEL)
        self._incomplete = ToneLabel("", "amber", "incomplete_text")
        self.masks = MaskControls()
        self.masks.style_requested.connect(self.mask_style_requested)
        self.brush = BrushControls()
        self._brush_fold = Fold("Edit the masks", self.brush, "brush_fold")
        self.confirmation = mask_confirmation()
        self.confirmation.confirm_requested.connect(self.confirm_masks_requested)
        self.surface = SurfaceView()
        self._surface_fold = Fold("3D view", self.surface, "surface_fold")
        self._surface_fold.opened.connect(self._on_surface_opened)
        self._facts = Facts("sinus_provenance")
        self._trained_on = FootLabel("", "amber", "sinus_trained_on")

        self._shown = QWidget()
        shown = QVBoxLayout(self._shown)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(8)
        shown.addWidget(self._total)
        shown.addWidget(self._stamp)
        shown.addWidget(self._level)
        shown.addWidget(self.table)
        shown.addWidget(self._incomplete)
        self._complexes = self._build_ostiomeatal()
        shown.addWidget(self._complexes)
        shown.addWidget(self._prior)
        shown.addWidget(self.masks)
        shown.addWidget(self._surface_fold)
        shown.addLayout(
            row(
                button("Table (CSV)", "export_csv", "Save this table as CSV.", self.export_csv_requested.emit),
                button(
                    "Masks (NIfTI)",
                    "export_masks",
                    "Save the masks in patient space.",
                    self.export_masks_requested.emit,
                ),
                button(
                    "Training data",
                    "export_training",
                    "Save this CT, without identity, and its masks as data for the trainer, once they are corrected or confirmed.",
                    self.export_training_requested.emit,
                ),
                button(
                    "DICOM",
                    "export_dicom",
                    "Save masks, measurements, key pictures and the report as DICOM objects.",
                    self.export_dicom_requested.emit,
                ),
                button("Pictures", "export_pictures", "Save pictures with masks.", self.export_pictures_requested.emit),
            )
        )
        shown.addWidget(Fold("Where these numbers come from", self._facts, "sinus_provenance_fold"))
        parts = (self._state, self._read, self._withheld, self._geometry, self._air, self._shown, self._brush_fold,
                 self.confirmation)  # fmt: skip
        for part in (*parts, self._warnings):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self.footer.addWidget(self._trained_on)
        self.footer.addWidget(research_line())
        self.set_series_reading(None)
        self.set_confirmation(None)

    def set_series_reading(
        self, series: SeriesReading | None, prior: SeriesReading | None = None, prior_date: str = ""
    ) -> None:
        """Show a CT's measurements, with the change against a prior where there is one."""
        measured = series is not None and any(m.volume_ml is not None for m in series.sinuses)
        refused = series is not None and not measured and series.status is SeriesStatus.REFUSED
        # Read, and every volume withheld: each sinus says why, and the masks on screen keep their controls and their origin.
        withheld = series is not None and not measured and series.status is SeriesStatus.READ and bool(series.sinuses)
        self._state.setVisible(not measured and not refused and not withheld)
        self._read.setVisible(series is None or series.asks_to_be_read)
        self._withheld.setVisible(refused)
        self._shown.setVisible(measured or withheld)
        self._trained_on.setVisible(measured or withheld)
        faulty = series is not None and not measured and series.status is SeriesStatus.READ
        faulty = faulty and series is not None and any(w.code in _GEOMETRY_FAULTS for w in series.warnings)
        self._geometry.setVisible(faulty)
        self._show_air(series)
        messages = [w.message for w in series.warnings if w.code not in _OF_ENDOTYPE] if series is not None else []
        self._warnings.setText("\n".join(messages))
        self._warnings.setVisible(bool(messages))
        if series is None:
            self._state.setText("Not read yet. Open a sinus CT and press Read (Ctrl+R).")
        elif refused:
            self._withheld.set_text(
                f"Cannot be assessed. {(series.reason or 'This is no sinus CT').rstrip('.')}. Nothing is measured."
            )
        elif not measured and not withheld:
            self._state.setText(series.reason or "Nothing was measured in this series.")
        else:
            self._draw(series, prior, prior_date)

    def _show_air(self, series: SeriesReading | None) -> None:
        """Enclosed air, which a rule measures without a network: nothing about what is opacified follows from it."""
        air = series.air if series is not None else None
        self._air.setVisible(air is not None)
        if series is None or air is None:
            return
        names = (
            ("right", "left") if _is_verified(series) else (image_side(Side.RIGHT).value, image_side(Side.LEFT).value)
        )
        sides = ", ".join(
            f"{name} {value:.1f} ml"
            for name, value in zip(names, (air.right_ml, air.left_ml), strict=True)
            if value is not None
        )
        self._air.setText(f"Enclosed air {air.total_ml:.1f} ml{f' ({sides})' if sides else ''}. {air.method}")

    def set_surface(self, cloud: SurfaceCloud | None, *, verified: bool = True) -> None:
        """The 3D view's surfaces; None while they are not made. Asks for them where the view stands open without."""
        self.surface.set_cloud(cloud, verified=verified)
        if cloud is None and self._surface_fold.is_open:
            self.surface_requested.emit()

    @property
    def shows_surface(self) -> bool:
        """Whether the 3D view stands open."""
        return self._surface_fold.is_open

    def _on_surface_opened(self) -> None:
        if not self.surface.has_cloud:
            self.surface_requested.emit()

    def set_mask_style(self, style: MaskStyle) -> None:
        self.surface.set_hidden(frozenset(int(s) for s in style.hidden))
        self.masks.set_mask_style(style)

    def set_confirmation(self, confirmed: bool | None) -> None:
        """Whether a reader confirmed the masks as they stand; None where there are none to be confirmed."""
        self.confirmation.setVisible(confirmed is not None)
        self.confirmation.set_confirmed(bool(confirmed), MASKS_RIGHT)

    def set_brush(self, brush: Brush, *, held: bool, original: bool) -> None:
        """Show the brush; its section opens when it is taken up."""
        self.brush.set_brush(brush, held=held, original=original)
        if held and not self._brush_fold.is_open:
            self._brush_fold.open()

    def set_selected(self, structure: Structure | None) -> None:
        """Highlight the row of the structure under the crosshair."""
        self.table.set_selected(structure)

    def set_message(self, text: str) -> None:
        """A sentence instead of what is not there yet, while it is being read."""
        self.set_series_reading(None)
        self._state.setText(text)
        self._read.setVisible(False)

    def _draw(self, series: SeriesReading, prior: SeriesReading | None, prior_date: str) -> None:
        self.table.set_measurements(series.sinuses, prior.sinuses if prior is not None else ())
        self.masks.set_side_verified(_is_verified(series))
        self.brush.set_side_verified(_is_verified(series))
        lund = series.lund_mackay or LundMackay(None, None, None, None)
        edited = any(m.edited_by_reader for m in series.sinuses)
        self._total.setVisible(series.lund_mackay is not None or lacks_totals_for_sides(series))
        self._complexes.setVisible(series.lund_mackay is not None)
        old = prior.lund_mackay if prior is not None else None
        total = f"Lund–Mackay {_number(lund.total)} of 24" + _difference(lund.total, old.total if old else None)
        self._total.setText(f"{total}\nright {_number(lund.right)}, left {_number(lund.left)} of 12 each")
        if lund.total is None:
            sides = f"\nright {_number(lund.right)}, left {_number(lund.left)} of 12 each"
            known = sides if lund.right is not None or lund.left is not None else ""
            self._total.setText(f"Lund–Mackay: no total, because not every sinus could be assessed{known}")
        if lacks_totals_for_sides(series):
            self._total.setText(NO_TOTALS)
        if edited:
            self._total.setText(f"{self._total.text()}\nfollows masks edited by the reader")
        self._complex_heading.setText(f"Ostiomeatal complex, {_origin_of_complexes(lund)}")
        for side, value in ((Side.RIGHT, lund.ostiomeatal_right), (Side.LEFT, lund.ostiomeatal_left)):
            box = self._ostiomeatal[side]
            with QSignalBlocker(box):
                box.setCurrentIndex(0 if value is None else 1 if value == 0 else 2)
        level = air_fluid_sentence(series.sinuses)
        self._level.setText(level)
        self._level.setVisible(bool(level))
        missing = missing_lines(series.sinuses)
        self._incomplete.setText("\n".join(missing))
        self._incomplete.setVisible(bool(missing))
        self._prior.setVisible(prior is not None)
        date = date_words(prior_date) or "unknown date"
        self._prior.setText(
            f"Compared with the prior of {date}; ± is the change of the opacified share in percentage points."
        )
        models = (series.segmentation_model,) if series.segmentation_model is not None else ()
        rows = model_lines(models, None, series.provenance, "volumes and shares are measured, not probabilities")
        self._facts.set_rows(rows)
        self._trained_on.setText(trained_on_statement(models))
        self._stamp.setText(reading_stamp(models, series.provenance))
        self._stamp.setVisible(bool(self._stamp.text()))

    def _build_ostiomeatal(self) -> QWidget:
        part = QWidget()
        grid = QGridLayout(part)
        grid.setContentsMargins(0, 0, 0, 0)
        self._complex_heading = heading("Ostiomeatal complex")
        self._complex_heading.setObjectName("ostiomeatal_heading")
        grid.addWidget(self._complex_heading, 0, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self._ostiomeatal: dict[Side, QComboBox] = {}
        for line_number, side in enumerate((Side.RIGHT, Side.LEFT), start=1):
            box = choice("not assessed", "0 · open", "2 · occluded")
            box.setItemData(
                0, 0, int(Qt.ItemDataRole.UserRole) - 1
            )  # shown where nothing is proposed, not to be chosen
            describe(
                box,
                f"ostiomeatal_{side.value}",
                f"{side.value.capitalize()} ostiomeatal complex, proposed from the CT: change it and the total follows.",
                "arrow keys",
                f"{side.value.capitalize()} ostiomeatal complex",
            )
            box.activated.connect(lambda index, s=side: self._ask_ostiomeatal(s, index))
            self._ostiomeatal[side] = box
            letter = QLabel(side.value.capitalize())
            letter.setBuddy(box)
            grid.addWidget(letter, line_number, 0)
            grid.addWidget(box, line_number, 1)
        return part

    def _ask_ostiomeatal(self, side: Side, index: int) -> None:
        if index > 0:
            self.ostiomeatal_requested.emit(side, 2 * (index - 1))

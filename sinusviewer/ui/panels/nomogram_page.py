"""The printed nomogram: one A4 page for the patient's surgeon, as PDF, SVG, PNG or on paper, all by the same painting."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QMarginsF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPageLayout,
    QPageSize,
    QPaintDevice,
    QPainter,
    QPdfWriter,
    QPen,
    QPicture,
)
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtSvg import QSvgGenerator

from sinusviewer.analysis.recurrence import clinical_name
from sinusviewer.analysis.risk_limits import calibration_sentence
from sinusviewer.domain.image import Identity
from sinusviewer.errors import InputError, StorageError
from sinusviewer.nomogram import Nomogram
from sinusviewer.ui.panels.nomogram_decision import DecisionHint
from sinusviewer.ui.panels.nomogram_geometry import NomogramGeometry
from sinusviewer.ui.panels.nomogram_paint import Setting, paint_axes, paint_settings
from sinusviewer.ui.panels.nomogram_words import (
    DlrSource,
    Units,
    cohort_lines,
    is_dlr,
    missing_sentence,
    outside_sentence,
    points_sentence,
    risk_sentence,
    value_words,
    what_if_sentence,
)
from sinusviewer.ui.panels.tones import PAPER
from sinusviewer.ui.panels.wording import RESEARCH_ONLY, lower_first

PAGE = QSize(794, 1123)  # A4 at 96 dots an inch: the page's own units
_MARGIN = 48.0
HOW_TO_READ = (
    "How to read it: each line drops from a value to the points axis on top; the points are added; "
    "the total stands on the axis below and the risk under it. "
    "A band instead of a marker means that the input is not known; the risk is then an interval. "
    "A hollow circle lies beyond its axis; an arrow says that it goes on beyond the drawing."
)


@dataclass(frozen=True, slots=True)
class NomogramPage:
    """Everything on the page. ``settings`` holds the patient's setting and perhaps a "what if" to compare."""

    nomogram: Nomogram
    settings: tuple[Setting, ...]
    dlr: DlrSource | None = None
    identity: Identity | None = None
    created: str = ""
    hint: DecisionHint = field(default_factory=lambda: DecisionHint(""))
    from_header: tuple[str, ...] = ()
    """Clinical fields that nobody gave and the image's header had."""
    units: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Units that the reader chose, by predictor: (factor, unit)."""


def setting_doubts(nomogram: Nomogram, setting: Setting, units: Units) -> str:
    """What is not known or extrapolated in one setting; that of a "what if" says so. Empty where there is nothing."""
    said = (
        missing_sentence(nomogram, setting.reading),
        outside_sentence(nomogram, setting.reading, setting.values, units),
    )
    text = " ".join(sentence for sentence in said if sentence)
    return f"What if: {lower_first(text)}" if text and setting.what_if else text


class _Pen:
    """Writes down the page, line by line."""

    def __init__(self, painter: QPainter) -> None:
        self.painter, self.y = painter, _MARGIN
        self.width = PAGE.width() - 2 * _MARGIN

    def font(self, size: float, *, bold: bool = False) -> QFont:
        font = QFont(self.painter.font())
        font.setPixelSize(round(size))
        font.setBold(bold)
        self.painter.setFont(font)
        return font

    def write(
        self, text: str, size: float = 12, *, bold: bool = False, color: str = PAPER.text, gap: float = 4
    ) -> None:
        self.font(size, bold=bold)
        self.painter.setPen(QColor(color))
        flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignLeft)
        room = QRectF(_MARGIN, self.y, self.width, 400)
        used = self.painter.boundingRect(room, flags, text)
        self.painter.drawText(room, flags, text)
        self.y += used.height() + gap

    def rule(self, gap: float = 8) -> None:
        self.painter.setPen(QPen(QColor(PAPER.line), 0.8))
        self.painter.drawLine(int(_MARGIN), int(self.y), int(_MARGIN + self.width), int(self.y))
        self.y += gap

    def columns(self, rows: list[tuple[str, ...]], widths: tuple[float, ...], size: float = 11.5) -> None:
        """Rows of a table; the first is its head."""
        for number, cells in enumerate(rows):
            self.font(size, bold=number == 0)
            self.painter.setPen(QColor(PAPER.muted if number == 0 else PAPER.text))
            x, deepest = _MARGIN, 0.0
            for cell, share in zip(cells, widths, strict=True):
                flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignLeft)
                room = QRectF(x, self.y, self.width * share - 8, 200)
                deepest = max(deepest, self.painter.boundingRect(room, flags, cell).height())
                self.painter.drawText(room, flags, cell)
                x += self.width * share
            self.y += deepest + 3
        self.y += 4


def paint_page(painter: QPainter, page: NomogramPage) -> None:
    """Paint the page in units of ``PAGE``; the caller has scaled the painter to its device.

    A nomogram of many predictors is painted smaller, so that nothing falls off the paper.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(0, 0, PAGE.width(), PAGE.height(), QColor("#ffffff"))
    picture = QPicture()
    trial = QPainter(picture)
    share = min(1.0, (PAGE.height() - _MARGIN / 2) / _paint_content(trial, page))
    trial.end()
    painter.save()
    painter.translate(PAGE.width() * (1 - share) / 2, 0)
    painter.scale(share, share)
    _paint_content(painter, page)
    painter.restore()


def _paint_content(painter: QPainter, page: NomogramPage) -> float:
    """Everything on the page; returns how far down it reaches."""
    font = QFont("DejaVu Sans")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    painter.setFont(font)
    pen = _Pen(painter)
    nomogram, patient = page.nomogram, page.settings[0]
    pen.write(f"Nomogram: risk of {nomogram.outcome.replace('_', ' ')} after sinus surgery"
              if nomogram.outcome.startswith("recurrence") else f"Nomogram: risk of {nomogram.outcome.replace('_', ' ')}",
              19, bold=True)  # fmt: skip
    pen.write(_identity_line(page), 12)
    pen.write(RESEARCH_ONLY, 12, bold=True, color=PAPER.red)
    pen.rule()
    _paint_drawing(pen, page)
    pen.write(risk_sentence(nomogram, patient.reading), 17, bold=True)
    pen.write(points_sentence(nomogram, patient.reading), 12)
    for doubt in (
        setting_doubts(nomogram, patient, page.units),
        calibration_sentence(nomogram, patient.reading.risk_interval),
        page.dlr.doubt if page.dlr is not None else "",
    ):
        if doubt:
            pen.write(doubt, 12, color=PAPER.amber)
    if len(page.settings) > 1:
        pen.write(_what_if_line(page), 12)
        if other := setting_doubts(nomogram, page.settings[1], page.units):
            pen.write(other, 12, color=PAPER.amber)
    pen.y += 6
    rows: list[tuple[str, ...]] = [("Input", "Value", "Points", "Remark")]
    for predictor in nomogram.predictors:
        points = patient.reading.points.get(predictor.name)
        value = patient.values.get(predictor.name)
        rows.append(
            (predictor.label, value_words(predictor, value, page.units), "–" if points is None else f"{points:.1f}",
             remark(page, predictor.name, value))
        )  # fmt: skip
    pen.columns(rows, (0.28, 0.22, 0.1, 0.4))
    pen.write(HOW_TO_READ, 11, color=PAPER.muted, gap=8)
    pen.rule()
    pen.columns([("What it rests on", ""), *cohort_lines(nomogram)], (0.22, 0.78), 11)
    if page.hint.text:
        pen.write(page.hint.text, 11, color=PAPER.amber if page.hint.harmful else PAPER.text)
    if nomogram.trained_on:
        pen.write(nomogram.trained_on, 11, bold=True, color=PAPER.amber)
    if page.dlr is not None and page.dlr.trained_on:
        statement = f"Network of the radiomic score ({page.dlr.model}): {lower_first(page.dlr.trained_on)}"
        pen.write(statement, 11, bold=True, color=PAPER.amber)
    pen.write(
        "A calculated risk supports a decision; it does not take it. Not a substitute for the surgeon's judgement.", 11
    )
    if page.created:
        pen.write(f"Made {page.created} with SinusViewer.", 10, color=PAPER.muted)
    return pen.y


def _identity_line(page: NomogramPage) -> str:
    identity = page.identity
    if identity is None or not (identity.patient_name.strip("^ ") or identity.patient_id):
        return "Patient: ______________________    Born: ____________    Date: ____________"  # by hand
    parts = (
        ("Patient", identity.patient_name.replace("^", " ").strip()),
        ("ID", identity.patient_id),
        ("born", _date(identity.birth_date)),
        ("CT of", _date(identity.study_date)),
    )
    return "    ".join(f"{what} {value}" for what, value in parts if value)


def _date(dicom: str) -> str:
    return f"{dicom[:4]}-{dicom[4:6]}-{dicom[6:]}" if len(dicom) == 8 and dicom.isdigit() else dicom


def _what_if_line(page: NomogramPage) -> str:
    """The second setting in words, with its sign in the drawing."""
    patient, other = page.settings[0], page.settings[1]
    values = "; ".join(
        f"{p.label} {value_words(p, other.values.get(p.name), page.units)}" for p in page.nomogram.predictors
    )
    return f"{what_if_sentence(patient.reading, other.reading)} What if (diamonds): {values}."


def remark(page: NomogramPage, name: str, value: float | None) -> str:
    """What must be known of one input: where the score comes from, and whether a value lies beyond the training data."""
    remarks = []
    if is_dlr(name) and page.dlr is not None and value is not None:
        overruled = value != page.dlr.score
        remarks.append(f"overruled by the reader; CT gave {page.dlr.score:.2f}" if overruled else
                       f"from the CT by {page.dlr.model}")  # fmt: skip
        if page.dlr.note and not overruled:
            remarks.append("changes of the masks are not in it")
    if clinical_name(name) in page.from_header:
        remarks.append("from the CT's header")
    if name in page.settings[0].reading.outside_training:
        remarks.append("outside the training data")
    return "; ".join(remarks)


def _paint_drawing(pen: _Pen, page: NomogramPage) -> None:
    metrics = QFontMetricsF(pen.font(12))
    height = NomogramGeometry.minimum_height(page.nomogram, metrics.height()) * 1.12
    room = QRectF(_MARGIN, pen.y, pen.width, height)
    geometry = NomogramGeometry(page.nomogram, room, metrics, unit_labels=dict(page.units))
    tones = replace(PAPER, field="#ffffff")
    paint_axes(pen.painter, geometry, tones)
    paint_settings(pen.painter, geometry, tones, page.settings)
    pen.y += height + 10


def paint_on(device: QPaintDevice, page: NomogramPage, width: float, height: float = 0.0) -> bool:
    """Paint on a device of so many dots; False where it does not take a painter."""
    painter = QPainter()
    if not painter.begin(device):
        return False
    scale = min(width / PAGE.width(), height / PAGE.height()) if height else width / PAGE.width()
    # On paper of other proportions (US letter) nothing is cut off: the page gets smaller and stands in the middle.
    painter.translate((width - scale * PAGE.width()) / 2, 0)
    painter.scale(scale, scale)
    paint_page(painter, page)
    return painter.end()


def write_pdf(page: NomogramPage, path: Path) -> None:
    writer = QPdfWriter(str(path))
    writer.setTitle(f"Nomogram: risk of {page.nomogram.outcome}")
    writer.setCreator("SinusViewer")
    writer.setResolution(300)
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0))
    )
    if not paint_on(writer, page, writer.width()):
        raise StorageError(f"{path.name} could not be written.", "Choose another folder.")


def write_svg(page: NomogramPage, path: Path) -> None:
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(PAGE)
    generator.setViewBox(QRectF(0, 0, PAGE.width(), PAGE.height()))
    generator.setTitle(f"Nomogram: risk of {page.nomogram.outcome}")
    generator.setDescription(RESEARCH_ONLY)
    if not paint_on(generator, page, PAGE.width()):
        raise StorageError(f"{path.name} could not be written.", "Choose another folder.")


def page_image(page: NomogramPage, scale: float = 2.0) -> QImage:
    image = QImage(PAGE * scale, QImage.Format.Format_RGB32)
    paint_on(image, page, image.width())
    return image


def write_png(page: NomogramPage, path: Path) -> None:
    if not page_image(page).save(str(path), "PNG"):  # type: ignore[call-overload]
        raise StorageError(f"{path.name} could not be written.", "Choose another folder.")


def print_page(page: NomogramPage, printer: QPrinter) -> None:
    """Print on a printer that the user has chosen."""
    printer.setFullPage(True)
    if not paint_on(printer, page, printer.width(), printer.height()):
        raise StorageError("The page could not be printed.", "Check the printer, or save a PDF instead.")


WRITERS = {"pdf": write_pdf, "svg": write_svg, "png": write_png}


def write_page(page: NomogramPage, path: Path) -> None:
    """Write by the file's suffix: .pdf, .svg or .png."""
    writer = WRITERS.get(path.suffix.lower().lstrip("."))
    if writer is None:
        raise InputError(f"{path.suffix or path.name} is not a format for this page.", "Use .pdf, .svg or .png.")
    writer(page, path)

"""A report as PDF with reportlab: no display and no installed font needed, also for CJK names.

The same content gives the same bytes. Latin text uses the built-in Helvetica; runs of Chinese, Japanese or Korean use
the CID fonts every PDF viewer brings; other scripts use DejaVu or Noto where the system has them.
"""

import io
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from sinusviewer.report.content import Picture, ReportContent, Section
from sinusviewer.report.content import Table as ContentTable

_GREY = colors.HexColor("#5b6470")
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13, spaceAfter=2)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=7.5, leading=10, textColor=_GREY)
_FOOT = ParagraphStyle("foot", parent=_SMALL, leading=9)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=16, leading=20)
_HEADING = ParagraphStyle("heading", parent=_BODY, fontName="Helvetica-Bold", fontSize=11.5, leading=15, spaceBefore=8)
_PART = ParagraphStyle("part", parent=_BODY, fontName="Helvetica-Bold", fontSize=10, leading=13, spaceBefore=7)
_RESEARCH = ParagraphStyle(
    "research", parent=_BODY, fontName="Helvetica-Bold", backColor=colors.HexColor("#fff3cd"), borderPadding=4,
    borderColor=colors.HexColor("#d9b44a"), borderWidth=0.5, spaceBefore=6, spaceAfter=10,
)  # fmt: skip
_WARNING = ParagraphStyle("warning", parent=_BODY, leftIndent=6, backColor=colors.HexColor("#fdf5ec"))
_COLUMN_SHARES = {"Remark": 3.0, "Sinus": 1.7, "Lund-Mackay": 1.3, "Side": 1.0, "Predictor": 3.0}
_PADDING = 6  # of the frame that everything stands in
_WIDTH = A4[0] - 34 * mm - 2 * _PADDING
_NAMES = 44 * mm
_TALLEST = 62 * mm
"""Of a picture: two rows of them and what they rest on share a page."""
_TALLEST_ALONE = 84 * mm
"""Of the only picture of a series, a film: its boxes' letters and scores must be readable in print."""

_HANGUL = r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_KANA = r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HAN = r"\u2e80-\u2fff\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff65"
_OTHER_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/arial.ttf",
)
_CID_FONTS = {"korean": "HYSMyeongJo-Medium", "japanese": "HeiseiKakuGo-W5", "chinese": "STSong-Light"}
_SYSTEM_FONTS = {
    "korean": (
        "C:/Windows/Fonts/malgun.ttf",
        "/System/Library/Fonts/Supplemental/AppleGothic.ttf",
        "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    ),
    "japanese": (
        "C:/Windows/Fonts/YuGothR.ttc",
        "C:/Windows/Fonts/msgothic.ttc",
        "/usr/share/fonts/truetype/takao-gothic/TakaoGothic.ttf",
        "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    ),
    "chinese": (
        "C:/Windows/Fonts/msyh.ttc",
        "C:/Windows/Fonts/simsun.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
        "/usr/share/fonts/truetype/arphic/uming.ttc",
    ),
}
_RUN = re.compile(
    f"(?P<cjk>[{_HANGUL}{_KANA}{_HAN}]+)|(?P<latin>[\\x00-\\xff\u2013\u2014\u2018-\u201e\u2026\u2022]+)|(?P<other>.)",
    re.DOTALL,
)


def render(content: ReportContent) -> bytes:
    """The report as a PDF document."""
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=17 * mm, rightMargin=17 * mm, topMargin=15 * mm, bottomMargin=17 * mm,
        title=f"{content.title}. {content.research_line}", author="SinusViewer", invariant=1,
    )  # fmt: skip
    story: list[Any] = [Paragraph(markup(content.title), _TITLE), Paragraph(markup(content.research_line), _RESEARCH)]
    story.append(_pairs(content.identity, _BODY))
    for section in content.sections:
        story += _section(section)
    story.append(Spacer(1, 6 * mm))
    story += [Paragraph(markup(note), _SMALL) for note in content.notes]

    known = dict(content.identity)
    whose = ", ".join(known[name] for name in ("Patient", "Patient ID", "Study date") if name in known)

    def footer(canvas: Any, page: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 7.5)
        canvas.setFillColor(_GREY)
        canvas.drawString(17 * mm, 10 * mm, content.research_line)
        canvas.drawRightString(A4[0] - 17 * mm, 10 * mm, f"Page {page.page}")
        if whose:  # sheets part: each bears whose it is
            line = Paragraph(markup(whose), _FOOT)
            _, height = line.wrap(A4[0] - 110 * mm, 12 * mm)
            line.drawOn(canvas, 76 * mm, 10 * mm - height + 7)
        canvas.restoreState()

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue()


def markup(text: str) -> str:
    """``text`` escaped for a reportlab paragraph, with a font for each script in it."""
    cjk_font = _cjk_font(text)
    parts = []
    for match in _RUN.finditer(text):
        run = escape(match.group())
        if match.lastgroup == "cjk":
            parts.append(f'<font name="{cjk_font}">{run}</font>')
        elif match.lastgroup == "other":
            font = _other_font()
            parts.append(f'<font name="{font}">{run}</font>' if font else "?")
        else:
            parts.append(run)
    return "".join(parts).replace("\n", "<br/>")


def _section(section: Section) -> list[Any]:
    head: list[Any] = [Paragraph(markup(section.heading), _HEADING)]
    head += [Paragraph(markup(warning), _WARNING) for warning in section.warnings]
    head += [Paragraph(markup(sentence), _BODY) for sentence in section.sentences]
    story: list[Any] = [KeepTogether(head)] if len(head) < 12 else head
    for part in section.parts:
        lines = [Paragraph(markup(part.heading), _PART), *(Paragraph(markup(text), _BODY) for text in part.sentences)]
        tables = [_table(table) for table in part.tables]
        story += [KeepTogether([*lines, *(t for table in tables for t in (Spacer(1, 1.5 * mm), table))])]
    for first in range(0, len(section.pictures), 2):
        story += [
            Spacer(1, 2 * mm),
            _side_by_side(section.pictures[first : first + 2], alone=len(section.pictures) == 1),
        ]
    story += [Spacer(1, 2 * mm), _pairs(section.provenance, _SMALL)]
    return story


def _pairs(pairs: tuple[tuple[str, str], ...], style: ParagraphStyle) -> Any:
    if not pairs:
        return Spacer(1, 1)
    rows = [[Paragraph(markup(name), _SMALL), Paragraph(markup(value), style)] for name, value in pairs]
    table = Table(rows, colWidths=[_NAMES, _WIDTH - _NAMES])
    table.setStyle(TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5),
                               ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))  # fmt: skip
    return table


def _table(table: ContentTable) -> Any:
    rows = [[Paragraph(markup(cell), _SMALL) for cell in table.columns]]
    rows += [[Paragraph(markup(cell), _BODY) for cell in row] for row in table.rows]
    shares = [_COLUMN_SHARES.get(name, 1.0) for name in table.columns]
    drawn = Table(rows, colWidths=[_WIDTH * share / sum(shares) for share in shares], repeatRows=1)
    drawn.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.HexColor("#c9ced6")),
                               ("TOPPADDING", (0, 0), (-1, -1), 1.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
                               ("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]))  # fmt: skip
    return drawn


def _side_by_side(pictures: tuple[Picture, ...], *, alone: bool = False) -> Any:
    if len(pictures) == 1 and alone:
        caption = Paragraph(markup(pictures[0].caption), _SMALL)
        return KeepTogether([_image(pictures[0], _WIDTH, _TALLEST_ALONE), caption])
    cells = [[_image(picture), Paragraph(markup(picture.caption), _SMALL)] for picture in pictures]
    table = Table([cells + [""] * (2 - len(cells))], colWidths=[_WIDTH / 2] * 2)
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _image(picture: Picture, widest: float = _WIDTH / 2 - 4 * mm, tallest: float = _TALLEST) -> Any:
    scale = min(widest / picture.width, tallest / picture.height)
    return Image(io.BytesIO(picture.png), width=picture.width * scale, height=picture.height * scale, hAlign="LEFT")


def _cjk_font(text: str) -> str:
    script = "korean" if re.search(f"[{_HANGUL}]", text) else "japanese" if re.search(f"[{_KANA}]", text) else "chinese"
    return _embedded_font(script) or _cid_font(_CID_FONTS[script])


@cache
def _embedded_font(script: str) -> str:
    """A TrueType font of the system that goes into the file whole, so that every viewer and printer shows the name."""
    for path in _SYSTEM_FONTS[script]:
        if Path(path).is_file():
            try:
                pdfmetrics.registerFont(TTFont(f"sinusviewer-{script}", path))
            except (TTFError, OSError):
                continue
            return f"sinusviewer-{script}"
    return ""


@cache
def _cid_font(name: str) -> str:
    pdfmetrics.registerFont(UnicodeCIDFont(name))
    return name


@cache
def _other_font() -> str:
    for path in _OTHER_FONTS:
        if Path(path).is_file():
            try:
                pdfmetrics.registerFont(TTFont("sinusviewer-other", path))
            except TTFError:
                continue
            return "sinusviewer-other"
    return ""

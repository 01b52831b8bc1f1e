"""A report as the window keeps it: proposal, reader's text, signature, addenda; and as plain text for a RIS."""

from dataclasses import dataclass

from sinusviewer.report.content import ReportContent, outdated_line


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed and when; from then on the text stands."""

    reader: str
    signed_at: str


@dataclass(frozen=True, slots=True)
class Addendum:
    """A change after signing, with its own author and time."""

    text: str
    reader: str
    written_at: str


@dataclass(frozen=True, slots=True)
class ReportState:
    """What the panel shows: the proposed content, the reader's text (None: still as proposed), signature, addenda."""

    content: ReportContent
    text: str | None = None
    signature: Signature | None = None
    addenda: tuple[Addendum, ...] = ()
    outdated: bool = False
    """Whether the findings are no longer those that the text was written on."""


def proposed_text(content: ReportContent) -> str:
    """The content as plain text, one sentence a line, as reports are pasted into a RIS."""
    blocks = []
    for section in content.sections:
        lines = [f"{section.heading}:", *(s for s in section.sentences if s != "Read.")]
        for part in section.parts:
            lines += [f"{part.heading}.", *part.sentences]
            lines += [table_line(table.columns, cells) for table in part.tables for cells in table.rows]
        lines += [f"Note: {warning}" for warning in section.warnings]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def table_line(columns: tuple[str, ...], cells: tuple[str, ...]) -> str:
    """Say a row of a table as a sentence, e.g. "Right maxillary sinus: volume 10.0 ml, opacified 50 %, mean HU −230."."""
    named = dict(zip(columns, cells, strict=False))
    if {"Sinus", "Side"} <= named.keys():
        subject = f"{named.pop('Side').capitalize()} {named.pop('Sinus')} sinus"
    else:
        first = columns[0]
        subject = named.pop(first, "")
        subject = f"{subject[:1].upper()}{subject[1:]}"
    remark = named.pop("Remark", "")
    parts = []
    for column, value in named.items():
        if value in ("", "–"):
            continue
        what, _, unit = column.partition(", ")
        words = what if what.startswith("Lund") else f"{what[0].lower()}{what[1:]}"
        parts.append(
            " ".join(word for word in (words, value.replace("-", "−") if value[1:2].isdigit() else value, unit) if word)
        )
    parts += [f"{remark[0].lower()}{remark[1:].rstrip('.')}"] if remark else []
    return f"{subject}: {', '.join(parts) if parts else 'not measured'}."


def full_text(state: ReportState) -> str:
    """What is copied: title, text, addenda, signature, and the lines that must never be missing."""
    parts = [state.content.title, state.text if state.text is not None else proposed_text(state.content)]
    parts += [f"Addendum ({a.reader}, {a.written_at}): {a.text}" for a in state.addenda]
    if state.signature is not None:
        parts.append(f"Signed by {state.signature.reader}, {state.signature.signed_at}.")
    else:
        parts.append("Not signed.")
    if state.outdated:
        parts.append(outdated_line(signed=state.signature is not None))
    parts += [*state.content.notes, state.content.research_line]
    return "\n\n".join(parts)

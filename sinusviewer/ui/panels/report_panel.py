"""The Report tab: the sentences of the reading, editable until signed; copied, exported, signed, amended."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from sinusviewer.report.content import outdated_line
from sinusviewer.ui.panels.parts import Facts, Fold, Notice, ToneLabel, button, describe, heading, line, row
from sinusviewer.ui.panels.report_text import ReportState, full_text, proposed_text
from sinusviewer.ui.panels.scroll_panel import ScrollPanel


class ReportPanel(ScrollPanel):
    """Shows a report's text and asks for what is done with it.

    Signals
    -------
    text_requested(str): the reader's text. restore_requested(): back to what was proposed.
    copy_requested(str), export_requested(str: html|pdf|png), sign_requested(str: reader), addendum_requested(str)
    """

    text_requested = Signal(str)
    restore_requested = Signal()
    copy_requested = Signal(str)
    export_requested = Signal(str)
    sign_requested = Signal(str)
    addendum_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__("report_panel", "Report")
        self._state: ReportState | None = None
        self._shown_text = ""
        self._empty = ToneLabel("Nothing read yet. A report is proposed after Read (Ctrl+R).", "text", "report_state")
        self._title = heading("")
        self._identity = Facts("report_identity")
        self._status = ToneLabel("", "muted", "report_status")
        self._signed = Notice("report_signed", "accent")
        self._outdated = Notice("report_outdated", "amber")
        self._text = QPlainTextEdit()
        self._text.setTabChangesFocus(True)
        describe(self._text, "report_text", "The report, proposed from the reading; write over it as you like until it is signed.",
                 accessible="Report text")  # fmt: skip
        self._text.textChanged.connect(self._on_text)
        self._restore = button(
            "As proposed", "report_restore", "Take back all changes to the text.", self.restore_requested.emit
        )
        self._copy = button(
            "Copy", "report_copy", "Copy the whole report as text, for the RIS.", self.ask_copy, "Ctrl+Shift+C"
        )
        exports = [
            button(
                kind.upper(),
                f"report_{kind}",
                f"Export the report as {kind.upper()}.",
                partial(self.export_requested.emit, kind),
            )
            for kind in ("html", "pdf", "png")
        ]
        self._reader = QLineEdit()
        self._reader.setPlaceholderText("Your name")
        describe(self._reader, "report_reader", "Name of the person who signs.", accessible="Reader's name")
        self._reader.textChanged.connect(lambda _text: self._enable())
        self._sign = button(
            "Sign", "report_sign", "Sign: the text stands from then on; a change is an addendum.", self._ask_sign
        )
        self._sign_part = QWidget()
        self._sign_part.setLayout(line(self._reader, self._sign))
        self._addenda = ToneLabel("", "text", "report_addenda")
        self._addendum = QPlainTextEdit()
        self._addendum.setTabChangesFocus(True)
        self._addendum.setPlaceholderText("Addendum")
        describe(self._addendum, "addendum_text", "What is added to the signed report.", accessible="Addendum")
        self._addendum.textChanged.connect(self._enable)
        self._add = button(
            "Add addendum",
            "addendum_add",
            "Add this to the report; what is signed stays.",
            self._ask_addendum,
        )
        self._addendum_part = QWidget()
        inside = QVBoxLayout(self._addendum_part)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._addendum)
        inside.addLayout(row(self._add))
        self._shown = QWidget()
        shown = QVBoxLayout(self._shown)
        shown.setContentsMargins(0, 0, 0, 0)
        shown.setSpacing(8)
        for widget in (
            self._title,
            Fold("Patient and study", self._identity, "report_identity_fold"),
            self._signed,
            self._outdated,
            self._text,
        ):
            shown.addWidget(widget)
        shown.addWidget(self._status)
        shown.addWidget(self._addenda)
        shown.addLayout(row(self._copy, *exports, self._restore))
        shown.addWidget(self._sign_part)
        shown.addWidget(self._addendum_part)
        self.column.addWidget(self._empty)
        self.column.addWidget(self._shown, 1)
        self.column.addStretch(0)
        self._notes = ToneLabel("", "amber", "report_notes")
        self._research = ToneLabel("", "muted", "report_research")
        self.footer.addWidget(self._notes)
        self.footer.addWidget(self._research)
        self.set_report(None)

    def set_report(self, state: ReportState | None) -> None:
        """Show a report, or that there is none."""
        self._state = state
        self._empty.setVisible(state is None)
        self._shown.setVisible(state is not None)
        self._notes.setVisible(state is not None)
        self._research.setVisible(state is not None)
        if state is None:
            return
        self._title.setText(state.content.title)
        self._identity.set_rows(state.content.identity)
        self._shown_text = state.text if state.text is not None else proposed_text(state.content)
        if self._text.toPlainText() != self._shown_text:  # not while typing: the cursor would jump
            self._text.setPlainText(self._shown_text)
        signed = state.signature
        self._text.setReadOnly(signed is not None)
        self._signed.setVisible(signed is not None)
        if signed is not None:
            self._signed.set_text(
                f"Signed by {signed.reader}, {signed.signed_at}. The text stands; a change is an addendum."
            )
        self._outdated.setVisible(state.outdated)
        self._outdated.set_text(outdated_line(signed=signed is not None))
        self._status.setVisible(signed is None)
        self._status.setText(
            "Proposed by the program, not changed."
            if state.text is None
            else "Changed by a reader; the proposal is kept."
        )
        self._addenda.setText("\n".join(f"Addendum, {a.reader}, {a.written_at}: {a.text}" for a in state.addenda))
        self._addenda.setVisible(bool(state.addenda))
        self._sign_part.setVisible(signed is None)
        self._addendum_part.setVisible(signed is not None)
        self._restore.setVisible(signed is None)
        self._restore.setEnabled(state.text is not None)
        self._notes.setText(" ".join(state.content.notes))
        self._research.setText(state.content.research_line)
        self._fit()
        self._enable()

    def set_reader(self, name: str) -> None:
        """The name proposed for signing."""
        self._reader.setText(name)

    def _fit(self) -> None:
        line = QFontMetricsF(self._text.font()).lineSpacing()
        self._text.setMinimumHeight(int(line * 14))
        self._addendum.setFixedHeight(int(line * 4))

    def _enable(self) -> None:
        self._sign.setEnabled(bool(self._reader.text().strip()))
        self._add.setEnabled(bool(self._addendum.toPlainText().strip()))

    def _on_text(self) -> None:
        text = self._text.toPlainText()
        if self._state is not None and self._state.signature is None and text != self._shown_text:
            self._shown_text = text
            self.text_requested.emit(text)

    def ask_copy(self) -> bool:
        """Ask to copy the report; False where there is none."""
        if self._state is None:
            return False
        self.copy_requested.emit(full_text(self._state))
        return True

    def _ask_sign(self) -> None:
        if self._state is not None and self._state.signature is None and (reader := self._reader.text().strip()):
            self.sign_requested.emit(reader)

    def _ask_addendum(self) -> None:
        if text := self._addendum.toPlainText().strip():
            self._addendum.clear()
            self.addendum_requested.emit(text)

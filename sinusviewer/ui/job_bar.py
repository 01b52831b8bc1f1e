"""The bottom line: what is under way and how to stop it, the last message, the device in use."""

import time

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from sinusviewer.session import JobState, Message
from sinusviewer.ui.panels.tones import current_tones

ERROR_STANDS_S = 8.0
"""So long no mere remark takes an error's place."""

JUST_SAID_S = 2.0
"""So long a warning that came while an image was being opened is taken for one about the new image."""


def time_left(seconds: float | None) -> str:
    """Rounded as people say it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s left"
    return f"{round(seconds / 60)} min left"


def job_text(job: JobState) -> str:
    parts = [job.stage or job.title]
    if job.fraction is not None:
        parts.append(f"{job.fraction * 100:.0f} %")
    if left := time_left(job.seconds_left):
        parts.append(left)
    return " · ".join(parts)


class JobBar(QWidget):
    """Signals: cancel_requested(job id), messages_requested()."""

    cancel_requested = Signal(str)
    messages_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("job_bar")
        self._job_id = ""
        self._error_until = self._said_at = 0.0
        self._level = ""
        self._text = QLabel()
        self._text.setObjectName("job_text")
        self._bar = QProgressBar()
        self._bar.setObjectName("job_progress")
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(140)
        self._bar.setFixedHeight(10)
        self._cancel = QPushButton("Cancel")
        self._cancel.setObjectName("job_cancel")
        self._cancel.setToolTip("Stop this work  [Esc]")
        self._cancel.clicked.connect(lambda: self.cancel_requested.emit(self._job_id))
        self._message = QPushButton()
        self._message.setFlat(True)
        self._message.setObjectName("message_line")
        self._message.setToolTip("The last message; click for all  [Ctrl+M]")
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._message.clicked.connect(self.messages_requested)
        self._where = QLabel()
        self._where.setObjectName("muted")
        self._device = QLabel()
        self._device.setObjectName("device")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 10, 3)
        row.setSpacing(8)
        for widget in (self._text, self._bar, self._cancel):
            row.addWidget(widget)
        row.addSpacing(8)  # the message is no part of the work before it, nor of the place and the device after it
        row.addWidget(self._message, 1)
        row.addWidget(self._where)
        row.addSpacing(12)
        row.addWidget(self._device)
        self.set_jobs(())

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    def set_jobs(self, jobs: tuple[JobState, ...]) -> None:
        """The first job with progress in full; how many wait behind it."""
        running = [j for j in jobs if j.fraction is not None] or [j for j in jobs if j.stage != "Waiting"] or list(jobs)
        for widget in (self._text, self._bar, self._cancel):
            widget.setVisible(bool(running))
        if not running:
            return
        job = running[0]
        self._job_id = job.id
        more = f"  (+{len(jobs) - 1})" if len(jobs) > 1 else ""
        self._text.setText(job_text(job) + more)
        self._bar.setRange(0, 0 if job.fraction is None else 1000)
        if job.fraction is not None:
            self._bar.setValue(round(job.fraction * 1000))

    def set_message(self, message: Message | None) -> None:
        """The last message; an error is not swept away by the remark that comes with the next click."""
        now = time.monotonic()
        if message is not None and message.level == "info" and now < self._error_until:
            return
        self._said_at, self._level = now, message.level if message is not None else ""
        self._error_until = now + ERROR_STANDS_S if message is not None and message.level == "error" else 0.0
        tones = current_tones()
        color = {"error": tones.red, "warning": tones.amber}.get(message.level if message else "", tones.muted)
        text = "" if message is None else f"{message.text} {message.hint}".strip()
        self._message.setText(text)
        self._message.setStyleSheet(
            f"QPushButton {{ color: {color}; border: none; text-align: left; background: transparent; }}"
        )

    def leave_image(self) -> None:
        """Another image is on screen: what was said of the former goes; what has just been said stays, and so does an error."""
        now = time.monotonic()
        if now >= self._error_until and (self._level == "info" or now - self._said_at > JUST_SAID_S):
            self.set_message(None)

    def set_where(self, text: str) -> None:
        """The value and place under the mouse."""
        self._where.setText(text)

    def set_device(self, text: str, tooltip: str = "") -> None:
        self._device.setText(text)
        self._device.setToolTip(tooltip)

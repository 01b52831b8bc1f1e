"""The desk where background work is handed in, and the one place where its events reach the session."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sinusviewer.jobs.events import (
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMessage,
    JobPartial,
    JobProgress,
    JobStarted,
)
from sinusviewer.jobs.runner import Job, JobRunner, Work
from sinusviewer.session import JobState, Session


@dataclass(frozen=True, slots=True)
class Continuation:
    """What happens, in the GUI thread, with what a job gives; ``group`` names what it works for, to cancel by."""

    on_finished: Callable[[Any], None]
    on_partial: Callable[[Any], None] | None = None
    on_failed: Callable[[JobFailed], None] | None = None
    group: str = ""
    on_cancelled: Callable[[], None] | None = None


class JobDesk:
    """Call only from the GUI thread, `handle` included."""

    def __init__(self, session: Session, runner: JobRunner) -> None:
        self.session, self._runner = session, runner
        self._continuations: dict[str, Continuation] = {}
        self._jobs: dict[str, Job] = {}

    def submit(self, lane: str, title: str, work: Work, continuation: Continuation) -> Job:
        job = self._runner.submit(lane, work, title)
        self._continuations[job.id] = continuation
        self._jobs[job.id] = job
        self.session.set_job(JobState(job.id, title))
        return job

    def handle(self, event: Event) -> None:
        """The one place where background events reach the session."""
        session = self.session
        match event:
            case JobStarted(job_id=job_id):
                if job_id in session.jobs:
                    session.set_job(replace(session.jobs[job_id], stage=""))
            case JobProgress(job_id=job_id, stage=stage, fraction=fraction, seconds_left=left):
                if job_id in session.jobs:
                    session.set_job(replace(session.jobs[job_id], stage=stage, fraction=fraction, seconds_left=left))
            case JobMessage(text=text, level=level):
                session.say(text, level)
            case JobPartial(job_id=job_id, value=value):
                known = self._continuations.get(job_id)
                if known and known.on_partial and not self._jobs[job_id].token.cancelled:
                    known.on_partial(value)
            case JobFinished(job_id=job_id, result=result):
                known = self._end(job_id)
                if known:
                    known.on_finished(result)
            case JobFailed(job_id=job_id, message=message, hint=hint, details=details):
                known = self._end(job_id)
                session.say(message, "error", hint, details)
                if known and known.on_failed:
                    known.on_failed(event)
            case JobCancelled(job_id=job_id):
                title = session.jobs[job_id].title if job_id in session.jobs else ""
                known = self._end(job_id)
                if known and known.on_cancelled:
                    known.on_cancelled()
                if title and known and known.group != "previews":
                    session.say(f"Cancelled: {title[:1].lower()}{title[1:]}.")

    def _end(self, job_id: str) -> Continuation | None:
        self._jobs.pop(job_id, None)
        self.session.end_job(job_id)
        return self._continuations.pop(job_id, None)

    def cancel(self, job_id: str) -> None:
        if job_id in self._jobs:
            self._jobs[job_id].cancel()

    def cancel_all(self, but: tuple[str, ...] = ()) -> bool:
        """Cancel everything under way but the groups named; True if there was something."""
        jobs = tuple(job for job_id, job in self._jobs.items() if self._continuations[job_id].group not in but)
        for job in jobs:
            job.cancel()
        return bool(jobs)

    def cancel_group(self, prefix: str) -> None:
        for job_id, continuation in tuple(self._continuations.items()):
            if continuation.group.startswith(prefix):
                self.cancel(job_id)

    def works_for(self, group: str) -> bool:
        """Whether a job of exactly this group is under way."""
        return any(c.group == group for c in self._continuations.values())

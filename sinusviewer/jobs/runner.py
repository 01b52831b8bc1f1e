"""The job runner: lanes of worker threads, a token to cancel with, events to listen to."""

import itertools
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sinusviewer.errors import CancelledError, SinusViewerError
from sinusviewer.jobs.events import (
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMessage,
    JobPartial,
    JobProgress,
    JobStarted,
    MetricLogged,
)

LANES: dict[str, int] = {"gpu": 1, "io": 2}
"""Worker threads per lane. One on "gpu": it owns every network, so nothing races for its memory."""


class CancelToken:
    """Asked in every loop; also runs callbacks at once, e.g. to end a network's run in the middle."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when cancelled; at once if that has happened already."""
        with self._lock:
            if not self._cancelled.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def remove(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class Progress:
    """What work uses to say how far it is. Time left is estimated from the fraction; events are at most 20 a second."""

    def __init__(self, job_id: str, emit: Callable[[Event], None]) -> None:
        self._job_id, self._emit = job_id, emit
        self._start = time.monotonic()
        self._last = 0.0
        self._stage = ""

    def __call__(self, stage: str, fraction: float | None = None) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._last < 0.05 and fraction != 1.0:
            return
        self._stage, self._last = stage, now
        left = (now - self._start) * (1 - fraction) / fraction if fraction and fraction > 0.02 else None
        self._emit(JobProgress(self._job_id, stage, fraction, left))

    def message(self, text: str, level: str = "info") -> None:
        self._emit(JobMessage(self._job_id, text, level))

    def metric(self, name: str, value: float, step: int = 0) -> None:
        self._emit(MetricLogged(self._job_id, name, value, step))

    def partial(self, value: object) -> None:
        self._emit(JobPartial(self._job_id, value))


def silent_progress() -> Progress:
    """A Progress nobody listens to, for scripts and tests."""
    return Progress("", lambda _event: None)


Work = Callable[[Progress, CancelToken], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A piece of work under way."""

    id: str
    title: str
    lane: str
    token: CancelToken
    done: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        self.token.cancel()


class JobRunner:
    """Runs work in lanes of threads and reports events from those threads to one listener.

    Parameters
    ----------
    listener
        Called from worker threads with every event; must be thread-safe and quick.
    """

    def __init__(self, listener: Callable[[Event], None]) -> None:
        self._listener = listener
        self._numbers = itertools.count(1)
        self._queues: dict[str, queue.SimpleQueue[tuple[Job, Work] | None]] = {}
        self._threads: list[threading.Thread] = []
        self._live: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._closed = False
        for lane, workers in LANES.items():
            lane_queue: queue.SimpleQueue[tuple[Job, Work] | None] = queue.SimpleQueue()
            self._queues[lane] = lane_queue
            for number in range(workers):
                thread = threading.Thread(target=self._serve, args=(lane_queue,), name=f"{lane}-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def submit(self, lane: str, work: Work, title: str = "") -> Job:
        """Queue ``work(progress, token)`` on a lane."""
        job = Job(f"{lane}-{next(self._numbers)}", title, lane, CancelToken())
        with self._lock:
            if self._closed:
                raise SinusViewerError("The program is closing; no new work is taken.")
            self._live[job.id] = job
            self._queues[lane].put((job, work))
        return job

    @property
    def live_jobs(self) -> tuple[Job, ...]:
        with self._lock:
            return tuple(self._live.values())

    def cancel_all(self) -> None:
        for job in self.live_jobs:
            job.cancel()

    def close(self, timeout: float = 5.0) -> bool:
        """Cancel everything and end the threads; True if all ended in time."""
        with self._lock:
            self._closed = True
        self.cancel_all()
        for lane, workers in LANES.items():
            for _ in range(workers):
                self._queues[lane].put(None)
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self, lane_queue: "queue.SimpleQueue[tuple[Job, Work] | None]") -> None:
        while (item := lane_queue.get()) is not None:
            job, work = item
            last = self._run(job, work)
            with self._lock:
                self._live.pop(job.id, None)
            self._listener(last)
            job.done.set()

    def _run(self, job: Job, work: Work) -> Event:
        if job.token.cancelled:
            return JobCancelled(job.id)
        self._listener(JobStarted(job.id, job.title))
        try:
            result = work(Progress(job.id, self._listener), job.token)
        except CancelledError:
            return JobCancelled(job.id)
        except SinusViewerError as error:
            return JobFailed(job.id, error.message, error.hint, traceback.format_exc())
        except MemoryError:
            return JobFailed(job.id, "There is not enough memory for this.", "Close other studies and try again.")
        except Exception as error:  # noqa: BLE001 - the one place where a job's unknown failure becomes an event
            return JobFailed(
                job.id,
                f"Unexpected error: {type(error).__name__}.",
                "Copy the details for support.",
                traceback.format_exc(),
            )
        return JobCancelled(job.id) if job.token.cancelled else JobFinished(job.id, result)

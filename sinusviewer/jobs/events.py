"""What background work says: frozen events, to and from JSON lines. Exactly one terminal event per job."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The job left the queue."""

    kind: ClassVar[str] = "started"
    job_id: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far it is: ``fraction`` 0-1, or None where nobody can know."""

    kind: ClassVar[str] = "progress"
    job_id: str
    stage: str
    fraction: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class JobPartial:
    """An intermediate result worth showing before the end (first image, first masks). Never serialised."""

    kind: ClassVar[str] = "partial"
    job_id: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class JobMessage:
    """A sentence for the message line, e.g. "No CUDA here: running on the CPU"."""

    kind: ClassVar[str] = "message"
    job_id: str
    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True, eq=False)
class JobFinished:
    """Terminal: done. ``result`` is what the work returned (in JSON lines: only if it is plain data)."""

    kind: ClassVar[str] = "finished"
    job_id: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """Terminal: failed, with a sentence, a hint and details to copy."""

    kind: ClassVar[str] = "failed"
    job_id: str
    message: str
    hint: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """Terminal: cancelled on request."""

    kind: ClassVar[str] = "cancelled"
    job_id: str


@dataclass(frozen=True, slots=True)
class MetricLogged:
    """A number of a training or an evaluation."""

    kind: ClassVar[str] = "metric"
    job_id: str
    name: str
    value: float
    step: int = 0


Event = JobStarted | JobProgress | JobPartial | JobMessage | JobFinished | JobFailed | JobCancelled | MetricLogged
TERMINAL = (JobFinished, JobFailed, JobCancelled)
_CLASSES: dict[str, type[Any]] = {
    c.kind: c
    for c in (JobStarted, JobProgress, JobPartial, JobMessage, JobFinished, JobFailed, JobCancelled, MetricLogged)
}


def to_json_line(event: Event) -> str:
    """One line of JSON, ``{"event": kind, ...}``; a value that is not plain data is left out."""
    content: dict[str, Any] = {"event": event.kind}
    for f in dataclasses.fields(event):
        value = getattr(event, f.name)
        try:
            json.dumps(value)
        except TypeError:
            continue
        content[f.name] = value
    return json.dumps(content, ensure_ascii=False)


def from_json_line(line: str) -> Event | None:
    """The event in a line, or None where the line holds none (a library's own output, say)."""
    try:
        content = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(content, dict) or content.get("event") not in _CLASSES:
        return None
    cls = _CLASSES[content.pop("event")]
    known = {f.name for f in dataclasses.fields(cls)}
    try:
        event: Event = cls(**{k: v for k, v in content.items() if k in known})
    except TypeError:
        return None
    return event

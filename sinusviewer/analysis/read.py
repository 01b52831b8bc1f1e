"""Read a series or a study: choose the pipelines an image is fit for, run them, keep what is found and where it came from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from sinusviewer.analysis import ct, waters
from sinusviewer.analysis.protocol import TASKS, Context
from sinusviewer.analysis.provenance import completed
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.reading import Reading, SeriesReading, SeriesStatus
from sinusviewer.domain.study import FileOutcome, FileStatus, Series, SeriesKind, Study
from sinusviewer.errors import CancelledError, InputError, OutOfMemoryError, SinusViewerError
from sinusviewer.imaging import load
from sinusviewer.inference.registry import ModelRegistry, shared_registry
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress

Image = Radiograph | Volume
_VIEWED_ONLY_REASONS = {
    SeriesKind.LOCALIZER: "A localizer; shown, not read.",
    SeriesKind.STACK: "The slices form no volume; shown, not read.",
    SeriesKind.VIEW_ONLY: "Not a radiograph or CT that a network may read; shown, not read.",
}
SeriesListener = Callable[[Image | None, SeriesReading], None]


@dataclass(frozen=True, slots=True, eq=False)
class StudyOutcome:
    """A study's reading, and the files that turned out unreadable only when their pixels were wanted."""

    reading: Reading
    failures: tuple[FileOutcome, ...] = ()
    sources: tuple[Series, ...] = ()
    """The series of each part of the reading, in its order."""


def read_series(
    image: Image,
    tasks: Iterable[str] = TASKS,
    registry: ModelRegistry | None = None,
    clinical: ClinicalData | None = None,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    override_reason: str = "",
) -> SeriesReading:
    """Read one radiograph or one volume.

    Parameters
    ----------
    tasks
        Any of ``TASKS``; those that do not fit the image are left out.
    override_reason
        A reader's reason to let a network read an image that failed the input check; recorded.

    Raises
    ------
    CancelledError, InputError
        When cancelled; when a task is not known.
    """
    wanted = frozenset(check_tasks(tasks))
    context = Context(
        registry or shared_registry(),
        progress or silent_progress(),
        token or CancelToken(),
        clinical or ClinicalData(),
        override_reason,
    )
    seconds: dict[str, float] = {}
    try:
        if isinstance(image, Volume):
            reading = ct.read(image, wanted, context, seconds)
        else:
            reading = waters.read(image, wanted, context, seconds)
    except CancelledError:
        raise
    except (SinusViewerError, MemoryError) as error:
        fault = error if isinstance(error, SinusViewerError) else OutOfMemoryError("There is not enough memory.")
        reading = _skeleton(image, SeriesStatus.REFUSED, str(fault))
    return replace(reading, provenance=completed(image, reading.provenance, seconds, override_reason))


def read_study(
    study: Study,
    tasks: Iterable[str] = TASKS,
    registry: ModelRegistry | None = None,
    clinical: ClinicalData | None = None,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    on_series: SeriesListener | None = None,
) -> StudyOutcome:
    """Read all series of a study, one after the other, so that one volume at a time is in memory.

    ``on_series`` is given each image with its reading (None where it could not be loaded) before the image is let go.
    """
    progress, token = progress or silent_progress(), token or CancelToken()
    context = Context(registry or shared_registry(), progress, token, clinical or ClinicalData())
    tasks = check_tasks(tasks)
    readings: list[SeriesReading] = []
    failures: list[FileOutcome] = []
    sources: list[Series] = []
    for series in study.series:
        for image, reading in _series_readings(series, tasks, context, failures):
            readings.append(reading)
            sources.append(series)
            if on_series is not None:
                on_series(image, reading)
    return StudyOutcome(Reading(study.study_instance_uid, tuple(readings)), tuple(failures), tuple(sources))


def check_tasks(tasks: Iterable[str]) -> tuple[str, ...]:
    """The tasks in their usual order.

    Raises
    ------
    InputError
        Where one is not known.
    """
    given = {task.strip().lower() for task in tasks if task.strip()}
    unknown = sorted(given - set(TASKS))
    if unknown:
        raise InputError(f"Unknown task “{unknown[0]}”.", f"Choose from {', '.join(TASKS)}.")
    return tuple(task for task in TASKS if task in given)


def _series_readings(
    series: Series, tasks: tuple[str, ...], context: Context, failures: list[FileOutcome]
) -> Iterator[tuple[Image | None, SeriesReading]]:
    """A volume gives one reading, every film its own; what is only shown is decoded, to know that it can be."""
    if series.kind is SeriesKind.VOLUME:
        yield from _read_part(series, tasks, context, failures)
    elif series.kind is SeriesKind.RADIOGRAPH:
        for instance in series.instances:
            yield from _read_part(replace(series, instances=(instance,)), tasks, context, failures)
    else:
        yield None, _viewed_only(series, context, failures)


def _read_part(
    part: Series, tasks: tuple[str, ...], context: Context, failures: list[FileOutcome]
) -> Iterator[tuple[Image | None, SeriesReading]]:
    loaded = _load(part, context, failures)
    if isinstance(loaded, str):
        yield None, _of_series(part, SeriesStatus.REFUSED, loaded)
        return
    for image in loaded:
        yield image, read_series(image, tasks, context.registry, context.clinical, context.progress, context.token)


def _viewed_only(series: Series, context: Context, failures: list[FileOutcome]) -> SeriesReading:
    faults = []
    for instance in series.instances:
        loaded = _load(replace(series, instances=(instance,)), context, failures)
        if isinstance(loaded, str):
            faults.append(loaded)
    if len(faults) == len(series.instances):
        return _of_series(series, SeriesStatus.REFUSED, faults[0])
    return _of_series(series, SeriesStatus.VIEWED_ONLY, _VIEWED_ONLY_REASONS[series.kind])


def _load(series: Series, context: Context, failures: list[FileOutcome]) -> tuple[Image, ...] | str:
    """The images, or why there are none; then every file of the series counts as failed."""
    context.token.raise_if_cancelled()
    context.progress("Loading", None)
    try:
        loaded = load.load_series(series, progress=context.progress, token=context.token)
    except CancelledError:
        raise
    except (SinusViewerError, MemoryError) as error:
        reason = str(error) or "There is not enough memory to open this."
        failures += [FileOutcome(str(i.path), FileStatus.FAILED, reason) for i in series.instances]
        return reason
    return (loaded,) if isinstance(loaded, Volume) else tuple(loaded)


def _of_series(series: Series, status: SeriesStatus, reason: str) -> SeriesReading:
    identity, only = series.identity, len(series.instances) == 1
    sop = series.instances[0].sop_instance_uid if only else ""
    return SeriesReading(identity.series_instance_uid, identity.modality, status, reason, series.warnings, sop)


def _skeleton(image: Image, status: SeriesStatus, reason: str) -> SeriesReading:
    sop = image.sop_instance_uid if isinstance(image, Radiograph) else ""
    return SeriesReading(
        image.identity.series_instance_uid, image.identity.modality, status, reason, image.warnings, sop
    )

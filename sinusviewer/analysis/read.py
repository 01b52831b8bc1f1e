"""Read a series or a study: choose the pipelines an image is fit for, run them, keep what is found and where it came from."""

from collections.abc import Callable, Iterable
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
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress

Image = Radiograph | Volume
SeriesListener = Callable[[Image | None, SeriesReading], None]


@dataclass(frozen=True, slots=True, eq=False)
class StudyOutcome:
    """A study's reading, and the files that turned out unreadable only when their pixels were wanted."""

    reading: Reading
    failures: tuple[FileOutcome, ...] = ()


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
        registry or ModelRegistry(),
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
    registry = registry or ModelRegistry()
    tasks = check_tasks(tasks)
    readings: list[SeriesReading] = []
    failures: list[FileOutcome] = []
    for series in study.series:
        for part in _parts(series):
            token.raise_if_cancelled()
            try:
                images = _load(part, progress, token)
            except CancelledError:
                raise
            except (SinusViewerError, MemoryError) as error:
                reason = str(error) or "There is not enough memory to open this."
                failures += [FileOutcome(str(i.path), FileStatus.FAILED, reason) for i in part.instances]
                reading = _failed(part, reason)
                readings.append(reading)
                if on_series is not None:
                    on_series(None, reading)
                continue
            for image in images:
                reading = read_series(image, tasks, registry, clinical, progress, token)
                reading = _of_series(reading, part)
                readings.append(reading)
                if on_series is not None:
                    on_series(image, reading)
    return StudyOutcome(Reading(study.study_instance_uid, tuple(readings)), tuple(failures))


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


def _parts(series: Series) -> tuple[Series, ...]:
    """Radiographs and pictures one by one, so that one bad file does not take the others with it."""
    if series.kind is SeriesKind.VOLUME or len(series.instances) <= 1:
        return (series,)
    return tuple(replace(series, instances=(instance,)) for instance in series.instances)


def _load(series: Series, progress: Progress, token: CancelToken) -> tuple[Image, ...]:
    progress("Loading", None)
    loaded = load.load_series(series, progress=progress, token=token)
    return (loaded,) if isinstance(loaded, Volume) else tuple(loaded)


def _of_series(reading: SeriesReading, series: Series) -> SeriesReading:
    if series.kind in (SeriesKind.RADIOGRAPH, SeriesKind.VOLUME):
        return reading
    reason = reading.reason
    if series.kind is SeriesKind.LOCALIZER:
        reason = "A localizer; shown, not read."
    elif series.kind is SeriesKind.STACK:
        reason = "The slices form no volume; shown, not read."
    return replace(reading, status=SeriesStatus.VIEWED_ONLY, reason=reason)


def _failed(series: Series, reason: str) -> SeriesReading:
    return SeriesReading(
        series.identity.series_instance_uid,
        series.identity.modality,
        SeriesStatus.REFUSED,
        reason,
        series.warnings,
        series.instances[0].sop_instance_uid if len(series.instances) == 1 else "",
    )


def _skeleton(image: Image, status: SeriesStatus, reason: str) -> SeriesReading:
    sop = image.sop_instance_uid if isinstance(image, Radiograph) else ""
    return SeriesReading(
        image.identity.series_instance_uid, image.identity.modality, status, reason, image.warnings, sop
    )

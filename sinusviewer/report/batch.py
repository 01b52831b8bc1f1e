"""``sinusviewer read``: scan, read every study, write every folder, and account for every file."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from sinusviewer.analysis import clinical_table
from sinusviewer.analysis.protocol import TASKS
from sinusviewer.analysis.read import check_tasks, read_study
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import FileOutcome, FileStatus, ScanResult, Series, Study
from sinusviewer.errors import StorageError
from sinusviewer.imaging import archive, scan
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.events import Event, JobMessage
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.report.reading_json import index_as_json, printable, write_validated
from sinusviewer.report.study_folder import StudyFolder, is_own_output

Say = Callable[[str], None]
__all__ = ["BatchResult", "printable", "read_paths"]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of every study and every file."""

    studies: tuple[tuple[str, str], ...]
    files: tuple[FileOutcome, ...]
    images: int = 0
    """Files with pixels that could be read (an archive or index is no image)."""

    def count(self, status: str) -> int:
        return sum(outcome.status.value == status for outcome in self.files)

    @property
    def failed(self) -> tuple[FileOutcome, ...]:
        return tuple(outcome for outcome in self.files if outcome.status is FileStatus.FAILED)


def read_paths(
    paths: Sequence[str],
    out: Path,
    tasks: Iterable[str] | None = None,
    clinical_file: Path | None = None,
    jobs: int = 1,
    say: Say | None = None,
    registry: ModelRegistry | None = None,
    token: CancelToken | None = None,
) -> BatchResult:
    """Read everything below ``paths`` into ``out`` and return what became of it.

    Raises
    ------
    InputError
        Where a task is unknown or the clinical table is wrong; nothing is read then.
    StorageError
        Where ``out`` cannot be written.
    """
    chosen = check_tasks(TASKS if tasks is None else tasks)
    table = clinical_table.load(clinical_file) if clinical_file else clinical_table.ClinicalTable({}, {})
    token = token or CancelToken()
    _make_writable(out)
    say = say or (lambda _text: None)
    progress = Progress("read", lambda event: _relay(event, say))
    with archive.ScanSession() as session:
        found: ScanResult = scan.scan(paths, progress, token, session, why_not=_own_outputs(out))
        say(f"{len(found.studies)} studies in {len(found.files)} files.")
        failures: dict[str, str] = {}
        done: list[tuple[int, str, str]] = []
        work = [
            Assignment(s, table.find(s.study_instance_uid, s.identity.patient_id), _labels_of(s, found.labels))
            for s in found.studies
        ]
        for number, (name, failed) in _run_all(work, out, chosen, jobs, registry, progress, token):
            study = found.studies[number]
            done.append((number, study.study_instance_uid, name))
            failures.update({found.labels.get(f.path, f.path): f.reason or "" for f in failed})
            say(f"{len(done)} of {len(work)}: {printable(source_name(study, work[number].labels))} -> {name}")
    done.sort()
    studies = tuple((uid, name) for _, uid, name in done)
    files = tuple(_with_failure(outcome, failures) for outcome in found.files)
    write_validated(index_as_json(studies, files), "index.schema.json", out / "index.json")
    given = {
        found.labels.get(str(i.path), str(i.path)) for s in found.studies for part in s.series for i in part.instances
    }
    return BatchResult(studies, files, len(given - set(failures)))


@dataclass(frozen=True, slots=True)
class Assignment:
    """One study to be read, what is known of its patient, and the names of its files that lie in archives."""

    study: Study
    clinical: ClinicalData
    labels: Mapping[str, str]


def read_one(
    given: Assignment,
    out: Path,
    tasks: tuple[str, ...],
    registry: ModelRegistry | None = None,
    progress: Progress | None = None,
    token: CancelToken | None = None,
) -> tuple[str, tuple[FileOutcome, ...]]:
    """Read one study into its folder below ``out``; returns the folder's name and the files that could not be decoded."""
    study = given.study
    folder = StudyFolder(out, study.study_instance_uid)
    outcome = read_study(study, tasks, registry, given.clinical, progress, token, on_series=folder.add)
    names = zip(outcome.sources, outcome.reading.series, strict=True)
    folder.finish(outcome.reading, study.identity, tuple(_heading(s, r, given.labels) for s, r in names))
    return folder.name, outcome.failures


def _run_all(
    work: Sequence[Assignment],
    out: Path,
    tasks: tuple[str, ...],
    jobs: int,
    registry: ModelRegistry | None,
    progress: Progress,
    token: CancelToken,
) -> Iterable[tuple[int, tuple[str, tuple[FileOutcome, ...]]]]:
    if jobs <= 1 or len(work) <= 1:
        registry = registry or ModelRegistry()
        for number, given in enumerate(work):
            token.raise_if_cancelled()
            yield number, read_one(given, out, tasks, registry, progress, token)
        return
    workers = min(jobs, len(work))
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(threads,)) as pool:
        waiting = {pool.submit(_read_in_worker, given, out, tasks): number for number, given in enumerate(work)}
        try:
            for future in as_completed(waiting):
                token.raise_if_cancelled()
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise StorageError(
                "A reading process ended, most likely for want of memory.", "Use fewer --jobs."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker_registry: list[ModelRegistry] = []


def _start_worker(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    _worker_registry.append(ModelRegistry(threads=threads))


def _read_in_worker(given: Assignment, out: Path, tasks: tuple[str, ...]) -> tuple[str, tuple[FileOutcome, ...]]:
    return read_one(given, out, tasks, _worker_registry[0])


def _labels_of(study: Study, labels: Mapping[str, str]) -> dict[str, str]:
    paths = {str(i.path) for series in study.series for i in series.instances}
    return {path: labels[path] for path in paths & labels.keys()}


def source_name(study: Study, labels: Mapping[str, str]) -> str:
    """Where a study came from, as a person finds it again: its file in its folder, or how many files of which folder."""
    files = [Path(labels.get(str(i.path), str(i.path))) for series in study.series for i in series.instances]
    folders = {path.parent for path in files}
    parent = next(iter(folders)).name if len(folders) == 1 else f"{len(folders)} folders"
    last = files[0].name if len(files) == 1 else f"{len(files)} files"
    return f"{parent}/{last}" if parent else last


def _heading(series: Series, reading: SeriesReading, labels: Mapping[str, str]) -> str:
    """A part's name in the report: what the series is called, what made it, and its file where that is one."""
    uid = reading.sop_instance_uid.partition("#")[0]
    own = [i for i in series.instances if len(series.instances) == 1 or (uid and i.sop_instance_uid == uid)]
    said = series.description.strip() or series.identity.study_description.strip()
    name = f"{said} ({reading.modality})" if said and reading.modality else said or f"{reading.modality} series".strip()
    size = printable(Path(labels.get(str(own[0].path), str(own[0].path))).name) if len(own) == 1 else ""
    return f"{name}, {size or f'{len(series.instances)} files'}"


def _with_failure(outcome: FileOutcome, failures: dict[str, str]) -> FileOutcome:
    reason = failures.get(outcome.path)
    return outcome if reason is None else FileOutcome(outcome.path, FileStatus.FAILED, reason)


def _own_outputs(out: Path) -> Callable[[Path], str]:
    """Says which files an earlier reading wrote: nobody wants last week's pictures of a film read as films."""
    real_out = out.resolve()
    folders: dict[Path, Path] = {}  # links may lead into the output folder by another name; each folder is asked once

    def why_not(path: Path) -> str:
        if path.parent not in folders:
            folders[path.parent] = path.parent.resolve()
        own = is_own_output(folders[path.parent] / path.name, real_out)
        return "Written by an earlier reading into this folder." if own else ""

    return why_not


def _make_writable(out: Path) -> None:
    probe = out / f".sinusviewer-{os.getpid()}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"The output folder cannot be written: {error.strerror or type(error).__name__}.", "Choose another --out."
        ) from error


def _relay(event: Event, say: Say) -> None:
    if isinstance(event, JobMessage):
        say(event.text)

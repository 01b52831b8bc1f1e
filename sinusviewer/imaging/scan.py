"""Scanning: from paths a person gives to studies and series, and a word on every file."""

import os
import stat
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from sinusviewer.domain.study import EMPTY_FILE, FileOutcome, FileStatus, ScanResult, Series, Study
from sinusviewer.errors import DicomReadError, InputError
from sinusviewer.imaging.archive import Candidate, ScanSession, unpack
from sinusviewer.imaging.dicomdir import MEDIA_STORAGE_DIRECTORY, referenced_files
from sinusviewer.imaging.elements import looks_like_dicom
from sinusviewer.imaging.headers import Header, identity_of, read_open_header
from sinusviewer.imaging.label_map import ALONE
from sinusviewer.imaging.pixel_layout import why_unreadable
from sinusviewer.imaging.research import PartOfMasksError, research_series, sniff_format
from sinusviewer.imaging.series import build_series, instance_of
from sinusviewer.imaging.tags import Tag
from sinusviewer.jobs.runner import CancelToken, Progress

_BATCH = 64
_WORKERS = 4
_DEFAULT_SESSION = ScanSession()
_DEFAULT_LOCK = threading.Lock()
_OTHER_PATIENT = (
    "It bears the study UID of another patient in the same place: number or birth date differ. Open it by itself."
)
_NOT_AN_IMAGE = "This is no image in a format that can be opened."

_Found = Header | Series | FileOutcome


def scan(
    paths: Iterable[str | os.PathLike[str]],
    progress: Progress | None = None,
    token: CancelToken | None = None,
    session: ScanSession | None = None,
    character_set_fallback: str = "",
    why_not: Callable[[Path], str] | None = None,
) -> ScanResult:
    """Find all studies in files, folders, ZIP archives and DICOMDIRs.

    Parameters
    ----------
    paths
        Files and folders; folders are searched with all their subfolders.
    session
        Owns what archives are unpacked to. Without one, a session of the process does, until it ends or ``release`` is called.
    character_set_fallback
        Python codec for text without a usable SpecificCharacterSet; guessed where empty.
    why_not
        Asked of every file in a folder: a reason to leave it out unopened, or "".

    Returns
    -------
    ScanResult
        Each file that was given, or found in a folder or an archive, stands once in ``files``.

    Raises
    ------
    CancelledError
        If the token was cancelled.
    """
    chosen = session or _DEFAULT_SESSION
    outcomes: dict[str, FileOutcome] = {}
    headers: list[tuple[str, Header]] = []
    series: list[Series] = []
    masks: list[tuple[str, Header]] = []
    candidates: list[Candidate] = []
    seen: set[str] = set()
    folders: dict[Path, str] = {}  # resolving each file's own path would cost more than reading its header
    if progress is not None:
        progress("Looking for files")
    for item in _candidates(paths, chosen, token, why_not):
        if isinstance(item, FileOutcome):
            outcomes.setdefault(item.path, item)
            continue
        parent = item.path.parent
        if parent not in folders:
            folders[parent] = os.path.realpath(parent)
        real = f"{folders[parent]}{os.sep}{item.path.name}"
        if real not in seen:
            seen.add(real)
            candidates.append(item)
    for candidate, found in _examine_all(candidates, progress, token, character_set_fallback):
        if isinstance(found, FileOutcome):
            outcomes.setdefault(found.path, found)
            continue
        if isinstance(found, Series):
            series.append(found)
        else:
            (masks if found.modality == "SEG" else headers).append((candidate.label, found))
        outcomes.setdefault(candidate.label, FileOutcome(candidate.label, FileStatus.READ))
    unique = _of_one_patient(_without_copies(headers, outcomes), outcomes)
    labels = {str(c.path): c.label for c in candidates if str(c.path) != c.label}
    studies = {header.study_key for header in unique}
    for label, header in masks:
        if header.study_key not in studies:
            outcomes[label] = FileOutcome(
                label, FileStatus.IGNORED, "Masks (Segmentation object) without their images."
            )
    return ScanResult(_studies(unique, series, [h for _, h in masks]), tuple(outcomes.values()), labels)


def release() -> None:
    """Remove what archives were unpacked to by scans without a session of their own."""
    with _DEFAULT_LOCK:
        _DEFAULT_SESSION.close()


def _candidates(
    paths: Iterable[str | os.PathLike[str]],
    session: ScanSession,
    token: CancelToken | None,
    why_not: Callable[[Path], str] | None = None,
) -> Iterator[Candidate | FileOutcome]:
    for given in paths:
        path = Path(given)
        try:
            if path.is_dir():
                yield from _walk(path, session, token, why_not)
            elif path.is_file():
                yield from _one(path, str(path), session, token, expand_index=True)
            else:
                yield FileOutcome(str(path), FileStatus.FAILED, "There is no such file or folder.")
        except (OSError, ValueError) as error:
            yield FileOutcome(str(path), FileStatus.FAILED, f"It cannot be opened ({type(error).__name__}).")


def _walk(
    folder: Path, session: ScanSession, token: CancelToken | None, why_not: Callable[[Path], str] | None
) -> Iterator[Candidate | FileOutcome]:
    failures: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=failures.append):
        if token is not None:
            token.raise_if_cancelled()
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            reason = why_not(path) if why_not is not None else ""
            if reason:
                yield FileOutcome(str(path), FileStatus.IGNORED, reason)
            else:
                yield from _one(path, str(path), session, token, expand_index=False)
    for failure in failures:
        name = os.fsdecode(failure.filename) if isinstance(failure.filename, (str, bytes)) else str(folder)
        yield FileOutcome(name, FileStatus.FAILED, f"The folder cannot be opened ({failure.strerror}).")


def _one(
    path: Path, label: str, session: ScanSession, token: CancelToken | None, *, expand_index: bool
) -> Iterator[Candidate | FileOutcome]:
    if path.suffix.lower() == ".zip":
        yield from unpack(path, label, session, _why_not_wanted, token)
    elif expand_index and path.stem.upper() == "DICOMDIR":
        yield from _from_index(path, label)
    else:
        yield Candidate(extended_path(path), label)


def _from_index(index: Path, label: str) -> Iterator[Candidate | FileOutcome]:
    try:
        files = referenced_files(index)
    except DicomReadError as error:
        yield FileOutcome(label, FileStatus.FAILED, str(error))
        return
    for path, reason in files:
        yield FileOutcome(str(path), FileStatus.FAILED, reason) if reason else Candidate(extended_path(path), str(path))
    yield FileOutcome(label, FileStatus.READ, f"Index of a medium; it names {len(files)} files.")


def extended_path(path: Path) -> Path:
    """The path in the form that Windows takes beyond 260 characters; unchanged elsewhere."""
    if os.name != "nt" or len(str(path)) < 240 or str(path).startswith("\\\\?\\"):
        return path
    absolute = str(path.resolve())
    return Path("\\\\?\\UNC" + absolute[1:] if absolute.startswith("\\\\") else "\\\\?\\" + absolute)


def _why_not_wanted(start: bytes, name: str) -> str | None:
    if start[:4] == b"PK\x03\x04":
        return "An archive inside an archive is not opened."
    return None if looks_like_dicom(start) or sniff_format(start, name) else _NOT_AN_IMAGE


def _examine_all(
    candidates: Sequence[Candidate], progress: Progress | None, token: CancelToken | None, fallback: str
) -> Iterator[tuple[Candidate, _Found]]:
    """Examine files in a few threads, in order, a bounded number of batches ahead."""
    batches = iter([candidates[i : i + _BATCH] for i in range(0, len(candidates), _BATCH)])
    examine: Callable[[Sequence[Candidate]], list[_Found]] = lambda batch: [_examine(c, fallback) for c in batch]  # noqa: E731
    done = 0
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="scan") as pool:
        waiting: list[tuple[Sequence[Candidate], Future[list[_Found]]]] = [
            (b, pool.submit(examine, b)) for b in islice(batches, 2 * _WORKERS)
        ]
        try:
            while waiting:
                if token is not None:
                    token.raise_if_cancelled()
                batch, future = waiting.pop(0)
                yield from zip(batch, future.result(), strict=True)
                done += len(batch)
                if (following := next(batches, None)) is not None:
                    waiting.append((following, pool.submit(examine, following)))
                if progress is not None:
                    progress("Reading headers", done / len(candidates))
        finally:
            for _, future in waiting:
                future.cancel()


def _examine(candidate: Candidate, fallback: str) -> _Found:
    """A header, a series of a research format, or the reason why neither."""
    try:
        if not stat.S_ISREG(os.stat(candidate.path).st_mode):  # noqa: PTH116 - a Path's own stat costs as much as a header
            return FileOutcome(candidate.label, FileStatus.IGNORED, "This is no ordinary file.")
        with candidate.path.open("rb", buffering=0) as file:
            start = file.read(400)
            if not start:
                return FileOutcome(candidate.label, FileStatus.IGNORED, EMPTY_FILE)
            if not looks_like_dicom(start):
                return _examine_other(candidate, start)
            header = read_open_header(cast(BinaryIO, file), candidate.path, fallback)
    except (DicomReadError, InputError) as error:
        return FileOutcome(candidate.label, FileStatus.FAILED, str(error))
    except OSError as error:
        return FileOutcome(candidate.label, FileStatus.FAILED, f"The file cannot be opened ({error.strerror}).")
    if header.sop_class_uid == MEDIA_STORAGE_DIRECTORY:
        return FileOutcome(
            candidate.label, FileStatus.IGNORED, "Index of a medium; the files it names are listed themselves."
        )
    if header.modality == "SEG" and header.pixels is not None:
        return header  # masks, read when their series is shown
    status, reason = why_unreadable(header)
    return header if status is None else FileOutcome(candidate.label, status, reason)


def _examine_other(candidate: Candidate, start: bytes) -> _Found:
    name = candidate.label.replace("\\", "/").rsplit("/", 1)[-1]
    kind = sniff_format(start, name)
    if kind is None:
        return FileOutcome(candidate.label, FileStatus.IGNORED, _NOT_AN_IMAGE)
    try:
        return research_series(candidate.path, name, kind)
    except PartOfMasksError as error:
        return FileOutcome(candidate.label, FileStatus.IGNORED, str(error))


def _without_copies(headers: list[tuple[str, Header]], outcomes: dict[str, FileOutcome]) -> list[tuple[str, Header]]:
    """Leave out second copies of the same instance in another place, and say so."""
    first: dict[tuple[str, str, int], str] = {}
    kept: list[tuple[str, Header]] = []
    for label, header in headers:
        uid = header.sop_instance_uid
        key = (uid, header.transfer_syntax_uid, header.elements.size)
        if uid and key in first and _same_content(first[key], header):
            outcomes[label] = FileOutcome(label, FileStatus.IGNORED, "A copy of a file that is listed already.")
            continue
        first.setdefault(key, str(header.path))
        kept.append((label, header))
    return kept


def _of_one_patient(headers: list[tuple[str, Header]], outcomes: dict[str, FileOutcome]) -> list[Header]:
    """Leave out, and name, what bears a study's UID and another patient's number or birth date: nothing may mix two people.

    The patient of most of the study's files keeps it; files without number and date go with that one.
    """
    patients: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for _, header in headers:
        patients[header.study_key][_patient(header)] += 1
    if all(len(found) == 1 for found in patients.values()):
        return [header for _, header in headers]
    owners = {study: max(found, key=lambda who: (any(who), found[who])) for study, found in patients.items()}
    kept: list[Header] = []
    for label, header in headers:
        pairs = zip(_patient(header), owners[header.study_key], strict=True)
        if any(one and other and one != other for one, other in pairs):
            outcomes[label] = FileOutcome(label, FileStatus.FAILED, _OTHER_PATIENT)
        else:
            kept.append(header)
    return kept


def _patient(header: Header) -> tuple[str, str]:
    return header.text(Tag.PATIENT_ID), header.code(Tag.PATIENT_BIRTH_DATE)


def _same_content(path: str, header: Header) -> bool:
    with Path(path).open("rb") as one, header.path.open("rb") as other:
        while True:
            a, b = one.read(1 << 18), other.read(1 << 18)
            if a != b:
                return False
            if not a:
                return True


def _studies(headers: Sequence[Header], research: Sequence[Series], masks: Sequence[Header]) -> tuple[Study, ...]:
    by_uid: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        by_uid[header.study_key].append(header)
    studies = [
        Study(
            uid, identity_of(members[0]), build_series(members), str(members[0].path.parent),
            tuple(instance_of(h) for h in masks if h.study_key == uid),
        )
        for uid, members in by_uid.items()
    ]  # fmt: skip
    studies += [
        Study(
            s.identity.study_instance_uid, s.identity, (s,), str(s.instances[0].path.parent),
            s.instances if ALONE in s.warnings else (),
        )
        for s in research
    ]  # fmt: skip
    return tuple(studies)

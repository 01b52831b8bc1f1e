"""ZIP archives: unpacked into a folder of our own under names of our own, within bounds, and removed afterwards."""

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sinusviewer.domain.study import FileOutcome, FileStatus
from sinusviewer.jobs.runner import CancelToken

MAX_MEMBERS = 100_000
MAX_TOTAL_BYTES = 32 << 30
MAX_RATIO = 250
"""Unpacked to packed size, for archives that unpack to more than ``RATIO_APPLIES_BYTES``."""
RATIO_APPLIES_BYTES = 256 << 20
_PREFIX = "sinusviewer-open-"
_OWNER = "owner.lock"
_PEEK = 4096


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to look at: where it really lies, and what to call it before the user."""

    path: Path
    label: str


class ScanSession:
    """Owns the folder that archives are unpacked to; closing it, or ending the process, removes the folder."""

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._owner: contextlib.ExitStack = contextlib.ExitStack()

    def __enter__(self) -> "ScanSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def subfolder(self) -> Path:
        """A new empty folder inside the session's own."""
        with self._lock:
            if self._folder is None:
                remove_abandoned(self._parent or Path(tempfile.gettempdir()))
                self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._parent))
                # Held open: on Windows nobody else can remove it, which tells a live session from an abandoned one.
                self._owner.enter_context((self._folder / _OWNER).open("w"))
                atexit.register(self.close)
            return Path(tempfile.mkdtemp(dir=self._folder))

    @property
    def folder(self) -> Path | None:
        """The session's folder, or None while nothing was unpacked."""
        return self._folder

    def close(self) -> None:
        """Remove everything that was unpacked."""
        with self._lock:
            if self._folder is None:
                return
            self._owner.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        atexit.unregister(self.close)


def remove_abandoned(parent: Path) -> None:
    """Remove folders that a killed session left behind."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*-*"):
            number = folder.name[len(_PREFIX) :].split("-")[0]
            if number.isdigit() and int(number) != os.getpid() and _abandoned(folder, int(number)):
                shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path, process: int) -> bool:
    if os.name == "nt":
        try:
            (folder / _OWNER).unlink(missing_ok=True)
        except OSError:
            return False
        return True
    try:
        os.kill(process, 0)  # signal 0 only asks whether the process is there
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def unpack(
    archive: Path,
    label: str,
    session: ScanSession,
    wanted: Callable[[bytes, str], str | None],
    token: CancelToken | None,
) -> Iterator[Candidate | FileOutcome]:
    """Unpack the images of a ZIP archive, one at a time.

    Parameters
    ----------
    wanted
        Given a member's first bytes and its name: None to unpack it, or the reason why it is ignored.

    Yields
    ------
    Candidate or FileOutcome
        One for every member that is a file; a last one for the archive itself. A member's own name is only a label:
        it never becomes a path, so it cannot lead out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if not m.is_dir()]
            if len(members) > MAX_MEMBERS:
                yield FileOutcome(label, FileStatus.FAILED, f"The archive holds more than {MAX_MEMBERS} files.")
                return
            folder = session.subfolder()
            budget = _Budget(archive.stat().st_size, shutil.disk_usage(folder).free)
            for number, member in enumerate(members):
                if token is not None:
                    token.raise_if_cancelled()
                yield _unpack_member(
                    opened, member, folder / f"{number:06d}", f"{label}!{member.filename}", budget, wanted
                )
                if budget.exceeded:
                    yield FileOutcome(
                        label,
                        FileStatus.FAILED,
                        "The archive unpacks to far more than its size allows; the rest of it was left out.",
                    )
                    return
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, EOFError) as error:
        yield FileOutcome(
            label, FileStatus.FAILED, f"The archive is damaged or cannot be read ({type(error).__name__})."
        )
        return
    yield FileOutcome(label, FileStatus.READ, f"ZIP archive with {len(members)} files.")


class _Budget:
    def __init__(self, packed: int, free: int) -> None:
        self._limit = min(MAX_TOTAL_BYTES, free // 2, max(RATIO_APPLIES_BYTES, packed * MAX_RATIO))
        self._spent = 0
        self.exceeded = False

    def spend(self, count: int) -> bool:
        self._spent += count
        self.exceeded = self._spent > self._limit
        return not self.exceeded


def _unpack_member(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, label: str, budget: _Budget,
    wanted: Callable[[bytes, str], str | None],
) -> Candidate | FileOutcome:  # fmt: skip
    if member.flag_bits & 0x1:
        return FileOutcome(label, FileStatus.FAILED, "This file is protected by a password; unpack the archive first.")
    try:
        with opened.open(member) as source:
            start = source.read(_PEEK)
            reason = wanted(start, member.filename)
            if reason is not None:
                return FileOutcome(label, FileStatus.IGNORED, reason)
            with target.open("wb") as out:
                piece = start
                while piece:
                    if not budget.spend(len(piece)):
                        break
                    out.write(piece)
                    piece = source.read(1 << 20)
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        target.unlink(missing_ok=True)
        return FileOutcome(
            label, FileStatus.FAILED, f"This file of the archive cannot be unpacked ({type(error).__name__})."
        )
    if budget.exceeded:
        target.unlink(missing_ok=True)
        return FileOutcome(label, FileStatus.FAILED, "Left out: the archive unpacks to far more than its size allows.")
    return Candidate(target, label)

"""Which models are here: bundled and installed ones, several versions of each, one of them active.

Bundled weights lie in ``models/<name>/``, a site's own in ``<user data>/models/<name>/<version>/``. Only ONNX is ever
loaded (no pickle, no code), and only after its SHA-256 was found equal to the card's.
"""

import json
import re
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

from sinusviewer import paths
from sinusviewer.domain.finding import ModelReference
from sinusviewer.errors import ModelFileError, SinusViewerError, StorageError
from sinusviewer.inference import model_card
from sinusviewer.inference.model_card import ModelCard, ModelTask
from sinusviewer.inference.onnx_session import OnnxSession

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACTIVE_FILE = "active.json"
_MAXIMUM_PACKAGE_BYTES = 2 * 1024**3
_PACKAGE_MEMBERS = re.compile(
    r"(card\.json|nomogram\.json|film_template\.json|README(\.md|\.txt)?|LICENSE(\.txt)?|[A-Za-z0-9._-]+\.onnx)"
)


@dataclass(frozen=True, slots=True, eq=False)
class ModelEntry:
    """A model folder: its card, or what is wrong with it."""

    name: str
    version: str
    folder: Path
    bundled: bool
    card: ModelCard | None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """Weights whose checksum was verified, ready to run."""

    card: ModelCard
    folder: Path
    session: OnnxSession

    @property
    def reference(self) -> ModelReference:
        return self.card.reference


class ModelRegistry:
    """Finds, verifies, loads and installs models. Sessions stay loaded until :meth:`close`.

    Parameters
    ----------
    bundled, installed
        The two folders; by default the product's and the user's own.
    threads
        Threads of one session; 0 lets ONNX Runtime choose.
    """

    def __init__(self, bundled: Path | None = None, installed: Path | None = None, threads: int = 0) -> None:
        self._bundled = bundled if bundled is not None else paths.bundled_models_dir()
        self._installed = installed if installed is not None else paths.user_models_dir()
        self._threads = threads
        self._loaded: dict[tuple[Path, str], LoadedModel] = {}
        self._lock = threading.Lock()

    def entries(self) -> tuple[ModelEntry, ...]:
        """All models found, valid or not, sorted by name and version."""
        found = [_entry(folder, bundled=True) for folder in _folders(self._bundled) if _holds_model(folder)]
        for name_folder in _folders(self._installed):
            found += [_entry(folder, bundled=False) for folder in _folders(name_folder)]
        return tuple(sorted(found, key=lambda e: (e.name, e.version, not e.bundled)))

    def active(self, task: ModelTask) -> tuple[ModelEntry, ...]:
        """The active version of every model of a task, the preferred name first; empty where there is none."""
        usable = [e for e in self.entries() if e.card is not None and e.card.task == task]
        chosen = self._choices()
        result: list[ModelEntry] = []
        for name in dict.fromkeys(e.name for e in usable):
            versions = [e for e in usable if e.name == name]
            wanted = chosen["versions"].get(name)
            match = [e for e in versions if e.version == wanted]
            # Without a choice the bundled version stands: installing a model alone changes no result.
            result.append((match or [e for e in versions if e.bundled] or versions[-1:])[0])
        preferred = chosen["tasks"].get(task.value)
        return tuple(sorted(result, key=lambda e: e.name != preferred))

    def is_active(self, entry: ModelEntry) -> bool:
        return entry.card is not None and any(e.folder == entry.folder for e in self.active(entry.card.task))

    def load(self, entry: ModelEntry) -> LoadedModel:
        """Verify the weights' checksum and open them; kept for the next call.

        Raises
        ------
        ModelFileError
            Where the card or the weights are missing, changed or not ONNX.
        """
        with self._lock:
            card = entry.card
            if card is None:
                raise ModelFileError(entry.problem, "Install the model again.")
            key = (entry.folder, card.sha256)
            if key not in self._loaded:
                weights = model_card.verify_weights(card, entry.folder)
                if weights.suffix.lower() != ".onnx":
                    raise ModelFileError(f"“{entry.name}” is no ONNX file.", "Only ONNX models are loaded.")
                session = OnnxSession(weights, threads=self._threads)
                self._loaded[key] = LoadedModel(card, entry.folder, session)
            return self._loaded[key]

    def load_active(self, task: ModelTask) -> LoadedModel | None:
        """The one model of a task, loaded, or None where none is here."""
        entries = self.active(task)
        return self.load(entries[0]) if entries else None

    def load_all_active(self, task: ModelTask) -> tuple[LoadedModel, ...]:
        return tuple(self.load(entry) for entry in self.active(task))

    def verify(self, entry: ModelEntry) -> str:
        """An empty string where card and checksum are right, else what is wrong."""
        if entry.card is None:
            return entry.problem
        try:
            model_card.verify_weights(entry.card, entry.folder)
        except SinusViewerError as error:
            return error.message
        return ""

    def install(self, package: Path) -> ModelEntry:
        """Install a ZIP holding ``card.json`` and the ``.onnx`` it names; the card and checksum are verified first.

        Nothing but those (and a nomogram, licence or readme) is ever taken out of the ZIP, and only to plain file names.
        """
        try:
            self._installed.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._installed, prefix=".installing-") as temporary:
                staging = Path(temporary) / "model"
                staging.mkdir()
                _unpack(package, staging)
                card = model_card.load_card(staging)
                _check_names(card)
                model_card.verify_weights(card, staging)
                OnnxSession(staging / card.file, threads=1)
                target = self._installed / card.name / card.version
                if target.exists():
                    present = _entry(target, bundled=False)
                    if present.card is not None and present.card.sha256 == card.sha256:
                        return present
                    raise ModelFileError(
                        f"Version {card.version} of “{card.name}” is installed already, with other weights.",
                        "Give the new weights a version of their own.",
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(str(staging), target)
        except OSError as error:
            raise StorageError(
                f"The model could not be installed: {error.strerror or error}.", "Check the free space and the rights."
            ) from error
        return _entry(target, bundled=False)

    def activate(self, name: str, version: str) -> ModelEntry:
        """Make one version the active one, and its model the preferred one of its task."""
        for entry in self.entries():
            if entry.card is not None and (entry.name, entry.version) == (name, version):
                problem = self.verify(entry)
                if problem:
                    raise ModelFileError(problem, "Install the model again.")
                chosen = self._choices()
                chosen["versions"][name] = version
                chosen["tasks"][entry.card.task.value] = name
                _write_json(self._installed / _ACTIVE_FILE, chosen)
                return entry
        raise ModelFileError(f"There is no model “{name}” of version “{version}”.", "See “sinusviewer models list”.")

    def close(self) -> None:
        """Let go of all sessions and their memory."""
        with self._lock:
            self._loaded.clear()

    def _choices(self) -> dict[str, dict[str, str]]:
        try:
            content = json.loads((self._installed / _ACTIVE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        result: dict[str, dict[str, str]] = {"versions": {}, "tasks": {}}
        for part, chosen in result.items():
            given = content.get(part) if isinstance(content, dict) else None
            if isinstance(given, dict):
                chosen.update({str(k): str(v) for k, v in given.items()})
        return result


_shared: dict[tuple[Path, Path], ModelRegistry] = {}
_shared_lock = threading.Lock()


def shared_registry() -> ModelRegistry:
    """The process's own registry: networks once loaded stay warm for the next image."""
    folders = (paths.bundled_models_dir(), paths.user_models_dir())
    with _shared_lock:
        return _shared.setdefault(folders, ModelRegistry(*folders))


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))


def _holds_model(folder: Path) -> bool:
    return (folder / model_card.CARD_FILE).exists() or any(folder.glob("*.onnx"))


def _entry(folder: Path, *, bundled: bool) -> ModelEntry:
    fallback = (folder.name, "") if bundled else (folder.parent.name, folder.name)
    try:
        card = model_card.load_card(folder)
    except SinusViewerError as error:
        return ModelEntry(*fallback, folder, bundled, None, error.message)
    return ModelEntry(card.name, card.version, folder, bundled, card)


def _check_names(card: ModelCard) -> None:
    for what, text in (("name", card.name), ("version", card.version)):
        if not _PLAIN_NAME.fullmatch(text) or ".." in text:
            raise ModelFileError(f"The model's {what} may hold letters, digits, dot, dash and underscore only.")


def _unpack(package: Path, staging: Path) -> None:
    try:
        with zipfile.ZipFile(package) as archive:
            files = [i for i in archive.infolist() if not i.is_dir()]
            if sum(i.file_size for i in files) > _MAXIMUM_PACKAGE_BYTES or len(files) > 100:
                raise ModelFileError("The model package is too large.", "It should hold model.onnx and card.json.")
            seen: set[str] = set()
            for info in files:
                name = info.filename.replace("\\", "/").rsplit("/", 1)[-1]
                if not _PACKAGE_MEMBERS.fullmatch(name):
                    continue
                if name in seen:
                    raise ModelFileError(f"The model package holds “{name}” twice.", "Package one model at a time.")
                seen.add(name)
                _copy_member(archive, info, staging / name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelFileError(
            "The model package is no readable ZIP file.", "Give a ZIP of card.json and model.onnx."
        ) from error


def _copy_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    left = info.file_size
    with archive.open(info) as source, target.open("wb") as sink:
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise ModelFileError("The model package is damaged: a file is longer than it says.")
            sink.write(block)


def _write_json(path: Path, content: object) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"The choice of model could not be saved: {error.strerror or error}.") from error

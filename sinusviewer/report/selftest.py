"""The self-test: what works on this machine, on one page."""

import importlib
import importlib.metadata
import os
import platform
import tempfile
from pathlib import Path

from sinusviewer import paths
from sinusviewer.analysis.provenance import software_name
from sinusviewer.errors import SinusViewerError
from sinusviewer.inference import onnx_session
from sinusviewer.inference.registry import ModelRegistry

_NEEDED = ("numpy", "scipy", "pydicom", "SimpleITK", "PIL", "jinja2", "reportlab", "jsonschema", "pydantic")
_CODECS = (
    ("JPEG 2000, HTJ2K", ("openjpeg", "gdcm", "imagecodecs")),
    ("JPEG-LS", ("jpeg_ls", "gdcm", "imagecodecs")),
    ("JPEG baseline, extended, lossless", ("gdcm", "imagecodecs")),
    ("RLE", ("rle", "gdcm", "pydicom")),
)
_WINDOW = ("PySide6", "pyqtgraph")


def run() -> tuple[list[str], bool]:
    """Lines of the page, and whether studies can be read here."""
    usable = True
    lines = [
        f"{software_name()}. Research use only. Not for diagnostic use.",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors",
    ]
    lines.append("Libraries")
    for name in _NEEDED:
        fault = _import_fault(name)
        usable = usable and not fault
        lines.append(f"  {name:<22}{fault or 'present'}")
    for name in _WINDOW:
        fault = _import_fault(name)
        lines.append(f"  {name:<22}{fault + ' (no window; reading works)' if fault else 'present'}")
    lines.append("Inference")
    try:
        provider = onnx_session.run_tiny_network()
        lines.append(f"  in use                {provider} (a tiny network was run)")
    except onnx_session.ORT_ERRORS as error:  # whatever a driver or wheel does wrong, the page must say so and go on
        usable = False
        lines.append(f"  in use                none: {type(error).__name__}")
    lines.append("Codecs")
    for what, modules in _CODECS:
        present = [m for m in modules if not _import_fault(m)]
        usable = usable and bool(present)
        lines.append(f"  {what:<36}{', '.join(present) or 'MISSING'}")
    lines.append("Models")
    model_lines, models_right = _models()
    lines += model_lines
    usable = usable and models_right
    lines.append("Folders")
    for what, folder in (("resources", paths.resources_dir()), ("bundled models", paths.bundled_models_dir())):
        present_folder = folder.is_dir()
        usable = usable and (present_folder or what == "bundled models")
        lines.append(f"  {what:<22}{'present' if present_folder else 'MISSING'}: {folder}")
    fault = _write_fault()
    lines.append(f"  {'own data':<22}{fault or 'writable'}")
    lines.append("Usable." if usable and not fault else "NOT usable: see above.")
    return lines, usable and not fault


def _import_fault(name: str) -> str:
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return f"MISSING ({type(error).__name__})"
    return ""


def _models() -> tuple[list[str], bool]:
    try:
        registry = ModelRegistry()
        entries = registry.entries()
    except (SinusViewerError, OSError) as error:
        return [f"  cannot be listed: {type(error).__name__}"], False
    lines, right = [], True
    for entry in entries:
        problem = registry.verify(entry)
        right = right and (not problem or not entry.bundled)
        mark = "active" if registry.is_active(entry) else ""
        lines.append(f"  {entry.name + ' ' + entry.version:<36}{problem or 'checksum right'} {mark}".rstrip())
    return lines or ["  none: only the sinus-air measurement of CT is offered"], right


def _write_fault() -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=Path(paths.user_data_dir())):
            return ""
    except OSError as error:
        return f"NOT writable ({error.strerror})"

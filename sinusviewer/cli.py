"""The headless commands: read, models, selftest. They never prompt and need neither a display nor torch."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

COMMANDS = ("read", "models", "selftest")
ALL_READ, SOME_FAILED, NOTHING_READABLE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status."""
    parser = _parser()
    given = parser.parse_args(list(arguments))
    # Imported late: a help text or a mistyped option should not wait for scipy and ONNX Runtime.
    from sinusviewer import logs
    from sinusviewer.errors import CancelledError, SinusViewerError

    logs.configure(verbose=given.verbose)
    try:
        status: int = given.run(given)
    except CancelledError:
        _complain("Cancelled.")
        return 130
    except SinusViewerError as error:
        _complain(str(error))
        return NOTHING_READABLE
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return 130
    except ImportError as error:
        _complain(f"A part of SinusViewer is missing: {error.name or error}. Install it again with pip.")
        return NOTHING_READABLE
    except MemoryError:
        _complain("There is not enough memory for this. Close other programs, or read fewer files at a time.")
        return NOTHING_READABLE
    except BrokenPipeError:
        # The reader of our output is gone (a pipe into head, say); nothing more can be said to it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOME_FAILED
    except Exception as error:  # the command line's last resort: a sentence and an exit status, never a traceback
        if given.verbose:
            raise
        _complain(f"Unexpected error: {type(error).__name__}. Run again with --verbose for the details.")
        return NOTHING_READABLE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sinusviewer", description="Reading assistant for paranasal sinus radiographs and CT. Research use only."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    read = commands.add_parser("read", help="read studies without a window", description="Read studies into a folder.")
    read.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, ZIP archives, DICOMDIR")
    read.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for everything that is written")
    read.add_argument(
        "--task", default="", metavar="LIST", help="waters,opacification,endotype,recurrence (default: all)"
    )
    read.add_argument("--clinical", type=Path, metavar="FILE", help="CSV or JSON with clinical data")
    read.add_argument("--jobs", type=_positive, default=1, metavar="N", help="studies read at the same time")
    read.set_defaults(run=_read)
    models = commands.add_parser("models", help="list, verify, install or activate models")
    models.set_defaults(run=_models, action="list")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="list the models that are here")
    actions.add_parser("verify", help="check cards and checksums")
    install = actions.add_parser("install", help="install a model from a ZIP of model.onnx and card.json")
    install.add_argument("file", type=Path, metavar="FILE")
    activate = actions.add_parser("activate", help="make a version of a model the active one")
    activate.add_argument("name", metavar="NAME")
    activate.add_argument("version", metavar="VERSION")
    selftest = commands.add_parser("selftest", help="what works on this machine, on one page")
    selftest.set_defaults(run=_selftest)
    for command in (read, models, selftest):
        command.add_argument("--verbose", action="store_true", help="say more on standard error")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _read(given: argparse.Namespace) -> int:
    from sinusviewer.report import batch

    tasks = given.task.split(",") if given.task.strip() else None
    result = batch.read_paths(given.paths, given.out, tasks, given.clinical, given.jobs, _say)
    for outcome in result.failed:
        _complain(f"failed: {batch.printable(outcome.path)}: {outcome.reason}")
    _say(
        f"{len(result.studies)} studies; files: {result.count('read')} read, {result.count('ignored')} ignored, "
        f"{result.count('failed')} failed. Results in {given.out}"
    )
    _say("Research use only. Not for diagnostic use.")
    if result.images == 0:
        return NOTHING_READABLE
    return SOME_FAILED if result.failed else ALL_READ


def _models(given: argparse.Namespace) -> int:
    from sinusviewer.inference.registry import ModelRegistry

    registry = ModelRegistry()
    if given.action == "install":
        entry = registry.install(given.file)
        _say(f"Installed {entry.name} {entry.version}. Activate it with: sinusviewer models activate {entry.name} "
             f"{entry.version}")  # fmt: skip
        return ALL_READ
    if given.action == "activate":
        entry = registry.activate(given.name, given.version)
        _say(f"{entry.name} {entry.version} is active.")
        return ALL_READ
    entries = registry.entries()
    if not entries:
        _say("No models are here. Without them only the sinus-air measurement of CT is offered.")
    status = ALL_READ
    for entry in entries:
        problem = registry.verify(entry) if given.action == "verify" else entry.problem
        mark = "*" if registry.is_active(entry) else " "
        origin = "bundled" if entry.bundled else "installed"
        state = problem or (
            "checksum right" if given.action == "verify" else entry.card.task.value if entry.card else ""
        )
        _say(f"{mark} {entry.name} {entry.version} ({origin}): {state}")
        if entry.card is not None and given.action == "list":
            _say(f"    {entry.card.trained_on}")
        if problem:
            status = SOME_FAILED
    return status


def _selftest(given: argparse.Namespace) -> int:
    from sinusviewer.report import selftest

    lines, usable = selftest.run()
    for line in lines:
        _say(line)
    return ALL_READ if usable else SOME_FAILED


def _say(text: str) -> None:
    _write(sys.stdout, text)


def _complain(text: str) -> None:
    _write(sys.stderr, text)


def _write(output: TextIO, text: str) -> None:
    """Write a line in whatever encoding the terminal has."""
    encoding = getattr(output, "encoding", None) or "utf-8"
    output.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    output.flush()

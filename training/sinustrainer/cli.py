"""``sinustrainer``: simulate, train, cross-validate, search, evaluate, export, fit-nomogram. JSON-line events on standard output.

Every subcommand is a module with ``add_arguments(parser)`` and ``run_from_arguments(arguments, progress, token)``; it is
imported only when asked for, so that ``import sinustrainer.cli`` loads neither torch nor Qt.
"""

import argparse
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any

from sinusviewer.errors import CancelledError, InputError, SinusViewerError, StorageError
from sinusviewer.jobs.events import (
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMessage,
    JobProgress,
    JobStarted,
    MetricLogged,
    to_json_line,
)
from sinusviewer.jobs.runner import CancelToken, Progress

COMMANDS: dict[str, tuple[str, str]] = {
    "simulate": ("sinustrainer.simulate.command", "make virtual patients from a recipe"),
    "train": ("sinustrainer.train", "train a network on a data folder"),
    "cross-validate": ("sinustrainer.cross_validation", "five folds and a training on all (recurrence)"),
    "search": ("sinustrainer.search", "look for hyperparameters, Bayesian"),
    "evaluate": ("sinustrainer.evaluate.command", "a paper's tables and figures for a run or a model"),
    "export": ("sinustrainer.export", "write model.onnx and card.json"),
    "recalibrate": ("sinustrainer.recalibrate", "fit a detector's probability and threshold on labelled films"),
    "fit-patient-model": ("sinustrainer.fit_patient_model", "ECRS or recurrence of network and measured extent"),
    "recurrence-table": ("sinustrainer.recurrence_table", "clinical tables with scores, for fit-nomogram"),
    "fit-nomogram": ("sinustrainer.fit_nomogram", "fit and evaluate the recurrence nomogram"),
}
_CANCELLED_STATUS, _FAILED_STATUS, _BAD_INPUT_STATUS = 130, 1, 2


class _Parser(argparse.ArgumentParser):
    """Bad arguments end in one line and status 2, without the usage text."""

    def error(self, message: str) -> Any:
        self.exit(_BAD_INPUT_STATUS, f"{self.prog}: {message}\n")


class _Output:
    """Events as JSON lines, or as sentences for people; safe to call from threads."""

    def __init__(self, plain: bool) -> None:
        self._plain = plain
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        line = _sentence(event) if self._plain else to_json_line(event)
        if line is None:
            return
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; exit status 0 done, 1 failed, 2 bad input, 130 cancelled."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # must stand before torch is imported
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((w for w in words if w in COMMANDS), None)
    try:
        parser = _parser(name)
    except ModuleNotFoundError as error:
        _complain(_missing(error))
        return _FAILED_STATUS
    parsed = parser.parse_args(words)
    if parsed.command is None:
        parser.print_help()
        return _BAD_INPUT_STATUS
    return _run(parsed)


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    parser = _Parser(prog="sinustrainer", description="Simulate, train, evaluate. Research use only.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--plain", action="store_true", help="sentences instead of JSON lines")
        if name == wanted:
            importlib.import_module(module).add_arguments(command)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    output, token = _Output(parsed.plain), CancelToken()
    job = f"{parsed.command}-{os.getpid()}"

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if token.cancelled:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait
        token.cancel()

    in_main = threading.current_thread() is threading.main_thread()
    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)} if in_main else {}
    output(JobStarted(job, parsed.command))
    try:
        result = _work(parsed, Progress(job, output), token)
        token.raise_if_cancelled()
        output(JobFinished(job, result))
        return 0
    except (CancelledError, KeyboardInterrupt):
        output(JobCancelled(job))
        return _CANCELLED_STATUS
    except SinusViewerError as error:
        output(JobFailed(job, error.message, error.hint))
        _complain(str(error))
        return _BAD_INPUT_STATUS if isinstance(error, InputError | StorageError) else _FAILED_STATUS
    except ModuleNotFoundError as error:
        output(JobFailed(job, _missing(error)))
        _complain(_missing(error))
        return _FAILED_STATUS
    except MemoryError:
        output(JobFailed(job, "There is not enough memory for this."))
        _complain("There is not enough memory for this.")
        return _FAILED_STATUS
    except BrokenPipeError:
        return _FAILED_STATUS
    except Exception as error:  # noqa: BLE001 - the command line's last resort: one sentence, details in the event
        output(JobFailed(job, f"Unexpected error: {type(error).__name__}: {error}", details=traceback.format_exc()))
        _complain(f"Unexpected error: {type(error).__name__}: {error}")
        return _FAILED_STATUS
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(parsed: argparse.Namespace, progress: Progress, token: CancelToken) -> Any:
    module = importlib.import_module(COMMANDS[parsed.command][0])
    if hasattr(module, "run_from_arguments"):
        return module.run_from_arguments(parsed, progress, token)
    return module.run_arguments(parsed)  # quick work that nobody cancels: fit-nomogram


def _missing(error: ModuleNotFoundError) -> str:
    return f"{error.name} is not installed; the trainer needs: pip install 'sinusviewer[train]'."


def _complain(sentence: str) -> None:
    sys.stderr.write(f"sinustrainer: {sentence}\n")


def _sentence(event: Event) -> str | None:
    match event:
        case JobStarted(title=title):
            return f"{title} ..."
        case JobProgress(stage=stage, fraction=fraction, seconds_left=left):
            share = "" if fraction is None else f" {fraction:.0%}"
            return f"{stage}{share}" + (f", {left:.0f} s left" if left else "")
        case JobMessage(text=text):
            return text
        case MetricLogged(name=name, value=value, step=step):
            return f"{name} {value:.4g} (step {step})"
        case JobFinished(result=result):
            return f"Done. {result}" if result else "Done."
        case JobCancelled():
            return "Cancelled."
        case JobFailed():
            return None  # the sentence goes to standard error
        case _:
            return None


if __name__ == "__main__":
    sys.exit(main())

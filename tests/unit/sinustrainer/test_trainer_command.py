"""The trainer's command line: events as JSON lines, one-line errors, clean cancelling."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sinustrainer import cli
from sinustrainer.simulate import command
from sinusviewer.errors import CancelledError, StorageError
from sinusviewer.jobs.events import JobFinished, from_json_line
from sinusviewer.jobs.runner import CancelToken, Progress

RECIPES = Path(__file__).resolve().parents[3] / "training" / "recipes"


def test_every_subcommand_of_the_contract_is_there() -> None:
    assert {"simulate", "train", "search", "evaluate", "export", "fit-nomogram"} <= cli.COMMANDS.keys()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["simulate", "--out", "x"], "--recipe"),
        (["simulate", "--recipe", "nothing.toml", "--out", "x"], "There is no recipe"),
        (["simulate", "--recipe", str(RECIPES / "waters_oh2021.toml"), "--out", "x", "--patients", "0"], "at least 1"),
        (
            ["simulate", "--recipe", str(RECIPES / "waters_oh2021.toml"), "--out", "x", "--templates", "nowhere"],
            "There is no folder nowhere",
        ),
        (["paint"], "invalid choice"),
    ],
)
def test_bad_input_ends_in_one_line_and_status_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status: int | str | None = cli.main(words)
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    assert status == 2
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_progress_and_result_are_json_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_arguments: object, progress: Progress, _token: CancelToken) -> dict[str, int]:
        progress("Simulating patients", 0.5)
        return {"cases": 3}

    monkeypatch.setattr(command, "run_from_arguments", work)
    assert cli.main(["simulate", "--recipe", "r", "--out", "o"]) == 0
    events = [from_json_line(line) for line in capsys.readouterr().out.splitlines()]
    assert [type(e).__name__ for e in events] == ["JobStarted", "JobProgress", "JobFinished"]
    assert isinstance(events[-1], JobFinished)
    assert events[-1].result == {"cases": 3}


def test_plain_output_is_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "run_from_arguments", lambda _a, progress, _t: progress("Simulating", 0.25))
    assert cli.main(["simulate", "--plain", "--recipe", "r", "--out", "o"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Simulating 25%") for line in lines)
    assert lines[-1] == "Done."


@pytest.mark.parametrize(
    ("error", "status", "event"),
    [
        (StorageError("The simulation stopped at x: the disk is full."), 2, "failed"),
        (CancelledError(), 130, "cancelled"),
        (RuntimeError("odd"), 1, "failed"),
        (MemoryError(), 1, "failed"),
        (ModuleNotFoundError("no torch", name="torch"), 1, "failed"),
    ],
)
def test_every_failure_has_one_terminal_event_and_a_status(
    error: BaseException, status: int, event: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object) -> None:
        raise error

    monkeypatch.setattr(command, "run_from_arguments", work)
    assert cli.main(["simulate", "--recipe", "r", "--out", "o"]) == status
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[-1])["event"] == event
    assert captured.err.count("\n") == (0 if event == "cancelled" else 1)
    assert "Traceback" not in captured.err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
def test_interrupting_a_simulation_ends_it_without_half_a_manifest(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "sinustrainer.cli", "simulate", "--recipe", str(RECIPES / "ecrs_hua2022_small.toml"),
         "--out", str(tmp_path / "o"), "--jobs", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    first = running.stdout.readline()
    assert json.loads(first)["event"] == "started"
    time.sleep(1.0)
    running.send_signal(signal.SIGINT)
    rest, complaint = running.communicate(timeout=200)
    assert running.returncode == 130
    assert json.loads(rest.splitlines()[-1])["event"] == "cancelled"
    assert "Traceback" not in complaint
    assert not (tmp_path / "o" / "manifest.json").exists()

import threading
import time

import pytest

from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.jobs.events import (
    TERMINAL,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobMessage,
    JobProgress,
    from_json_line,
    to_json_line,
)
from sinusviewer.jobs.runner import CancelToken, JobRunner


@pytest.fixture
def runner():
    events = []
    made = JobRunner(events.append)
    made.events = events
    yield made
    assert made.close()


def terminal_of(runner, job):
    assert job.done.wait(5)
    return [e for e in runner.events if isinstance(e, TERMINAL) and e.job_id == job.id]


def test_a_job_ends_with_exactly_one_terminal_event_that_carries_its_result(runner):
    job = runner.submit("io", lambda progress, token: 42)
    (last,) = terminal_of(runner, job)
    assert isinstance(last, JobFinished)
    assert last.result == 42


def test_a_known_failure_reaches_the_user_as_a_sentence_and_a_hint(runner):
    def work(progress, token):
        raise InputError("This file is empty.", "Copy it again.")

    (last,) = terminal_of(runner, runner.submit("io", work))
    assert isinstance(last, JobFailed)
    assert (last.message, last.hint) == ("This file is empty.", "Copy it again.")


def test_an_unknown_failure_never_shows_its_text_but_keeps_it_as_details(runner):
    (last,) = terminal_of(runner, runner.submit("io", lambda p, t: 1 / 0))
    assert isinstance(last, JobFailed)
    assert "division" not in last.message
    assert "division by zero" in last.details


def test_cancelling_a_running_job_takes_effect_within_half_a_second(runner):
    running = threading.Event()

    def work(progress, token):
        running.set()
        while True:
            token.raise_if_cancelled()
            time.sleep(0.01)

    job = runner.submit("gpu", work)
    assert running.wait(5)
    start = time.monotonic()
    job.cancel()
    (last,) = terminal_of(runner, job)
    assert isinstance(last, JobCancelled)
    assert time.monotonic() - start < 0.5


def test_a_job_cancelled_in_the_queue_never_starts(runner):
    release = threading.Event()
    first = runner.submit("gpu", lambda p, t: release.wait(5))
    ran = []
    second = runner.submit("gpu", lambda p, t: ran.append(1))
    second.cancel()
    release.set()
    assert isinstance(terminal_of(runner, first)[0], JobFinished)
    assert isinstance(terminal_of(runner, second)[0], JobCancelled)
    assert ran == []


def test_the_gpu_lane_runs_one_job_at_a_time(runner):
    inside, most = 0, 0
    lock = threading.Lock()

    def work(progress, token):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1

    for job in [runner.submit("gpu", work) for _ in range(5)]:
        assert job.done.wait(5)
    assert most == 1


def test_closing_refuses_new_work_and_ends_all_threads():
    runner = JobRunner(lambda e: None)
    assert runner.close()
    with pytest.raises(SinusViewerError):
        runner.submit("io", lambda p, t: None)


def test_a_callback_registered_after_cancelling_runs_at_once():
    token = CancelToken()
    token.cancel()
    ran = []
    token.on_cancel(lambda: ran.append(1))
    assert ran == [1]


def test_events_survive_the_way_through_a_json_line():
    for event in (JobProgress("j", "reading", 0.5, 3.0), JobMessage("j", "déjà"), JobFailed("j", "no", "hint")):
        assert from_json_line(to_json_line(event)) == event
    assert from_json_line("epoch 3/10") is None
    assert from_json_line('{"event": "progress", "unknown": 1}') is None

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from onnx import helper

from sinusviewer.errors import CancelledError, InferenceError, ModelFileError, OutOfMemoryError
from sinusviewer.inference import onnx_session
from sinusviewer.inference.onnx_session import OnnxSession
from sinusviewer.jobs.events import Event, JobMessage
from sinusviewer.jobs.runner import CancelToken, Progress


@pytest.fixture
def doubling(tmp_path: Path) -> OnnxSession:
    nodes = [helper.make_node("Add", ["image", "image"], ["twice"])]
    path = tiny_models.save_model(tmp_path / "twice", nodes, {}, ["n", 2], {"twice": ["n", 2]})
    return OnnxSession(path, threads=1)


class Scripted:
    """Stands in for ONNX Runtime's session: more than ``fits`` items at once end the memory."""

    def __init__(self, inner: Any, fits: int) -> None:
        self.inner, self.fits, self.batches = inner, fits, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def run(self, names: Any, feed: Any, options: Any) -> Any:
        batch = len(feed["image"])
        self.batches.append(batch)
        if batch > self.fits:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 1")
        return self.inner.run(names, feed, options)


def listening() -> tuple[Progress, list[Event]]:
    events: list[Event] = []
    return Progress("1", events.append), events


def test_outputs_come_by_name(doubling: OnnxSession) -> None:
    image = np.ones((3, 2), np.float32)
    assert np.array_equal(doubling.run(image)["twice"], 2 * image)
    assert np.array_equal(doubling.run({"image": image})["twice"], 2 * image)


def test_the_provider_shown_is_the_one_that_runs(doubling: OnnxSession) -> None:
    assert doubling.provider == onnx_session.run_tiny_network()
    assert doubling.device in ("CPU", "GPU (CUDA)")


def test_short_memory_halves_the_batch_and_says_so(doubling: OnnxSession) -> None:
    scripted = Scripted(doubling._session, fits=2)
    doubling._session = scripted
    progress, events = listening()
    image = np.arange(14, dtype=np.float32).reshape(7, 2)
    assert np.array_equal(doubling.run(image, progress=progress)["twice"], 2 * image)
    assert scripted.batches[0] == 7
    assert sum(batch for batch in scripted.batches if batch <= 2) == 7
    assert any(isinstance(e, JobMessage) and "Memory is short" in e.text for e in events)


def test_a_gpu_too_small_for_one_item_leaves_the_work_to_the_cpu(doubling: OnnxSession) -> None:
    doubling._session, doubling._on_gpu = Scripted(doubling._session, fits=0), True
    progress, events = listening()
    image = np.ones((1, 2), np.float32)
    assert np.array_equal(doubling.run(image, progress=progress)["twice"], 2 * image)
    assert doubling.device == "CPU"
    assert any(isinstance(e, JobMessage) and "CPU" in e.text for e in events)


def test_memory_too_small_for_anything_is_an_error_of_its_own(doubling: OnnxSession) -> None:
    doubling._session = Scripted(doubling._session, fits=0)
    with pytest.raises(OutOfMemoryError):
        doubling.run(np.ones((4, 2), np.float32))


def test_a_wrong_input_is_an_inference_error_without_a_library_trace(doubling: OnnxSession) -> None:
    with pytest.raises(InferenceError) as caught:
        doubling.run(np.ones((3, 5), np.float32))
    assert "onnx" not in caught.value.message.lower()


def test_what_is_no_network_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelFileError):
        OnnxSession(path)


def test_a_cancelled_token_runs_nothing(doubling: OnnxSession) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        doubling.run(np.ones((1, 2), np.float32), token)


def test_cancelling_stops_a_run_in_the_middle(tmp_path: Path) -> None:
    count, size = 400, 700
    names = ["image", *(f"x{i}" for i in range(count)), "last"]
    nodes = [helper.make_node("MatMul", [names[i], "square"], [names[i + 1]]) for i in range(count + 1)]
    square = np.eye(size, dtype=np.float32)
    path = tiny_models.save_model(tmp_path / "long", nodes, {"square": square}, [size, size], {"last": [size, size]})
    session, token = OnnxSession(path, threads=1), CancelToken()
    cancelled: list[float] = []

    def cancel() -> None:
        cancelled.append(time.perf_counter())
        token.cancel()

    timer = threading.Timer(0.3, cancel)
    timer.start()
    with pytest.raises(CancelledError):
        session.run(np.ones((size, size), np.float32), token)
    ended = time.perf_counter()
    timer.join()
    assert cancelled
    assert ended - cancelled[0] < 0.5
    assert session.run(np.ones((size, size), np.float32)[:1].repeat(size, 0), CancelToken())["last"].shape == (
        size,
        size,
    )


def test_no_callback_stays_on_a_token_after_a_run(doubling: OnnxSession) -> None:
    token = CancelToken()
    doubling.run(np.ones((1, 2), np.float32), token)
    assert token._callbacks == []


def test_opening_a_session_writes_nothing_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tiny_models.patch_model(tmp_path / "m")
    OnnxSession(tmp_path / "m" / "model.onnx")
    onnx_session.run_tiny_network()
    assert capfd.readouterr() == ("", "")

"""One ONNX Runtime session: on CUDA where it truly runs, else on the CPU; cancellable; steps down when memory ends."""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from sinusviewer.errors import CancelledError, InferenceError, ModelFileError, OutOfMemoryError
from sinusviewer.jobs.runner import CancelToken, Progress

_LOG = logging.getLogger(__name__)
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_MEMORY_WORDS = ("out of memory", "failed to allocate", "bad_alloc", "bad allocation", "cudaerrormemoryallocation",
                 "available memory", "cublas_status_alloc_failed")  # fmt: skip
_FATAL_ONLY = 4

Array = npt.NDArray[Any]

ORT_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,
    ValueError,
    OSError,
)
"""What ONNX Runtime raises: its own classes stand straight below Exception; drivers and missing libraries add the others."""

_stderr_lock = threading.Lock()
_cuda_state: dict[str, bool] = {}


class OnnxSession:
    """Runs one network.

    Parameters
    ----------
    path
        The ``.onnx`` file, its checksum already verified by the registry.
    threads
        Threads within one operator; 0 lets ONNX Runtime choose (all physical cores).
    allow_gpu
        False keeps it on the CPU.
    """

    def __init__(self, path: Path, threads: int = 0, *, allow_gpu: bool = True) -> None:
        self._path, self._threads = path, threads
        self._on_gpu = allow_gpu and cuda_works()
        self._session = self._open([_CUDA, _CPU] if self._on_gpu else [_CPU])
        # CUDA is listed and then silently dropped on machines without it: believe only the session itself.
        self._on_gpu = self._on_gpu and _CUDA in self._session.get_providers()

    @property
    def provider(self) -> str:
        """The provider really in use."""
        return str(self._session.get_providers()[0])

    @property
    def device(self) -> str:
        """What people call it."""
        return "GPU (CUDA)" if self._on_gpu else "CPU"

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(i.name for i in self._session.get_inputs())

    @property
    def input_shape(self) -> tuple[int | str | None, ...]:
        return tuple(self._session.get_inputs()[0].shape)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(o.name for o in self._session.get_outputs())

    def run(
        self,
        inputs: Mapping[str, Array] | Array,
        token: CancelToken | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Array]:
        """Run once; outputs by name. A plain array goes to the first input.

        Where memory ends, the batch (axis 0) is halved until it fits, then a GPU is left for the CPU; both are said
        through ``progress.message``.

        Raises
        ------
        CancelledError
            When the token is cancelled before or in the middle of the run.
        OutOfMemoryError
            When not even one item on the CPU fits.
        InferenceError
            When the network cannot run on this input.
        """
        token = token or CancelToken()
        feed = dict(inputs) if isinstance(inputs, Mapping) else {self.input_names[0]: inputs}
        try:
            return self._run_once(feed, token)
        except OutOfMemoryError:
            batch = min(len(value) for value in feed.values())
            if batch > 1:
                _say(progress, f"Memory is short: running in batches of {batch // 2} instead of {batch}.")
                half = batch // 2
                parts = [self.run({k: v[a:b] for k, v in feed.items()}, token, progress)
                         for a, b in ((0, half), (half, batch))]  # fmt: skip
                return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            if self._on_gpu:
                _say(progress, "The graphics memory is too small for this network: going on with the CPU.")
                self._session = self._open([_CPU])
                self._on_gpu = False
                return self.run(feed, token, progress)
            raise

    def _run_once(self, feed: Mapping[str, Array], token: CancelToken) -> dict[str, Array]:
        token.raise_if_cancelled()
        options = ort.RunOptions()
        options.log_severity_level = _FATAL_ONLY
        if self._on_gpu:
            # Give the arena back after each run, so that other programs find their memory.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "gpu:0")

        def stop() -> None:
            options.terminate = True

        token.on_cancel(stop)
        try:
            outputs = self._session.run(None, dict(feed), options)
        except MemoryError as error:
            raise _out_of_memory() from error
        except ORT_ERRORS as error:
            token.raise_if_cancelled()
            if any(word in str(error).lower() for word in _MEMORY_WORDS):
                raise _out_of_memory() from error
            raise InferenceError(
                "The network could not be run on this image.", "Check the model with “sinusviewer models verify”."
            ) from error
        finally:
            token.remove(stop)
        if token.cancelled:
            raise CancelledError
        return {name: np.asarray(value) for name, value in zip(self.output_names, outputs, strict=True)}

    def _open(self, providers: list[str]) -> Any:
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # Spinning threads burn a core between runs and slow the window down.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            with _quiet_stderr():
                return ort.InferenceSession(str(self._path), options, providers=providers)
        except ORT_ERRORS as error:
            raise ModelFileError(
                f"The network in “{self._path.parent.name}” cannot be opened.", "Install the model again."
            ) from error


def cuda_works() -> bool:
    """Whether a session really comes up on CUDA here; tried once with a tiny network, then remembered.

    ``ort.get_available_providers()`` lists CUDA wherever the GPU wheel is installed, so it proves nothing.
    """
    if "cuda" not in _cuda_state:
        _cuda_state["cuda"] = False
        if _CUDA in ort.get_available_providers() and not os.environ.get("SINUSVIEWER_CPU_ONLY"):
            try:
                # preload_dlls prints every library it misses, on standard output too
                with _quiet_stderr(), contextlib.redirect_stdout(io.StringIO()):
                    if hasattr(ort, "preload_dlls"):
                        ort.preload_dlls()
                    options = ort.SessionOptions()
                    options.log_severity_level = _FATAL_ONLY
                    session = ort.InferenceSession(_tiny_network(), options, providers=[_CUDA, _CPU])
                    session.run(None, {"x": np.zeros(1, np.float32)})
                    _cuda_state["cuda"] = _CUDA in session.get_providers()
            except ORT_ERRORS as error:  # any failure of a driver means the same: no CUDA here
                _LOG.info("CUDA cannot be used: %s", type(error).__name__)
    return _cuda_state["cuda"]


def run_tiny_network() -> str:
    """Run a network of one operator and return the provider that ran it; for the self-test."""
    providers = [_CUDA, _CPU] if cuda_works() else [_CPU]
    session = ort.InferenceSession(_tiny_network(), providers=providers)
    session.run(None, {"x": np.zeros(1, np.float32)})
    return str(session.get_providers()[0])


def _tiny_network() -> bytes:
    """``y = Identity(x)``, float32[1], written by hand in protobuf (onnx itself is a training dependency)."""

    def field(number: int, payload: bytes | int) -> bytes:
        if isinstance(payload, int):
            return bytes([number << 3]) + bytes([payload])
        return bytes([number << 3 | 2, len(payload)]) + payload

    def value(name: bytes) -> bytes:
        shape = field(1, field(1, 1))  # TensorShapeProto.dim[0].dim_value = 1
        tensor = field(1, 1) + field(2, shape)  # elem_type FLOAT
        return field(1, name) + field(2, field(1, tensor))

    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"tiny") + field(11, value(b"x")) + field(12, value(b"y"))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


def _out_of_memory() -> OutOfMemoryError:
    return OutOfMemoryError("There is not enough memory for this network.", "Close other programs and try again.")


def _say(progress: Progress | None, text: str) -> None:
    if progress is not None:
        progress.message(text, "warning")


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep the C++ library's complaints about missing CUDA files off the terminal while a session opens."""
    with _stderr_lock:
        try:
            number = sys.__stderr__.fileno() if sys.__stderr__ is not None else -1
            saved = os.dup(number) if number >= 0 else -1
        except (OSError, ValueError):
            saved = -1
        if saved < 0:  # a windowed program has no stderr to keep quiet
            yield
            return
        with Path(os.devnull).open("w") as sink:
            os.dup2(sink.fileno(), number)
            try:
                yield
            finally:
                os.dup2(saved, number)
                os.close(saved)

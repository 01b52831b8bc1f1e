"""Batches in order, made in worker processes where asked. Workers are spawned, so the same code runs on every system."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

BatchSource = Callable[[int], dict[str, npt.NDArray[Any]]]


@dataclass(frozen=True)
class _Steps(Dataset[dict[str, npt.NDArray[Any]]]):
    source: BatchSource
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> dict[str, npt.NDArray[Any]]:
        if index >= len(self):
            raise IndexError(index)
        return self.source(self.start + index)


def _as_tensors(batch: dict[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in batch.items()}


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def batches(source: BatchSource, start: int, stop: int, workers: int = 0) -> Iterator[dict[str, Tensor]]:
    """Batches ``start`` to ``stop - 1`` of a source, in order."""
    if workers == 0:
        for step in range(start, stop):
            yield _as_tensors(source(step))
        return
    loader = DataLoader(
        _Steps(source, start, stop),
        batch_size=None,
        shuffle=False,
        num_workers=workers,
        collate_fn=cast("Callable[[list[Any]], Any]", _as_tensors),  # without batch_size it is called with one item
        multiprocessing_context="spawn",
        prefetch_factor=3,
        worker_init_fn=_one_thread,
    )
    yield from loader

"""Checkpoints written whole or not at all, and everything needed to go on as if nothing had happened."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sinusviewer.errors import StorageError

LAST = "last.pt"
BEST = "best.pt"


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write beside, flush to disk, then rename: a kill leaves the old checkpoint."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"The checkpoint {path.name} could not be written.", "Is the disk full?") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain data are accepted, never pickled code."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise StorageError(f"There is no checkpoint {path.name}.", "Train first.") from error
    except (OSError, RuntimeError, ValueError, KeyError, EOFError) as error:
        raise StorageError(f"The checkpoint {path.name} is damaged.", "Start the training anew.") from error
    return content


def start_from(network: nn.Module, path: Path) -> int:
    """Copy a checkpoint's weights into a network; how many tensors were taken.

    A tensor with more rows than the checkpoint's (an output was added) takes the rows there are; one with more columns (a channel
    was added to the input) takes those there are and begins with nothing of the new ones.

    Raises
    ------
    StorageError
        Where the checkpoint cannot be read or shares less than half of the network's tensors.
    """
    content = load_checkpoint(path)
    given = content.get("averaged") or content["network"]
    taken = 0
    with torch.no_grad():
        for name, own in network.state_dict().items():
            value = given.get(name)
            if value is None or value.ndim != own.ndim:
                continue
            if value.shape == own.shape:
                own.copy_(value)
                taken += 1
            elif own.ndim > 0 and value.shape[1:] == own.shape[1:] and value.shape[0] < own.shape[0]:
                own[: value.shape[0]].copy_(value)
                taken += 1
            elif own.ndim > 1 and _narrower(value, own):
                own.zero_()
                own[:, : value.shape[1]].copy_(value)
                taken += 1
    if taken * 2 < len(network.state_dict()):
        raise StorageError(f"The weights of {path.name} do not fit this network.", "Is it of the same architecture?")
    return taken


def _narrower(given: torch.Tensor, own: torch.Tensor) -> bool:
    """Whether a tensor has fewer columns than another and is like it else."""
    return given.shape[0] == own.shape[0] and given.shape[2:] == own.shape[2:] and given.shape[1] < own.shape[1]

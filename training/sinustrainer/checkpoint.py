"""Checkpoints written whole or not at all, and everything needed to go on as if nothing had happened."""

import os
from pathlib import Path
from typing import Any

import torch

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

"""Training recipes: one TOML file says everything about a training except where the data lies."""

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelTask


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimiserSettings(_Frozen):
    """Which optimiser; ``l2`` is added to the gradient for all but "adamw", which decays weights itself."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    l2: float = Field(default=1e-4, ge=0)
    momentum: float = 0.9
    backbone_factor: float = Field(default=1.0, gt=0)
    """Learning rate of a pretrained backbone over that of the rest."""
    warmup_steps: int = Field(default=0, ge=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    clip_norm: float | None = None


class LoopSettings(_Frozen):
    """How long and how. Either ``steps`` or ``epochs``; ``max_minutes`` ends it earlier, with the schedule run down."""

    steps: int | None = Field(default=None, gt=0)
    epochs: float | None = Field(default=None, gt=0)
    max_minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=16, gt=0)
    workers: int = Field(default=0, ge=0)
    threads: int = Field(default=1, gt=0)
    validate_every: int = Field(default=200, gt=0)
    checkpoint_every: int = Field(default=200, gt=0)
    log_every: int = Field(default=20, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    bf16: bool = False
    keep: Literal["last", "best"] = "last"


class TrainRecipe(_Frozen):
    """A training recipe.

    Attributes
    ----------
    validation_share
        Share of the training patients held out for calibration, threshold and choice of checkpoint; the test splits
        are never touched by training.
    options
        The task's own settings, validated by the task.
    limits
        Sentences for the card.
    """

    task: ModelTask
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    version: str = "1.0.0"
    start_from: Path | None = None
    """Checkpoint (``last.pt`` or ``best.pt`` of another run) whose weights to begin with, where names and shapes agree."""
    seed: int = 0
    validation_share: float = Field(default=0.1, ge=0, lt=1)
    optimiser: OptimiserSettings = OptimiserSettings()
    loop: LoopSettings = LoopSettings(steps=1000)
    options: dict[str, Any] = Field(default_factory=dict)
    limits: tuple[str, ...] = ()
    licence: str = "Apache-2.0"


def load_recipe(path: Path) -> TrainRecipe:
    """Read and validate a recipe (TOML, or JSON as a run or a search keeps it).

    Raises
    ------
    InputError
        Where it is missing, no TOML, or not a recipe; the first fault is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"The recipe “{path.name}” cannot be read.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe “{path.name}” is not valid TOML (or JSON): {error}.") from error
    return parse_recipe(content, path.name)


def parse_recipe(content: dict[str, Any], name: str = "recipe") -> TrainRecipe:
    """Validate a recipe's content."""
    return parse_settings(TrainRecipe, content, f"The recipe “{name}”")


_Settings = TypeVar("_Settings", bound=BaseModel)


def parse_settings(model: type[_Settings], content: dict[str, Any], what: str) -> _Settings:
    """Validate settings; the first fault is named."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{what} is not valid: {place}: {first['msg']}.") from error

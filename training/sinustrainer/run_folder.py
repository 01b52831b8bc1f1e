"""A finished training as a folder: its recipe, its summary, and where each file lies."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinustrainer.train_recipe import TrainRecipe
from sinusviewer.errors import InputError, StorageError
from sinusviewer.inference.model_card import Calibration

RECIPE_FILE = "recipe.json"
RUN_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What ``run.json`` keeps of a finished training: everything the card says beside the graph itself."""

    data: str
    simulated: bool
    statement: str
    templates: tuple[str, ...]
    data_recipe: dict[str, Any]
    cases: dict[str, int]
    steps: int
    seconds: float
    date: str
    threshold: float
    calibration: Calibration | None
    metrics: dict[str, Any]


def save_run(folder: Path, summary: RunSummary) -> None:
    """Write ``run.json``."""
    content = {name: getattr(summary, name) for name in RunSummary.__dataclass_fields__ if name not in ("calibration",)}
    content["calibration"] = summary.calibration.model_dump() if summary.calibration else None
    write_json(folder / RUN_FILE, content)


def load_run(folder: Path) -> tuple[TrainRecipe, RunSummary]:
    """Recipe and summary of a finished run.

    Raises
    ------
    InputError
        Where the folder holds no finished run.
    """
    try:
        recipe = TrainRecipe.model_validate_json((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        content = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"“{folder.name}” holds no finished training.", "Train first, to the end.") from error
    calibration = content.pop("calibration")
    content["templates"] = tuple(content["templates"])
    return recipe, RunSummary(**content, calibration=Calibration.model_validate(calibration) if calibration else None)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"{path.name} could not be written.", "Is the disk full?") from error

"""``sinustrainer train``: one recipe, one data folder, one run folder."""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinustrainer.train_recipe import TrainRecipe, load_recipe
from sinusviewer.errors import CancelledError, InputError, StorageError
from sinusviewer.inference.model_card import Calibration
from sinusviewer.jobs.events import Event, JobFinished, JobStarted, MetricLogged, to_json_line

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer train``."""
    parser.add_argument("--recipe", type=Path, required=True, help="training recipe (TOML)")
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")


def run_from_arguments(args: argparse.Namespace) -> int:
    """Train and write events as JSON lines on standard output."""
    train(load_recipe(args.recipe), args.data, args.out, resume=args.resume, emit=write_event)
    return 0


def write_event(event: Event) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(to_json_line(event) + "\n")
    sys.stdout.flush()


def train(recipe: TrainRecipe, data: Path, out: Path, *, resume: bool = False, emit: Any = write_event) -> RunSummary:
    """Train into ``out`` and write ``run.json``.

    Raises
    ------
    InputError
        Where ``out`` holds another run and ``resume`` is not set, or recipe and data do not fit.
    CancelledError
        Where the run was cancelled; its last checkpoint is kept.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from sinustrainer.checkpoint import BEST, LAST, load_checkpoint
    from sinustrainer.loop import TrainingLoop
    from sinustrainer.tasks.registry import build_task

    if (out / LAST).exists() and not resume:
        raise InputError(f"“{out.name}” already holds a run.", "Use --resume, or another folder.")
    out.mkdir(parents=True, exist_ok=True)
    import torch

    torch.manual_seed(recipe.seed)  # the network's first weights
    task, manifest = build_task(recipe, data)
    write_json(out / RECIPE_FILE, recipe.model_dump(mode="json"))
    metrics = (out / METRICS_FILE).open("a", encoding="utf-8")

    def record(event: Event) -> None:
        if isinstance(event, MetricLogged):
            metrics.write(to_json_line(event) + "\n")
            metrics.flush()
        emit(event)

    record(JobStarted("train", f"{recipe.name} on {data.name}"))
    with metrics:
        loop = TrainingLoop(task, recipe, out, record)
        state = loop.run(resume=resume)
        if loop.cancelled:
            raise CancelledError("The training was cancelled; --resume goes on from its last checkpoint.")
        network = loop.evaluated.eval()
        if recipe.loop.keep == "best" and (out / BEST).is_file():
            network.load_state_dict(load_checkpoint(out / BEST)["network"])
        conclusion = task.conclude(network)
        summary = RunSummary(
            data=data.name,
            simulated=manifest.simulated,
            statement=manifest.statement,
            templates=manifest.templates,
            data_recipe=manifest.recipe,
            cases=task.cases,
            steps=state.step,
            seconds=round(state.seconds, 1),
            date=time.strftime("%Y-%m-%d"),
            threshold=conclusion.threshold,
            calibration=conclusion.calibration,
            metrics=conclusion.metrics,
        )
        save_run(out, summary)
        from sinustrainer.export import write_export

        graph = write_export(task.export_spec(network), out)
        record(JobFinished("train", {"run": out.name, "graph": graph.name, "metrics": conclusion.metrics}))
    return summary


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

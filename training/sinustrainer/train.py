"""``sinustrainer train``: one recipe, one data folder, one run folder."""

import argparse
import os
import time
from pathlib import Path
from typing import Any, TextIO

from sinustrainer.run_folder import METRICS_FILE, RECIPE_FILE, RunSummary, save_run, write_json
from sinustrainer.train_recipe import TrainRecipe, load_recipe
from sinusviewer.errors import CancelledError, InputError
from sinusviewer.jobs.events import MetricLogged, to_json_line
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer train``."""
    parser.add_argument("--recipe", type=Path, required=True, help="training recipe (TOML)")
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--start-from", type=Path, help="checkpoint (.pt) of another run whose weights to begin with")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Train; the result is the run and its figures."""
    recipe = load_recipe(args.recipe)
    if args.start_from is not None:
        recipe = recipe.model_copy(update={"start_from": args.start_from})
    summary = train(recipe, args.data, args.out, progress, token, resume=args.resume)
    return {"run": str(args.out), "steps": summary.steps, "seconds": summary.seconds, "metrics": summary.metrics}


def train(
    recipe: TrainRecipe,
    data: Path,
    out: Path,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    *,
    resume: bool = False,
) -> RunSummary:
    """Train into ``out`` and write ``run.json``.

    Raises
    ------
    InputError
        Where ``out`` holds another run and ``resume`` is not set, or recipe and data do not fit.
    CancelledError
        Where the run was cancelled; its last checkpoint is kept.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from sinustrainer.checkpoint import BEST, LAST, load_checkpoint, start_from
    from sinustrainer.loop import TrainingLoop
    from sinustrainer.tasks.registry import build_task
    from sinustrainer.tasks.task import NotingTask

    if (out / LAST).exists() and not resume:
        raise InputError(f"“{out.name}” already holds a run.", "Use --resume, or another folder.")
    out.mkdir(parents=True, exist_ok=True)
    import torch

    torch.manual_seed(recipe.seed)  # the network's first weights
    task, manifest = build_task(recipe, data)
    if isinstance(task, NotingTask) and progress is not None:
        for note in task.notes:
            progress.message(note, "warning")
    if recipe.start_from is not None:
        start_from(task.network, recipe.start_from)
    write_json(out / RECIPE_FILE, recipe.model_dump(mode="json"))
    with (out / METRICS_FILE).open("a", encoding="utf-8") as metrics:
        loop = TrainingLoop(
            task, recipe, out, _Recorder(progress or silent_progress(), metrics), token or CancelToken()
        )
        state = loop.run(resume=resume)
        if loop.cancelled:
            raise CancelledError("The training was cancelled; --resume goes on from its last checkpoint.")
        network = loop.evaluated.eval()
        if recipe.loop.keep == "best" and (out / BEST).is_file():
            network.load_state_dict(load_checkpoint(out / BEST)["network"])
        conclusion = task.conclude(network)
        calibration = conclusion.calibration
        if calibration is not None and manifest.simulated:
            calibration = calibration.model_copy(update={"fitted_on": f"{calibration.fitted_on}, simulated"})
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
            calibration=calibration,
            metrics=conclusion.metrics,
        )
        save_run(out, summary)
        from sinustrainer.export import write_export

        write_export(task.export_spec(network), out)
    return summary


class _Recorder(Progress):
    """Passes everything on and keeps the figures in ``metrics.jsonl``."""

    def __init__(self, progress: Progress, file: TextIO) -> None:
        super().__init__("train", lambda _event: None)
        self._to, self._file = progress, file

    def __call__(self, stage: str, fraction: float | None = None) -> None:
        self._to(stage, fraction)

    def message(self, text: str, level: str = "info") -> None:
        self._to.message(text, level)

    def metric(self, name: str, value: float, step: int = 0) -> None:
        self._file.write(to_json_line(MetricLogged("train", name, value, step)) + "\n")
        self._file.flush()
        self._to.metric(name, value, step)

"""``sinustrainer search``: Bayesian optimisation of a recipe with a Gaussian process (Oh 2021, "Training a detection network").

Searched are the paper's ranges: input 224-512, 13-20 anchors, 30-100 epochs, learning rate 1e-6 to 1e-3, L2 1e-6 to 1e-3;
the objective is 1 - accuracy of normal against sinusitis on held-out patients; 30 trials. A storage URL lets several machines
share one search, and lets it go on after a stop. The winner's recipe is written as JSON, which ``train`` reads as well.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinustrainer.run_folder import write_json
from sinustrainer.train_recipe import TrainRecipe, load_recipe, parse_recipe
from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.jobs.runner import CancelToken, Progress

STORAGE_FILE = "search.db"


@dataclass(frozen=True, slots=True)
class Range:
    """One searched setting: its place in the recipe, limits, and how it is drawn."""

    name: str
    path: tuple[str, ...]
    low: float
    high: float
    whole: bool = False
    logarithmic: bool = False
    step: int = 1


def paper_ranges(stride: int, minutes: bool) -> tuple[Range, ...]:
    """The ranges of Oh 2021; the input is a multiple of the network's stride, and steps stand for epochs under a budget."""
    ranges = [
        Range("size", ("options", "size"), 224, 512 // stride * stride, whole=True, step=stride),
        Range("anchors", ("options", "anchors"), 13, 20, whole=True),
        Range("learning_rate", ("optimiser", "learning_rate"), 1e-6, 1e-3, logarithmic=True),
        Range("l2", ("optimiser", "l2"), 1e-6, 1e-3, logarithmic=True),
    ]
    if not minutes:
        ranges.append(Range("epochs", ("loop", "epochs"), 30, 100, whole=True))
    return tuple(ranges)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer search``."""
    parser.add_argument("--recipe", type=Path, required=True, help="training recipe to start from (TOML)")
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for the search")
    parser.add_argument("--trials", type=int, default=30, help="trials in all, those of other machines included")
    parser.add_argument("--storage", default=None, help="URL of the shared storage (default: a file in --out)")
    parser.add_argument("--name", default=None, help="name of the search in the storage (default: the recipe's)")
    parser.add_argument("--minutes", type=float, default=None, help="time for each trial, instead of 30-100 epochs")
    parser.add_argument(
        "--range", action="append", default=[], metavar="NAME=LOW:HIGH", help="other limits for a searched setting"
    )


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Search and keep the winner's recipe, all trials and the importance plot."""
    recipe = load_recipe(args.recipe)
    if recipe.task is not ModelTask.WATERS_SINUSITIS:
        raise InputError("The search is for the sinusitis detector's recipe.", f"This one is for {recipe.task}.")
    stride = int(recipe.options.get("strides", (8, 16))[1])
    ranges = with_limits(paper_ranges(stride, args.minutes is not None), args.range)
    return search(
        recipe, args.data, args.out, ranges, args.trials, progress, token,
        storage=args.storage, name=args.name, minutes=args.minutes,
    )  # fmt: skip


def with_limits(ranges: tuple[Range, ...], given: list[str]) -> tuple[Range, ...]:
    """Replace limits by those of ``NAME=LOW:HIGH``.

    Raises
    ------
    InputError
        For an unknown name, or limits that are no numbers in order.
    """
    known = {r.name: r for r in ranges}
    for text in given:
        name, _, limits = text.partition("=")
        low, _, high = limits.partition(":")
        try:
            lowest, highest = float(low), float(high)
        except ValueError as error:
            raise InputError(f"“{text}” is no range.", "Write NAME=LOW:HIGH.") from error
        if name not in known or lowest > highest:
            raise InputError(f"“{text}” is no range.", f"Known settings: {', '.join(known)}.")
        old = known[name]
        known[name] = Range(name, old.path, lowest, highest, old.whole, old.logarithmic, old.step)
    return tuple(known.values())


def with_values(recipe: TrainRecipe, ranges: tuple[Range, ...], values: dict[str, float]) -> TrainRecipe:
    """The recipe with the values of one trial; multi-scale training is off, the size being searched."""
    content = recipe.model_dump(mode="json")
    for r in ranges:
        place = content
        for part in r.path[:-1]:
            place = place[part]
        place[r.path[-1]] = int(values[r.name]) if r.whole else values[r.name]
    if any(r.name == "epochs" for r in ranges):
        content["loop"]["steps"] = None
    content["options"].pop("sizes", None)
    return parse_recipe(content)


def search(
    recipe: TrainRecipe,
    data: Path,
    out: Path,
    ranges: tuple[Range, ...],
    trials: int,
    progress: Progress,
    token: CancelToken,
    *,
    storage: str | None = None,
    name: str | None = None,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Run trials until the storage holds ``trials`` finished or pruned ones."""
    import optuna

    from sinustrainer.loop import TrainingLoop
    from sinustrainer.tasks.registry import build_task

    out.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage or f"sqlite:///{(out / STORAGE_FILE).as_posix()}",
        study_name=name or recipe.name,
        sampler=_sampler(recipe.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        direction="minimize",
        load_if_exists=True,
    )
    if minutes is not None:
        recipe = recipe.model_copy(update={"loop": recipe.loop.model_copy(update={"max_minutes": minutes})})

    def objective(trial: optuna.Trial) -> float:
        import torch

        values = {r.name: _suggest(trial, r) for r in ranges}
        chosen = with_values(recipe, ranges, values)
        torch.manual_seed(chosen.seed)
        task, _ = build_task(chosen, data)

        def prune(step: int, figures: dict[str, float]) -> bool:
            trial.report(1 - figures["accuracy"], step)
            progress.metric("search/objective", 1 - figures["accuracy"], step)
            return trial.should_prune()

        loop = TrainingLoop(task, chosen, out / f"trial_{trial.number:03d}", progress, token, prune)
        state = loop.run()
        token.raise_if_cancelled()
        if loop.stopped_early:
            raise optuna.TrialPruned
        if not state.history:
            raise SinusViewerError("A search needs held-out patients.", "Set validation_share above 0.")
        return 1 - state.history[-1]["accuracy"]

    while _done(study) < trials:
        token.raise_if_cancelled()
        study.optimize(objective, n_trials=1)
        progress("searching", min(1.0, _done(study) / trials))
        _write(study, recipe, ranges, out)
    return _write(study, recipe, ranges, out)


def _sampler(seed: int) -> Any:
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=8, deterministic_objective=False)


def _suggest(trial: Any, r: Range) -> float:
    if r.whole:
        return float(trial.suggest_int(r.name, int(r.low), int(r.high), step=r.step))
    return float(trial.suggest_float(r.name, r.low, r.high, log=r.logarithmic))


def _done(study: Any) -> int:
    from optuna.trial import TrialState

    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _write(study: Any, recipe: TrainRecipe, ranges: tuple[Range, ...], out: Path) -> dict[str, Any]:
    """Keep all trials, the winner's recipe and the importance plot."""
    rows = [
        {"number": t.number, "state": t.state.name, "objective": t.value, "parameters": t.params,
         "seconds": t.duration.total_seconds() if t.duration else None}
        for t in study.get_trials(deepcopy=False)
    ]  # fmt: skip
    complete = [row for row in rows if row["state"] == "COMPLETE"]
    content: dict[str, Any] = {
        "schema_version": 1,
        "study": study.study_name,
        "trials": rows,
        "best": None,
        "importance": {},
    }
    if complete:
        best = min(complete, key=lambda row: float(row["objective"]))
        content["best"] = best
        winner = with_values(recipe, ranges, best["parameters"])
        (out / "best_recipe.json").write_text(
            json.dumps(winner.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8"
        )
    if len(complete) >= 4 and len({row["objective"] for row in complete}) > 1:
        content["importance"] = _importance(study, out)
    write_json(out / "search.json", content)
    return {"trials": len(rows), "best": content["best"], "importance": content["importance"]}


def _importance(study: Any, out: Path) -> dict[str, float]:
    import optuna

    from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure

    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    values = {k: float(v) for k, v in optuna.importance.get_param_importances(study, evaluator=evaluator).items()}
    figure, (axes,) = new_figure(5.5, 0.5 * len(values) + 1.2)
    names = list(values)[::-1]
    axes.barh(names, [values[n] for n in names], color="#0072B2")
    axes.set(xlabel="Share of the objective's variance (fANOVA)", title=study.study_name, xlim=(0, 1))
    save_figure(figure, out, "importance")
    return values

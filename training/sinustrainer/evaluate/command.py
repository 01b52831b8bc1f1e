"""``sinustrainer evaluate``: the tables and figures of the paper a model belongs to."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from sinustrainer.data.manifest import load_manifest
from sinustrainer.data.selection import parse_condition, select
from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.run_folder import RUN_FILE
from sinusviewer.errors import InputError, ModelFileError
from sinusviewer.inference.model_card import ModelTask, load_card
from sinusviewer.jobs.runner import CancelToken, Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer evaluate``."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", type=Path, help="folder of a finished training")
    which.add_argument("--model", help="name of a bundled or installed model, or a model folder")
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="folder to write tables and figures to")
    parser.add_argument(
        "--patch", default="waters_patch", help="facial patch model that the sinusitis model reads after"
    )
    parser.add_argument(
        "--segmentation",
        default="sinus_segmentation",
        help="model that finds the sinuses on CT; empty: the masks that people drew",
    )
    parser.add_argument(
        "--beside",
        default="",
        help="further models or runs for the same tables, comma-separated (ECRS, segmentation); recurrence: the single-task variants",
    )
    parser.add_argument(
        "--features",
        type=Path,
        default=None,
        metavar="CSV",
        help="recurrence: table of what the shown score reads, to be gone on with (default: one in --out)",
    )
    parser.add_argument("--splits", default="", help="only these splits, comma-separated (default: all but train)")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="films: only those that meet it, e.g. anatomy.source~visible_human or age>=18; may be given again",
    )
    parser.add_argument(
        "--templates-held-out",
        default="",
        metavar="NAMES",
        help="films: those of each anatomy named (comma-separated) form a set of their own",
    )
    parser.add_argument(
        "--limit", type=int, default=None, help="at most so many cases of each split (for a quick look)"
    )


def run_from_arguments(args: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Evaluate; the result holds the main figures."""
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = model_folder(args.model) if args.model is not None else _exported(args.run, Path(temporary) / "model")
        task = load_card(folder).task
        named = tuple(name.strip() for name in args.beside.split(",") if name.strip())
        if args.features is not None and task is not ModelTask.RECURRENCE:
            raise InputError("--features is for recurrence.")
        runs = tuple(run for run in (args.run, *map(Path, named)) if run is not None and _is_run(run))
        splits = tuple(s for s in args.splits.split(",") if s)
        anatomies = tuple(name.strip() for name in args.templates_held_out.split(",") if name.strip())
        if task not in (ModelTask.WATERS_PATCH, ModelTask.WATERS_SINUSITIS) and (args.where or anatomies):
            raise InputError("--where and --templates-held-out are for films.")
        match task:
            case ModelTask.WATERS_PATCH | ModelTask.WATERS_SINUSITIS:
                from sinustrainer.evaluate.waters import evaluate as evaluate_waters

                patch = folder if task is ModelTask.WATERS_PATCH else model_folder(args.patch)
                antra = folder if task is ModelTask.WATERS_SINUSITIS else None
                conditions = tuple(parse_condition(text) for text in args.where)
                manifest = select(load_manifest(args.data), conditions, anatomies, _templates(patch, antra))
                return evaluate_waters(patch, antra, manifest, args.out, progress, token, splits, args.limit)
            case ModelTask.SINUS_SEGMENTATION:
                from sinustrainer.evaluate.segmentation import evaluate as evaluate_segmentation

                others = tuple(_beside(name, Path(temporary)) for name in named)
                return evaluate_segmentation(
                    folder, args.data, args.out, progress, token, splits, args.limit, others, runs
                )
            case ModelTask.ECRS:
                from sinustrainer.evaluate.endotype import evaluate as evaluate_endotype

                models = (folder, *(_beside(name, Path(temporary)) for name in named))
                return evaluate_endotype(
                    models, args.segmentation, args.data, args.out, progress, token, splits, args.limit, runs
                )
            case ModelTask.RECURRENCE:
                from sinustrainer.evaluate.recurrence_network import evaluate as evaluate_recurrence

                places_box = model_folder(args.segmentation) if args.segmentation else None
                variants = tuple(_run_or_model(name) for name in named)
                return evaluate_recurrence(
                    args.run or folder, args.data, args.out, progress, token, places_box, splits, args.limit, variants,
                    args.features,
                )  # fmt: skip


def _templates(*folders: Path | None) -> tuple[str, ...] | None:
    """Anatomies that any of these models was trained on; None where a card does not say."""
    found: list[str] = []
    for folder in folders:
        if folder is None:
            continue
        named = load_card(folder).training.get("templates")
        if named is None:
            return None
        found += [str(name) for name in named]
    return tuple(found)


def _is_run(folder: Path) -> bool:
    return (folder / RUN_FILE).is_file()


def _beside(name: str, temporary: Path) -> Path:
    """Folder of a further model; a finished run is exported first."""
    return _exported(Path(name), temporary / f"beside_{Path(name).name}") if _is_run(Path(name)) else model_folder(name)


def _run_or_model(name: str) -> Path:
    """A finished run or a cross-validation as it is, else a model's folder."""
    from sinustrainer.cross_validation import ALL

    return Path(name) if _is_run(Path(name)) or _is_run(Path(name) / ALL) else model_folder(name)


def _exported(run: Path, target: Path) -> Path:
    from sinustrainer.cross_validation import ALL
    from sinustrainer.export import export_run

    if not run.is_dir():
        raise InputError(f"There is no run “{run.name}”.")
    everyone = run / ALL  # of a cross-validation: the run on all training patients
    try:
        export_run(everyone if everyone.is_dir() else run, target)
    except ModelFileError as error:
        raise InputError(f"The run “{run.name}” cannot be exported.") from error
    return target

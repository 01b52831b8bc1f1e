"""``sinustrainer simulate``: arguments to a cohort on disk."""

import argparse
from pathlib import Path
from typing import Any

from sinusviewer.errors import InputError
from sinusviewer.jobs.runner import CancelToken, Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer simulate``."""
    parser.add_argument("--recipe", type=Path, required=True, metavar="FILE.toml", help="what to simulate")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="data folder; an interrupted one is resumed"
    )
    parser.add_argument(
        "--patients", type=int, metavar="N", help="instead of the recipe's number, margins in proportion"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="instead of the recipe's; same seed, same bytes")
    parser.add_argument("--templates", type=Path, metavar="DIR", help="folder that holds the recipe's head templates")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="worker processes (default 2; 0 for none)")


def run_from_arguments(arguments: argparse.Namespace, progress: Progress, token: CancelToken) -> dict[str, Any]:
    """Simulate; returns how many cases there are and where the manifest is."""
    from sinustrainer.simulate.cohort.recipe import load_recipe
    from sinustrainer.simulate.cohort.runner import Order, simulate

    if arguments.patients is not None and arguments.patients < 1:
        raise InputError(f"--patients is {arguments.patients}; it must be at least 1.")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise InputError(f"{arguments.out} is a file, not a folder.")
    recipe = load_recipe(arguments.recipe)
    order = Order(
        recipe=recipe,
        recipe_folder=arguments.recipe.resolve().parent,
        out=arguments.out,
        seed=recipe.seed if arguments.seed is None else arguments.seed,
        patients=arguments.patients,
        templates=arguments.templates,
        workers=arguments.jobs,
    )
    return simulate(order, progress, token)

"""A pipeline is a row of named steps over one frozen state; progress, cancelling and timing are done here, once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, Progress

TASKS: tuple[str, ...] = ("waters", "opacification", "endotype", "recurrence")
"""Names of the tasks as ``--task`` takes them."""

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What every step may use besides its state."""

    registry: ModelRegistry
    progress: Progress
    token: CancelToken
    clinical: ClinicalData = field(default_factory=ClinicalData)
    override_reason: str = ""
    """Why a reader lets a network read an image that failed the input check; empty: no override."""


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One step: its name for the progress bar, its share of the pipeline's time, and the function."""

    name: str
    run: Callable[[S, Context], S]
    share: float = 1.0


def run_steps(steps: Sequence[Step[S]], state: S, context: Context, seconds: dict[str, float], prefix: str = "") -> S:
    """Run ``steps`` in order; the time of each is added to ``seconds`` under its name.

    Raises
    ------
    CancelledError
        Between two steps, or inside one, when the token was cancelled.
    """
    total = sum(step.share for step in steps) or 1.0
    done = 0.0
    for step in steps:
        context.token.raise_if_cancelled()
        context.progress(step.name, done / total)
        start = time.perf_counter()
        state = step.run(state, context)
        name = prefix + step.name
        seconds[name] = round(seconds.get(name, 0.0) + time.perf_counter() - start, 4)
        done += step.share
    context.token.raise_if_cancelled()
    return state

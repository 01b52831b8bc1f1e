"""The training loop: a few named hooks around one step, exact resume, a cancel file, a time budget."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sinustrainer.checkpoint import BEST, LAST, load_checkpoint, save_checkpoint
from sinustrainer.data.loaders import batches
from sinustrainer.tasks.task import FinishingTask, TrainingTask
from sinustrainer.train_recipe import LoopSettings, OptimiserSettings, TrainRecipe
from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.jobs.runner import CancelToken, Progress

CANCEL_FILE = "cancel"
Pruner = Callable[[int, dict[str, float]], bool]


@dataclass
class LoopState:
    """What changes while training; all of it is in the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)


class TrainingLoop:
    """Trains one task into one folder.

    Parameters
    ----------
    progress, token
        Told of every figure; asked at every step. A file ``cancel`` in the folder cancels as well.
    should_stop
        Optional pruner of a search: called with the step and the validation figures.
    """

    def __init__(
        self,
        task: TrainingTask,
        recipe: TrainRecipe,
        folder: Path,
        progress: Progress,
        token: CancelToken,
        should_stop: Pruner | None = None,
    ) -> None:
        self.task, self.recipe, self.folder = task, recipe, folder
        self.report, self.token = progress, token
        self.settings: LoopSettings = recipe.loop
        self.should_stop = should_stop
        self.state = LoopState()
        self.network = task.network
        if task.channels_last:  # a third faster on a CPU
            self.network.to(memory_format=torch.channels_last)
        self.averaged = _Averaged(task.network, self.settings.ema) if self.settings.ema else None
        groups = task.optimiser_groups(recipe.optimiser.learning_rate, recipe.optimiser.backbone_factor)
        self.optimiser = build_optimiser(recipe.optimiser, groups)
        self.rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self.steps = total_steps(self.settings, task.batches_per_epoch)
        self.stopped_early = False
        self._started = 0.0

    def run(self, *, resume: bool = False) -> LoopState:
        """Train until the steps or the time are used up, or the cancel file appears."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / CANCEL_FILE).unlink(missing_ok=True)
        torch.set_num_threads(self.settings.threads)
        torch.manual_seed(self.recipe.seed)
        if resume and (self.folder / LAST).is_file():
            self._restore(load_checkpoint(self.folder / LAST))
        self._started = time.monotonic() - self.state.seconds
        for batch in self._batches():
            terms = self._step(batch)
            self._after_step(terms)
            if self._ends():
                break
        unsaved = self.stopped_early or self.state.step % self.settings.checkpoint_every > 0
        if isinstance(self.task, FinishingTask) and not self.stopped_early:
            self.task.finish(self.evaluated.eval())
            unsaved = True
        if unsaved:
            self._save()
        return self.state

    @property
    def evaluated(self) -> nn.Module:
        """The network as it will be used: the averaged one where averaging is on."""
        return self.averaged.network if self.averaged else self.network

    @property
    def cancelled(self) -> bool:
        return self.token.cancelled or (self.folder / CANCEL_FILE).exists()

    def progress(self) -> float:
        """0-1, by steps or by time, whichever is further."""
        by_step = self.state.step / self.steps
        minutes = self.settings.max_minutes
        return min(1.0, by_step if minutes is None else max(by_step, self.state.seconds / 60 / minutes))

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        return batches(self.task.source, self.state.step, self.steps, self.settings.workers)

    def _step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        self.network.train()
        factor = rate_factor(self.recipe.optimiser, self.state.step, self.progress())
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.settings.bf16):
            terms = self.task.loss(self.network, batch)
        total = torch.stack([term.float() for term in terms.values()]).sum()
        if not torch.isfinite(total):
            raise SinusViewerError(
                f"The loss became infinite at step {self.state.step}.", "Lower the learning rate in the recipe."
            )
        total.backward()  # type: ignore[no-untyped-call]
        if self.recipe.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimiser.clip_norm)
        self.optimiser.step()
        self.state.step += 1
        self.state.seconds = time.monotonic() - self._started
        if self.averaged:
            self.averaged.update(self.network, self.state.step)
        return {"loss": float(total.detach()), **{name: float(term.detach()) for name, term in terms.items()}}

    def _after_step(self, terms: dict[str, float]) -> None:
        step = self.state.step
        if step % self.settings.log_every == 0:
            for name, value in terms.items():
                self.report.metric(f"train/{name}", value, step)
            self.report("training", self.progress())
        if step % self.settings.validate_every == 0 or step == self.steps:
            self._validate()
        if step % self.settings.checkpoint_every == 0:
            self._save()

    def _validate(self) -> None:
        self.evaluated.eval()
        with torch.no_grad():
            figures = self.task.validate(self.evaluated)
        if not figures:
            return
        self.state.history.append({"step": float(self.state.step), **figures})
        for name, value in figures.items():
            self.report.metric(f"validation/{name}", value, self.state.step)
        if figures.get(self.task.monitor, -math.inf) > self.state.best:
            self.state.best = figures[self.task.monitor]
            save_checkpoint(self.folder / BEST, {"step": self.state.step, "network": self.evaluated.state_dict()})
        if self.should_stop is not None and self.should_stop(self.state.step, figures):
            self.stopped_early = True

    def _ends(self) -> bool:
        if self.cancelled:
            self.report.message(f"Cancelled at step {self.state.step}; --resume goes on from here.")
            self.stopped_early = True
        return self.stopped_early or self.progress() >= 1.0

    def _save(self) -> None:
        content: dict[str, Any] = {
            "step": self.state.step,
            "seconds": self.state.seconds,
            "best": self.state.best,
            "history": self.state.history,
            "recipe": self.recipe.model_dump_json(),
            "network": self.network.state_dict(),
            "averaged": self.averaged.network.state_dict() if self.averaged else None,
            "optimiser": self.optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(),
        }
        save_checkpoint(self.folder / LAST, content)

    def _restore(self, content: dict[str, Any]) -> None:
        given = TrainRecipe.model_validate_json(content["recipe"])
        unchanged = {"loop": self.recipe.loop}
        if given.model_copy(update=unchanged) != self.recipe or given.loop.batch != self.recipe.loop.batch:
            raise InputError(
                "The recipe differs from the one this run was started with.",
                "Resume with the same recipe, or start anew.",
            )
        self.state = LoopState(content["step"], content["seconds"], content["best"], list(content["history"]))
        self.network.load_state_dict(content["network"])
        if self.averaged and content["averaged"] is not None:
            self.averaged.network.load_state_dict(content["averaged"])
        self.optimiser.load_state_dict(content["optimiser"])
        torch.set_rng_state(content["torch_rng"])


class _Averaged:
    """Exponential moving average of weights; running statistics are averaged too, counters copied."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        import copy

        self.decay = decay
        self.network = copy.deepcopy(network).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))  # follows closely at first
        for own, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if own.dtype.is_floating_point:
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)


def total_steps(settings: LoopSettings, batches_per_epoch: float) -> int:
    """Steps of a training, from steps or epochs."""
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is None:
        raise InputError("The recipe says neither steps nor epochs.", "Give one of them under [loop].")
    return max(1, math.ceil(settings.epochs * batches_per_epoch))


def rate_factor(settings: OptimiserSettings, step: int, progress: float) -> float:
    """Learning rate over its initial value."""
    warm = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    if settings.schedule == "constant":
        return warm
    return warm * (0.5 * (1 + float(np.cos(np.pi * progress))) * 0.99 + 0.01)


def build_optimiser(settings: OptimiserSettings, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The recipe's optimiser."""
    rate, l2 = settings.learning_rate, settings.l2
    match settings.name:
        case "adam":
            return torch.optim.Adam(groups, lr=rate, weight_decay=l2)
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, weight_decay=l2)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, weight_decay=l2)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=rate, momentum=settings.momentum, weight_decay=l2)

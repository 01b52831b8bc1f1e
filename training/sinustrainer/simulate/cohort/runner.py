"""Make a cohort: plan, workers, resumption, manifest."""

import hashlib
import itertools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sinustrainer.simulate.cohort import store
from sinustrainer.simulate.cohort.anatomist import Anatomist, load_anatomist, template_paths
from sinustrainer.simulate.cohort.ceilings import ceilings
from sinustrainer.simulate.cohort.coco import coco
from sinustrainer.simulate.cohort.ct_plan import CtCase, plan_ct
from sinustrainer.simulate.cohort.recipe import Recipe, WatersRecipe
from sinustrainer.simulate.cohort.waters_plan import WatersCase, plan_waters
from sinustrainer.simulate.version import SIMULATOR_VERSION
from sinusviewer.errors import CancelledError
from sinusviewer.jobs.runner import CancelToken, Progress

AnatomistFactory = Callable[[], Anatomist]
Case = WatersCase | CtCase
Batch = tuple[Case, ...]
"""Cases made in one go: the films of one geometry, or one scan."""
Made = list[tuple[str, dict[str, Any]]]
_Kind = TypeVar("_Kind", WatersCase, CtCase)


@dataclass(frozen=True, slots=True)
class Order:
    """What to simulate.

    Attributes
    ----------
    patients
        Instead of the recipe's number; margins are kept in proportion.
    templates
        Folder where the recipe's relative template paths start.
    workers
        Processes; 0 works in this one.
    """

    recipe: Recipe
    recipe_folder: Path
    out: Path
    seed: int
    patients: int | None = None
    templates: Path | None = None
    workers: int = 2


def simulate(
    order: Order, progress: Progress, token: CancelToken, anatomist_factory: AnatomistFactory | None = None
) -> dict[str, Any]:
    """Make every case that is not there yet and write the manifest.

    Parameters
    ----------
    anatomist_factory
        For tests; must be picklable if there are workers.

    Raises
    ------
    InputError, StorageError, CancelledError
        Finished cases stay; the same order goes on where this one stopped.
    """
    if anatomist_factory is None:  # a missing template is better found before the workers start
        template_paths(order.recipe.anatomy, order.recipe_folder, order.templates)
    plan = _plan(order)
    recipe_data = {**order.recipe.model_dump(mode="json"), "seed": order.seed, "patients": len(plan)}
    factory = anatomist_factory or _Factory(order)
    try:
        (order.out / store.CASES).mkdir(parents=True, exist_ok=True)
        store.sweep(order.out)
        entries: dict[str, dict[str, Any]] = {}
        missing: list[Case] = []
        for case in plan:
            entry = store.finished_case(order.out, case.case_id, _fingerprint(case, order))
            if entry is None:
                missing.append(case)
            else:
                entries[case.case_id] = entry
        if missing:
            progress.message(f"{len(plan)} cases, {len(entries)} already there.")
        for made in _make_all(order, _batches(missing), factory, token):
            entries.update(made)
            progress("Simulating patients", len(entries) / len(plan))
        ordered = [entries[case.case_id] for case in plan]
        store.write_manifest(order.out, order.recipe.task, recipe_data, ordered)
        store.write_json(order.out / "ceilings.json", ceilings(order.recipe.task, ordered, order.seed))
        if isinstance(order.recipe, WatersRecipe):
            store.write_json(order.out / "coco.json", coco(ordered))
    except OSError as error:
        raise store.as_storage_error(error, order.out) from error
    return {"cases": len(plan), "made": len(missing), "manifest": str(order.out / store.MANIFEST)}


def _plan(order: Order) -> tuple[Case, ...]:
    if isinstance(order.recipe, WatersRecipe):
        return plan_waters(order.recipe, order.seed, order.patients)
    return plan_ct(order.recipe, order.seed, order.patients)


def _as(kind: type[_Kind], case: Case) -> _Kind:
    if not isinstance(case, kind):
        raise TypeError(f"planned a {type(case).__name__}, wanted a {kind.__name__}")
    return case


def _batches(cases: list[Case]) -> list[Batch]:
    """Neighbouring cases of one patient in one position belong together."""
    grouped = itertools.groupby(cases, lambda c: (c.patient_id, c.geometry_seed if isinstance(c, WatersCase) else 0))
    return [tuple(members) for _, members in grouped]


def _make_all(order: Order, batches: list[Batch], factory: AnatomistFactory, token: CancelToken) -> Iterator[Made]:
    if order.workers <= 0 or len(batches) < 2:
        anatomist = factory() if batches else None
        for batch in batches:
            token.raise_if_cancelled()
            if anatomist is not None:
                yield _make(order, batch, anatomist)
        return
    # spawn: fork would copy torch's threads and locks into the workers.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(order.workers, len(batches)), mp_context=context, initializer=_start_worker, initargs=(order, factory)
    )
    try:
        queue = iter(batches)
        running = {pool.submit(_work, batch) for batch in itertools.islice(queue, 2 * order.workers)}
        while running:
            done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            if token.cancelled:
                raise CancelledError
            for future in done:
                yield future.result()
                following = next(queue, None)
                if following is not None:
                    running.add(pool.submit(_work, following))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make(order: Order, batch: Batch, anatomist: Anatomist) -> Made:
    # Here and not above: the parent plans and lists, and needs no torch, which takes half a gigabyte.
    from sinustrainer.simulate.cohort import ct_case, waters_case

    recipe = order.recipe
    positioned: Any = None
    made: Made = []
    for case in batch:
        folder = store.begin_case(order.out, case.case_id)
        if isinstance(recipe, WatersRecipe):
            film = _as(WatersCase, case)
            if positioned is None:
                positioned = waters_case.position_head(film, recipe.film, anatomist)
            entry = waters_case.film_of(film, positioned, recipe.film, anatomist, folder)
        else:
            entry = ct_case.make_ct_case(_as(CtCase, case), recipe.scan.write_masks, anatomist, folder)
        store.finish_case(order.out, case.case_id, folder, entry, _fingerprint(case, order))
        made.append((case.case_id, entry))
    return made


def _fingerprint(case: Case, order: Order) -> str:
    """Changes with the plan, the anatomy and the acquisition: then a case is made anew."""
    recipe = order.recipe
    section = recipe.film if isinstance(recipe, WatersRecipe) else recipe.scan
    parts = (SIMULATOR_VERSION, asdict(case), recipe.anatomy.model_dump(), section.model_dump(), str(order.templates))
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Factory:
    order: Order

    def __call__(self) -> Anatomist:
        return load_anatomist(self.order.recipe.anatomy, self.order.recipe_folder, self.order.templates)


_worker: dict[str, Any] = {}


def _start_worker(order: Order, factory: AnatomistFactory) -> None:
    import signal

    # The parent answers Ctrl-C; workers finish their case and end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(1)
    _worker["order"], _worker["anatomist"] = order, factory()


def _work(batch: Batch) -> Made:
    return _make(_worker["order"], batch, _worker["anatomist"])

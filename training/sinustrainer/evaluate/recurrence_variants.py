"""The multi-task network and its single-task variants (He 2023) on the same test patients: scores, cut-offs, Dice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sinustrainer.cross_validation import ALL, OOF_FILE, FoldScore, read_scores, summarise
from sinustrainer.data.manifest import Case, Manifest
from sinustrainer.evaluate.recurrence_scores import (
    CaseScore,
    RecurrenceGraph,
    SeenBox,
    SplitScores,
    of_folds,
    of_rows,
    score_cases,
)
from sinusviewer.errors import InputError
from sinusviewer.jobs.runner import CancelToken, Progress

MULTI, RADIOMICS, CEILING = "multi_task", "radiomics", "ceiling"
CLASSIFICATION, SEGMENTATION = "single_classification", "single_segmentation"
SINGLE = (CLASSIFICATION, SEGMENTATION)


@dataclass(frozen=True, slots=True, eq=False)
class NetworksRead:
    """What the networks say: scores by split and network, the cut-offs they carry, Dice by network and case."""

    graph: RecurrenceGraph
    rows: list[CaseScore]
    seen: list[SeenBox]
    train: dict[str, SplitScores]
    test: dict[str, SplitScores]
    cut_offs: dict[str, float]
    overlap: dict[str, dict[str, float]]


def read_networks(
    folder: Path,
    main: Path,
    manifest: Manifest,
    tests: tuple[Case, ...],
    oof: Sequence[FoldScore],
    beside: Sequence[Path],
    progress: Progress,
    token: CancelToken,
) -> NetworksRead:
    """Read the test patients with the network in question, and with its single-task variants."""
    graph = RecurrenceGraph(main)
    seen: list[SeenBox] = []
    rows = score_cases(graph, graph.cases(manifest.folder, tests), progress, token, seen=seen)
    train = {MULTI: of_folds(oof)} if oof else {}
    test, cut_offs = {}, {MULTI: graph.threshold}
    if (scores := of_rows(rows)).ids:
        test[MULTI] = scores
    if oof and train[MULTI].ids:
        cut_offs[MULTI] = summarise(oof)["cut_off"]
    overlap = {MULTI: {row.case_id: row.dice for row in rows if row.dice is not None}}
    variants = _named(beside) or {name: folder / name for name in SINGLE if (folder / name / ALL).is_dir()}
    for name, place in variants.items():
        single = RecurrenceGraph(place / ALL if (place / ALL).is_dir() else place)
        progress.message(f"Single task: {place.name}")
        read = score_cases(single, single.cases(manifest.folder, tests), progress, token, shifts=False)
        overlap |= {name: dice} if (dice := {row.case_id: row.dice for row in read if row.dice is not None}) else {}
        if (scores := of_rows(read)).ids:
            test[name], cut_offs[name] = scores, single.threshold
            if (place / OOF_FILE).is_file():
                train[name] = of_folds(read_scores(place / OOF_FILE))
    return NetworksRead(graph, rows, seen, train, test, cut_offs, overlap)


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Which variant each folder holds, by what its network gives.

    Raises
    ------
    InputError
        Where one does both tasks, or two the same.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        graph = RecurrenceGraph(folder / ALL if (folder / ALL).is_dir() else folder)
        scores, segments = "score" in graph.names, "segmentation" in graph.names
        if scores == segments:
            raise InputError(f"“{folder.name}” is no single-task variant.", "It must segment or predict, not both.")
        name = CLASSIFICATION if scores else SEGMENTATION
        if name in found:
            raise InputError(f"“{found[name].name}” and “{folder.name}” are the same variant.", "Name one of each.")
        found[name] = folder
    return found

"""``sinustrainer export``: a finished run becomes ``model.onnx`` and ``card.json``, compared with torch on the way.

A run's graph is written when training ends (``graph.onnx`` and ``graph.json``, with its parity to torch), so exporting needs
neither the data nor torch.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sinustrainer.run_folder import RunSummary, load_run, write_json
from sinustrainer.train_recipe import TrainRecipe
from sinusviewer.errors import InputError, ModelFileError
from sinusviewer.inference.model_card import MODEL_FILE, InputSpec, ModelCard, OutputSpec, save_card, sha256_of
from sinusviewer.jobs.runner import CancelToken, Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sinustrainer.tasks.task import ExportSpec

GRAPH_FILE = "graph.onnx"
GRAPH_SPEC = "graph.json"
PARITY_LIMIT = 1e-4
"""Largest difference allowed between torch and ONNX Runtime, of outputs scaled to at most 1 (see ``parity``)."""
OPSET = 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sinustrainer export``."""
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished training")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write, e.g. models/NAME")
    parser.add_argument("--version", default=None, help="version for the card (default: the recipe's)")


def run_from_arguments(args: argparse.Namespace, _progress: Progress, _token: CancelToken) -> dict[str, Any]:
    """Export; the result says what was written."""
    card = export_run(args.run, args.out, version=args.version)
    return {"model": card.name, "sha256": card.sha256, "parity": card.metrics.get("parity")}


def write_export(spec: "ExportSpec", folder: Path) -> Path:
    """Write a network's ONNX graph and what is known of it into a run folder.

    Raises
    ------
    ModelFileError
        Where ONNX Runtime's outputs differ from torch's by more than ``PARITY_LIMIT``.
    """
    import torch

    path = folder / GRAPH_FILE
    network = spec.network.eval()
    shape = [2 if n is None else n for n in spec.input.shape]
    example = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    write_graph(network, example, path, spec.input.name, tuple(output.name for output in spec.outputs))
    difference = parity(spec, path)
    content = {
        "input": spec.input.model_dump(),
        "outputs": [output.model_dump() for output in spec.outputs],
        "labels": spec.labels,
        "parameters": spec.parameters,
        "parity": difference,
        "parameter_count": sum(p.numel() for p in network.parameters()),
    }
    write_json(folder / GRAPH_SPEC, content)
    return path


def write_graph(network: "nn.Module", example: "Tensor", path: Path, name: str, outputs: tuple[str, ...]) -> None:
    """Write one ONNX file, weights inside, the batch free."""
    import torch

    torch.onnx.export(
        network,
        (example,),
        path,
        input_names=[name],
        output_names=list(outputs),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
        opset_version=OPSET,
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    forget_sources(path)


def parity(spec: "ExportSpec", path: Path) -> float:
    """Largest difference between ONNX Runtime and torch over three batches, relative to the largest output above 1."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed, count in ((1, 1), (2, 2), (3, 3)):
        shape = [count if n is None else n for n in spec.input.shape]
        image = torch.rand(*shape, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            expected = [output.numpy() for output in spec.network(image)]
        found = session.run([output.name for output in spec.outputs], {spec.input.name: image.numpy()})
        for a, b in zip(expected, found, strict=True):
            worst = max(worst, float(np.abs(a - b).max() / max(1.0, float(np.abs(a).max()))))
    if worst > PARITY_LIMIT:
        raise ModelFileError(f"The exported graph differs from the network by {worst:.2g}.", "Report this as a bug.")
    return worst


def forget_sources(path: Path) -> None:
    """Take the exporter's stack traces out of a graph: they name folders of the machine it was made on."""
    import onnx

    model = onnx.load(path)
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer)
    for part in (*nodes, *values, *model.functions, model.graph):
        del part.metadata_props[:]
    for node in nodes:
        node.doc_string = ""
    onnx.save(model, path)


def export_run(run: Path, out: Path, *, version: str | None = None) -> ModelCard:
    """Write ``out/model.onnx`` and ``out/card.json`` from a finished run."""
    recipe, summary = load_run(run)
    try:
        graph = json.loads((run / GRAPH_SPEC).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"“{run.name}” holds no exported graph.", "Train to the end first.") from error
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f".{MODEL_FILE}.part"
    shutil.copyfile(run / GRAPH_FILE, temporary)
    card = ModelCard(
        name=recipe.name,
        version=version or recipe.version,
        task=recipe.task,
        sha256=sha256_of(temporary),
        input=InputSpec.model_validate(graph["input"]),
        outputs=tuple(OutputSpec.model_validate(o) for o in graph["outputs"]),
        labels=tuple(graph["labels"]),
        threshold=summary.threshold,
        calibration=summary.calibration,
        parameters=graph["parameters"],
        metrics={**summary.metrics, "parity": graph["parity"], "parameter_count": graph["parameter_count"]},
        training=_training(recipe, summary),
        trained_on=trained_on(summary),
        limits=recipe.limits,
        licence=recipe.licence,
    )
    temporary.replace(out / MODEL_FILE)
    save_card(card, out)
    return card


def trained_on(summary: RunSummary) -> str:
    """The sentence shown wherever this model's result is shown."""
    if summary.simulated:
        return "Trained on simulated patients only (no clinical images)."
    if summary.statement:
        return summary.statement
    return f"Trained on {summary.cases.get('training', 0)} cases of the data folder “{summary.data}”."


def _training(recipe: TrainRecipe, summary: RunSummary) -> dict[str, Any]:
    described = recipe.model_dump(mode="json")
    if recipe.start_from is not None:  # no machine's folders in a card
        described["start_from"] = f"{recipe.start_from.parent.name}/{recipe.start_from.name}"
    return {
        "recipe": described,
        "data": summary.data,
        "data_recipe": summary.data_recipe,
        "simulated": summary.simulated,
        "templates": list(summary.templates),
        "cases": summary.cases,
        "steps": summary.steps,
        "seconds": summary.seconds,
        "seed": recipe.seed,
        "date": summary.date,
    }

"""From a recipe and a data folder to a task. Networks are imported only when asked for."""

from pathlib import Path

from sinustrainer.data.manifest import Manifest, load_manifest
from sinustrainer.tasks.task import TrainingTask
from sinustrainer.train_recipe import TrainRecipe
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelTask

_DATA_OF = {
    ModelTask.WATERS_PATCH: "waters",
    ModelTask.WATERS_SINUSITIS: "waters",
    ModelTask.SINUS_SEGMENTATION: "ct",
    ModelTask.ECRS: "ct",
    ModelTask.RECURRENCE: "ct",
}


def build_task(recipe: TrainRecipe, data: Path) -> tuple[TrainingTask, Manifest]:
    """The task of a recipe on a data folder.

    Raises
    ------
    InputError
        Where the data folder is of another kind.
    """
    manifest = load_manifest(data)
    if manifest.task != _DATA_OF[recipe.task]:
        raise InputError(
            f"The recipe trains {recipe.task} on {_DATA_OF[recipe.task]} data, but “{data.name}” holds {manifest.task}."
        )
    return task_of(recipe, manifest), manifest


def task_of(recipe: TrainRecipe, manifest: Manifest) -> TrainingTask:
    """The task of a recipe on a manifest."""
    match recipe.task:
        case ModelTask.WATERS_PATCH | ModelTask.WATERS_SINUSITIS:
            from sinustrainer.tasks.detection import DetectionTask

            return DetectionTask(recipe, manifest)
        case ModelTask.SINUS_SEGMENTATION:
            from sinustrainer.tasks.segmentation import SegmentationTask

            return SegmentationTask(recipe, manifest)
        case ModelTask.ECRS:
            from sinustrainer.tasks.endotype import EndotypeTask

            return EndotypeTask(recipe, manifest)
        case ModelTask.RECURRENCE:
            from sinustrainer.tasks.recurrence import RecurrenceTask

            return RecurrenceTask(recipe, manifest)

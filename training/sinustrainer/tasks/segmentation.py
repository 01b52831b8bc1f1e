"""Segmentation of axial slices: the sinuses by name, or, as Hua 2022 had it, nose and sinuses as one region."""

from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sinustrainer.data.ct_augmentation import CtAugmentation
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.judged_masks import judged
from sinustrainer.data.manifest import TRAIN, Manifest, hold_out
from sinustrainer.data.slice_batches import SliceBatches
from sinustrainer.networks.segmentation_2d import build_segmenter
from sinustrainer.tasks.segmentation_losses import dice_loss, opacity_loss
from sinustrainer.tasks.task import Conclusion, ExportSpec, two_groups
from sinustrainer.train_recipe import TrainRecipe, parse_settings
from sinusviewer.domain.anatomy import Structure
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, AxialStack, axial_input
from sinusviewer.inference.model_card import InputSpec, OutputSpec

SINUSES = tuple(s.name.lower() for s in sorted(Structure) if s <= Structure.NASAL_CAVITY)
REGION = ("background", "region")


class SegmentationOptions(BaseModel):
    """The ``[options]`` of a segmentation recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["unet", "unet_backbone", "deeplabv3", "deeplabv3plus"] = "unet"
    backbone: str = "efficientnet_lite0"
    weights: str = "lite0_package"
    base: int = 16
    target: Literal["sinuses", "region"] = "sinuses"
    spacing_mm: float = 1.0
    size: int = 160
    front_mm: float = 8.0
    windows: tuple[tuple[float, float], ...] = ((40.0, 350.0), (300.0, 2000.0))
    context_mm: tuple[float, ...] = (0.0,)
    empty_share: float = Field(default=0.2, ge=0, le=1)
    """Share of training slices drawn from all, not only from those that hold a label."""
    opacity: bool = False
    """Learn too, voxel by voxel, what of a sinus is opacified: a threshold takes the walls of small cells for disease."""
    opacity_threshold: float = Field(default=0.5, gt=0, lt=1)
    """From which chance on a voxel is opacified. A thin lining is less certain than a clear lumen: at 0.5 part of it is lost."""
    smooth_mm: float = 1.0
    """At reading, probabilities are averaged with slices up to about this far."""
    unjudged_masks: bool = False
    """Learn from masks too that a network drew and no reader confirmed or edited."""
    augmentation: CtAugmentation = CtAugmentation()
    validation_cases: int = Field(default=12, gt=0)
    validation_slices: int = Field(default=24, gt=0)


class SegmentationTask:
    """A 2-D segmenter with its slices."""

    channels_last = True
    monitor = "dice"

    def __init__(self, recipe: TrainRecipe, manifest: Manifest) -> None:
        options = parse_settings(SegmentationOptions, recipe.options, "The recipe's [options]")
        self.options = options
        labelled = tuple(case for case in manifest.of_split(TRAIN) if "labels" in case.files)
        usable = judged(labelled, take_all=options.unjudged_masks)
        self.notes = (usable.note,) if usable.note else ()
        kept, away = hold_out(usable.cases, recipe.validation_share, recipe.seed)
        if not kept:
            why = f" {usable.note}" if usable.note else ""
            raise InputError(
                f"No case of the split “train” has labels to learn from.{why}",
                "Segmentation needs masks to learn from.",
            )
        self.settings = AxialPreprocessing(
            spacing_mm=options.spacing_mm,
            size=options.size,
            front_mm=options.front_mm,
            windows=options.windows,
            context_mm=options.context_mm,
        )
        self.labels = SINUSES if options.target == "sinuses" else REGION
        grid = AxialPreprocessing(spacing_mm=options.spacing_mm, size=options.size, front_mm=options.front_mm)
        self.source = SliceBatches(
            CtCases(manifest.folder, kept, grid),
            self.settings,
            options.augmentation,
            recipe.loop.batch,
            recipe.seed,
            options.empty_share,
            options.target == "region",
            options.opacity,
        )
        self.held_out = CtCases(manifest.folder, away[: options.validation_cases], grid)
        self.cases = {"training": len(kept), "held_out": len(away)}
        self.batches_per_epoch = len(kept) * 30 / recipe.loop.batch  # an epoch is thirty slices of every case
        self.network: nn.Module = build_segmenter(
            options.architecture,
            self.settings.channels,
            len(self.labels) + int(options.opacity),
            base=options.base,
            backbone=options.backbone,
            weights=options.weights if options.architecture != "unet" else "none",
        )

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        out = network(batch["image"].contiguous(memory_format=torch.channels_last)).float()
        logits = out[:, : len(self.labels)]
        terms = {
            "cross_entropy": functional.cross_entropy(logits, batch["labels"]),
            "dice": dice_loss(logits, batch["labels"]),
        }
        if self.options.opacity:
            terms["opacity"] = opacity_loss(out[:, -1], batch["opacified"])
        return terms

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Dice of each class over the held-out slices taken together, and their mean."""
        if len(self.held_out) == 0:
            return {}
        overlap, total = np.zeros(len(self.labels)), np.zeros(len(self.labels))
        errors: list[float] = []
        for index in range(len(self.held_out)):
            prepared = self.held_out.stack(index)
            held = np.flatnonzero(prepared.labels.any(axis=(1, 2)))
            chosen = held[np.linspace(0, held.size - 1, min(held.size, self.options.validation_slices)).astype(int)]
            probabilities = predict_slices(network, prepared.stack, chosen, self.settings, len(self.labels))
            found = probabilities[:, : len(self.labels)].argmax(axis=1)
            truth = prepared.labels[chosen]
            opacified = self.held_out.opacified(index) if self.options.opacity else None
            if opacified is not None:
                errors += _fraction_errors(
                    truth, opacified[chosen], found, probabilities[:, -1] > self.options.opacity_threshold
                )
            if self.options.target == "region":
                truth = (truth > 0).astype(np.uint8)
            for code in range(1, len(self.labels)):
                a, b = found == code, truth == code
                overlap[code] += np.count_nonzero(a & b)
                total[code] += np.count_nonzero(a) + np.count_nonzero(b)
        dice = {
            name: float(2 * overlap[code] / total[code])
            for code, name in enumerate(self.labels)
            if code > 0 and total[code] > 0
        }
        figures = {"dice": float(np.mean(list(dice.values()))), **{f"dice_{name}": v for name, v in dice.items()}}
        if errors:
            figures["opacified_fraction_mae"] = float(np.mean(errors))
        return figures

    def conclude(self, network: nn.Module) -> Conclusion:
        figures = self.validate(network)
        return Conclusion(0.5, None, {"held_out": figures} if figures else {})

    def export_spec(self, network: nn.Module) -> ExportSpec:
        size = self.settings.size
        return ExportSpec(
            network=_Probabilities(network, len(self.labels)),
            input=InputSpec(
                name="image",
                shape=(None, self.settings.channels, size, size),
                spacing_mm=(self.settings.spacing_mm, self.settings.spacing_mm),
                preprocessing=asdict(self.settings),
            ),
            outputs=(
                OutputSpec(
                    name="probabilities",
                    meaning="probability of each label at each pixel of the axial slice"
                    + ("; last, of what lies there being opacified" if self.options.opacity else ""),
                    shape=(None, len(self.labels) + int(self.options.opacity), size, size),
                ),
            ),
            labels=self.labels,
            parameters={
                "target": self.options.target,
                "smooth_mm": self.options.smooth_mm,
                "opacity_channel": self.options.opacity,
                "architecture": self.options.architecture,
                **({"opacity_threshold": self.options.opacity_threshold} if self.options.opacity else {}),
            },
        )

    def optimiser_groups(self, rate: float, backbone_factor: float) -> list[dict[str, Any]]:
        return two_groups(self.network, "backbone", rate, backbone_factor)


def predict_slices(
    network: nn.Module, stack: AxialStack, chosen: npt.NDArray[np.intp], settings: AxialPreprocessing, labels: int
) -> npt.NDArray[np.float32]:
    """Probabilities of chosen slices, ``[n, labels (+ opacity), size, size]``."""
    exported = _Probabilities(network, labels)
    results: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(chosen), 16):
        images = np.stack([axial_input(stack, int(i), settings) for i in chosen[start : start + 16]])
        with torch.no_grad():
            results.append(exported(torch.from_numpy(images))[0].float().numpy())
    return np.concatenate(results)


def _fraction_errors(
    truth: npt.NDArray[np.uint8],
    opacified: npt.NDArray[np.uint8],
    found: npt.NDArray[np.intp],
    found_opacified: npt.NDArray[np.bool_],
) -> list[float]:
    """Absolute error of the opacified fraction of each sinus that both hold."""
    errors: list[float] = []
    for code in range(1, int(Structure.NASAL_CAVITY)):
        true, own = truth == code, found == code
        if true.sum() > 50 and own.any():
            errors.append(abs(float(opacified[true].mean()) - float(found_opacified[own].mean())))
    return errors


class _Probabilities(nn.Module):
    """Softmax over the labels, sigmoid of opacity after them."""

    def __init__(self, network: nn.Module, labels: int) -> None:
        super().__init__()
        self.network = network
        self.labels = labels

    def forward(self, image: Tensor) -> tuple[Tensor]:
        out = self.network(image)
        probabilities = out[:, : self.labels].softmax(dim=1)
        if out.shape[1] == self.labels:
            return (probabilities,)
        return (torch.cat([probabilities, torch.sigmoid(out[:, self.labels :])], dim=1),)

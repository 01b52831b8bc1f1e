"""The two detectors of the Waters' method (Oh 2021): facial patch, then sinusitis in it.

Variants of the second: "antra" (shipped) trains on every film with a box on each antrum, healthy ones too, so that normal
is evidence; "sinusitis" (published) trains on sinusitis films only with one class, so that normal is the absence of a box.
"""

from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sinustrainer.data.film_augmentation import FilmAugmentation
from sinustrainer.data.film_batches import FilmBatches, PatchJitter
from sinustrainer.data.film_sources import Films, antra_of
from sinustrainer.data.films import JoinedFilms, films_of
from sinustrainer.data.manifest import TRAIN, Case, Manifest, hold_out
from sinustrainer.networks.backbones import Backbone
from sinustrainer.networks.yolo_v2 import YoloV2, kmeans_anchors
from sinustrainer.tasks.detection_validation import HeldOutFilms
from sinustrainer.tasks.task import Conclusion, ExportSpec, two_groups
from sinustrainer.tasks.yolo_loss import YoloLossWeights, yolo_loss
from sinustrainer.train_recipe import TrainRecipe, parse_settings
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess import WATERS_FILM, WATERS_PATCH, FilmPreprocessing
from sinusviewer.inference.model_card import InputSpec, ModelTask, OutputSpec

SUBCLASSES = ("normal", "mucosal_thickening", "air_fluid", "cyst", "full_opacification")


class LossSettings(BaseModel):
    """Weights of :class:`YoloLossWeights`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: float = 5.0
    objects: float = 5.0
    background: float = 1.0
    classes: float = 1.0
    neighbour_classes: float = 0.0
    ignore_iou: float = 0.6
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()


class DetectionOptions(BaseModel):
    """The ``[options]`` of a detector's recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Literal["antra", "sinusitis"] = "antra"
    backbone: str = "efficientnet_lite0"
    weights: str = "lite0_package"
    frozen: int = 0
    """Leading stages of the backbone that keep their pretrained weights."""
    strides: tuple[int, int] = (8, 16)
    width: int = 128
    dropout: float = 0.0
    anchors: int = Field(default=5, gt=0)
    size: int = 224
    sizes: tuple[int, ...] = ()
    percentiles: tuple[float, float] = (1.0, 99.0)
    center: float = 0.7
    margin: float = 1.0
    jitter_shift: float = 0.08
    jitter_scale: tuple[float, float] = (0.85, 1.25)
    strengths: dict[str, float] = Field(default_factory=lambda: {"clean": 0.3, "medium": 0.4, "strong": 0.3})
    """Shares of film randomisation, where films are drawn from projections."""
    redraw: bool = True
    """Draw a new film from a case's projections each time; False trains on the stored films."""
    augmentation: FilmAugmentation = FilmAugmentation()
    loss: LossSettings = LossSettings()
    vote_iou: float | None = None
    test_time_mirroring: bool = False
    """The patch and its mirror image are both read and their scores, sides swapped back, averaged."""
    validation_draws: int = Field(default=4, gt=0)
    validation_strengths: dict[str, float] = Field(default_factory=lambda: {"clean": 0.4, "medium": 0.5, "strong": 0.1})
    """Held-out films are randomised as ordinary films are: threshold and calibration are for those."""
    validation_cases: int = Field(default=300, gt=0)
    validation_films: Literal["drawn", "stored", "both"] = "both"
    """Held-out patients are judged on films drawn from their projections, on their films as stored, or on both."""


class DetectionTask:
    """A detector with its films."""

    def __init__(self, recipe: TrainRecipe, manifest: Manifest) -> None:
        self.recipe = recipe
        options = parse_settings(DetectionOptions, recipe.options, "The recipe's [options]")
        self.options = options
        self.patch = recipe.task is ModelTask.WATERS_PATCH
        cases = manifest.of_split(TRAIN)
        kept, away = hold_out(cases, recipe.validation_share, recipe.seed)
        if not self.patch and options.variant == "sinusitis":
            kept = tuple(case for case in kept if any(a.diseased for a in antra_of(case.labels)))
        if not kept:
            raise InputError("There is no film to train on.", "Does the manifest have cases of the split “train”?")
        redraws = options.redraw and (self.patch or options.variant == "antra")
        strengths = options.strengths if redraws else None
        self.labels = self._labels()
        self.preprocessing = FilmPreprocessing(
            name=WATERS_FILM if self.patch else WATERS_PATCH,
            size=options.size,
            low=options.percentiles[0],
            high=options.percentiles[1],
            center=options.center,
            margin=options.margin,
        )
        jitter = PatchJitter(options.jitter_shift, options.jitter_scale)
        self.source = FilmBatches(
            films=films_of(kept, strengths),
            stage="patch" if self.patch else "antra",
            preprocessing=self.preprocessing,
            augmentation=options.augmentation,
            batch=recipe.loop.batch,
            seed=recipe.seed,
            labels=self.labels,
            one_class=not self.patch and options.variant == "sinusitis",
            jitter=jitter,
            sizes=options.sizes,
        )
        self.held_out = HeldOutFilms(
            self._held_out_films(away[: options.validation_cases], redraws),
            self.source,
            draws=options.validation_draws if strengths else 1,
            seed=recipe.seed,
            vote_iou=options.vote_iou,
            mirroring=options.test_time_mirroring,
        )
        self.cases = {"training": len(kept), "held_out": len(away)}
        self.batches_per_epoch = len(kept) / recipe.loop.batch
        self.channels_last = True
        self.monitor = "iou" if self.patch else "auc"
        self.weights = YoloLossWeights(**options.loss.model_dump())
        self.network: nn.Module = YoloV2(
            Backbone(options.backbone, options.strides, options.weights, frozen=options.frozen),
            self._anchors(),
            classes=len(self.labels),
            width=options.width,
            dropout=options.dropout,
        )

    def _held_out_films(self, away: tuple[Case, ...], redraws: bool) -> Films:
        if not redraws or self.options.validation_films == "stored":
            return films_of(away)
        drawn = films_of(away, self.options.validation_strengths)
        stored = tuple(case for case in away if "image" in case.files and "projections" in case.files)
        if self.options.validation_films == "drawn" or not stored:
            return drawn
        return JoinedFilms((drawn, films_of(stored)))

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if not isinstance(network, YoloV2):
            raise TypeError(f"a detector is trained with YoloV2, not {type(network).__name__}")
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        return yolo_loss(network, network(image), batch["boxes"], batch["labels"], self.weights)

    def validate(self, network: nn.Module) -> dict[str, float]:
        if len(self.held_out.films) == 0:
            return {}
        return self.held_out.figures(network)

    def conclude(self, network: nn.Module) -> Conclusion:
        if len(self.held_out.films) == 0:
            return Conclusion()
        return self.held_out.conclude(network)

    def export_spec(self, network: nn.Module) -> ExportSpec:
        if not isinstance(network, YoloV2):
            raise TypeError(f"a detector is exported from YoloV2, not {type(network).__name__}")
        size = self.options.size
        cells = size // self.options.strides[1]
        channels = len(network.anchors) * (5 + network.classes)
        parameters: dict[str, Any] = {
            "decoder": "yolo_v2",
            "anchors": [[round(float(v), 6) for v in row] for row in network.anchors],
            "stride": self.options.strides[1],
        }
        if not self.patch:
            parameters |= {"variant": self.options.variant, "vote_iou": self.options.vote_iou}
            parameters["test_time_mirroring"] = self.options.test_time_mirroring
        return ExportSpec(
            network=_Tupled(network),
            input=InputSpec(name="image", shape=(None, 1, size, size), preprocessing=asdict(self.preprocessing)),
            outputs=(
                OutputSpec(
                    name="raw",
                    meaning="per anchor: x, y, w, h, objectness, class logits (YOLOv2, before sigmoid and softmax)",
                    shape=(None, channels, cells, cells),
                ),
            ),
            labels=self.labels,
            parameters=parameters,
        )

    def optimiser_groups(self, rate: float, backbone_factor: float) -> list[dict[str, Any]]:
        return two_groups(self.network, "backbone", rate, backbone_factor)

    def _labels(self) -> tuple[str, ...]:
        if self.patch:
            return ("face",)
        return SUBCLASSES if self.options.variant == "antra" else ("sinusitis",)

    def _anchors(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Anchors from the boxes of real training batches, so that crops and augmentation count."""
        sizes: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = []
        batches = max(1, min(40, 400 // self.source.batch))
        for step in range(batches):
            batch = self.source(10_000_000 + step)
            boxes, labels = batch["boxes"], batch["labels"]
            sizes.append((boxes[..., 2:] - boxes[..., :2])[labels >= 0].astype(np.float64))
        return kmeans_anchors(np.concatenate(sizes), self.options.anchors, seed=self.recipe.seed)


class _Tupled(nn.Module):
    """The network with its output in a tuple, as every exported model has it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network(image),)

"""Recurrence after surgery (He 2023): one 3-D network that segments and predicts, and its single-task variants."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sinustrainer.calibrate import youden_threshold
from sinustrainer.data.box_batches import BURDENS, BoxBatches
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.judged_masks import judged
from sinustrainer.data.manifest import TRAIN, Case, Manifest, folds, hold_out
from sinustrainer.networks.multitask_unet_3d import ExportedMultiTask, MultiTaskUNet3D, weigh_by_uncertainty
from sinustrainer.tasks.perceptron import fit_perceptron
from sinustrainer.tasks.recurrence_options import TARGETS, RecurrenceOptions
from sinustrainer.tasks.segment_model import segment_with
from sinustrainer.tasks.segmentation_losses import dice_loss, opacity_loss
from sinustrainer.tasks.task import Conclusion, ExportSpec
from sinustrainer.train_recipe import TrainRecipe, parse_settings
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import BoxPreprocessing, box_input
from sinusviewer.inference.model_card import InputSpec, OutputSpec
from sinusviewer.statistics.delong import auc

CONCEPT_RATE = 8.0
"""Learning rate of an MLP that reads concepts, over that of the convolutions."""


class RecurrenceTask:
    """The multi-task network with its patients."""

    channels_last = False

    def __init__(self, recipe: TrainRecipe, manifest: Manifest) -> None:
        options = parse_settings(RecurrenceOptions, recipe.options, "The recipe's [options]")
        self.options = options
        if options.concepts and (options.variant != "multi" or options.target != "sinuses"):
            raise InputError(
                "The recipe's concepts need variant = “multi” and target = “sinuses”.",
                "They are counted on its voxels.",
            )
        if options.refit_l2 is not None and not options.concepts:
            raise InputError(
                "The recipe's refit_l2 needs concepts = true.", "Only their perceptron can be fitted anew."
            )
        self.seed = recipe.seed
        self.monitor = "dice" if options.variant == "segmentation" else "auc"
        usable = tuple(c for c in manifest.of_split(TRAIN) if c.labels.get("recurrence") in (0, 1))
        relabel = options.segmentation_model is not None
        found = judged(usable, take_all=options.unjudged_masks, relabel=relabel)
        self.notes = (found.note,) if found.note else ()
        usable = found.cases if relabel else tuple(c for c in found.cases if "labels" in c.files)
        if options.fold is None:
            kept, away = hold_out(usable, recipe.validation_share, recipe.seed)
        else:
            parts = folds(usable, 5, "recurrence", recipe.seed)
            away = parts[options.fold]
            kept = tuple(c for i, p in enumerate(parts) if i != options.fold for c in p)
        if len({c.labels["recurrence"] for c in kept}) < 2:
            raise InputError("Training needs patients with and without recurrence.", "Is “recurrence” in the labels?")
        self.settings = BoxPreprocessing(spacing_mm=options.spacing_mm, shape=options.shape, windows=options.windows)
        self.labels = TARGETS[options.target]
        self.source = BoxBatches(
            self._prepare(manifest, kept),
            tuple(int(c.labels["recurrence"]) for c in kept),
            self.settings,
            options.augmentation,
            recipe.loop.batch,
            recipe.seed,
            options.target,
        )
        self.held_out = self._prepare(manifest, away)
        self.cases = {"training": len(kept), "held_out": len(away)}
        self.batches_per_epoch = len(kept) / recipe.loop.batch
        self.network: nn.Module = MultiTaskUNet3D(
            self.settings.channels,
            len(self.labels),
            options.base,
            options.depth,
            variant=options.variant,
            hidden=options.hidden,
            pool=options.pool,
            dropout=options.dropout,
            norm=options.norm,
            burdens=BURDENS if options.burden else 0,
            concepts=options.concepts,
            soft_window=options.windows[0],
            outcome_reaches_decoder=options.outcome_reaches_decoder,
        )

    def _prepare(self, manifest: Manifest, cases: tuple[Case, ...]) -> CtCases:
        path = self.options.segmentation_model
        segment, name = (None, "") if path is None else segment_with(path)
        grid = BoxPreprocessing(spacing_mm=self.options.spacing_mm, shape=self.options.shape)
        return CtCases(manifest.folder, cases, grid, self.options.margin, segment, name)

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        out = network(batch["image"])
        terms: dict[str, Tensor] = {}
        if out.segmentation is not None:
            logits = out.segmentation.float()
            terms["segmentation"] = functional.cross_entropy(logits, batch["labels"]) + dice_loss(
                logits, batch["labels"]
            )
            if out.opacity is not None:
                terms["segmentation"] = terms["segmentation"] + opacity_loss(out.opacity.float(), batch["opacified"])
        if out.recurrence is not None:
            terms["recurrence"] = functional.cross_entropy(out.recurrence.float(), batch["truth"])
        if out.burden is not None:
            known = (batch["burden"] >= 0).float()
            each = functional.binary_cross_entropy_with_logits(
                out.burden.float(), batch["burden"].clamp(min=0), weight=known, reduction="sum"
            )
            terms["burden"] = each / known.sum().clamp(min=1)
        if not isinstance(network, MultiTaskUNet3D):
            raise TypeError(f"trained with MultiTaskUNet3D, not {type(network).__name__}")
        return weigh_by_uncertainty(terms, network.log_variance)

    def finish(self, network: nn.Module) -> None:
        """Fit the perceptron anew where the recipe asks for it (``refit_l2``)."""
        if self.options.refit_l2 is None:
            return
        if not isinstance(network, MultiTaskUNet3D) or network.mlp is None:
            raise TypeError(f"trained with MultiTaskUNet3D, not {type(network).__name__}")
        cases = self.source.cases
        with torch.no_grad():
            read = torch.cat([network.read(self._image(cases, index)) for index in range(len(cases))])
        fit_perceptron(network.mlp, read, torch.tensor(self.source.truth), self.options.refit_l2, self.seed)

    def _image(self, cases: CtCases, index: int) -> Tensor:
        part = tuple(slice(cases.margin, cases.margin + n) for n in self.settings.shape)
        return torch.from_numpy(box_input(np.asarray(cases.box(index).hu[part]), self.settings)[None])

    def scores(self, network: nn.Module, cases: CtCases) -> tuple[list[int], list[float], list[float]]:
        """Truth, DLR-score and Dice of the region, for each case (empty where the variant has no such part)."""
        truth: list[int] = []
        score: list[float] = []
        dice: list[float] = []
        margin = cases.margin
        part = tuple(slice(margin, margin + n) for n in self.settings.shape)
        for index, case in enumerate(cases.cases):
            prepared = cases.box(index)
            with torch.no_grad():
                out = network(self._image(cases, index))
            truth.append(int(case.labels["recurrence"]))
            if out.recurrence is not None:
                score.append(float(out.recurrence.softmax(dim=1)[0, 1]))
            if out.segmentation is not None:
                found = out.segmentation.argmax(dim=1)[0].numpy() > 0
                region = np.asarray(prepared.labels[part]) > 0
                dice.append(float(2 * (found & region).sum() / max(1, found.sum() + region.sum())))
        return truth, score, dice

    def validate(self, network: nn.Module) -> dict[str, float]:
        if len(self.held_out) == 0:
            return {}
        truth, score, dice = self.scores(network, self.held_out)
        result: dict[str, float] = {}
        if score and (area := auc(truth, score)) is not None:
            result["auc"] = area
        if dice:
            result["dice"] = float(np.mean(dice))
        return result

    def conclude(self, network: nn.Module) -> Conclusion:
        if len(self.held_out) == 0:
            return Conclusion()
        truth, score, _ = self.scores(network, self.held_out)
        figures = {"held_out": self.validate(network)}
        # no calibration: the nomogram wants the raw DLR-score, and a patient model's probability is calibrated as it is fitted
        return Conclusion(youden_threshold(truth, score) if score else 0.5, None, figures)

    def export_spec(self, network: nn.Module) -> ExportSpec:
        if not isinstance(network, MultiTaskUNet3D):
            raise TypeError(f"exported from MultiTaskUNet3D, not {type(network).__name__}")
        shape = self.settings.shape
        outputs: list[OutputSpec] = []
        if network.mlp is not None:
            outputs.append(OutputSpec(name="score", meaning="DLR-score: softmax of recurrence", shape=(None, 1)))
            outputs.append(self._activation_spec())
        if network.classify is not None:
            outputs.append(
                OutputSpec(name="segmentation", meaning="logits of each label", shape=(None, len(self.labels), *shape))
            )
        return ExportSpec(
            network=ExportedMultiTask(network),
            input=InputSpec(
                name="image",
                shape=(None, self.settings.channels, *shape),
                spacing_mm=(self.settings.spacing_mm,) * 3,
                preprocessing=asdict(self.settings),
            ),
            outputs=tuple(outputs),
            labels=self.labels,
            parameters={
                "variant": self.options.variant,
                "target": self.options.target,
                "threshold_scale": "raw score",
                **(
                    {"layer": "opacified voxels", "activation_method": "Gradient x opacity"}
                    if self.options.concepts
                    else {}
                ),
            },
        )

    def _activation_spec(self) -> OutputSpec:
        options, shape = self.options, self.settings.shape
        if options.concepts:
            meaning = "which opacified voxels speak for recurrence (gradient times opacity, not below 0, not scaled)"
            return OutputSpec(name="activation", meaning=meaning, shape=(None, *shape))
        coarse = tuple(n // 2 ** (options.depth - 1) // options.pool * options.pool for n in shape)
        meaning = "where the bottleneck speaks for recurrence (HiResCAM, not below 0, not scaled)"
        return OutputSpec(name="activation", meaning=meaning, shape=(None, *coarse))

    def optimiser_groups(self, rate: float, _backbone_factor: float) -> list[dict[str, Any]]:
        # The log variances learn faster and without decay, or they would hardly move in a short training; so does an MLP that
        # reads a dozen concepts: at the rate of the convolutions it was still at chance after 240 steps.
        network = self.network
        if not isinstance(network, MultiTaskUNet3D):
            raise TypeError(f"trained with MultiTaskUNet3D, not {type(network).__name__}")
        alone = {"log_variance": [network.log_variance]}
        if network.concepts and network.mlp is not None:
            alone["mlp"] = list(network.mlp.parameters())
        others = [p for name, p in network.named_parameters() if name.split(".")[0] not in alone]
        groups = [{"params": others, "lr": rate}, {"params": alone["log_variance"], "lr": rate, "weight_decay": 0.0}]
        if "mlp" in alone:
            groups.append({"params": alone["mlp"], "lr": CONCEPT_RATE * rate})
        return groups

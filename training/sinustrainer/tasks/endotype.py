"""Eosinophilic or not, from axial slices (Hua 2022): slices as units, patients as units by mean, and by attention."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sinustrainer.calibrate import fit_calibration, youden_threshold
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.judged_masks import judged
from sinustrainer.data.manifest import TRAIN, Case, Manifest, hold_out
from sinustrainer.data.slice_bags import FILLS, BagBatches
from sinustrainer.networks.classifiers import ExportedClassifier, SliceClassifier, attention_pool
from sinustrainer.tasks.endotype_options import EndotypeOptions
from sinustrainer.tasks.segment_model import segment_with
from sinustrainer.tasks.task import Conclusion, ExportSpec, two_groups
from sinustrainer.train_recipe import TrainRecipe, parse_settings
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    axial_input,
)
from sinusviewer.inference.classifier import attention_probability, choose_slices
from sinusviewer.inference.model_card import InputSpec, OutputSpec
from sinusviewer.statistics.delong import auc


@dataclass(frozen=True, slots=True)
class PatientScores:
    """What a network says of held-out patients: per slice and per patient."""

    truth: list[int]
    mean: list[float]
    attention: list[float]
    slice_truth: list[int]
    slice_score: list[float]


class EndotypeTask:
    """A slice classifier with its patients."""

    channels_last = True
    monitor = "auc_patient"

    def __init__(self, recipe: TrainRecipe, manifest: Manifest) -> None:
        options = parse_settings(EndotypeOptions, recipe.options, "The recipe's [options]")
        self.options = options
        usable = tuple(c for c in manifest.of_split(TRAIN) if c.labels.get("endotype") in ("ecrs", "necrs"))
        relabel = options.segmentation_model is not None
        found = judged(usable, take_all=options.unjudged_masks, relabel=relabel)
        self.notes = (found.note,) if found.note else ()
        usable = found.cases if relabel else tuple(c for c in found.cases if "labels" in c.files)
        kept, away = hold_out(usable, recipe.validation_share, recipe.seed)
        if len({c.labels["endotype"] for c in kept}) < 2:
            raise InputError(
                "Training needs patients of both endotypes whose sinus region is known.",
                "Give masks, or name a segmentation_model in the recipe.",
            )
        self.settings = AxialPreprocessing(
            spacing_mm=options.spacing_mm,
            size=options.size,
            front_mm=options.front_mm,
            windows=options.windows,
            rectangle=options.rectangle,
            rectangle_margin_mm=options.rectangle_margin_mm,
            each_window_alone=True,
        )
        self.batch = recipe.loop.batch
        self.source = BagBatches(
            self._prepare(manifest, kept),
            tuple(int(c.labels["endotype"] == "ecrs") for c in kept),
            self.settings,
            options.augmentation,
            recipe.loop.batch,
            recipe.seed,
            options.slices_per_patient,
            options.lesion_share,
            options.fill_weight > 0,
        )
        self.held_out = self._prepare(manifest, away)
        self.cases = {"training": len(kept), "held_out": len(away)}
        self.batches_per_epoch = len(kept) * options.slices_per_patient / recipe.loop.batch
        self.network: nn.Module = SliceClassifier(
            options.network,
            1,
            options.weights,
            options.dropout,
            options.frozen,
            FILLS if options.fill_weight > 0 else 0,
        )

    def _prepare(self, manifest: Manifest, cases: tuple[Case, ...]) -> CtCases:
        options = self.options
        grid = AxialPreprocessing(spacing_mm=options.spacing_mm, size=options.size, front_mm=options.front_mm)
        segment, name = (None, "") if options.segmentation_model is None else segment_with(options.segmentation_model)
        return CtCases(manifest.folder, cases, grid, segment=segment, segment_name=name)

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        out = network(batch["image"].contiguous(memory_format=torch.channels_last))
        truth, patient = batch["truth"], batch["patient"]
        terms = {"slice": functional.binary_cross_entropy_with_logits(out.logit.float(), truth[patient])}
        if self.options.attention_weight > 0:
            pooled = attention_pool(out.attention.float(), out.evidence.float(), patient, len(truth))
            terms["patient"] = self.options.attention_weight * functional.binary_cross_entropy_with_logits(
                pooled, truth
            )
        if out.fill is not None:
            known = (batch["fill"] >= 0).float()
            each = functional.binary_cross_entropy_with_logits(
                out.fill.float(), batch["fill"].clamp(min=0), weight=known, reduction="sum"
            )
            terms["fill"] = self.options.fill_weight * each / known.sum().clamp(min=1)
        return terms

    def scores(self, network: nn.Module, cases: CtCases) -> PatientScores:
        """Scores of patients, the way reading makes them: slices with lesion, every window, probabilities averaged."""
        result = PatientScores([], [], [], [], [])
        for index, case in enumerate(cases.cases):
            prepared = cases.stack(index)
            chosen = choose_slices(
                prepared.stack, prepared.labels, self.options.lesion_share, self.options.slice_step_mm
            )[: self.options.validation_slices * 4]
            if len(chosen) > self.options.validation_slices:
                chosen = chosen[np.linspace(0, len(chosen) - 1, self.options.validation_slices).astype(int)]
            if len(chosen) == 0:
                continue
            truth = int(case.labels["endotype"] == "ecrs")
            images = np.concatenate(
                [
                    np.stack(
                        [
                            axial_input(
                                prepared.stack, int(i), self.settings, region=prepared.labels[int(i)] > 0, window=w
                            )
                            for i in chosen
                        ]
                    )
                    for w in range(len(self.settings.windows))
                ]
            )
            logits, attention, evidence = _run(network, images)
            shape = (len(self.settings.windows), len(chosen))
            by_slice = (1 / (1 + np.exp(-logits))).reshape(shape).mean(axis=0)
            result.truth.append(truth)
            result.mean.append(float(by_slice.mean()))
            result.attention.append(attention_probability(attention, evidence))
            result.slice_truth.extend([truth] * len(chosen))
            result.slice_score.extend(float(p) for p in by_slice)
        return result

    def validate(self, network: nn.Module) -> dict[str, float]:
        if len(self.held_out) == 0:
            return {}
        scores = self.scores(network, self.held_out)
        areas = {
            "auc_image": auc(scores.slice_truth, scores.slice_score) if scores.truth else None,
            "auc_patient": auc(scores.truth, scores.mean) if scores.truth else None,
            "auc_attention": auc(scores.truth, scores.attention) if scores.truth else None,
        }
        return {name: value for name, value in areas.items() if value is not None}

    def conclude(self, network: nn.Module) -> Conclusion:
        if len(self.held_out) == 0:
            return Conclusion()
        scores = self.scores(network, self.held_out)
        if not scores.truth:
            return Conclusion()
        what = f"{len(scores.truth)} held-out patients of the training split"
        calibration = fit_calibration(scores.truth, scores.mean, what)
        probabilities = [calibration.apply(p) for p in scores.mean] if calibration else scores.mean
        return Conclusion(
            youden_threshold(scores.truth, probabilities), calibration, {"held_out": self.validate(network)}
        )

    def export_spec(self, network: nn.Module) -> ExportSpec:
        if not isinstance(network, SliceClassifier):
            raise TypeError(f"a classifier is exported from SliceClassifier, not {type(network).__name__}")
        size = self.settings.size
        with torch.no_grad():
            network.eval()
            shape = tuple(network(torch.zeros(1, 1, size, size)).features.shape[1:])
        return ExportSpec(
            network=ExportedClassifier(network),
            input=InputSpec(
                name="image",
                shape=(None, 1, size, size),
                spacing_mm=(self.settings.spacing_mm, self.settings.spacing_mm),
                preprocessing=asdict(self.settings),
            ),
            outputs=(
                OutputSpec(name="logit", meaning="log odds of ECRS of the slice", shape=(None, 1)),
                OutputSpec(
                    name="attention", meaning="attention logit of the slice within its patient", shape=(None, 1)
                ),
                OutputSpec(name="evidence", meaning="evidence that attention weighs", shape=(None, 1)),
                OutputSpec(name="features", meaning="last convolutional features", shape=(None, *shape)),
            ),
            labels=("necrs", "ecrs"),
            parameters={
                "network": self.options.network,
                "layer": "last convolution",
                "class_weights": [float(f"{v:.8g}") for v in network.head.weight[0].tolist()],
                "lesion_share": self.options.lesion_share,
                "slice_step_mm": self.options.slice_step_mm,
                "patient": "mean of slice probabilities",
            },
        )

    def optimiser_groups(self, rate: float, backbone_factor: float) -> list[dict[str, Any]]:
        return two_groups(self.network, "body", rate, backbone_factor)


def _run(
    network: nn.Module, images: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    logits: list[Tensor] = []
    attention: list[Tensor] = []
    evidence: list[Tensor] = []
    for start in range(0, len(images), 32):
        with torch.no_grad():
            out = network(torch.from_numpy(images[start : start + 32]))
        logits.append(out.logit)
        attention.append(out.attention)
        evidence.append(out.evidence)
    joined = [torch.cat(parts).double().numpy() for parts in (logits, attention, evidence)]
    return joined[0], joined[1], joined[2]

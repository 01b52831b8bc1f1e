"""Figures, calibration and threshold of a detector on held-out films, decoded by the code that reading uses."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sinustrainer.calibrate import EVEN_ODDS, fit_calibration, youden_threshold
from sinustrainer.data.film_augmentation import FilmAugmentation, move_boxes
from sinustrainer.data.film_batches import FilmBatches, PatchJitter, jittered, render
from sinustrainer.data.film_sources import Films
from sinustrainer.networks.yolo_v2 import YoloV2
from sinustrainer.tasks.task import Conclusion
from sinusviewer.imaging.preprocess import place_patch, place_whole
from sinusviewer.inference.detector import AntrumScore, antrum_scores, best_face, box_iou, decode
from sinusviewer.statistics.delong import auc

PLAIN = FilmAugmentation(flip=0.0, scale=(1.0, 1.0))
SMALL_JITTER = PatchJitter(shift=0.04, scale=(0.93, 1.1))


@dataclass(frozen=True, slots=True, eq=False)
class _Example:
    image: npt.NDArray[np.float16]
    face: npt.NDArray[np.float64]
    antra: npt.NDArray[np.float64]
    """``[n, 4]`` canvas boxes."""
    diseased: tuple[bool, ...]
    subclass: tuple[str, ...]


@dataclass
class SideResults:
    """One row per antrum: truth, score, form, and IoU of the box found with the one labelled."""

    truth: list[bool] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    subclass: list[str] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)


class HeldOutFilms:
    """Held-out films, drawn once and kept."""

    def __init__(
        self,
        films: Films,
        like: FilmBatches,
        *,
        draws: int,
        seed: int,
        vote_iou: float | None = None,
        mirroring: bool = False,
    ) -> None:
        self.films, self.like, self.draws, self.seed = films, like, draws, seed
        self.vote_iou, self.mirroring = vote_iou, mirroring
        self._examples: list[_Example] = []

    def figures(self, network: nn.Module) -> dict[str, float]:
        """Patch: mean IoU and share of patches that hold both antra. Antra: per-side AUC and accuracies at 0.5."""
        if self.like.stage == "patch":
            ious, holds = self._faces(network)
            return {"iou": float(np.mean(ious)), "accuracy": float(np.mean(holds)), "lowest_iou": float(np.min(ious))}
        sides = self._sides(network)
        return _figures(sides, 0.5)

    def conclude(self, network: nn.Module) -> Conclusion:
        """Threshold and calibration; a facial patch keeps 0.5 of objectness scaled to what held-out faces reach."""
        if self.like.stage == "patch":
            scores = [s for s, _ in self._face_scores(network)]
            threshold = float(np.clip(0.5 * np.quantile(scores, 0.01), 0.05, 0.5))
            return Conclusion(threshold, None, {"held_out": self.figures(network)})
        sides = self._sides(network)
        calibration = fit_calibration(
            sides.truth, sides.score, f"{len(self._examples)} films of held-out patients of the training split"
        )
        scores = [calibration.apply(s) for s in sides.score] if calibration else sides.score
        threshold = EVEN_ODDS if calibration else youden_threshold(sides.truth, scores)
        calibrated = SideResults(sides.truth, scores, sides.subclass, sides.iou)
        return Conclusion(threshold, calibration, {"held_out": _figures(calibrated, threshold)})

    def _sides(self, network: nn.Module) -> SideResults:
        result = SideResults()
        size = self.like.preprocessing.size
        outputs = self._outputs(network)
        mirrored = self._outputs(network, mirrored=True) if self.mirroring else outputs
        for (example, raw), (_, other) in zip(outputs, mirrored, strict=True):
            halves = self._halves(raw, network)
            scores = [half.score for half in halves]
            if self.mirroring:  # what lay left lies right
                scores = [(a + b.score) / 2 for a, b in zip(scores, self._halves(other, network)[::-1], strict=True)]
            for box, diseased, subclass in zip(example.antra, example.diseased, example.subclass, strict=True):
                place = 0 if (box[0] + box[2]) / 2 < size / 2 else 1
                half = halves[place]
                result.truth.append(diseased)
                result.score.append(scores[place])
                result.subclass.append(subclass if diseased else "")
                result.iou.append(0.0 if half.box is None else float(box_iou(half.box.xyxy, box)[0, 0]))
        return result

    def _halves(self, raw: npt.NDArray[np.float32], network: nn.Module) -> tuple[AntrumScore, AntrumScore]:
        size = self.like.preprocessing.size
        return antrum_scores(decode(raw, _anchors(network), size), self.like.labels, size, vote_iou=self.vote_iou)

    def _faces(self, network: nn.Module) -> tuple[list[float], list[bool]]:
        ious: list[float] = []
        holds: list[bool] = []
        outputs = list(self._outputs(network))
        for example, raw in outputs:
            found = best_face(decode(raw, _anchors(network), self.like.preprocessing.size))
            ious.append(float(box_iou(found.xyxy, example.face)[0, 0]))
            low, high = (
                np.array(found.xyxy[:2]) - 1,
                np.array(found.xyxy[2:]) + 1,
            )  # a pixel's grace, as drawn boxes have
            holds.append(bool((example.antra[:, :2] >= low).all() and (example.antra[:, 2:] <= high).all()))
        return ious, holds

    def _face_scores(self, network: nn.Module) -> list[tuple[float, _Example]]:
        size = self.like.preprocessing.size
        return [(best_face(decode(raw, _anchors(network), size)).score, e) for e, raw in self._outputs(network)]

    def _outputs(self, network: nn.Module, *, mirrored: bool = False) -> list[tuple[_Example, npt.NDArray[np.float32]]]:
        if not self._examples:
            self._examples = [self._example(i, draw) for i in range(len(self.films)) for draw in range(self.draws)]
        result: list[tuple[_Example, npt.NDArray[np.float32]]] = []
        for start in range(0, len(self._examples), 32):
            chunk = self._examples[start : start + 32]
            stacked = np.stack([e.image for e in chunk]).astype(np.float32)
            images = torch.from_numpy(np.ascontiguousarray(stacked[..., ::-1]) if mirrored else stacked)
            with torch.no_grad():
                raw = network(images).float().numpy()
            result.extend(zip(chunk, raw, strict=True))
        return result

    def _example(self, index: int, draw: int) -> _Example:
        rng = np.random.default_rng([self.seed, 99, index, draw])
        film = self.films.film(index, rng)
        settings = self.like.preprocessing
        if self.like.stage == "patch":
            shape = (film.source.values.shape[0], film.source.values.shape[1])
            placement = place_whole(shape, settings.size)
        else:
            placement = place_patch(jittered(film.face_box, SMALL_JITTER, rng), settings.size, settings.margin)
        image, to_canvas = render(film, placement, settings, PLAIN, rng)
        return _Example(
            image[None].astype(np.float16),
            move_boxes(film.face_box, to_canvas)[0],
            move_boxes([a.xyxy for a in film.antra], to_canvas),
            tuple(a.diseased for a in film.antra),
            tuple(a.subclass for a in film.antra),
        )


def _anchors(network: nn.Module) -> npt.NDArray[np.float64]:
    if not isinstance(network, YoloV2):
        raise TypeError(f"a detector is validated with YoloV2, not {type(network).__name__}")
    result: npt.NDArray[np.float64] = network.anchors.numpy().astype(np.float64)
    return result


def _figures(sides: SideResults, threshold: float) -> dict[str, Any]:
    truth, score = np.array(sides.truth, dtype=bool), np.array(sides.score)
    called = score >= threshold
    result: dict[str, Any] = {"accuracy": float((called == truth).mean())}
    area = auc(truth, score)
    if area is not None:
        result["auc"] = area
        result["sensitivity"] = float(called[truth].mean())
        result["specificity"] = float((~called[~truth]).mean())
        result["iou_diseased"] = float(np.mean(np.array(sides.iou)[truth]))
    pairs = len(truth) // 2 * 2 == len(truth)
    if pairs and len(truth):
        result["four_way"] = float((called == truth).reshape(-1, 2).all(axis=1).mean())
    forms = np.array(sides.subclass)
    for form in sorted({s for s in sides.subclass if s}):
        chosen = ~truth | (forms == form)
        of_form = auc(truth[chosen], score[chosen])
        if of_form is not None:
            result[f"auc_{form}"] = of_form
    return result

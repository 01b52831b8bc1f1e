"""What int8 changes: masks, opacified shares and scores beside float32's and the truth, by the functions that reading uses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from network_cases import BenchCase
from network_engines import Engine, FloatArray

from sinusviewer.domain.anatomy import SINUS_CODES
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    BoxPreprocessing,
    axial_stack,
    box_center,
    box_input,
    labels_on_stack,
    settings_from_card,
    sinus_box,
)
from sinusviewer.imaging.resample import reorient_array
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.inference.segmenter import segment_with_opacity

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Row = dict[str, Any]
SINUSES = tuple(int(code) for code in SINUS_CODES.values())


def segmentation(
    card: ModelCard, plain: Engine, small: Engine, cases: Sequence[BenchCase]
) -> tuple[list[Row], list[Labels]]:
    """Whole CTs are segmented by both; also float32's masks, for the networks that follow."""
    masks: list[Labels] = []
    scores: dict[str, list[float]] = {}

    def add(name: str, value: float | None) -> None:
        if value is not None:
            scores.setdefault(name, []).append(value)

    for case in cases:
        found = {"float32": _masks(card, plain, case), "int8": _masks(card, small, case)}
        for name, (labels, opaque) in found.items():
            add(f"region Dice, {name}", dice(labels > 0, case.labels > 0))
            for code in SINUSES:
                add(f"Dice of a sinus, {name}", dice(labels == code, case.labels == code))
                given, true = _share(labels, opaque, code), _share(case.labels, case.opacified, code)
                add(f"error of the opacified share, {name}", None if true is None else abs((given or 0.0) - true))
        (labels, opaque), (other, other_opaque) = found["float32"], found["int8"]
        masks.append(labels)
        add("region Dice of int8 with float32", dice(labels > 0, other > 0))
        for code in SINUSES:
            one, two = _share(labels, opaque, code), _share(other, other_opaque, code)
            add(
                "difference of the opacified share, int8 from float32",
                None if one is None and two is None else abs((one or 0.0) - (two or 0.0)),
            )
    rows = [
        row(f"{card.name}: mean {name}", float(np.mean(v)), "", n=len(v), against=_float32(name, scores))
        for name, v in scores.items()
    ]
    apart = scores["difference of the opacified share, int8 from float32"]
    rows.append(
        row(f"{card.name}: largest difference of the opacified share, int8 from float32", max(apart), "", n=len(apart))
    )
    return rows, masks


def endotype(
    card: ModelCard, plain: Engine, small: Engine, cases: Sequence[BenchCase], masks: Sequence[Labels]
) -> list[Row]:
    """The patient's calibrated probability, over slices chosen by the segmentation's own masks."""
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    names = [output.name for output in card.outputs]

    def by_name(engine: Engine) -> Any:
        def read(images: FloatArray) -> Mapping[str, FloatArray]:
            return dict(zip(names, engine(images), strict=True))

        return read

    pairs = []
    for case, labels in zip(cases, masks, strict=True):
        stack = axial_stack(case.volume, settings)
        on_stack = labels_on_stack(labels, stack)
        one, two = (classify(by_name(engine), stack, on_stack, card).probability for engine in (plain, small))
        if one is not None and two is not None:
            given = card.calibration
            pairs.append((one, two) if given is None else (float(given.apply(one)), float(given.apply(two))))
    return _scores(card, "probability of a patient", pairs)


def recurrence(
    card: ModelCard, plain: Engine, small: Engine, cases: Sequence[BenchCase], masks: Sequence[Labels]
) -> list[Row]:
    """The radiomic score."""
    settings = settings_from_card(BoxPreprocessing, card.input.preprocessing)
    pairs = []
    for case, labels in zip(cases, masks, strict=True):
        image = box_input(sinus_box(case.volume, box_center(labels), settings).hu, settings)[None]
        one, two = (float(engine(image)[0].ravel()[0]) for engine in (plain, small))
        pairs.append((one, two))
    return _scores(card, "score of a patient", pairs)


def canonical_masks(card: ModelCard, engine: Engine, case: BenchCase) -> Labels:
    """Structure codes on the canonical grid."""
    return _masks(card, engine, case)[0]


def dice(a: Mask, b: Mask) -> float | None:
    """None where neither holds anything."""
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else None


def row(name: str, value: float, unit: str, against: tuple[str, float] | None = None, n: int = 1, **more: float) -> Row:
    """A figure, with what it is compared with."""
    ratio = value / against[1] if against and against[1] else None
    return {"name": name, "value": round(value, 5), "unit": unit, "compared_with": against[0] if against else None,
            "ratio": None if ratio is None else round(ratio, 4), "n": n, **more}  # fmt: skip


def _masks(card: ModelCard, engine: Engine, case: BenchCase) -> tuple[Labels, Mask]:
    labels, opaque = segment_with_opacity(lambda images: engine(images)[0], case.volume, card)
    if opaque is None:
        raise ValueError(f"{card.name} says nothing of opacity")
    return reorient_array(labels, case.volume.affine), reorient_array(opaque, case.volume.affine)


def _share(labels: Labels, opaque: Mask, code: int) -> float | None:
    where = labels == code
    count = int(np.count_nonzero(where))
    return np.count_nonzero(where & opaque) / count if count else None


def _float32(name: str, scores: Mapping[str, list[float]]) -> tuple[str, float] | None:
    other = name.replace(", int8", ", float32")
    return ("float32", float(np.mean(scores[other]))) if other != name and other in scores else None


def _scores(card: ModelCard, what: str, pairs: Sequence[tuple[float, float]]) -> list[Row]:
    if not pairs:
        return []
    a, b = np.array(pairs).T
    crossed = int(np.count_nonzero((a >= card.threshold) != (b >= card.threshold)))
    apart, n = np.abs(a - b), len(pairs)
    return [
        row(f"{card.name}: {what}, int8 from float32, mean difference", float(apart.mean()), "", n=n),
        row(f"{card.name}: {what}, int8 from float32, largest difference", float(apart.max()), "", n=n),
        row(f"{card.name}: spread of the {what} between patients, float32 (SD)", float(a.std()), "", n=n),
        row(f"{card.name}: patients on the other side of the threshold", crossed, f"of {n}", n=n),
    ]

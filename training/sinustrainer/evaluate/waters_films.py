"""Every film of a data folder read by the product's own pipeline, beside its labels."""

import csv
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from sinustrainer.data.film_sources import LabelledAntrum, antra_of, load_case_radiograph
from sinustrainer.data.manifest import TRAIN, Case, Manifest
from sinusviewer.analysis import waters
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.image import Radiograph
from sinusviewer.domain.reading import WatersReading
from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.inference.model_card import load_card
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress
from sinusviewer.statistics.detection import box_iou, contains

EVALUATED = "evaluation: every film is read, refused or not"


@dataclass(frozen=True, slots=True)
class SideResult:
    """One antrum: what is true, what was found."""

    side: str
    diseased: bool
    subclass: str
    score: float
    positive: bool
    iou: float | None
    """Of the box found with the labelled one, where diseased and found."""
    whole: bool
    """The box found includes the whole labelled one."""


@dataclass(frozen=True, slots=True)
class FilmResult:
    """One film. ``refused`` is the input check's reason, which evaluation overrules; ``error`` is why nothing was read."""

    case_id: str
    split: str
    truth: str
    found: str
    patch_ok: bool
    patch_iou: float
    sides: tuple[SideResult, ...]
    refused: str = ""
    error: str = ""
    age: float | None = None
    sex: str = ""
    manufacturer: str = ""
    kvp: float | None = None
    mas: float | None = None
    exposure_ms: float | None = None
    sdd_mm: float | None = None
    template: str = ""
    unverified: bool = False
    """The header proves no side; the labels told which is the right one."""

    @property
    def correct(self) -> bool:
        """The four-way report is right."""
        return self.truth == self.found

    @property
    def score(self) -> float:
        """Score of the more suspicious side."""
        return max((s.score for s in self.sides), default=0.0)


def registry_of(folders: Sequence[Path], temporary: Path) -> ModelRegistry:
    """A registry of just these model folders, copied to where nobody changes them meanwhile."""
    bundled = temporary / "bundled"
    for folder in folders:
        shutil.copytree(folder, bundled / load_card(folder).name)
    installed = temporary / "installed"
    installed.mkdir()
    return ModelRegistry(bundled, installed, threads=1)


def read_films(
    patch: Path,
    antra: Path,
    manifest: Manifest,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
) -> tuple[FilmResult, ...]:
    """Read every film of the splits asked for (all but "train" by default).

    Raises
    ------
    InputError
        Where there is no film to read.
    """
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    cases = [case for split in chosen for case in manifest.of_split(split)[:limit]]
    if not cases:
        raise InputError("The data folder holds no film of these splits.", f"It has: {', '.join(manifest.splits)}.")
    results: list[FilmResult] = []
    with tempfile.TemporaryDirectory() as temporary:
        context = Context(
            registry_of((patch, antra), Path(temporary)), silent_progress(), token, override_reason=EVALUATED
        )
        for number, case in enumerate(cases):
            token.raise_if_cancelled()
            results.append(read_film(case, context))
            progress("Reading films", (number + 1) / len(cases))
    return tuple(results)


def read_film(case: Case, context: Context) -> FilmResult:
    """Read one film; a film that cannot be read is a failed patch."""
    truth = str(case.labels.get("label") or label_of(antra_of(case.labels)))
    acquisition = {
        name: None if case.acquisition.get(name) is None else float(case.acquisition[name])
        for name in ("kvp", "mas", "exposure_ms", "sdd_mm")
    }
    about = {"age": case.age, "sex": case.sex, "manufacturer": str(case.acquisition.get("manufacturer") or ""),
             "template": case.template, **acquisition}  # fmt: skip
    try:
        radiograph = load_case_radiograph(case)
        reading = waters.read(radiograph, frozenset({"waters"}), context, {})
    except SinusViewerError as error:
        return FilmResult(case.case_id, case.split, truth, "", False, 0.0, (), error=str(error), **about)  # type: ignore[arg-type]
    if reading.waters is None:
        return FilmResult(
            case.case_id, case.split, truth, "", False, 0.0, (), error=reading.reason or "not read", **about  # type: ignore[arg-type]
        )  # fmt: skip
    refused = next((w.message for w in reading.warnings if w.code == "input_check_overruled"), "")
    return judge(case, radiograph, reading.waters, truth, refused, about)


def judge(
    case: Case,
    radiograph: Radiograph,
    found: WatersReading,
    truth: str,
    refused: str,
    about: Mapping[str, object],
) -> FilmResult:
    """Compare a reading with a case's labels."""
    antra = antra_of(case.labels)
    face = tuple(float(v) for v in case.labels["face_box"])
    patch_ok = bool(antra) and all(contains(found.face_box, a.xyxy) for a in antra)
    iou = float(box_iou([found.face_box], [face])[0, 0])
    unverified = any(isinstance(s.side, ImageSide) for s in found.sides)
    place = _patient_sides(antra) if unverified else {}
    sides = tuple(_judge_side(antrum, found, place) for antrum in antra)
    label = found.label.value
    if unverified:
        label = label_of(tuple(replace(a, diseased=s.positive) for a, s in zip(antra, sides, strict=True)))
    return FilmResult(
        case.case_id, case.split, truth, label, patch_ok, iou, sides, refused=refused, unverified=unverified, **about  # type: ignore[arg-type]
    )  # fmt: skip


def _patient_sides(antra: tuple[LabelledAntrum, ...]) -> dict[ImageSide, Side]:
    """Which patient's side each half of the stored image shows, by where the labelled antra lie.

    For films whose header proves no side: in the window a person says which it is, here the labels do.
    """
    if not antra:
        return {}
    middles = {Side(a.side): (a.xyxy[0] + a.xyxy[2]) / 2 for a in antra}
    if len(middles) < len(Side):
        return {ImageSide.IMAGE_LEFT: Side.RIGHT, ImageSide.IMAGE_RIGHT: Side.LEFT}
    left = min(middles, key=lambda s: middles[s])
    return {ImageSide.IMAGE_LEFT: left, ImageSide.IMAGE_RIGHT: left.opposite}


def _judge_side(antrum: LabelledAntrum, found: WatersReading, place: Mapping[ImageSide, Side]) -> SideResult:
    side = Side(antrum.side)

    def is_here(named: AnySide) -> bool:
        return (place.get(named) if isinstance(named, ImageSide) else named) is side

    score = next((s for s in found.sides if is_here(s.side)), None)
    box = next((b for b in found.boxes if is_here(b.side)), None)
    positive = score is not None and score.positive
    overlap = None
    if antrum.diseased and positive and box is not None:
        overlap = float(box_iou([box.xyxy], [antrum.xyxy])[0, 0])
    whole = box is not None and contains(box.xyxy, antrum.xyxy)
    return SideResult(
        side.value, antrum.diseased, antrum.subclass, 0.0 if score is None else score.score, positive, overlap, whole
    )


def label_of(antra: tuple[LabelledAntrum, ...]) -> str:
    """Four-way label of labelled antra."""
    sick = {a.side for a in antra if a.diseased}
    return "normal" if not sick else "bilateral" if len(sick) == 2 else sick.pop()


def write_films(results: Sequence[FilmResult], path: Path) -> None:
    """One row per film, one group of columns per side: everything the tables are made from."""
    plain = [f.name for f in fields(FilmResult) if f.name != "sides"]
    per_side = [f.name for f in fields(SideResult) if f.name != "side"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*plain, *(f"{side.value}_{name}" for side in Side for name in per_side)])
        for result in results:
            row = [getattr(result, name) for name in plain]
            by_side = {s.side: asdict(s) for s in result.sides}
            for side in Side:
                row += [by_side.get(side.value, {}).get(name, "") for name in per_side]
            writer.writerow(["" if value is None else value for value in row])

"""A Waters' view, read (Oh 2021, "Workflow"): face patch, antra within it, boxes back to the film, four-way report."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sinusviewer.analysis import film_checks
from sinusviewer.analysis.networks import first_output
from sinusviewer.analysis.protocol import Context, Step, run_steps
from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.film_turns import NOT_UPRIGHT
from sinusviewer.domain.finding import Detection
from sinusviewer.domain.image import ImageWarning, OrientationEvidence, Radiograph
from sinusviewer.domain.reading import (
    Provenance,
    SeriesReading,
    SeriesStatus,
    SideScore,
    WatersLabel,
    WatersReading,
)
from sinusviewer.errors import InferenceError
from sinusviewer.imaging import preprocess
from sinusviewer.imaging.hanging import Hanging, hanging_of
from sinusviewer.imaging.preprocess import Box, FilmPreprocessing, FilmSource
from sinusviewer.inference import film_template
from sinusviewer.inference.detector import (
    AntrumScore,
    Predictions,
    ScoredBox,
    antrum_scores,
    best_face,
    decode,
)
from sinusviewer.inference.model_card import ModelCard, ModelTask
from sinusviewer.inference.registry import LoadedModel

_CHECKED_PX = 400
"""The input check needs no finer film than this."""
_UNVERIFIED = ImageWarning(
    "side_unverified", "The film does not prove which side is the patient's right; sides are those of the stored image."
)

_NOT_UPRIGHT = ImageWarning(
    NOT_UPRIGHT,
    "The film does not seem to stand upright: what its file says of left, right, head and foot may not hold.",
)


@dataclass(frozen=True, slots=True, eq=False)
class FilmState:
    """What is known between two steps. Boxes are in pixel edges of the hanging film."""

    film: Radiograph
    hanging: Hanging
    patch_model: LoadedModel
    antra_model: LoadedModel
    source: FilmSource | None = None
    face: ScoredBox | None = None
    face_box: Box = (0.0, 0.0, 0.0, 0.0)
    antra: tuple[AntrumScore, ...] = ()
    """Boxes of antra are on the film already."""
    refusal: str = ""
    marks: tuple[ImageWarning, ...] = ()
    """What the input check says of a film that is read all the same."""


def read(radiograph: Radiograph, tasks: frozenset[str], context: Context, seconds: dict[str, float]) -> SeriesReading:
    """Read a radiograph if the Waters' task is among ``tasks``."""
    reading = SeriesReading(
        radiograph.identity.series_instance_uid,
        radiograph.identity.modality,
        SeriesStatus.VIEWED_ONLY,
        None,
        radiograph.warnings,
        radiograph.sop_instance_uid,
    )
    if not radiograph.for_models or radiograph.is_color:
        return replace(reading, reason="Not a radiograph that a network may read; shown, not read.")
    if "waters" not in tasks:
        return replace(reading, reason="The Waters' task was not asked for.")
    patch = context.registry.load_active(ModelTask.WATERS_PATCH)
    antra = context.registry.load_active(ModelTask.WATERS_SINUSITIS)
    if patch is None or antra is None:
        missing = " and ".join(
            task.value
            for task, model in ((ModelTask.WATERS_PATCH, patch), (ModelTask.WATERS_SINUSITIS, antra))
            if model is None
        )
        return replace(reading, reason=f"Model missing: {missing}. Shown, not read.")
    state = FilmState(radiograph, hanging_of(radiograph), patch, antra)
    state = run_steps(STEPS, state, context, seconds)
    provenance = Provenance(device=antra.session.device)
    if state.refusal and not context.override_reason:
        doubts = tuple(w for w in state.marks if w.code == NOT_UPRIGHT)
        return replace(
            reading, status=SeriesStatus.REFUSED, reason=state.refusal, provenance=provenance,
            warnings=(*radiograph.warnings, *doubts),
        )  # fmt: skip
    by_file = radiograph.orientation_evidence is OrientationEvidence.HEADER
    if by_file and any(w.code == NOT_UPRIGHT for w in state.marks):  # then the file proves no side either
        state = replace(state, hanging=replace(state.hanging, verified=False))
    warnings = [*radiograph.warnings, *state.marks]
    if state.refusal:
        warnings.append(ImageWarning("input_check_overruled", f"Read against the input check: {state.refusal}"))
        provenance = replace(provenance, override_reason=context.override_reason)
    if not state.hanging.verified and all(w.code != "side_unverified" for w in warnings):
        warnings.append(_UNVERIFIED)
    return replace(
        reading,
        status=SeriesStatus.READ,
        warnings=tuple(warnings),
        waters=_waters_reading(state),
        provenance=provenance,
    )


def _prepare(state: FilmState, context: Context) -> FilmState:
    source = state.hanging.source(preprocess.film_source(state.film))
    return replace(state, source=source, refusal=film_checks.refuse_film(state.film, source))


def _find_face(state: FilmState, context: Context) -> FilmState:
    if state.refusal and not context.override_reason:
        return state
    source = _source(state)
    face, face_box = find_face(source, state.patch_model, context)
    refusal, marks = state.refusal, state.marks
    if not refusal:
        refusal, marks = _check_face(source, face, face_box, state.patch_model, context)
    return replace(state, face=face, face_box=face_box, refusal=refusal, marks=marks)


def _check_face(
    source: FilmSource, face: ScoredBox, face_box: Box, model: LoadedModel, context: Context
) -> tuple[str, tuple[ImageWarning, ...]]:
    """Why the face found is none of a Waters' view, and how its positioning is to be marked; on a small copy of the film."""
    threshold, template = model.card.threshold, film_template.of_model(model.folder)
    small, factor = preprocess.reduced(source, _CHECKED_PX)
    x0, y0, x1, y1 = (v / factor for v in face_box)
    box = (x0, y0, x1, y1)
    fit = None if template is None else film_template.fit_patch(small, box, template)
    turned = []
    for way, film in film_checks.turned_films(small):
        other, other_box = find_face(film, model, context)
        turned.append(film_checks.TurnedFace(way, film, other.score, other_box))
    if refusal := film_checks.refuse_turned(face, threshold, fit, turned, template):
        return refusal, (_NOT_UPRIGHT,)
    refusal = film_checks.refuse_face(face, face_box, source.values.shape, threshold) or film_checks.refuse_patch(
        small, box, fit, template
    )
    return refusal, film_checks.marks_of_pose(fit)


def _find_antra(state: FilmState, context: Context) -> FilmState:
    if state.refusal and not context.override_reason:
        return state
    antra = score_antra(_source(state), state.face_box, state.antra_model, context)
    refusal = state.refusal or film_checks.refuse_antra(antra, state.face_box)
    return replace(state, antra=antra, refusal=refusal)


STEPS: tuple[Step[FilmState], ...] = (
    Step("Preparing the film", _prepare, 0.3),
    Step("Finding the facial patch", _find_face, 0.4),
    Step("Reading the maxillary sinuses", _find_antra, 0.3),
)


def find_face(source: FilmSource, model: LoadedModel, context: Context) -> tuple[ScoredBox, Box]:
    """The facial patch: as scored on the canvas, and its box on the film."""
    settings = FilmPreprocessing.from_card(model.card.input.preprocessing)
    rows, columns = source.values.shape
    placement = preprocess.place_whole((rows, columns), settings.size)
    canvas = preprocess.film_input(source, placement, settings)
    face = best_face(_predictions(first_output(model, context)(canvas)[0], model.card, settings.size))
    return face, _as_box(placement.boxes_to_image(face.xyxy))


def score_antra(
    source: FilmSource, face_box: Box, model: LoadedModel, context: Context
) -> tuple[AntrumScore, AntrumScore]:
    """Both antra, image-left first, with calibrated scores and boxes on the film.

    Where the card asks for ``test_time_mirroring``, the mirrored patch is read too, its sides swapped back, and both
    scores are averaged.
    """
    card = model.card
    settings = FilmPreprocessing.from_card(card.input.preprocessing)
    placement = preprocess.place_patch(face_box, settings.size, settings.margin)
    canvas = preprocess.film_input(source, placement, settings)
    vote_iou = card.parameters.get("vote_iou")
    mirroring = bool(card.parameters.get("test_time_mirroring", False))
    batch = np.concatenate([canvas, canvas[..., ::-1]]) if mirroring else canvas
    raw = first_output(model, context)(batch)
    halves = antrum_scores(_predictions(raw[0], card, settings.size), card.labels, settings.size, vote_iou=vote_iou)
    if mirroring:
        mirrored = _mirrored(_predictions(raw[1], card, settings.size), settings.size)
        again = antrum_scores(mirrored, card.labels, settings.size, vote_iou=vote_iou)
        halves = (_mean(halves[0], again[0]), _mean(halves[1], again[1]))
    result = []
    for half in halves:
        score = half.score if card.calibration is None else card.calibration.apply(half.score)
        box = half.box
        if box is not None:
            box = replace(box, xyxy=_as_box(placement.boxes_to_image(box.xyxy)), score=score)
        result.append(replace(half, score=float(score), box=box))
    return result[0], result[1]


def _waters_reading(state: FilmState) -> WatersReading:
    card, hanging = state.antra_model.card, state.hanging
    sides, boxes = [], []
    for antrum in state.antra:
        side = hanging.side(antrum.side)
        positive = antrum.score >= card.threshold
        subclass = antrum.subclass if positive else ""
        sides.append(SideScore(side, antrum.score, positive, subclass, antrum.normal_evidence))
        if antrum.box is not None:
            stored = _inside(hanging.box_to_stored(antrum.box.xyxy), hanging)
            boxes.append(Detection(stored, antrum.score, side, antrum.subclass or "sinusitis"))
    face_box = _inside(hanging.box_to_stored(state.face_box), hanging)
    return WatersReading(
        label=four_way(sides[0], sides[1]),
        sides=(sides[0], sides[1]),
        face_box=face_box,
        boxes=tuple(boxes),
        threshold=card.threshold,
        model=card.reference,
        patch_model=state.patch_model.card.reference,
        calibrated_on=card.calibration.fitted_on if card.calibration is not None else "",
    )


def four_way(first: SideScore, second: SideScore) -> WatersLabel:
    """Normal, right, left or bilateral; "unverified" as soon as a side is only the image's."""
    if isinstance(first.side, ImageSide) or isinstance(second.side, ImageSide):
        return WatersLabel.UNVERIFIED
    positive: set[AnySide] = {s.side for s in (first, second) if s.positive}
    if not positive:
        return WatersLabel.NORMAL
    if len(positive) == 2:
        return WatersLabel.BILATERAL
    return WatersLabel.RIGHT if Side.RIGHT in positive else WatersLabel.LEFT


def _predictions(raw: npt.NDArray[np.float32], card: ModelCard, size: int) -> Predictions:
    try:
        anchors = card.parameters["anchors"]
    except KeyError as error:
        raise InferenceError(f"The card of “{card.name}” names no anchors.", "Install the model again.") from error
    return decode(raw, anchors, size)


def _mirrored(predictions: Predictions, size: int) -> Predictions:
    xyxy = predictions.xyxy.copy()
    xyxy[:, [0, 2]] = size - xyxy[:, [2, 0]]
    return replace(predictions, xyxy=xyxy)


def _mean(first: AntrumScore, second: AntrumScore) -> AntrumScore:
    evidence = [e for e in (first.normal_evidence, second.normal_evidence) if e is not None]
    return replace(
        first,
        score=(first.score + second.score) / 2,
        normal_evidence=sum(evidence) / len(evidence) if evidence else None,
        box=first.box or second.box,
        subclass=first.subclass if first.score >= second.score else second.subclass,
    )


def _source(state: FilmState) -> FilmSource:
    if state.source is None:
        raise InferenceError("The film was not prepared before it was read.")
    return state.source


def _as_box(row: npt.NDArray[np.float64]) -> Box:
    x0, y0, x1, y1 = (float(v) for v in row)
    return x0, y0, x1, y1


def _inside(xyxy: Box, hanging: Hanging) -> Box:
    """A box cut at the film's edges."""
    x0, x1 = (min(max(v, 0.0), float(hanging.columns)) for v in (xyxy[0], xyxy[2]))
    y0, y1 = (min(max(v, 0.0), float(hanging.rows)) for v in (xyxy[1], xyxy[3]))
    return x0, y0, x1, y1

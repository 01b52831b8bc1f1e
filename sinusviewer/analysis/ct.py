"""A CT, read: input check, then segmentation and measurement, endotype, recurrence, as asked for and as networks are here.

Without a segmentation network the sinus-air measurement is all there is, and it says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sinusviewer.analysis import (
    ct_checks,
    endotype,
    endotype_checks,
    opacification,
    recurrence,
    sinus_air,
    sinus_measurement,
)
from sinusviewer.analysis.protocol import Context, Step, run_steps
from sinusviewer.analysis.sinus_air import SinusAir
from sinusviewer.analysis.sinus_extent import measure_extent
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.reading import Provenance, SeriesReading, SeriesStatus
from sinusviewer.errors import GeometryError, InferenceError, InputError, ModelFileError, SinusViewerError
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.inference.registry import LoadedModel

CT_TASKS = frozenset({"opacification", "endotype", "recurrence"})
EARLY_REASON = "Being read: the masks are here, the numbers follow."
"""Why a reading that is shown while work goes on has no numbers yet."""


@dataclass(frozen=True, slots=True, eq=False)
class CtModels:
    """The networks that are here."""

    segmentation: LoadedModel | None
    endotype: tuple[LoadedModel, ...]
    recurrence: LoadedModel | None


@dataclass(frozen=True, slots=True, eq=False)
class CtState:
    """What is known between two steps."""

    volume: Volume
    tasks: frozenset[str]
    models: CtModels
    reading: SeriesReading
    air: SinusAir | None = None
    extent: Mapping[str, float | None] = field(default_factory=dict)
    """How far disease reaches, measured once for all patient models; empty where no network's card has one."""
    refusal: str = ""
    notes: tuple[ImageWarning, ...] = field(default=())
    overruled: tuple[str, ...] = ()
    """What was read only because a reader gave a reason: the check's own words."""


def read(volume: Volume, tasks: frozenset[str], context: Context, seconds: dict[str, float]) -> SeriesReading:
    """Read a volume for the CT tasks among ``tasks``."""
    reading = SeriesReading(
        volume.identity.series_instance_uid,
        volume.identity.modality,
        SeriesStatus.VIEWED_ONLY,
        None,
        volume.warnings,
    )
    if not volume.for_models:
        return replace(reading, reason="Not a series that a network for sinus CT may read; shown, not read.")
    if not tasks & CT_TASKS:
        return replace(reading, reason="No CT task was asked for.")
    state = run_steps(STEPS, CtState(volume, tasks, _models(tasks, context), reading), context, seconds)
    used = [m for m in (state.models.segmentation, *state.models.endotype, state.models.recurrence) if m is not None]
    provenance = Provenance(device=used[0].session.device if used else "")
    if state.refusal and not context.override_reason:
        return replace(reading, status=SeriesStatus.REFUSED, reason=state.refusal, provenance=provenance)
    if state.refusal or state.overruled:
        provenance = replace(provenance, override_reason=context.override_reason)
    if state.refusal:
        overruled = ImageWarning("input_check_overruled", f"Read against the input check: {state.refusal}")
        state = replace(state, notes=(*state.notes, overruled))
    return replace(
        state.reading,
        status=SeriesStatus.READ,
        warnings=(*volume.warnings, *state.notes),
        provenance=provenance,
    )


def _models(tasks: frozenset[str], context: Context) -> CtModels:
    registry = context.registry
    segmenters = [
        entry
        for entry in registry.active(ModelTask.SINUS_SEGMENTATION)
        if entry.card is not None and entry.card.parameters.get("target", "sinuses") == "sinuses"
    ]
    return CtModels(
        registry.load(segmenters[0]) if segmenters else None,
        registry.load_all_active(ModelTask.ECRS) if "endotype" in tasks else (),
        registry.load_active(ModelTask.RECURRENCE) if "recurrence" in tasks else None,
    )


def _check(state: CtState, context: Context) -> CtState:
    air = sinus_air.measure(state.volume, context.token)
    context.token.raise_if_cancelled()
    notes = (*state.notes, *ct_checks.warnings_of(state.volume, air, context.token))
    context.token.raise_if_cancelled()
    return replace(state, air=air, notes=notes, refusal=ct_checks.refuse_ct(state.volume, air, context.token))


def _segment(state: CtState, context: Context) -> CtState:
    if _stopped(state, context):
        return state
    model, volume = state.models.segmentation, state.volume
    if model is None:
        return _air_only(state)
    reference = model.card.reference

    def show_early(coarse: Segmentation) -> None:
        """The first masks, while the rest is read; never those of something that is refused."""
        if context.override_reason or not ct_checks.refuse_segmentation(volume, coarse, context.token):
            early = replace(state.reading, segmentation=coarse, segmentation_model=reference, reason=EARLY_REASON)
            context.progress.partial(early)

    segmentation = opacification.segment(volume, model, context, show_early)
    refusal = state.refusal or ct_checks.refuse_segmentation(volume, segmentation, context.token)
    reading = replace(state.reading, segmentation=segmentation, segmentation_model=reference)
    if not refusal or context.override_reason:
        context.progress.partial(replace(reading, reason=EARLY_REASON))
    return replace(state, reading=reading, refusal=refusal)


def _air_only(state: CtState) -> CtState:
    volume, air = state.volume, state.air
    note = ImageWarning("sinus_air_only", f"{sinus_air.METHOD} Model missing: sinus_segmentation.")
    if air is None:
        return replace(state, notes=(*state.notes, note))
    reading = replace(state.reading, segmentation=sinus_air.as_segmentation(air, volume))
    if volume.measurable:
        reading = replace(reading, sinuses=sinus_air.as_sinuses(air, volume), air=sinus_air.as_measurement(air))
    return replace(state, reading=reading, notes=(*state.notes, note))


def _measure(state: CtState, context: Context) -> CtState:
    segmentation = state.reading.segmentation
    if _stopped(state, context) or state.models.segmentation is None or segmentation is None:
        return state
    volume = state.volume
    opacified = segmentation.opacified  # by the network, where it says; else by threshold
    if opacified is None:
        opacified = sinus_measurement.opacified_voxels(
            volume.voxels, segmentation.labels, volume.spacing, context.token
        )
    by_rule = segmentation.opacified is None
    segmentation = Segmentation(segmentation.labels, segmentation.affine, opacified, opacified_by_rule=by_rule)
    state = replace(state, reading=replace(state.reading, segmentation=segmentation))
    joins = [m for m in (*state.models.endotype, state.models.recurrence) if m is not None and m.card.patient_model]
    if joins:
        extent = measure_extent(volume.voxels, segmentation.labels, opacified, volume.affine)
        state = replace(state, extent=extent.features())
        context.token.raise_if_cancelled()
    if "opacification" not in state.tasks:
        return state
    withheld = "" if volume.measurable else "withheld, because the slices do not form an even volume"
    sinuses = sinus_measurement.measure_sinuses(volume, segmentation, withheld)
    context.token.raise_if_cancelled()
    sinuses = ct_checks.withhold(volume, segmentation, sinuses)
    context.token.raise_if_cancelled()
    complexes = sinus_measurement.propose_ostiomeatal(volume, segmentation, sinuses)
    totals = sinus_measurement.lund_mackay_total(sinuses, complexes)
    return replace(state, reading=replace(state.reading, sinuses=sinuses, lund_mackay=totals))


def _endotype(state: CtState, context: Context) -> CtState:
    if "endotype" not in state.tasks or _stopped(state, context):
        return state
    segmentation = state.reading.segmentation
    if not state.models.endotype or segmentation is None or state.models.segmentation is None:
        return _missing(state, "endotype", "ecrs", here=bool(state.models.endotype))
    insufficient = endotype_checks.insufficient(state.volume, segmentation)
    if insufficient and not context.override_reason:
        return _withheld(state, insufficient)
    try:
        found = endotype.read_endotype(state.volume, segmentation, state.models.endotype, context, state.extent)
    except (GeometryError, InferenceError, ModelFileError) as error:
        return _failed(state, "endotype", error)
    if found is None:
        return _withheld(state, endotype_checks.NO_LESION, "endotype_not_assessed")
    few = endotype_checks.too_few_slices(len(found.reading.slices))
    if few and not context.override_reason:
        return _withheld(state, few)
    against = " ".join(part for part in (insufficient, few) if part)
    if against:
        state = replace(state, overruled=(*state.overruled, f"endotype: {against}"))
    doubts = endotype_checks.doubts(found.reading, state.volume, segmentation)
    if against:
        doubts = (f"Read against the check, by a reader's decision. {against}", *doubts)
    reading = replace(state.reading, endotype=replace(found.reading, doubts=doubts), heatmaps=found.heatmaps)
    if not doubts:
        return replace(state, reading=reading)
    note = ImageWarning("endotype_doubtful", f"The probability of eosinophilic CRS is doubtful. {' '.join(doubts)}")
    return replace(state, reading=reading, notes=(*state.notes, note))


def _withheld(state: CtState, reason: str, code: str = "endotype_withheld") -> CtState:
    """The endotype part of the reading without a probability, and why."""
    said = f"The probability of eosinophilic CRS is withheld. {reason}"
    part = endotype.withheld(state.models.endotype, reason)
    notes = (*state.notes, ImageWarning(code, said))
    return replace(state, reading=replace(state.reading, endotype=part), notes=notes)


def _recurrence(state: CtState, context: Context) -> CtState:
    if "recurrence" not in state.tasks or _stopped(state, context):
        return state
    segmentation, model = state.reading.segmentation, state.models.recurrence
    if model is None or segmentation is None or state.models.segmentation is None:
        return _missing(state, "recurrence", "recurrence", here=model is not None)
    cut_off = ct_checks.incomplete(state.volume, segmentation)
    if cut_off:
        why = f"not wholly on this CT, or not found: {cut_off}."
        if not context.override_reason:
            note = ImageWarning("recurrence_not_assessed", f"Recurrence was not scored: {why}")
            return replace(state, notes=(*state.notes, note))
    try:
        score = recurrence.score(state.volume, segmentation, model, context, state.extent)
        nomogram = recurrence.load_nomogram(model.folder)
    except (GeometryError, InferenceError, InputError, ModelFileError) as error:
        return _failed(state, "recurrence", error)
    if cut_off:  # said only of a score that there is
        note = ImageWarning("recurrence_doubtful", f"Recurrence was scored by a reader's decision, though {why}")
        state = replace(state, notes=(*state.notes, note), overruled=(*state.overruled, f"recurrence: {why}"))
    result = recurrence.assess(
        score.value,
        context.clinical,
        nomogram,
        model.card.reference,
        state.volume.identity,
        own=recurrence.is_own(nomogram),
    )
    result = replace(result, network_score=score.by_network)
    return replace(state, reading=replace(state.reading, recurrence=result, recurrence_heat=score.heat))


STEPS: tuple[Step[CtState], ...] = (
    Step("Checking the CT", _check, 0.15),
    Step(opacification.STAGE, _segment, 0.4),
    Step("Measuring the sinuses", _measure, 0.1),
    Step(endotype.STAGE, _endotype, 0.25),
    Step("Scoring recurrence", _recurrence, 0.1),
)


def _stopped(state: CtState, context: Context) -> bool:
    return bool(state.refusal) and not context.override_reason


def _failed(state: CtState, task: str, error: SinusViewerError) -> CtState:
    """One task's failure leaves what the others found."""
    note = ImageWarning(f"{task}_not_assessed", f"{task.capitalize()} was not read: {error}")
    return replace(state, notes=(*state.notes, note))


def _missing(state: CtState, task: str, model: str, *, here: bool) -> CtState:
    """Say which model is missing: the task's own, the one that finds the sinuses, or none, where that one found nothing."""
    wanted = [] if here else [model]
    if state.models.segmentation is None:
        wanted.append("sinus_segmentation")
    why = f"model missing: {' and '.join(wanted)}" if wanted else "no sinuses were outlined"
    note = ImageWarning(
        "model_missing" if wanted else f"{task}_not_assessed", f"{task.capitalize()} was not read; {why}."
    )
    return replace(state, notes=(*state.notes, note))

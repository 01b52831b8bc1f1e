"""Recurrence after surgery (He 2023): a radiomic score from the CT, then the nomogram with clinical data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinusviewer import paths
from sinusviewer.analysis.networks import runner
from sinusviewer.analysis.protocol import Context
from sinusviewer.analysis.risk_limits import calibration_sentence, network_sentence
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import Heatmap, ModelReference, Segmentation
from sinusviewer.domain.header_clinical import from_header, with_header
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import RecurrenceReading
from sinusviewer.errors import InferenceError
from sinusviewer.imaging import resample
from sinusviewer.imaging.preprocess_ct import (
    BoxPreprocessing,
    SinusBox,
    box_center,
    box_input,
    labels_in_box,
    settings_from_card,
    sinus_box,
)
from sinusviewer.inference import activation_map
from sinusviewer.inference.patient_model import NETWORK, log_odds
from sinusviewer.inference.registry import LoadedModel
from sinusviewer.nomogram import Nomogram, read_nomogram

NOMOGRAM_FILE = "nomogram.json"
ACTIVATION = "activation"
DLR_NAMES = ("dlr", "dlr_score", "dlr-score")
_ALIASES = {
    "ar": "allergic_rhinitis",
    "eos": "eosinophils_per_ul",
    "eosinophils": "eosinophils_per_ul",
    "sex": "female",
}
"""Column names that cohort tables use for clinical fields."""


@dataclass(frozen=True, slots=True, eq=False)
class RadiomicScore:
    """The radiomic score (DLR) and where the network looked for it (None for a graph that does not say).

    ``by_network`` is the network's own part where a patient model joined it with the measured extent.
    """

    value: float
    heat: Heatmap | None = None
    by_network: float | None = None


def score(
    volume: Volume,
    segmentation: Segmentation,
    model: LoadedModel,
    context: Context,
    extent: Mapping[str, float | None],
) -> RadiomicScore:
    """The radiomic score (DLR), 0-1: the multi-task network on the box of the sinuses.

    Where the card holds a patient model, it joins the network's score with ``extent``, what was measured of the disease.

    Raises
    ------
    GeometryError
        Where no sinus was found.
    InferenceError
        Where the network gives no probability.
    """
    settings = settings_from_card(BoxPreprocessing, model.card.input.preprocessing)
    labels = resample.reorient_array(segmentation.labels, segmentation.affine)
    box = sinus_box(volume, box_center(labels), settings)
    context.token.raise_if_cancelled()
    outputs = runner(model, context)(box_input(box.hu, settings)[None])
    value = float(outputs[model.card.outputs[0].name].ravel()[0])
    if not 0.0 <= value <= 1.0:
        raise InferenceError(f"The network “{model.card.name}” gave no probability on this CT.")
    context.token.raise_if_cancelled()
    activation = outputs.get(ACTIVATION)
    heat = None if activation is None else _heat(volume, labels, box, activation[0], model)
    patient_model = model.card.patient_model
    if patient_model is None or not extent:
        return RadiomicScore(value, heat)
    joined = patient_model.probability({**extent} | {NETWORK: log_odds(value)})
    return RadiomicScore(joined, heat, value)


def _heat(
    volume: Volume,
    labels: npt.NDArray[np.uint8],
    box: SinusBox,
    activation: npt.NDArray[np.floating],
    model: LoadedModel,
) -> Heatmap | None:
    """The network's activation map over the volume, 0-1; None where nothing spoke for recurrence."""
    unit = activation_map.to_unit_range(activation.astype(np.float32))
    if not unit.any():
        return None
    inside = activation_map.share_inside(activation_map.enlarge_box(unit, box.hu.shape), labels_in_box(labels, box) > 0)
    values = activation_map.box_heat_on_volume(unit, box, resample.canonical(volume))
    stored = np.ascontiguousarray(resample.restore_array(values, volume.affine))
    parameters = model.card.parameters
    layer = f"{model.card.name} {model.card.version}, {parameters.get('layer', 'bottleneck')}"
    method = str(parameters.get("activation_method", activation_map.BOX_METHOD))
    return Heatmap(stored, method, layer, inside_mask=inside)


def predictor_values(nomogram: Nomogram, clinical: ClinicalData, dlr_score: float | None) -> dict[str, float | None]:
    """The nomogram's inputs under its own names; None where missing."""
    known = clinical.values()
    result: dict[str, float | None] = {}
    for predictor in nomogram.predictors:
        name = predictor.name.lower()
        if name in DLR_NAMES:
            result[predictor.name] = dlr_score
        else:
            result[predictor.name] = known.get(_ALIASES.get(name, name))
    return result


def clinical_name(predictor_name: str) -> str:
    """The contract's name of a predictor: the clinical field, or ``dlr_score``."""
    name = predictor_name.lower()
    return "dlr_score" if name in DLR_NAMES else _ALIASES.get(name, name)


def assess(
    dlr_score: float,
    clinical: ClinicalData,
    nomogram: Nomogram | None,
    model: ModelReference | None,
    identity: Identity | None = None,
    *,
    own: bool = False,
) -> RecurrenceReading:
    """Points, total and risk; where an input is missing, the interval it allows instead of a number.

    A reader's own score (``clinical.overruled_dlr_score``) takes the place of the network's and is kept beside it. Age
    and sex that nobody gave come from the image's header (``identity``), and are named so. ``own`` is a site's own nomogram.
    """
    borrowed: tuple[str, ...] = ()
    if identity is not None:
        borrowed, clinical = from_header(clinical, identity), with_header(clinical, identity)
    overruled = clinical.overruled_dlr_score
    if nomogram is None:
        return RecurrenceReading(dlr_score, None, (0.0, 1.0), ("nomogram",), {}, None, model)
    values = predictor_values(nomogram, clinical, dlr_score if overruled is None else overruled)
    read = nomogram.read(values)
    held = calibration_sentence(nomogram, read.risk_interval)
    scored = any(clinical_name(p.name) == "dlr_score" for p in nomogram.predictors)
    network = network_sentence(nomogram, model, own=own) if scored and overruled is None else ""
    return RecurrenceReading(
        dlr_score=dlr_score,
        risk=read.risk,
        risk_interval=read.risk_interval,
        missing=tuple(clinical_name(name) for name in read.missing),
        points={clinical_name(name): points for name, points in read.points.items()},
        total_points=read.total_points,
        model=model,
        nomogram_cohort=cohort_statement(nomogram),
        overruled_dlr_score=overruled,
        from_header=tuple(n for n in borrowed if n in {clinical_name(p.name) for p in nomogram.predictors}),
        values={clinical_name(name): value for name, value in values.items() if value is not None},
        outside_training=tuple(clinical_name(name) for name in read.outside_training),
        doubts=tuple(said for said in (held, network) if said),
    )


def cohort_statement(nomogram: Nomogram) -> str:
    """Whom a nomogram was fitted on: its own statement, with the numbers before it where it does not say them."""
    cohort, said = nomogram.cohort, nomogram.trained_on
    numbers = f"{cohort.n} patients, {cohort.events} with {nomogram.outcome.replace('_', ' ')}"
    return said if f"{cohort.n} patients" in said else f"{numbers}. {said}".strip()


def is_own(nomogram: Nomogram | None) -> bool:
    """Whether the nomogram that `load_nomogram` gives is a site's own."""
    return nomogram is not None and (paths.user_data_dir() / NOMOGRAM_FILE).is_file()


def load_nomogram(model_folder: Path | None) -> Nomogram | None:
    """A site's own nomogram, else the one beside the model, else the bundled one; None where there is none."""
    places = [paths.user_data_dir() / NOMOGRAM_FILE]
    if model_folder is not None:
        places.append(model_folder / NOMOGRAM_FILE)
    places.append(paths.bundled_models_dir() / "recurrence" / NOMOGRAM_FILE)
    for place in places:
        if place.is_file():
            return read_nomogram(place)
    return None

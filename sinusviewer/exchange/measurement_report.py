"""Scores, boxes and measurements as a structured report: Imaging Measurement Report, TID 1500 (PS3.16)."""

from collections.abc import Sequence
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sinusviewer import __version__
from sinusviewer.domain.anatomy import SINUS_CODES, AnySide, Side, Sinus
from sinusviewer.domain.clinical import input_words
from sinusviewer.domain.finding import Detection, ModelReference
from sinusviewer.domain.reading import EndotypeReading, RecurrenceReading, SeriesReading, SinusMeasurement
from sinusviewer.errors import StorageError
from sinusviewer.exchange import anatomy_codes as codes
from sinusviewer.exchange.segmentation_object import structures_in
from sinusviewer.exchange.sources import MANUFACTURER, MODEL, new_uid

_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
_PERCENT, _ML = Code("%", "UCUM", "Percent"), Code("mL", "UCUM", "milliliter")
_HU, _ONE = Code("[hnsf'U]", "UCUM", "Hounsfield unit"), Code("1", "UCUM", "no units")
_Group = (
    hd.sr.MeasurementsAndQualitativeEvaluations
    | hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations
    | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
)


def measurement_report(
    reading: SeriesReading,
    sources: tuple[Dataset, ...],
    boxes: Sequence[Detection] = (),
    masks: Dataset | None = None,
) -> Dataset:
    """What was found in one series.

    Parameters
    ----------
    boxes
        Findings on a film as the reader left them, rejected ones among them.
    masks
        The segmentation object of the same series, which the measurements of sinuses refer to.

    Raises
    ------
    StorageError
        Where there is nothing to report.
    """
    groups: list[_Group] = [
        *(_sinus(m, reading, masks) for m in reading.sinuses if m.volume_ml is not None),
        *_totals(reading),
        *_film(reading, boxes, sources[0]),
        *_patient(reading),
    ]
    if not groups:
        raise StorageError("Nothing was measured in this series.", "Read it first.")
    device = hd.sr.ObserverContext(
        observer_type=CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=new_uid(), name=MODEL, manufacturer_name=MANUFACTURER, model_name=f"{MODEL} {__version__}"
        ),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=device),
        procedure_reported=_PROCEDURE, imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report"),
    )  # fmt: skip
    evidence = [*sources, *((masks,) if masks is not None else ())]
    return hd.sr.Comprehensive3DSR(
        evidence=evidence, content=content[0], series_instance_uid=new_uid(), series_number=9004,
        sop_instance_uid=new_uid(), instance_number=1, manufacturer=MANUFACTURER, is_complete=True, is_final=False,
        is_verified=False, series_description="Sinus measurements. Research use only",
    )  # fmt: skip


def _number(
    name: Code, value: float, unit: Code, made_by: ModelReference | None = None, **more: Any
) -> hd.sr.Measurement:
    return hd.sr.Measurement(
        name=name, value=round(float(value), 4), unit=unit, algorithm_id=_algorithm(made_by), **more
    )


def _algorithm(model: ModelReference | None) -> hd.sr.AlgorithmIdentification | None:
    if model is None:
        return None
    return hd.sr.AlgorithmIdentification(
        name=model.name, version=model.version, parameters=[f"sha256 {model.sha256}", model.trained_on]
    )


def _tracking(name: str) -> hd.sr.TrackingIdentifier:
    return hd.sr.TrackingIdentifier(uid=new_uid(), identifier=name)


def _site(sinus: Sinus, side: AnySide) -> hd.sr.FindingSite:
    return hd.sr.FindingSite(anatomic_location=codes.SINUS_CODE[sinus], laterality=codes.laterality(side))


def _said(word: str) -> list[hd.sr.QualitativeEvaluation]:
    value = CodedConcept.from_code(codes.READER_WORDS[word])
    return [hd.sr.QualitativeEvaluation(name=CodedConcept.from_code(codes.READER_STATUS), value=value)]


def _level(m: SinusMeasurement) -> list[hd.sr.QualitativeEvaluation]:
    if m.air_fluid_level is None:
        return []
    name, value = codes.AIR_FLUID_LEVEL, codes.PRESENCE[m.air_fluid_level]
    return [hd.sr.QualitativeEvaluation(CodedConcept.from_code(name), CodedConcept.from_code(value))]


def _sinus(m: SinusMeasurement, reading: SeriesReading, masks: Dataset | None) -> _Group:
    model = reading.segmentation_model
    numbers = [_number(codes.VOLUME, m.volume_ml or 0.0, _ML, model)]
    if m.opacified_fraction is not None:
        numbers.append(_number(codes.OPACIFIED, m.opacified_fraction * 100, _PERCENT, model))
    if m.mean_hu is not None:
        numbers.append(_number(codes.ATTENUATION, m.mean_hu, _HU, model, derivation=codes.MEAN))
    if m.lund_mackay is not None:
        numbers.append(_number(codes.LUND_MACKAY, m.lund_mackay, _ONE, model))
    common: dict[str, Any] = {
        "tracking_identifier": _tracking(f"{m.side.value} {m.sinus.value.replace('_', ' ')}"),
        "finding_type": codes.SINUS_CODE[m.sinus], "finding_sites": [_site(m.sinus, m.side)], "measurements": numbers,
        "qualitative_evaluations": [*_said("edited" if m.edited_by_reader else "proposed"), *_level(m)],
    }  # fmt: skip
    present = structures_in(reading)
    structure = SINUS_CODES[m.sinus, m.side] if isinstance(m.side, Side) else None
    if masks is None or structure not in present:
        return hd.sr.MeasurementsAndQualitativeEvaluations(**common)
    number = present.index(structure) + 1
    segment = hd.sr.ReferencedSegment(
        str(masks.SOPClassUID), str(masks.SOPInstanceUID), number,
        source_series=hd.sr.SourceSeriesForSegmentation(reading.series_instance_uid),
    )  # fmt: skip
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **common)


def _totals(reading: SeriesReading) -> list[_Group]:
    totals = reading.lund_mackay
    if totals is None:
        return []
    numbers = [
        _number(codes.LUND_MACKAY_SIDE, value, _ONE, finding_sites=[
            hd.sr.FindingSite(Code("2095001", "SCT", "Paranasal sinus"), laterality=codes.LATERALITY[side])
        ])
        for side, value in ((Side.RIGHT, totals.right), (Side.LEFT, totals.left))
        if value is not None
    ]  # fmt: skip
    if totals.total is not None:
        numbers.append(_number(codes.LUND_MACKAY_TOTAL, totals.total, _ONE))
    return [_group("Lund-Mackay score", numbers)] if numbers else []


def _group(name: str, numbers: list[hd.sr.Measurement]) -> _Group:
    return hd.sr.MeasurementsAndQualitativeEvaluations(tracking_identifier=_tracking(name), measurements=numbers)


def _film(reading: SeriesReading, boxes: Sequence[Detection], source: Dataset) -> list[_Group]:
    waters = reading.waters
    if waters is None:
        return []
    result: list[_Group] = []
    for score in waters.sides:
        result.append(
            hd.sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=_tracking(f"{score.side.value} maxillary sinus, threshold {waters.threshold:.4f}"),
                finding_type=codes.SINUS_CODE[Sinus.MAXILLARY], finding_sites=[_site(Sinus.MAXILLARY, score.side)],
                measurements=[_number(codes.SINUSITIS_SCORE, score.score, _ONE, waters.model)],
            )
        )  # fmt: skip
    for box in boxes:
        x0, y0, x1, y1 = box.xyxy
        outline = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], np.float64)
        region = hd.sr.ImageRegion(
            graphic_type="POLYLINE", graphic_data=outline,
            source_image=hd.sr.SourceImageForRegion.from_source_image(source),
        )  # fmt: skip
        result.append(
            hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=_tracking(f"{box.author.value} {box.side.value} {box.label}"),
                referenced_region=region, finding_type=codes.ABNORMALITY,
                finding_sites=[_site(Sinus.MAXILLARY, box.side)],
                measurements=[_number(codes.SINUSITIS_SCORE, box.score, _ONE, waters.model)]
                if box.author.value == "ai" else None,
                qualitative_evaluations=_said(box.status.value),
            )
        )  # fmt: skip
    return result


def _endotype(endotype: EndotypeReading) -> _Group:
    """The probability, what casts doubt on it in words, or why there is none."""
    name = "Endotype: eosinophils at least 10 % of inflammatory cells in tissue"
    why = endotype.withheld or " ".join(endotype.doubts)
    model = endotype.models[0] if endotype.models else None
    numbers = None
    if endotype.probability_ecrs is not None:
        numbers = [_number(codes.ECRS_PROBABILITY, endotype.probability_ecrs, _ONE, model)]
    standing = hd.sr.QualitativeEvaluation(
        name=CodedConcept.from_code(codes.STANDING),
        value=CodedConcept.from_code(codes.STANDING_WORDS[endotype.standing.value]),
    )
    words = f"{name}. {endotype.standing.value.capitalize()}: {why}" if why else name
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(words), measurements=numbers, qualitative_evaluations=[standing]
    )


def _recurrence_words(recurrence: RecurrenceReading) -> str:
    """What the numbers are, and in words what must be weighed beside them: a PACS shows nothing else of it."""
    said = ["Recurrence after surgery"]
    if recurrence.outside_training:
        names = ", ".join(input_words(name) for name in recurrence.outside_training)
        said.append(f"Extrapolated: outside the nomogram's training data: {names}")
    return ". ".join([*said, *(doubt.rstrip(".") for doubt in recurrence.doubts)])


def _patient(reading: SeriesReading) -> list[_Group]:
    """What is said of the patient, and not of a place."""
    result: list[_Group] = []
    if reading.endotype is not None:
        result.append(_endotype(reading.endotype))
    if reading.recurrence is not None:
        numbers = [_number(codes.DLR_SCORE, reading.recurrence.dlr_score, _ONE, reading.recurrence.model)]
        if reading.recurrence.risk is not None:
            numbers.append(_number(codes.RECURRENCE_RISK, reading.recurrence.risk, _ONE))
        result.append(_group(_recurrence_words(reading.recurrence), numbers))
    return result

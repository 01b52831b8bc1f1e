"""A reading as ``reading.json`` and a run as ``index.json``; both are validated against their schemas when written."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from sinusviewer import paths
from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import (
    EndotypeReading,
    Reading,
    RecurrenceReading,
    SeriesReading,
    SinusMeasurement,
    WatersReading,
)
from sinusviewer.domain.study import FileOutcome
from sinusviewer.errors import StorageError
from sinusviewer.report.atomic import write_text

SCHEMA_VERSION = 1
Json = dict[str, Any]


def reading_as_json(reading: Reading) -> Json:
    """The contract's ``reading.json``; keys that do not apply are absent."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study_instance_uid": reading.study_instance_uid,
        "research_use_only": True,
        "series": [series_as_json(series) for series in reading.series],
    }


def series_as_json(series: SeriesReading) -> Json:
    result: Json = {
        "series_instance_uid": series.series_instance_uid,
        "modality": series.modality,
        "status": series.status.value,
        "reason": series.reason,
        "warnings": [_warning(w) for w in series.warnings],
    }
    if series.sop_instance_uid:
        result["sop_instance_uid"] = series.sop_instance_uid
    if series.waters is not None:
        result["waters"] = _waters(series.waters)
    if series.sinuses:
        result["sinuses"] = [_sinus(sinus) for sinus in series.sinuses]
    if series.lund_mackay is not None:
        totals = series.lund_mackay
        result["lund_mackay"] = _without_none(
            {
                "right": totals.right,
                "left": totals.left,
                "total": totals.total,
                "ostiomeatal_right": totals.ostiomeatal_right,
                "ostiomeatal_left": totals.ostiomeatal_left,
            }
        )
    if series.segmentation_model is not None:
        result["segmentation_model"] = _model(series.segmentation_model)
    if series.air is not None:
        air = series.air
        result["sinus_air"] = _without_none(
            {
                "method": air.method,
                "threshold_hu": air.threshold_hu,
                "right_ml": air.right_ml,
                "left_ml": air.left_ml,
                "enclosed_ml": air.total_ml,
            }
        )
    if series.endotype is not None:
        result["endotype"] = _endotype(series.endotype)
    if series.recurrence is not None:
        result["recurrence"] = _recurrence(series.recurrence)
    given = series.provenance
    provenance = {
        "created": given.created,
        "software": given.software,
        "device": given.device,
        "seconds": {name: _number(value) for name, value in given.seconds.items()},
        "input_sop_instance_uids": list(given.input_sop_instance_uids),
        "override_reason": given.override_reason,
    }
    result["provenance"] = {key: value for key, value in provenance.items() if value}
    return result


def index_as_json(studies: Sequence[tuple[str, str]], files: Sequence[FileOutcome]) -> Json:
    """The contract's ``index.json``; ``studies`` holds (study instance UID, folder below the output folder)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "studies": [{"study_instance_uid": uid, "path": path} for uid, path in studies],
        "files": [{"path": printable(f.path), "status": f.status.value, "reason": f.reason} for f in files],
    }


def write_validated(content: Json, schema_name: str, path: Path) -> None:
    """Validate ``content`` against ``resources/schemas/<schema_name>`` and write it whole or not at all.

    Raises
    ------
    StorageError
        Where it does not hold what its schema wants (a fault of ours), or cannot be written.
    """
    errors = sorted(_validator(schema_name).iter_errors(content), key=str)
    if errors:
        place = "/".join(str(part) for part in errors[0].absolute_path)
        raise StorageError(f"“{path.name}” was not written: {place or 'its content'} does not fit {schema_name}.")
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def printable(text: str) -> str:
    """``text`` with undecodable file-name bytes replaced, so that it can be written as UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@cache
def _validator(schema_name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((paths.resources_dir() / "schemas" / schema_name).read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _waters(waters: WatersReading) -> Json:
    result: Json = {
        "label": waters.label.value,
        "sides": [
            _without_none(
                {
                    "side": s.side.value,
                    "score": _number(s.score),
                    "positive": s.positive,
                    "subclass": s.subclass or None,
                    "normal_evidence": _number(s.normal_evidence),
                }
            )
            for s in waters.sides
        ],
        "face_box": [_number(v) for v in waters.face_box],
        "boxes": [
            {"xyxy": [_number(v) for v in box.xyxy], "score": _number(box.score), "side": box.side.value}
            for box in waters.boxes
            # The window keeps the others, so that its slider can lower the threshold; they are no findings.
            if box.score >= waters.threshold
        ],
        "threshold": _number(waters.threshold),
        "model": _model(waters.model),
    }
    if waters.patch_model is not None:
        result["patch_model"] = _model(waters.patch_model)
    if waters.calibrated_on:
        result["calibrated_on"] = waters.calibrated_on
    return result


def _sinus(sinus: SinusMeasurement) -> Json:
    return _without_none(
        {
            "sinus": sinus.sinus.value,
            "side": sinus.side.value,
            "volume_ml": _number(sinus.volume_ml),
            "opacified_fraction": _number(sinus.opacified_fraction),
            "mean_hu": _number(sinus.mean_hu),
            "lund_mackay": sinus.lund_mackay,
            "complete": sinus.complete,
            "reason": sinus.reason or None,
            "air_fluid_level": sinus.air_fluid_level,
        }
    )


def _endotype(endotype: EndotypeReading) -> Json:
    return _without_none(
        {
            "standing": endotype.standing.value,
            "withheld": endotype.withheld or None,
            "doubts": list(endotype.doubts) or None,
            "probability_ecrs": _number(endotype.probability_ecrs),
            "slices": [
                {"sop_instance_uid": s.sop_instance_uid, "probability": _number(s.probability)}
                | ({"slice_index": s.slice_index} if s.slice_index >= 0 else {})
                for s in endotype.slices
            ],
            "models": [_model(model) for model in endotype.models],
            "threshold": _number(endotype.threshold),
            "attention_probability": _number(endotype.attention_probability),
            "spread": _number(endotype.spread),
            "heat_inside_mask": _number(endotype.heat_inside_mask),
            "heat_if_even": _number(endotype.heat_if_even),
            "mean_probability": _number(endotype.mean_probability),
            "network_threshold": _number(endotype.network_threshold),
            "slice_threshold": _number(endotype.slice_threshold),
            "patient_model": endotype.patient_model or None,
            "reasons": [
                {"name": r.name, "log_odds": _number(r.log_odds), "above_usual": r.above_usual}
                for r in endotype.reasons
            ]
            or None,
            "calibrated_on": endotype.calibrated_on or None,
        }
    )


def _recurrence(recurrence: RecurrenceReading) -> Json:
    return _without_none(
        {
            "dlr_score": _number(recurrence.dlr_score),
            "risk": _number(recurrence.risk),
            "risk_interval": [_number(v) for v in recurrence.risk_interval],
            "missing": list(recurrence.missing),
            "points": {name: _number(value) for name, value in recurrence.points.items()},
            "total_points": _number(recurrence.total_points),
            "model": _model(recurrence.model) if recurrence.model is not None else None,
            "nomogram_cohort": recurrence.nomogram_cohort or None,
            "overruled_dlr_score": _number(recurrence.overruled_dlr_score),
            "from_header": list(recurrence.from_header) or None,
            "values": {name: _number(value) for name, value in recurrence.values.items()} or None,
            "outside_training": list(recurrence.outside_training) or None,
            "doubts": list(recurrence.doubts) or None,
            "network_score": _number(recurrence.network_score),
        }
    )


def _model(model: ModelReference) -> Json:
    return {"name": model.name, "version": model.version, "sha256": model.sha256, "trained_on": model.trained_on}


def _warning(warning: ImageWarning) -> Json:
    return {"code": warning.code, "message": warning.message}


def _number(value: float | None) -> float | None:
    """A plain float rounded to six digits after the point; None for None and for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), 6)


def _without_none(content: Mapping[str, Any]) -> Json:
    return {key: value for key, value in content.items() if value is not None}

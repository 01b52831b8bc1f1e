"""A CT, read: input check, then the tasks asked for; without networks, the sinus-air measurement and no more."""

from dataclasses import replace

from sinusviewer.analysis import input_checks, sinus_air
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.inference.model_card import ModelTask


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
        return replace(reading, reason="Not a sinus CT series; shown, not read.")
    if not tasks & {"opacification", "endotype", "recurrence"}:
        return replace(reading, reason="No CT task was asked for.")
    return _air_only(volume, reading, context)


def _air_only(volume: Volume, reading: SeriesReading, context: Context) -> SeriesReading:
    air = sinus_air.measure(volume, context.token)
    refusal = input_checks.refuse_ct(volume, air)
    if refusal:
        return replace(reading, status=SeriesStatus.REFUSED, reason=refusal)
    missing = "" if context.registry.active(ModelTask.SINUS_SEGMENTATION) else "model missing: sinus_segmentation"
    warning = ImageWarning("sinus_air_only", f"{sinus_air.METHOD} ({missing})" if missing else sinus_air.METHOD)
    measured = volume.measurable
    return replace(
        reading,
        status=SeriesStatus.READ,
        warnings=(*reading.warnings, warning),
        sinuses=sinus_air.as_sinuses(air, volume) if measured else (),
        air=sinus_air.as_measurement(air) if measured else None,
        segmentation=sinus_air.as_segmentation(air, volume),
    )

"""A radiograph, read (Oh 2021)."""

from dataclasses import replace

from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.image import Radiograph
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.inference.model_card import ModelTask


def read(radiograph: Radiograph, tasks: frozenset[str], context: Context, seconds: dict[str, float]) -> SeriesReading:
    """Read a radiograph if the Waters task is among ``tasks``."""
    reading = SeriesReading(
        radiograph.identity.series_instance_uid,
        radiograph.identity.modality,
        SeriesStatus.VIEWED_ONLY,
        None,
        radiograph.warnings,
        radiograph.sop_instance_uid,
    )
    if not radiograph.for_models or radiograph.is_color:
        return replace(reading, reason="Not a radiograph a network may read; shown, not read.")
    if "waters" not in tasks:
        return replace(reading, reason="The Waters' task was not asked for.")
    if not context.registry.active(ModelTask.WATERS_SINUSITIS) or not context.registry.active(ModelTask.WATERS_PATCH):
        return replace(reading, reason="Model missing: waters_patch and waters_sinusitis are not installed.")
    return reading

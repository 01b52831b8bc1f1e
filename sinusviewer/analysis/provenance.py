"""Where a result came from: software, device, time, inputs."""

import contextlib
import datetime
import platform
from importlib import metadata

from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.reading import Provenance


def software_name() -> str:
    """Name and version, as every result carries it."""
    version = "unknown"
    with contextlib.suppress(metadata.PackageNotFoundError):
        version = metadata.version("sinusviewer")
    return f"SinusViewer {version}"


def completed(
    image: Radiograph | Volume, given: Provenance, seconds: dict[str, float], override_reason: str
) -> Provenance:
    """``given`` with all that is the same for every pipeline."""
    uids = (image.sop_instance_uid,) if isinstance(image, Radiograph) else image.sop_instance_uids
    return Provenance(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=software_name(),
        device=given.device or f"CPU ({platform.machine() or 'unknown'})",
        seconds={**given.seconds, **seconds},
        input_sop_instance_uids=tuple(dict.fromkeys(uid for uid in uids if uid)),
        override_reason=override_reason if given.override_reason else "",
    )

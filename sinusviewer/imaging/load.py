"""Series to images: the door through which pixels come in."""

from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.study import Series, SeriesKind
from sinusviewer.errors import DicomReadError, GeometryError, SinusViewerError
from sinusviewer.imaging.label_map import ALONE
from sinusviewer.imaging.radiograph import load_frames, load_radiograph
from sinusviewer.imaging.volume import FirstImage, load_volume
from sinusviewer.jobs.runner import CancelToken, Progress

MAX_SHOWN_BYTES = 1 << 30
"""Frames of a film or stack beyond this are left out; every one is still in the file."""

__all__ = ["FirstImage", "load_radiograph", "load_series", "load_volume"]


def load_series(
    series: Series,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    first_image: FirstImage | None = None,
) -> Volume | tuple[Radiograph, ...]:
    """Load a series as what it is: a volume, or one image for each instance and frame.

    Raises
    ------
    SinusViewerError
        If nothing of it can be read.
    CancelledError
        If the token was cancelled.
    """
    if series.kind in (SeriesKind.VOLUME, SeriesKind.STACK) or _forms_a_stack(series) or ALONE in series.warnings:
        try:
            return load_volume(series, progress, token, first_image)
        except (GeometryError, DicomReadError):
            if series.kind is SeriesKind.VOLUME:
                raise  # as single images the slices would lose what made them a volume
    return _load_images(series, progress, token)


def _forms_a_stack(series: Series) -> bool:
    """Slices of another modality with places in space can be scrolled as a volume, though no model reads them."""
    instances = series.instances
    return (
        series.kind is SeriesKind.VIEW_ONLY
        and series.identity.modality in ("CT", "MR")
        and len(instances) > 2
        and all(i.position is not None and i.orientation is not None and i.frames == 1 for i in instances)
        and len({i.position for i in instances}) == len(instances)
    )


def _load_images(series: Series, progress: Progress | None, token: CancelToken | None) -> tuple[Radiograph, ...]:
    images: list[Radiograph] = []
    failure: SinusViewerError | None = None
    spent = 0
    for number, instance in enumerate(series.instances):
        if progress is not None:
            progress("Loading images", number / len(series.instances))
        try:
            for image in load_frames(instance, series.identity):
                if token is not None:
                    token.raise_if_cancelled()
                images.append(image)
                spent += image.pixels.nbytes
                if spent > MAX_SHOWN_BYTES:
                    return tuple(images)
        except DicomReadError as error:
            failure = error
    if not images:
        raise failure or DicomReadError("The series holds no images.")
    return tuple(images)

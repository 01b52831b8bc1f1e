"""Masks that came with a study as DICOM Segmentation objects: shown over their series where nobody has read it yet."""

from dataclasses import replace

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.errors import CancelledError, DicomReadError, GeometryError
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.session import Session

WHERE_FROM = "Masks as stored with the study (DICOM Segmentation), not found by this program"

BY_RULE_HERE = (
    "These masks do not say what is opacified: the opacified shares follow from densities by this program's HU rule."
)
BY_RULE_THERE = "The opacified shares are as stored with the masks; there they followed from densities (HU) by a rule."
AS_STORED = "The opacified shares are as stored with the masks."


class StoredMaskActions:
    """Listens for volumes; what it shows is never a reading of this program's networks, and says so."""

    def __init__(self, session: Session, desk: JobDesk) -> None:
        self._session, self._desk = session, desk
        self._tried: set[str] = set()
        session.image_changed.connect(self._image_changed)

    def _image_changed(self, key: str) -> None:
        session = self._session
        volume, study = session.images.get(key), session.study_of(key)
        if not isinstance(volume, Volume) or len(volume.voxels) < 2 or study is None or not study.masks:
            return
        if key in self._tried or key in session.readings or self._desk.works_for(f"load:{key}"):
            return
        self._tried.add(key)
        paths = tuple(instance.path for instance in study.masks)

        def work(progress: Progress, token: CancelToken) -> SeriesReading | None:
            from sinusviewer.imaging.stored_masks import read_stored_masks  # here: pydicom after the window is up

            for path in paths:
                try:
                    return _reading(volume, read_stored_masks(path, volume, token), token)
                except CancelledError:
                    raise
                except GeometryError as error:
                    if len(paths) == 1:
                        progress.message(f"Stored masks: {error}", "warning")
                except DicomReadError as error:
                    progress.message(f"Stored masks: {error}", "warning")
            return None

        def finished(reading: SeriesReading | None) -> None:
            if reading is not None and session.images.get(key) is volume and key not in session.readings:
                session.set_reading(reading, key)
                session.say(f"{WHERE_FROM}.")

        def cancelled() -> None:
            self._tried.discard(key)

        done = Continuation(finished, group=f"stored:{key}", on_cancelled=cancelled)
        self._desk.submit("io", "Reading stored masks", work, done)


def _reading(volume: Volume, stored: object, token: CancelToken) -> SeriesReading:
    """Numbers that follow from stored masks by the same rules as from any others."""
    from sinusviewer.analysis import sinus_measurement as measuring
    from sinusviewer.imaging.stored_masks import StoredMasks

    if not isinstance(stored, StoredMasks):
        raise DicomReadError("There are no masks.")
    masks = stored.segmentation
    by_rule = masks.opacified_by_rule
    if masks.opacified is None:
        rule = measuring.opacified_voxels(volume.voxels, masks.labels, volume.spacing, token)
        masks = replace(masks, opacified=rule)
        shares = BY_RULE_HERE
    else:
        shares = BY_RULE_THERE if by_rule else AS_STORED
    withheld = "" if volume.measurable else "withheld, because the slices do not form an even volume"
    sinuses = measuring.measure_sinuses(volume, masks, withheld)
    totals = measuring.lund_mackay_total(sinuses, measuring.propose_ostiomeatal(volume, masks, sinuses))
    notes = [ImageWarning("stored_masks", f"{WHERE_FROM}: “{stored.description}”.")]
    notes.append(ImageWarning("opacified_by_rule" if by_rule else "opacified_as_stored", shares))
    if stored.others:
        notes.append(
            ImageWarning("stored_masks", f"Not shown, for they name no sinus and side: {', '.join(stored.others)}.")
        )
    who = volume.identity
    return SeriesReading(
        who.series_instance_uid, who.modality, SeriesStatus.VIEWED_ONLY, f"{WHERE_FROM}.",
        (*volume.warnings, *notes), sinuses=sinuses, lund_mackay=totals, segmentation=masks,
    )  # fmt: skip

"""Masks that came as DICOM Segmentation objects or label maps: shown over their series where nobody has read it yet."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.domain.image import ImageWarning, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.domain.study import MASKS_ALONE, Study
from sinusviewer.errors import CancelledError, DicomReadError, GeometryError, InputError
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.session import Session

LABEL_MAP_FROM = "Masks from a file (NIfTI label map), as they were saved"
WHERE_FROM = "Masks as stored with the study (DICOM Segmentation), not found by this program"

NO_SHARES = "These masks do not say what is opacified, and there is no image behind them."
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
        study = session.study_of(key)
        if study is None or key in self._tried or self._desk.works_for(f"load:{key}"):
            return
        own = tuple(instance.path for instance in study.masks)
        maps = tuple(i.path for s in session.studies.values() if s is not study and are_masks_alone(s) for i in s.masks)
        if own or maps:
            self._look(key, own, maps, lambda: None)

    def take(self, studies: tuple[Study, ...], show: Callable[[str], None]) -> bool:
        """Put label maps that were just opened over the CT on screen; one that is not about it is shown by itself.

        False where there is no CT on screen that has no masks yet: nothing has begun then.
        """
        session = self._session
        if not studies or not all(are_masks_alone(study) for study in studies):
            return False
        paths = tuple(sorted(i.path for study in studies for i in study.masks))
        key = session.views[session.active_view].series_key
        return self._look(key, (), paths, lambda: show(studies[0].study_instance_uid))

    def _look(self, key: str, own: tuple[Path, ...], others: tuple[Path, ...], on_nothing: Callable[[], None]) -> bool:
        """Look for masks of a volume among the study's own files and those opened otherwise; whether it has begun."""
        session = self._session
        volume, series = session.images.get(key), session.series(key)
        if not isinstance(volume, Volume) or len(volume.voxels) < 2 or series is None or not series.instances:
            return False
        if key in session.readings:
            return False
        self._tried.add(key)
        image = series.instances[0].path

        def work(progress: Progress, token: CancelToken) -> SeriesReading | None:
            from sinusviewer.imaging.label_map import read_label_map  # here: pydicom after the window is up
            from sinusviewer.imaging.stored_masks import read_stored_masks

            for path in (*own, *others):
                try:
                    if path.name.lower().endswith((".nii", ".nii.gz")):
                        return _reading(volume, read_label_map(path, volume, image), token)
                    return _reading(volume, read_stored_masks(path, volume, token), token)
                except CancelledError:
                    raise
                except GeometryError as error:
                    if own == (path,):
                        progress.message(f"Stored masks: {error}", "warning")
                except InputError as error:
                    progress.message(f"Stored masks: {error}", "warning")
            return None

        def finished(reading: SeriesReading | None) -> None:
            if reading is not None and session.images.get(key) is volume and key not in session.readings:
                session.set_reading(reading, key)
                session.say(reading.reason or "")
            elif reading is None:
                on_nothing()

        def cancelled() -> None:
            self._tried.discard(key)

        done = Continuation(finished, group=f"stored:{key}", on_cancelled=cancelled)
        self._desk.submit("io", "Reading stored masks", work, done)
        return True


def are_masks_alone(study: Study) -> bool:
    """Whether a study is a file of masks and nothing else."""
    return bool(study.masks) and all(w.code == MASKS_ALONE for s in study.series for w in s.warnings)


def _reading(volume: Volume, stored: object, token: CancelToken) -> SeriesReading:
    """Numbers that follow from stored masks by the same rules as from any others; without an image, of their size alone."""
    from sinusviewer.analysis import sinus_measurement as measuring
    from sinusviewer.imaging.stored_masks import StoredMasks

    if not isinstance(stored, StoredMasks):
        raise DicomReadError("There are no masks.")
    masks, alone = stored.segmentation, volume.identity.modality == "SEG"
    by_rule, said = masks.opacified_by_rule, masks.opacified is not None
    if masks.opacified is None:
        nothing = np.zeros(masks.labels.shape, bool)
        rule = nothing if alone else measuring.opacified_voxels(volume.voxels, masks.labels, volume.spacing, token)
        masks, by_rule = replace(masks, opacified=rule, opacified_by_rule=True), True
    shares = AS_STORED if said and not by_rule else BY_RULE_THERE if said else NO_SHARES if alone else BY_RULE_HERE
    withheld = "" if volume.measurable else "withheld, because the slices do not form an even volume"
    sinuses = measuring.measure_sinuses(volume, masks, withheld)
    if alone:
        sinuses = tuple(_without_image(s, shares=said) for s in sinuses)
    proposed = {} if alone else measuring.propose_ostiomeatal(volume, masks, sinuses)
    totals = None if alone else measuring.lund_mackay_total(sinuses, proposed)
    where_from = LABEL_MAP_FROM if stored.label_map else WHERE_FROM
    notes = [ImageWarning("stored_masks", f"{where_from}: “{stored.description}”.")]
    notes.append(ImageWarning("opacified_by_rule" if by_rule else "opacified_as_stored", shares))
    if stored.others:
        notes.append(
            ImageWarning("stored_masks", f"Not shown, for they name no sinus and side: {', '.join(stored.others)}.")
        )
    who = volume.identity
    return SeriesReading(
        who.series_instance_uid, who.modality, SeriesStatus.VIEWED_ONLY, f"{where_from}.",
        (*volume.warnings, *notes), sinuses=sinuses, lund_mackay=totals, segmentation=masks,
    )  # fmt: skip


def _without_image(sinus: SinusMeasurement, *, shares: bool) -> SinusMeasurement:
    """What can be said of a mask that no image lies behind: never a density."""
    if shares:
        return replace(sinus, mean_hu=None)
    return replace(sinus, mean_hu=None, opacified_fraction=None, lund_mackay=None, air_fluid_level=None)

"""All that was found in a study as DICOM objects in a folder: masks, measurements, key pictures, the report."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Raster

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.reporting import ReportOfStudy
from sinusviewer.domain.finding import Detection
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import Series, Study, mark_of
from sinusviewer.errors import SinusViewerError, StorageError
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.report.content import Picture, Section
from sinusviewer.session import Image, ImageMarks, Session

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


_ODD_SOURCES = (AttributeError, KeyError, TypeError, ValueError)
"""What highdicom raises where the images' headers lack what they must have, or hold what they must not."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One image of the study with what was found in it."""

    series: Series
    image: Volume | Radiograph | None
    reading: SeriesReading
    boxes: tuple[Detection, ...]


def export_dicom(session: Session, desk: JobDesk, study: Study, report: ReportOfStudy, folder: Path) -> Job:
    """Write the results of a study; what cannot be written of one series is said, and the rest goes on."""
    parts = tuple(_parts(session, study))
    mark = mark_of(study.study_instance_uid)  # a folder may hold the results of many studies

    def work(progress: Progress, token: CancelToken) -> int:
        from sinusviewer.exchange.documents import encapsulated_pdf  # here: highdicom and a layout engine take seconds
        from sinusviewer.exchange.sources import save, source_headers
        from sinusviewer.report import pdf

        count = 0
        pictures: dict[int, tuple[Picture, ...]] = {}
        first: Dataset | None = None
        for number, part in enumerate(parts):
            progress("Writing DICOM objects", number / (len(parts) + 1))
            token.raise_if_cancelled()
            if part.reading.status is not SeriesStatus.READ:
                continue
            try:
                only = (part.reading.sop_instance_uid,) if part.reading.sop_instance_uid else ()
                sources = source_headers(part.series, only)
                first = first or sources[0]
                pictures[number], written = _write_part(folder, f"{mark}_{number + 1:03d}", part, sources)
                count += written
            except StorageError:
                raise
            except SinusViewerError as error:
                progress.message(str(error), "warning")
            except _ODD_SOURCES as error:
                progress.message(
                    f"Series {number + 1} lacks what a DICOM object of it needs ({type(error).__name__}).", "warning"
                )
        if first is None:
            raise StorageError("No result of this study could be written as DICOM.", "Export as PDF or NIfTI.")
        sections = tuple(replace(s, pictures=pictures.get(n, ())) for n, s in enumerate(report.content.sections))
        said = (Section("Report, signed" if report.signed else "Report, not signed", tuple(_lines(report))),)
        content = replace(report.content, sections=(*(said if report.text or report.signed else ()), *sections))
        save(encapsulated_pdf(pdf.render(content), content.title, first), folder / f"report_{mark}.dcm")
        return count + 1

    def written(count: int) -> None:
        session.say(f"{count} DICOM objects saved: {folder}")

    return desk.submit("io", "Writing the results as DICOM", work, Continuation(written))


def _parts(session: Session, study: Study) -> list[_Part]:
    """What is read of a study, in the order of the report's sections."""
    found = []
    for series in study.series:
        for key, reading in session.readings.items():
            if key.partition("/")[0] == series.key:
                marks = session.marks.get(key, ImageMarks())
                image = _shown(session.images.get(series.key), reading.sop_instance_uid)
                found.append(_Part(series, image, reading, marks.detections))
    return found


def _shown(image: Image | None, sop_instance_uid: str) -> Volume | Radiograph | None:
    if image is None or isinstance(image, Volume):
        return image
    return next((film for film in image if film.sop_instance_uid == sop_instance_uid), None)


def _write_part(
    folder: Path, name: str, part: _Part, sources: "tuple[Dataset, ...]"
) -> tuple[tuple[Picture, ...], int]:
    """Write what one image gives; its key pictures and how many objects were written."""
    from sinusviewer.exchange.documents import secondary_capture
    from sinusviewer.exchange.measurement_report import measurement_report
    from sinusviewer.exchange.segmentation_object import segmentation_object, structures_in
    from sinusviewer.exchange.sources import new_uid, save
    from sinusviewer.report.pictures import key_pictures

    count, masks = 0, None
    if isinstance(part.image, Volume) and structures_in(part.reading):
        masks = segmentation_object(part.image, part.reading, sources)
        save(masks, folder / f"masks_{name}.dcm")
        count += 1
    shown = part.boxes or (part.reading.waters.boxes if part.reading.waters is not None else ())
    if part.reading.sinuses or part.reading.waters is not None or part.reading.endotype is not None:
        save(measurement_report(part.reading, sources, shown, masks), folder / f"measurements_{name}.dcm")
        count += 1
    pictures = key_pictures(part.image, part.reading, name) if part.image is not None else ()
    series = new_uid()
    for index, picture in enumerate(pictures, start=1):
        rgb = np.asarray(Raster.open(io.BytesIO(picture.png)).convert("RGB"))
        made = secondary_capture(rgb, picture.caption, sources[0], index, series)
        save(made, folder / f"picture_{name}_{index:02d}.dcm")
        count += 1
    return pictures, count


def _lines(report: ReportOfStudy) -> list[str]:
    """What the reader wrote, and who signed it when."""
    lines = [line for line in (report.text or "").splitlines() if line.strip()]
    for signed in report.signed:
        who = "Addendum by" if signed.addendum_to else "Signed by"
        lines.append(
            f"{who} {signed.content.get('reader', signed.reader)}, {signed.at[:16]}: {signed.content.get('text', '')}"
        )
    return lines

"""One study's output folder: pictures and masks as each series is read, then ``reading.json`` and the reports."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from sinusviewer.domain.image import Identity, Radiograph, Volume
from sinusviewer.domain.reading import Reading, SeriesReading
from sinusviewer.errors import StorageError
from sinusviewer.report import content, html, masks, pdf, pictures, reading_json
from sinusviewer.report.atomic import folder_name, write_bytes, write_text

_OWN = (
    re.compile(r"index\.json"),
    re.compile(r"[^/]+/(reading\.json|report\.html|report\.pdf)"),
    re.compile(r"[^/]+/images/\d{3}_[^/]+\.png"),
    re.compile(r"[^/]+/masks/(labels\.json|\d{3}_[^/]+\.nii\.gz)"),
)


def is_own_output(path: Path, out: Path) -> bool:
    """Whether a file below ``out`` is one that reading writes there; both as they really lie on the disk.

    By its place and name alone, so that what a killed run has left is known too. No DICOM file is ever taken for one.
    """
    if not path.is_relative_to(out):
        return False
    return any(pattern.fullmatch(path.relative_to(out).as_posix()) for pattern in _OWN)


@dataclass(slots=True)
class StudyFolder:
    """Collects what belongs to one study; :meth:`add` per series in order, then :meth:`finish`."""

    out: Path
    study_instance_uid: str
    _pictures: dict[int, tuple[content.Picture, ...]] = field(default_factory=dict)
    _mask_files: list[dict[str, object]] = field(default_factory=list)
    _count: int = 0

    @property
    def name(self) -> str:
        """The folder's name below the output folder."""
        return folder_name(self.study_instance_uid)

    @property
    def path(self) -> Path:
        """The folder itself.

        Raises
        ------
        StorageError
            Where a link would lead out of the output folder.
        """
        path = self.out / self.name
        if not path.resolve().is_relative_to(self.out.resolve()):
            raise StorageError(f"“{self.name}” is a link that leads out of the output folder.", "Remove it first.")
        return path

    def add(self, image: Radiograph | Volume | None, reading: SeriesReading) -> None:
        """Write the pictures and masks of one series, so that its image can be let go."""
        number = self._count
        self._count += 1
        stem = f"{number + 1:03d}_{re.sub(r'[^A-Za-z0-9]+', '', reading.modality)[:8] or 'series'}"
        if image is not None:
            made = pictures.key_pictures(image, reading, stem)
            for picture in made:
                write_bytes(self.path / "images" / picture.name, picture.png)
            self._pictures[number] = made
        if reading.segmentation is not None:
            written = masks.write_mask(self.path / "masks", stem, reading.segmentation)
            for path in written:
                self._mask_files.append(
                    {
                        "path": path.name,
                        "series_instance_uid": reading.series_instance_uid,
                        "holds": "opacified" if path.name.endswith("_opacified.nii.gz") else "labels",
                        "made_by": reading.segmentation_model.name if reading.segmentation_model else "threshold rules",
                        "side_verified": not (isinstance(image, Volume) and not image.oriented),
                    }
                )

    def finish(self, reading: Reading, identity: Identity, headings: tuple[str, ...] = ()) -> None:
        """Write ``labels.json``, ``reading.json``, ``report.html`` and ``report.pdf``.

        ``headings`` name the parts of the reading for people; without them their UIDs do.
        """
        if self._mask_files:
            masks.write_labels(self.path / "masks", self._mask_files)
        report = content.build(reading, identity, self._pictures, headings=headings)
        write_text(self.path / "report.html", html.render(report))
        write_bytes(self.path / "report.pdf", pdf.render(report))
        reading_json.write_validated(
            reading_json.reading_as_json(reading), "reading.schema.json", self.path / "reading.json"
        )

"""Sinus masks as a DICOM Segmentation object (PS3.3 A.51): one binary segment for each structure that has voxels.

Behind them, over them, one for the opacified part of each sinus that has one: shares measured from the object are then the same.
"""

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sinusviewer import __version__
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Author, ModelReference
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.errors import StorageError
from sinusviewer.exchange.anatomy_codes import (
    ABNORMALITY,
    ANATOMY,
    LATERALITY,
    NASAL_CAVITY,
    OPACIFIED_PART,
    PLACE_OF,
    SINUS_CODE,
    structure_label,
)
from sinusviewer.exchange.more_segments import with_more_segments
from sinusviewer.exchange.sources import MANUFACTURER, MODEL, RESEARCH_ONLY, new_uid
from sinusviewer.imaging.stored_masks import OPACITY_RULE

_FAMILY = hd.sr.CodedConcept("123109", "DCM", "Artificial Intelligence")
_LAST = Structure.NASAL_CAVITY


def structures_in(reading: SeriesReading) -> tuple[Structure, ...]:
    """What has a mask, in the order of the segments (segment 1 first)."""
    if reading.segmentation is None:
        return ()
    counts = np.bincount(reading.segmentation.labels.ravel(), minlength=int(_LAST) + 1)
    return tuple(Structure(code) for code in range(1, int(_LAST) + 1) if counts[code])


def segmentation_object(volume: Volume, reading: SeriesReading, sources: tuple[Dataset, ...]) -> Dataset:
    """The masks of a reading.

    Parameters
    ----------
    sources
        Headers of the images that the volume was made of; the masks lie in their frame of reference, on the volume's own
        grid (which differs from the images' where a tilt was straightened).

    Raises
    ------
    StorageError
        Where there are no masks.
    """
    segmentation, present = reading.segmentation, structures_in(reading)
    if segmentation is None or not present:
        raise StorageError("This series has no masks.", "Read it first, or draw masks with the brush.")
    grid = np.column_stack([volume.affine[:, 2], volume.affine[:, 1], volume.affine[:, 0], volume.affine[:, 3]])
    kind = "SEMIAUTOMATIC" if segmentation.is_edited else "AUTOMATIC"
    if segmentation.author is Author.READER:
        kind = "MANUAL"
    made_by = None if kind == "MANUAL" else _algorithm(reading.segmentation_model)
    descriptions = [
        _description(number, structure, kind, made_by, verified=volume.oriented)
        for number, structure in enumerate(present, start=1)
    ]

    def made_of(
        labels: npt.NDArray[np.uint8], segments: tuple[Structure, ...], said: list[hd.seg.SegmentDescription]
    ) -> hd.seg.Segmentation:
        numbers = np.zeros(256, np.uint8)
        for number, structure in enumerate(segments, start=1):
            numbers[structure] = number
        frame = str(sources[0].FrameOfReferenceUID)
        return hd.seg.Segmentation(
            source_images=list(sources), pixel_array=hd.Volume(numbers[labels], grid, "PATIENT", frame_of_reference_uid=frame),
            segmentation_type="BINARY", segment_descriptions=said,
            series_instance_uid=new_uid(), series_number=9001, sop_instance_uid=new_uid(), instance_number=1,
            manufacturer=MANUFACTURER, manufacturer_model_name=MODEL, software_versions=__version__,
            device_serial_number="0", content_label="SINUSES", content_description=RESEARCH_ONLY,
            series_description="Sinus masks. Research use only",
        )  # fmt: skip

    whole = made_of(segmentation.labels, present, descriptions)
    if segmentation.opacified is None:
        return whole
    opaque = np.where(segmentation.opacified, segmentation.labels, 0).astype(np.uint8)
    opaque[opaque == Structure.NASAL_CAVITY] = 0
    counts = np.bincount(opaque.ravel(), minlength=int(_LAST) + 1)
    diseased = tuple(s for s in present if counts[s])
    if not diseased:
        return whole
    by = _by_rule() if segmentation.opacified_by_rule else _algorithm(reading.segmentation_model)
    said = [_opacified(n, s, by, verified=volume.oriented) for n, s in enumerate(diseased, start=1)]
    return with_more_segments(whole, made_of(opaque, diseased, said))


def _by_rule() -> hd.AlgorithmIdentificationSequence:
    return hd.AlgorithmIdentificationSequence(name=OPACITY_RULE, family=_FAMILY, version=__version__)


def _opacified(
    number: int, structure: Structure, made_by: hd.AlgorithmIdentificationSequence, *, verified: bool
) -> hd.seg.SegmentDescription:
    """A sinus' opacified part; which sinus is said by its region and, for the ethmoids, by the label."""
    sinus, side = PLACE_OF[structure]
    label = structure_label(structure, verified=verified)
    description = hd.seg.SegmentDescription(
        segment_number=number, segment_label=f"Opacified {label[:1].lower()}{label[1:]} sinus",
        segmented_property_category=ABNORMALITY, segmented_property_type=OPACIFIED_PART, algorithm_type="AUTOMATIC",
        algorithm_identification=made_by, tracking_uid=new_uid(), tracking_id=f"opacified_{structure.name.lower()}",
        anatomic_regions=[SINUS_CODE[sinus]],
    )  # fmt: skip
    if verified:
        region = description.AnatomicRegionSequence[0]
        region.AnatomicRegionModifierSequence = Sequence([hd.sr.CodedConcept.from_code(LATERALITY[side])])
    return description


def _algorithm(model: ModelReference | None) -> hd.AlgorithmIdentificationSequence:
    name, version = (model.name, model.version) if model is not None else ("threshold rules", __version__)
    parameters = {"trained_on": model.trained_on, "sha256": model.sha256} if model is not None else None
    return hd.AlgorithmIdentificationSequence(name=name, family=_FAMILY, version=version, parameters=parameters)


def _description(
    number: int,
    structure: Structure,
    kind: str,
    made_by: hd.AlgorithmIdentificationSequence | None,
    *,
    verified: bool,
) -> hd.seg.SegmentDescription:
    place = PLACE_OF.get(structure)
    code = NASAL_CAVITY if place is None else SINUS_CODE[place[0]]
    description = hd.seg.SegmentDescription(
        segment_number=number, segment_label=structure_label(structure, verified=verified),
        segmented_property_category=ANATOMY, segmented_property_type=code, algorithm_type=kind,
        algorithm_identification=made_by, tracking_uid=new_uid(), tracking_id=structure.name.lower(),
    )  # fmt: skip
    if place is not None and verified:
        side = hd.sr.CodedConcept.from_code(LATERALITY[place[1]])
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = Sequence([side])
    return description

"""A series of DICOM files that differ in a few elements: what they share is encoded once.

Encoding seventy elements takes pydicom longer than writing the pixels, and a scan has a hundred slices.
"""

import copy
from collections.abc import Sequence

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID

Runs = tuple[tuple[int, bytes], ...]
"""Tag of the first element of a run, and the run's bytes."""


def encoded(dataset: Dataset) -> bytes:
    """Explicit VR, little endian."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, dataset)
    return bytes(stream.getvalue())


def constant_runs(dataset: Dataset, varying: Sequence[str]) -> Runs:
    """The elements all files share, cut where one of the ``varying`` keywords belongs (it must not be in the dataset's runs)."""
    cuts = sorted(int(tag_for_keyword(keyword) or 0) for keyword in varying)
    runs: dict[int, Dataset] = {}
    for element in dataset:
        if int(element.tag) not in cuts:
            number = sum(int(element.tag) > cut for cut in cuts)
            runs.setdefault(number, Dataset()).add(element)
    return tuple((int(next(iter(run.keys()))), encoded(run)) for _, run in sorted(runs.items()))


def file_of(meta: FileMetaDataset, sop_instance_uid: str, constant: Runs, own: Dataset) -> bytes:
    """A whole file: preamble, file meta information for this instance, and all elements in the order of their tags."""
    own_meta = copy.copy(meta)
    own_meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    stream.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(stream, own_meta)
    parts = list(constant)
    for element in own:
        single = Dataset()
        single.add(element)
        parts.append((int(element.tag), encoded(single)))
    for _, content in sorted(parts, key=lambda part: part[0]):
        stream.write(content)
    return bytes(stream.getvalue())

"""Segments that lie over others, put into one Segmentation object from two whose own segments never overlap.

Given all at once they would need an array with a plane for every segment and slice: gigabytes of a thin-sliced CT.
"""

import copy

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset


def with_more_segments(first: hd.seg.Segmentation, more: hd.seg.Segmentation) -> hd.seg.Segmentation:
    """``first`` with the segments and frames of ``more`` behind its own; both binary, of one source and grid.

    What is in ``more`` lies inside what is in ``first``, so that it has no place of its own.
    """
    for one in (first, more):
        _share_nothing_of_frames(one)
    before, places = len(first.SegmentSequence), _places(first)
    for segment in more.SegmentSequence:
        segment.SegmentNumber = int(segment.SegmentNumber) + before
        first.SegmentSequence.append(segment)
    content = _joined_pixels(first, more)
    for frame in more.PerFrameFunctionalGroupsSequence:
        place = frame.SegmentIdentificationSequence[0]
        place.ReferencedSegmentNumber = int(place.ReferencedSegmentNumber) + before
        first.PerFrameFunctionalGroupsSequence.append(frame)
    first.NumberOfFrames = len(first.PerFrameFunctionalGroupsSequence)
    first.PixelData = content + b"\0" * (len(content) % 2)
    first.SegmentsOverlap = "YES"  # PS3.3 C.8.20.2
    _number_places(list(more.PerFrameFunctionalGroupsSequence), places)
    return hd.seg.Segmentation.from_dataset(first, copy=False)


def _share_nothing_of_frames(dataset: Dataset) -> None:
    """What names a frame's segment and place stands with the frame; of a single segment or place it may be shared by all."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for name in ("SegmentIdentificationSequence", "PlanePositionSequence", "DerivationImageSequence"):
        if name in shared:
            for frame in dataset.PerFrameFunctionalGroupsSequence:
                setattr(frame, name, copy.deepcopy(shared[name].value))
            delattr(shared, name)


def _joined_pixels(first: Dataset, more: Dataset) -> bytes:
    """The pixels of all frames of both; frames follow one another bit by bit, not byte by byte (PS3.5 8.1.1)."""
    counts = [int(d.NumberOfFrames) * int(d.Rows) * int(d.Columns) for d in (first, more)]
    if counts[0] % 8 == 0:  # as good as always, and needs an eighth of the memory
        return bytes(first.PixelData[: counts[0] // 8] + more.PixelData[: -(-counts[1] // 8)])
    bits = [
        np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), count=count, bitorder="little")
        for dataset, count in zip((first, more), counts, strict=True)
    ]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()


def _number_places(frames: list[Dataset], known: list[tuple[float, float, float]]) -> None:
    """Dimension indices (PS3.3 C.7.6.17): the segment, then the place among all places of the object.

    ``known`` are the places of the first object in its order; the others lie among them.
    """
    number = {place: index for index, place in enumerate(known, start=1)}
    for frame in frames:
        segment = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        frame.FrameContentSequence[0].DimensionIndexValues = [segment, number[_place(frame)]]


def _places(dataset: Dataset) -> list[tuple[float, float, float]]:
    """The places of all frames, in the order in which the object numbers them."""
    frames = dataset.PerFrameFunctionalGroupsSequence
    found = {_place(f): int(f.FrameContentSequence[0].DimensionIndexValues[1]) for f in frames}
    return sorted(found, key=lambda place: found[place])


def _place(frame: Dataset) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient)
    return x, y, z

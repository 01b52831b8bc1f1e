"""Images to series: split by what they are and where they lie, not by the series UID alone."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.study import Instance, Series, SeriesKind
from sinusviewer.errors import GeometryError
from sinusviewer.imaging.geometry import DUPLICATE_MM, image_frame
from sinusviewer.imaging.headers import Header, identity_of
from sinusviewer.imaging.pixel_layout import is_float
from sinusviewer.imaging.tags import Tag

CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"
DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.2"
RADIOGRAPH_CLASSES = frozenset({CR_IMAGE, DX_FOR_PRESENTATION, DX_FOR_PROCESSING})
ENHANCED_CT_CLASSES = frozenset({ENHANCED_CT, LEGACY_ENHANCED_CT})

ORIENTATION_TOLERANCE = 0.005
"""Largest difference of a direction cosine within one stack; scanners round to 5 or 6 digits."""

_LOCALIZER_WORDS = frozenset({"LOCALIZER", "SCOUT", "SURVEY", "TOPOGRAM"})
_SCREEN_WORDS = ("SCREEN", "CAPTURE", "DOSE", "REPORT", "SAVE", "CINE", "MOVIE", "VRT", "VOLREN", "PROJECTION IMAGE")


@dataclass(frozen=True, slots=True)
class _Image:
    header: Header
    instance: Instance
    kind: SeriesKind
    description: str = ""


def instance_of(header: Header) -> Instance:
    """Where one image lies."""
    return Instance(
        header.path, header.sop_instance_uid, header.sop_class_uid, header.integer_string(Tag.INSTANCE_NUMBER),
        header.rows, header.columns, header.frames, header.position, header.orientation, header.pixel_spacing,
        header.transfer_syntax_uid,
    )  # fmt: skip


def kind_of(header: Header, *, placed: bool | None = None) -> SeriesKind:
    """What a single image can be used for, by its SOP class, image type and photometric interpretation.

    ``placed`` says whether it has a position and an orientation; None looks for them.
    """
    grey = header.samples == 1 and header.photometric in ("MONOCHROME1", "MONOCHROME2", "") and not is_float(header)
    sop_class, words = header.sop_class_uid, header.image_type
    if sop_class in RADIOGRAPH_CLASSES and grey and header.frames == 1:
        return SeriesKind.RADIOGRAPH
    if sop_class == CT_IMAGE and grey and header.frames == 1:
        if _LOCALIZER_WORDS & set(words):
            return SeriesKind.LOCALIZER
        if any(word in part for part in words[2:] for word in _SCREEN_WORDS):
            return SeriesKind.VIEW_ONLY
        if placed is None:
            placed = header.position is not None and header.orientation is not None
        return SeriesKind.VOLUME if placed else SeriesKind.STACK
    if sop_class in ENHANCED_CT_CLASSES and grey:
        return SeriesKind.LOCALIZER if _LOCALIZER_WORDS & set(words) else SeriesKind.VOLUME
    return SeriesKind.VIEW_ONLY


def build_series(headers: Iterable[Header]) -> tuple[Series, ...]:
    """Group images of one study into series, in the order they were met."""
    by_uid: dict[str, list[_Image]] = defaultdict(list)
    for header in headers:
        instance = instance_of(header)
        placed = instance.position is not None and instance.orientation is not None
        by_uid[header.series_key].append(_Image(header, instance, kind_of(header, placed=placed)))
    result: list[Series] = []
    for uid, images in by_uid.items():
        result.extend(_split(uid, images))
    return tuple(result)


def _split(uid: str, images: list[_Image]) -> list[Series]:
    parts: list[list[_Image]] = []
    groups: dict[tuple[object, ...], list[_Image]] = defaultdict(list)
    for image in images:
        groups[_fixed_key(image)].append(image)
    turned = False
    for group in groups.values():
        clusters = _by_orientation(group)
        turned = turned or (len(clusters) > 1 and group[0].kind in (SeriesKind.VOLUME, SeriesKind.STACK))
        for cluster in clusters:
            parts.extend(_by_acquisition(cluster))
    shared: list[ImageWarning] = []
    if turned:
        shared.append(
            ImageWarning(
                "mixed_orientation", "The series mixes slice orientations; each is shown as a part of its own."
            )
        )
    has_localizer = any(p[0].kind is SeriesKind.LOCALIZER for p in parts)
    series = []
    for number, part in enumerate(sorted(parts, key=lambda p: -len(p))):
        is_stack = part[0].kind in (SeriesKind.VOLUME, SeriesKind.STACK)
        warnings = list(shared) if is_stack else []
        if has_localizer and is_stack:
            warnings.append(
                ImageWarning("localizer_removed", "A localizer was found in this series and is shown apart from it.")
            )
        series.append(_one_series(uid, number, part, tuple(warnings), len(parts) > 1))
    return series


def _fixed_key(image: _Image) -> tuple[object, ...]:
    header = image.header
    spacing = tuple([round(v, 3) for v in image.instance.spacing]) if image.instance.spacing else None
    key: tuple[object, ...] = (
        image.kind, header.sop_class_uid, header.rows, header.columns, header.samples, header.photometric, spacing,
    )  # fmt: skip
    if image.kind in (SeriesKind.VOLUME, SeriesKind.STACK):
        key += (header.codes(Tag.CONVOLUTION_KERNEL), header.image_type[2:3], header.code(Tag.FRAME_OF_REFERENCE_UID))
        if header.sop_class_uid in ENHANCED_CT_CLASSES:
            key += (image.instance.sop_instance_uid, str(header.path))  # each file is a volume of its own
    return key


def _by_orientation(images: list[_Image]) -> list[list[_Image]]:
    if images[0].kind is SeriesKind.RADIOGRAPH:
        return [images]
    clusters: list[tuple[np.ndarray | None, list[_Image]]] = []
    for image in images:
        vector = None if image.instance.orientation is None else np.asarray(image.instance.orientation)
        for reference, members in clusters:
            if (vector is None) == (reference is None) and (
                vector is None
                or reference is None
                or float(np.max(np.abs(vector - reference))) <= ORIENTATION_TOLERANCE
            ):
                members.append(image)
                break
        else:
            clusters.append((vector, [image]))
    return [members for _, members in clusters]


def _by_acquisition(images: list[_Image]) -> list[list[_Image]]:
    """Two passes over the same place (before and after contrast, say) are two volumes."""
    if images[0].kind is not SeriesKind.VOLUME or len(images) < 2 or not _overlap(images):
        return [images]
    passes: dict[str, list[_Image]] = defaultdict(list)
    for image in images:
        passes[image.header.code(Tag.ACQUISITION_NUMBER)].append(image)
    if len(passes) > 1 and not any(_overlap(p) for p in passes.values()):
        return list(passes.values())
    return [images]


def _overlap(images: Sequence[_Image]) -> bool:
    along = sorted(_along(i.instance) for i in images)
    return any(b - a <= DUPLICATE_MM for a, b in itertools.pairwise(along))


def _along(instance: Instance) -> float:
    if instance.position is None or instance.orientation is None:
        return 0.0
    try:
        normal = image_frame(instance.orientation).normal.tolist()
        return float(sum(p * n for p, n in zip(instance.position, normal, strict=True)))
    except GeometryError:
        return 0.0


def _one_series(uid: str, number: int, part: list[_Image], warnings: tuple[ImageWarning, ...], split: bool) -> Series:
    header = part[0].header
    kind = part[0].kind
    if kind is SeriesKind.VOLUME and header.sop_class_uid == CT_IMAGE and len(part) < 2:
        kind = SeriesKind.STACK  # one slice has no extent
    ordered = sorted(part, key=lambda i: (_along(i.instance), i.instance.instance_number, str(i.instance.path)))
    if any(i.instance.position is None for i in part) or kind in (SeriesKind.RADIOGRAPH, SeriesKind.LOCALIZER):
        ordered = sorted(part, key=lambda i: (i.instance.instance_number, str(i.instance.path)))
    identity = identity_of(header)
    description = identity.series_description or header.modality or "Images"
    if split and (extra := _what_differs(part[0], kind)):
        description = f"{description} ({extra})"
    return Series(
        replace(identity, series_description=description), kind, tuple(i.instance for i in ordered), description,
        f"{uid}#{number + 1}" if number else uid, warnings,
    )  # fmt: skip


def _what_differs(image: _Image, kind: SeriesKind) -> str:
    header = image.header
    if kind is SeriesKind.LOCALIZER:
        return "localizer"
    words = [f"{header.columns} x {header.rows}"]
    if kernel := "/".join(header.codes(Tag.CONVOLUTION_KERNEL)):
        words.append(kernel)
    if image.instance.orientation is not None:
        try:
            normal = image_frame(image.instance.orientation).normal
        except GeometryError:
            return ", ".join(words)
        words.append(("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))])
    return ", ".join(words)

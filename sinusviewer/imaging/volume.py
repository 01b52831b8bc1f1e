"""CT series as ``Volume``s in Hounsfield units: sorted along the normal, faults named, tilt taken out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import ImageWarning, Volume, withholding
from sinusviewer.domain.study import Series, SeriesKind
from sinusviewer.errors import DicomReadError, GeometryError
from sinusviewer.imaging.fill import PADDING_HU, FillResult, fill_slice, fill_volume
from sinusviewer.imaging.geometry import TILT_TOLERANCE_DEG, StackGeometry, stack_affine, stack_geometry
from sinusviewer.imaging.headers import exposure_of
from sinusviewer.imaging.pixel_layout import MAX_DECODED_BYTES
from sinusviewer.imaging.radiograph import quality_warnings
from sinusviewer.imaging.rectify import rectify
from sinusviewer.imaging.research_volume import load_research_volume
from sinusviewer.imaging.series import CT_IMAGE, ENHANCED_CT_CLASSES
from sinusviewer.imaging.slices import Slice, require_spacing, slices_of, without_geometry
from sinusviewer.jobs.runner import CancelToken, Progress

FirstImage = Callable[[Volume], None]

SHORT_STACK_MM = 40.0
"""A stack shorter than this cannot hold all paranasal sinuses."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """Slices in order with the geometry they make."""

    slices: list[Slice]
    spacing_yx: tuple[float, float]
    geometry: StackGeometry | None
    warnings: list[ImageWarning]
    measurable: bool

    @property
    def spacing_z(self) -> float:
        if self.geometry is None or self.geometry.spacing_mm <= 0:
            return exposure_of(self.slices[0].header).get("slice_thickness_mm") or self.spacing_yx[0]
        return self.geometry.spacing_mm

    def affine(self, first: int = 0) -> npt.NDArray[np.float64]:
        """Affine of the slices from number ``first`` on."""
        if self.geometry is None:
            return np.diag([self.spacing_yx[1], self.spacing_yx[0], self.spacing_z, 1.0])
        position = self.slices[first].position
        origin = None if position is None else np.asarray(position, dtype=np.float64)
        return stack_affine(self.geometry, self.spacing_yx, self.spacing_z, origin)


def load_volume(
    series: Series,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    first_image: FirstImage | None = None,
) -> Volume:
    """Load a series as one volume.

    Parameters
    ----------
    first_image
        Called, from the same thread, with the middle slice as a volume of one slice, before the rest is decoded.

    Raises
    ------
    DicomReadError, InputError
        If no slice can be read.
    GeometryError
        If the slices have no usable orientation.
    CancelledError
        If the token was cancelled.
    """
    if not series.instances:
        raise DicomReadError("The series holds no images.")
    if not series.instances[0].sop_class_uid and not series.instances[0].transfer_syntax_uid:
        return load_research_volume(series, progress, token, first_image)
    shown = first_image is not None and _show_early(series, first_image)
    slices, warnings = slices_of(series.instances)
    stack = _stack([*series.warnings, *warnings], slices)
    rows, columns = stack.slices[0].header.rows, stack.slices[0].header.columns
    shape = (len(stack.slices), rows, columns)
    if shape[0] * rows * columns * 2 > MAX_DECODED_BYTES:
        raise DicomReadError("The series is larger than can be opened.")
    try:
        voxels = np.empty(shape, np.int16)
    except MemoryError as error:
        raise DicomReadError(
            "There is not enough memory for this series.", "Close other studies and try again."
        ) from error
    if first_image is not None and not shown:
        _show(series, stack, len(stack.slices) // 2, first_image)

    def done(count: int) -> None:
        if progress is not None:
            progress("Loading slices", count / shape[0])

    result = fill_volume(stack.slices, voxels, done, token)
    if len(result.failed) == shape[0]:
        raise DicomReadError(next(iter(result.failed.values())))
    return _finish(series, stack, voxels, result, token)


def _stack(warnings: list[ImageWarning], slices: list[Slice]) -> _Stack:
    orientation = slices[0].orientation
    if orientation is None or any(s.position is None for s in slices):
        warnings.append(
            ImageWarning("no_position", "The slices do not say where they lie: they are shown in the order of their numbers, and "
                         "nothing is measured in millimetres.")
        )  # fmt: skip
        spacing = slices[0].spacing or (1.0, 1.0)
        return _Stack(without_geometry(slices), spacing, None, warnings, measurable=False)
    spacing = require_spacing(slices)
    geometry = stack_geometry(orientation, [s.position for s in slices if s.position is not None])
    faults, measurable = _faults(geometry)
    return _Stack([slices[i] for i in geometry.order], spacing, geometry, warnings + faults, measurable)


def _faults(geometry: StackGeometry) -> tuple[list[ImageWarning], bool]:
    """What a reader must know of the geometry, and whether volumes may be measured in it."""
    faults: list[ImageWarning] = []
    measurable = True
    count = len(geometry.order)
    if abs(geometry.tilt_deg) > TILT_TOLERANCE_DEG:
        faults.append(
            ImageWarning(
                "gantry_tilt",
                f"The gantry was tilted by {abs(geometry.tilt_deg):.1f} degrees; the volume has been straightened.",
            )
        )
    if geometry.missing:
        noun = "slice is" if geometry.missing == 1 else "slices are"
        faults.append(withholding("missing_slices", f"{geometry.missing} {noun} missing; the gap is left empty"))
        measurable = False
    if geometry.uneven:
        distances = np.diff(geometry.offsets[:, 2])
        faults.append(
            withholding(
                "uneven_spacing",
                f"The distance between slices varies from {distances.min():.2f} to {distances.max():.2f} mm",
            )
        )
        measurable = False
    if geometry.duplicates:
        noun = "slice lies" if geometry.duplicates == 1 else "slices lie"
        faults.append(
            ImageWarning(
                "duplicate_slices", f"{geometry.duplicates} {noun} where another does; the first of each is shown."
            )
        )
    if geometry.frame.corrected:
        faults.append(
            ImageWarning(
                "orientation_corrected",
                "The slices' directions were not quite at right angles; they have been corrected.",
            )
        )
    if count < 2:
        faults.append(withholding("single_slice", "A single slice has no volume"))
        measurable = False
    elif (extent := float(geometry.offsets[-1, 2]) + geometry.spacing_mm) < SHORT_STACK_MM:
        faults.append(
            ImageWarning("partial_coverage", f"The slices cover only {extent:.0f} mm: not all sinuses can be in them.")
        )
    return faults, measurable


def _show_early(series: Series, first_image: FirstImage) -> bool:
    """Show the middle file of many before the other headers are read again; whether that was possible."""
    instances = series.instances
    middle = instances[len(instances) // 2]
    positions = [i.position for i in instances if i.position is not None]
    if len(instances) < 2 or middle.orientation is None or len(positions) < len(instances):
        return False
    try:
        slices, warnings = slices_of([middle])
        geometry = stack_geometry(middle.orientation, positions)
    except (DicomReadError, GeometryError):
        return False  # what is wrong is said when the whole is loaded
    stack = _Stack(slices, slices[0].spacing or (1.0, 1.0), geometry, [*series.warnings, *warnings], measurable=False)
    return _show(series, stack, 0, first_image)


def _show(series: Series, stack: _Stack, number: int, first_image: FirstImage) -> bool:
    """Decode one slice and show it as a volume of one; False where it cannot be decoded."""
    shown = stack.slices[number]
    voxels = np.empty((1, shown.header.rows, shown.header.columns), np.int16)
    try:
        padded = fill_slice(shown, voxels[0])
    except DicomReadError:
        return False
    first_image(
        Volume(
            voxels, stack.affine(number), series.identity, (shown.uid,), oriented=stack.geometry is not None, measurable=False,
            for_models=False, padding_hu=PADDING_HU if padded else None, windows=shown.windows, warnings=tuple(stack.warnings),
        )
    )  # fmt: skip
    return True


def _finish(
    series: Series, stack: _Stack, voxels: npt.NDArray[np.int16], filled: FillResult, token: CancelToken | None
) -> Volume:
    warnings, measurable = list(stack.warnings), stack.measurable
    if filled.failed:
        reason = next(iter(filled.failed.values()))
        warnings.append(
            ImageWarning(
                "unreadable_slices",
                f"{len(filled.failed)} of {len(stack.slices)} slices cannot be decoded and are left empty: {reason}",
            )
        )
        measurable = False
    uids = tuple(s.uid for s in stack.slices)
    affine, padded = stack.affine(), filled.padded
    if stack.geometry is not None and not stack.geometry.regular and len(uids) > 1:
        voxels, affine, source = rectify(voxels, stack.geometry, stack.spacing_yx, PADDING_HU, token)
        uids = tuple(uids[i] if i is not None else "" for i in source)
        padded = True
    middle = stack.slices[len(stack.slices) // 2]
    seen = {w.code: w for s in (stack.slices[0], middle) for w in quality_warnings(s.header)}
    is_ct = middle.header.sop_class_uid == CT_IMAGE or middle.header.sop_class_uid in ENHANCED_CT_CLASSES
    return Volume(
        voxels=voxels,
        affine=affine,
        identity=series.identity,
        sop_instance_uids=uids,
        oriented=stack.geometry is not None,
        measurable=measurable,
        for_models=is_ct and series.kind is SeriesKind.VOLUME and stack.geometry is not None and len(uids) > 1,
        padding_hu=PADDING_HU if padded else None,
        windows=middle.windows,
        exposure=exposure_of(middle.header),
        warnings=(*warnings, *seen.values()),
    )

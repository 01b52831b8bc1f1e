"""Painting sinus masks: strokes change the label map at once, the numbers follow in the background, every stroke can be undone.

The marks of a volume hold the reader's patches; the masks on screen are the network's with those patches put on. Undo and
redo change the marks, and this module makes the masks agree with them again.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.reading import NO_IMAGE, NO_IMAGE_HINT
from sinusviewer.analysis.mask_follow import EditableMasks, Followed, editable, follow, note_patch
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import Box, Brush, BrushMode, Labels, MaskPatch, joined, patch_between, slices
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import MASKS_ALONE
from sinusviewer.imaging import mask_brush
from sinusviewer.imaging.mask_brush import Canvas, Point
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.session import ImageMarks, Session

if TYPE_CHECKING:
    from sinusviewer.domain.finding import Segmentation

FOLLOWING = "Following the edited mask"


@dataclass(slots=True, eq=False)
class _Desk:
    """One volume's masks while they are edited."""

    masks: EditableMasks
    applied: list[tuple[MaskPatch, bytes]]
    pending: Box | None = None
    codes: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Stroke:
    """A stroke under way: where it is painted and what it has covered."""

    view: str
    key: str
    canvas: Canvas
    index: int
    brush: Brush
    last: Point
    covered: list[tuple[Box, Labels]] = field(default_factory=list)


class MaskEditing:
    """The verbs of painting over one session; call only from the GUI thread."""

    def __init__(self, session: Session, desk: JobDesk) -> None:
        self._session, self._desk = session, desk
        self._edited: dict[str, _Desk] = {}
        session.marks_changed.connect(self._marks_changed)
        session.readings_changed.connect(self._reading_changed)
        session.image_changed.connect(self._image_changed)
        session.series_forgotten.connect(self._forgotten)

    # -- strokes -----------------------------------------------------------------------------------------------------
    def prepare(self, view: str) -> None:
        """Copy the masks of what a view shows in the background, so that the first stroke need not wait for it."""
        key = self._session.views[view].series_key
        if self._session.volume(view) is not None and key not in self._edited:
            self._adopt(key)

    def begin(self, view: str, at: Point, *, erase: bool = False) -> Stroke | None:
        """Begin to paint at a pixel centre (column, row); None where there is nothing to paint on."""
        session = self._session
        volume, key = session.volume(view), session.views[view].series_key
        stack = session.stack(key, session.views[view].plane)
        if self._says_masks_alone(volume):
            return None
        if volume is None or stack is None or len(volume.voxels) < 2:
            return None
        desk = self._edited.get(key) or self._make_now(key, volume)
        canvas = mask_brush.canvas(volume, desk.masks.segmentation.labels, stack.plane)
        brush = session.display.brush
        brush = replace(brush, mode=BrushMode.ERASE) if erase else brush
        return Stroke(view, key, canvas, session.views[view].slice_index, brush, at)

    def _says_masks_alone(self, volume: Volume | None) -> bool:
        """Of masks without an image nothing would follow: no opacified share, no density."""
        alone = volume is not None and any(w.code == MASKS_ALONE for w in volume.warnings)
        if alone:
            self._session.say(NO_IMAGE, "warning", NO_IMAGE_HINT)
        return alone

    def extend(self, stroke: Stroke, at: Point) -> None:
        """Paint on to a further point; a fill happens once, where the stroke ends."""
        brush = stroke.brush
        if brush.mode is BrushMode.FILL:
            stroke.last = at
            return
        box = mask_brush.stroke_box(stroke.canvas, brush, stroke.index, stroke.last, at)
        if box is not None:
            before = self._before(stroke, box)
            if mask_brush.stroke(stroke.canvas, brush, stroke.index, stroke.last, at, box):
                stroke.covered.append(before)
                self._show(stroke.key)
        stroke.last = at

    def finish(self, stroke: Stroke) -> None:
        """End a stroke: it becomes one step that can be undone, and the numbers follow."""
        brush = stroke.brush
        if brush.mode is BrushMode.FILL:
            box = mask_brush.fill_box(stroke.canvas, brush, stroke.index, stroke.last)
            if box is not None:
                before = self._before(stroke, box)
                if mask_brush.fill(stroke.canvas, brush, stroke.index, stroke.last, box):
                    stroke.covered.append(before)
        words = {BrushMode.PAINT: "Paint", BrushMode.ERASE: "Erase", BrushMode.FILL: "Fill"}[brush.mode]
        self._keep(stroke, f"{words} {self._name(stroke)}")

    def abandon(self, stroke: Stroke) -> None:
        """Take back a stroke under way."""
        desk = self._edited.get(stroke.key)
        if desk is not None:
            for box, before in reversed(stroke.covered):
                desk.masks.segmentation.labels[slices(box)] = before
            stroke.covered.clear()
            self._show(stroke.key)

    def step_slice(self, view: str, step: int) -> None:
        """Grow (+1) or shrink (-1) the brush's structure in the slice on screen, or clear it there (0)."""
        stroke = self.begin(view, (0.0, 0.0))
        if stroke is None:
            return
        brush = stroke.brush
        _, rows, columns = stroke.canvas.labels.shape
        box = ((stroke.index, stroke.index + 1), (0, rows), (0, columns))
        before = self._before(stroke, box)
        if mask_brush.step_slice(stroke.canvas, brush, stroke.index, step):
            stroke.covered.append(before)
        words = {1: "Grow", -1: "Shrink", 0: "Clear slice of"}[step]
        self._keep(stroke, f"{words} {self._name(stroke)}")

    def structure_at(self, view: str, at: Point) -> Structure | None:
        """What is masked at a pixel centre of the slice on screen."""
        session = self._session
        reading, volume = session.reading(view), session.volume(view)
        state = session.views[view]
        stack = session.stack(state.series_key, state.plane)
        if reading is None or reading.segmentation is None or volume is None or stack is None:
            return None
        labels = mask_brush.canvas(volume, reading.segmentation.labels, stack.plane).labels
        index = (state.slice_index, round(at[1]), round(at[0]))
        inside = all(0 <= i < size for i, size in zip(index, labels.shape, strict=True))
        return Structure(int(labels[index])) if inside and labels[index] else None

    def restore_original(self, view: str) -> None:
        """Back to the network's masks, in one step that can be undone."""
        session = self._session
        key = session.views[view].series_key
        marks = session.marks.get(key, ImageMarks())
        if marks.mask_patches:
            session.edit("Restore the AI's masks", key, replace(marks, mask_patches=(), masks_confirmed=""))

    def _name(self, stroke: Stroke) -> str:
        """What is painted, of the patient's side only where that is known."""
        name, volume = stroke.brush.structure.name.replace("_", " ").lower(), self._session.volume(stroke.view)
        side, _, sinus = name.partition(" ")
        if volume is not None and not volume.oriented and side in ("right", "left"):
            return f"image-{'left' if side == 'right' else 'right'} {sinus}"
        return name

    def _before(self, stroke: Stroke, box: Box) -> tuple[Box, Labels]:
        inside = stroke.canvas.array_box(box)
        labels = self._edited[stroke.key].masks.segmentation.labels
        return inside, labels[slices(inside)].copy()

    def _keep(self, stroke: Stroke, label: str) -> None:
        """Make one patch of all that a stroke has changed."""
        desk, whole = self._edited.get(stroke.key), joined(box for box, _ in stroke.covered)
        if desk is None or whole is None:
            return
        after = desk.masks.segmentation.labels[slices(whole)]
        before = after.copy()
        for box, old in reversed(stroke.covered):
            inner = tuple(slice(low - w[0], high - w[0]) for (low, high), w in zip(box, whole, strict=True))
            before[inner] = old
        start = (whole[0][0], whole[1][0], whole[2][0])
        patch = patch_between(before, after, start, label, f"mask-{uuid4().hex[:12]}")
        if patch is None:
            return
        after[...] = before  # put on again with what takes it off
        desk.applied.append((patch, patch.put_on(desk.masks.segmentation.labels)))
        self._changed(desk, patch)
        marks = self._session.marks.get(stroke.key, ImageMarks())
        patches = (*marks.mask_patches, patch)
        said_of_others = replace(marks, mask_patches=patches, masks_confirmed="")
        self._session.edit(label, stroke.key, said_of_others, stroke.index)
        self._show(stroke.key)
        self._follow(stroke.key)

    # -- agreeing with the marks -------------------------------------------------------------------------------------
    def _marks_changed(self, key: str) -> None:
        """Put on and take off patches until the masks are what the marks say."""
        wanted = self._session.marks[key].mask_patches
        desk = self._edited.get(key)
        if desk is None:
            if wanted:
                self._adopt(key)
            return
        same = 0
        for (patch, _), other in zip(desk.applied, wanted, strict=False):
            if patch is not other:
                break
            same += 1
        if same == len(desk.applied) == len(wanted):
            return
        labels = desk.masks.segmentation.labels
        while len(desk.applied) > same:
            patch, before = desk.applied.pop()
            patch.take_off(labels, before)
            self._changed(desk, patch)
        for patch in wanted[same:]:
            desk.applied.append((patch, patch.put_on(labels)))
            self._changed(desk, patch)
        self._show(key)
        self._follow(key)

    def _reading_changed(self, key: str) -> None:
        """A new reading has masks of its own: the reader's patches are put on those."""
        reading = self._session.readings.get(key)
        segmentation = reading.segmentation if reading is not None else None
        desk = self._edited.get(key)
        if desk is not None and segmentation is not desk.masks.segmentation:
            del self._edited[key]  # read anew, or put away with a study that is not shown
            desk = None
        patched = key in self._session.marks and self._session.marks[key].mask_patches
        if desk is None and patched and segmentation is not None:
            self._adopt(key)

    def _image_changed(self, key: str) -> None:
        """Masks may be back before the CT that they lie on: the reader's patches wait for both, or the numbers would not be theirs."""
        if key not in self._edited:
            self._reading_changed(key)

    def _forgotten(self, key: str, _study_uid: str) -> None:
        self._edited.pop(key, None)

    @staticmethod
    def _changed(desk: _Desk, patch: MaskPatch) -> None:
        note_patch(desk.masks.boxes, patch)
        desk.pending = joined((patch.box, *((desk.pending,) if desk.pending else ())))
        desk.codes.update(patch.structures)

    def _show(self, key: str) -> None:
        """Let every view of a volume draw its masks anew."""
        session = self._session
        session.mask_revisions[key] = session.mask_revisions.get(key, 0) + 1
        for view in session.shown_views:
            if session.views[view].series_key == key:
                session.view_changed.emit(view)

    # -- in the background -------------------------------------------------------------------------------------------
    def _make_now(self, key: str, volume: Volume) -> _Desk:
        reading = self._session.readings.get(key)
        patches = self._session.marks.get(key, ImageMarks()).mask_patches
        masks = editable(volume, reading.segmentation if reading is not None else None, patches)
        return self._install(key, masks, patches)

    def _install(self, key: str, masks: EditableMasks, patches: tuple[MaskPatch, ...]) -> _Desk:
        desk = _Desk(masks, list(zip(patches, masks.kept, strict=True)))
        self._edited[key] = desk
        session = self._session
        reading = session.readings.get(key) or _empty_reading(session, key)
        for patch in patches:
            self._changed(desk, patch)
        session.set_reading(replace(reading, segmentation=masks.segmentation), key)
        self._show(key)
        self._follow(key)
        return desk

    def _adopt(self, key: str) -> None:
        """Make a volume's masks ready to be painted on, with the reader's patches put on."""
        session = self._session
        volume, reading = session.images.get(key), session.readings.get(key)
        group = f"masks:{key}"
        if not isinstance(volume, Volume) or len(volume.voxels) < 2 or self._desk.works_for(group):
            return
        segmentation: Segmentation | None = reading.segmentation if reading is not None else None
        patches = session.marks.get(key, ImageMarks()).mask_patches
        if segmentation is None and patches:
            return  # they were put on masks that are not here; they wait for those

        def work(_progress: Progress, token: CancelToken) -> EditableMasks:
            return editable(volume, segmentation, patches, token)

        def finished(masks: EditableMasks) -> None:
            now = session.readings.get(key)
            fresh = (now.segmentation if now is not None else None) is segmentation
            if key not in self._edited and session.images.get(key) is volume and fresh:
                self._install(key, masks, patches)
                self._marks_changed_if_any(key)
            elif key not in self._edited and key in session.images:
                self._adopt(key)

        self._desk.submit("io", "Preparing the masks", work, Continuation(finished, group=group))

    def _marks_changed_if_any(self, key: str) -> None:
        if key in self._session.marks:
            self._marks_changed(key)

    def _follow(self, key: str) -> None:
        """Measure in the background what has changed; further strokes meanwhile are measured after that."""
        session, desk = self._session, self._edited[key]
        volume, reading, group = session.images.get(key), session.readings.get(key), f"follow:{key}"
        if desk.pending is None or not isinstance(volume, Volume) or reading is None or self._desk.works_for(group):
            return
        changed, codes = desk.pending, frozenset(desk.codes)
        desk.pending = None
        desk.codes.clear()
        unscored = replace(reading, lund_mackay=session.proposed(key) or reading.lund_mackay)

        def work(_progress: Progress, token: CancelToken) -> Followed:
            return follow(volume, desk.masks, unscored, changed, codes, token)

        def finished(followed: Followed) -> None:
            now = session.readings.get(key)
            if self._edited.get(key) is not desk or now is None:
                return
            opacified = desk.masks.segmentation.opacified
            if opacified is not None:
                opacified[slices(followed.box)] = followed.opacified
            session.set_reading(replace(now, sinuses=followed.sinuses, lund_mackay=followed.lund_mackay), key)
            self._follow(key)

        def cancelled() -> None:
            desk.pending = joined((changed, *((desk.pending,) if desk.pending else ())))
            desk.codes.update(codes)

        self._desk.submit("io", FOLLOWING, work, Continuation(finished, group=group, on_cancelled=cancelled))


def _empty_reading(session: Session, key: str) -> SeriesReading:
    """For masks that a reader draws without a network's."""
    volume = session.images[key]
    modality = volume.identity.modality if isinstance(volume, Volume) else ""
    return SeriesReading(key, modality, SeriesStatus.READ)

"""The second layer of the session: what each view shows, and how linked views follow one another."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from psygnal import Signal

from sinusviewer.domain.display import DisplayState, LayoutKind, Plane, ViewState
from sinusviewer.domain.frame_links import FrameLinks
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.session.images import Images, reading_key

VIEWS: tuple[str, ...] = ("A", "B", "C", "D")
"""Identifiers of the views; a layout shows the first one to four of them."""


class Views(Images):
    """The state of each view, the layout, and the crosshair of every frame of reference."""

    view_changed: ClassVar[Signal] = Signal(str)  # view
    layout_changed: ClassVar[Signal] = Signal()
    display_changed: ClassVar[Signal] = Signal()
    active_view_changed: ClassVar[Signal] = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, ViewState] = {view: ViewState() for view in VIEWS}
        self.active_view = VIEWS[0]
        self.display = DisplayState()
        self.frame_links = FrameLinks()
        self._cursors: dict[str, tuple[float, float, float]] = {}

    def film(self, view: str) -> Radiograph | None:
        """The radiograph that a view shows, if it shows one."""
        state = self.views[view]
        image = self.images.get(state.series_key)
        if image is None or isinstance(image, Volume) or not image:
            return None
        return image[min(max(state.slice_index, 0), len(image) - 1)]

    def film_of(self, image_key: str) -> Radiograph | None:
        """The radiograph of an image's key, if its pixels are here."""
        key, _, sop = image_key.partition("/")
        image = self.images.get(key)
        films = image if isinstance(image, tuple) else ()
        return next((film for film in films if film.sop_instance_uid == sop), None)

    def volume(self, view: str) -> Volume | None:
        """The volume that a view shows, if it shows one."""
        image = self.images.get(self.views[view].series_key)
        return image if isinstance(image, Volume) else None

    def image_key(self, view: str) -> str:
        """Key of what marks belong to: the instance of a film, the series of a volume."""
        film = self.film(view)
        return reading_key(self.views[view].series_key, film.sop_instance_uid if film else "")

    def set_view(self, view: str, **changes: Any) -> None:
        """Change one view's state."""
        state = replace(self.views[view], **changes)
        if state != self.views[view]:
            self.views[view] = state
            self.view_changed.emit(view)

    def set_layout(self, layout: LayoutKind, states: Mapping[str, ViewState] | None = None) -> None:
        """Change the arrangement, and with it what the views show."""
        self.display = replace(self.display, layout=layout)
        for view, state in (states or {}).items():
            self.views[view] = state
        if self.active_view not in self.shown_views:
            self.active_view = VIEWS[0]
        self.layout_changed.emit()

    @property
    def shown_views(self) -> tuple[str, ...]:
        counts = {LayoutKind.ONE: 1, LayoutKind.TWO: 2, LayoutKind.MPR: 3}
        return VIEWS[: counts.get(self.display.layout, 4)]

    def set_active_view(self, view: str) -> None:
        if view != self.active_view:
            self.active_view = view
            self.active_view_changed.emit(view)

    def replace_volume(self, key: str, volume: Volume, *, mirrored: bool) -> None:
        """Put the same voxels with their sides settled in the place of a volume; views stay on the voxels they show."""
        sagittal = self.stack(key, Plane.SAGITTAL)
        if mirrored:
            for view, state in self.views.items():
                if state.series_key == key:
                    index = state.slice_index
                    if state.plane is Plane.SAGITTAL and sagittal is not None:
                        index = sagittal.count - 1 - index
                    self.views[view] = replace(state, slice_index=index, center=None, zoom=None)
            frame = volume.identity.frame_of_reference_uid or f"series-{key}"
            if frame in self._cursors:
                x, y, z = self._cursors[frame]
                self._cursors[frame] = (-x, y, z)
            self.frame_links = FrameLinks()
        self.set_image(key, volume)

    def go_to_slice(self, view: str, index: int) -> None:
        """Show a slice; where views are linked, those of the same frame of reference follow."""
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        if stack is None:
            return
        index = min(max(index, 0), stack.count - 1)
        if index == state.slice_index:
            return
        place = self.cursor_lps(view)
        self.set_view(view, slice_index=index)
        if place is None or stack.affine is None or not self.display.linked:
            return
        at = stack.index_of(place)
        moved = stack.point_lps(at[0], at[1], index) if at else None
        if moved is not None:
            self._follow(view, tuple(float(v) for v in moved))

    def go_to_point(self, view: str, point_lps: tuple[float, float, float]) -> None:
        """Put the crosshair somewhere: every linked view, and this one, shows the slice through it."""
        if self.display.linked:
            self._cursors[self._frame_of_reference(view)] = point_lps
        self._show_point(view, point_lps)
        if self.display.linked:
            self._follow(view, point_lps)

    def cursor_lps(self, view: str) -> tuple[float, float, float] | None:
        """Where the crosshair of a view's frame of reference is: where its linked slices meet."""
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        if stack is None or stack.affine is None:
            return None
        frame = self._frame_of_reference(view)
        if frame in self._cursors:
            return self._cursors[frame]
        rows, columns = stack.slices[0].shape[:2]
        point = stack.point_lps((columns - 1) / 2, (rows - 1) / 2, state.slice_index)
        return None if point is None else (float(point[0]), float(point[1]), float(point[2]))

    def _follow(self, view: str, point_lps: Any) -> None:
        frame = self._frame_of_reference(view)
        self._cursors[frame] = point_lps
        for other in self.shown_views:
            theirs = self._frame_of_reference(other)
            point = self.frame_links.point(point_lps, frame, theirs)
            if other != view and point is not None:
                self._cursors[theirs] = point
                self._show_point(other, point)

    def link_here(self, view: str) -> bool:
        """Take what the views of other frames of reference show for the same place; False where there is no other."""
        places = {self._frame_of_reference(v): self.cursor_lps(v) for v in (*self.shown_views, view)}
        frame = self._frame_of_reference(view)
        here = places.pop(frame)
        others = {theirs: there for theirs, there in places.items() if there is not None}
        for theirs, there in others.items():
            if here is not None:
                self.frame_links = self.frame_links.with_link(frame, here, theirs, there)
        return here is not None and bool(others)

    def apart(self, view: str) -> bool:
        """Whether a volume is shown beside this one whose frame of reference nobody has linked to it."""
        frame, zero = self._frame_of_reference(view), (0.0, 0.0, 0.0)
        others = [self._frame_of_reference(v) for v in self.shown_views if self.volume(v) is not None]
        return self.volume(view) is not None and any(self.frame_links.point(zero, frame, f) is None for f in others)

    @property
    def linkable(self) -> bool:
        """Whether two of the views on screen can scroll together: volumes of one frame of reference, or of linked ones."""
        frames = [self._frame_of_reference(v) for v in self.shown_views if self.volume(v) is not None]
        zero = (0.0, 0.0, 0.0)
        return any(self.frame_links.point(zero, a, b) is not None for a, b in itertools.combinations(frames, 2))

    def _show_point(self, view: str, point_lps: tuple[float, float, float]) -> None:
        state = self.views[view]
        stack = self.stack(state.series_key, state.plane)
        at = stack.index_of(point_lps) if stack else None
        if stack is None or at is None:
            return
        index = min(max(round(at[2]), 0), stack.count - 1)
        if index == state.slice_index:
            self.view_changed.emit(view)
        self.set_view(view, slice_index=index)

    def _frame_of_reference(self, view: str) -> str:
        volume = self.volume(view)
        if volume is None:
            return f"none-{view}"
        return volume.identity.frame_of_reference_uid or f"series-{self.views[view].series_key}"

    def set_display(self, **changes: Any) -> None:
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.display_changed.emit()

"""Two frames of reference linked by hand: a reader shows the same place in both, from then on they scroll together.

The link is a shift and nothing else: it does not turn one patient's position into the other's.
"""

from dataclasses import dataclass, field

Point = tuple[float, float, float]


def _plus(a: Point, b: Point, sign: float = 1.0) -> Point:
    return a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2]


@dataclass(frozen=True, slots=True)
class FrameLinks:
    """Which frames move together; points are LPS in mm of their own frame."""

    roots: dict[str, tuple[str, Point]] = field(default_factory=dict)
    """Frame to the frame it is measured in, and what is added to a point there to have it here."""

    def _root(self, frame: str) -> tuple[str, Point]:
        return self.roots.get(frame, (frame, (0.0, 0.0, 0.0)))

    def point(self, point: Point, frame: str, other: str) -> Point | None:
        """The place of ``point`` in another frame; None where nobody has linked the two."""
        (root, here), (other_root, there) = self._root(frame), self._root(other)
        return _plus(_plus(point, here, -1), there) if root == other_root else None

    def with_link(self, frame: str, point: Point, other: str, other_point: Point) -> "FrameLinks":
        """The same links, and ``other_point`` in ``other`` is the place of ``point`` from now on."""
        root, here = self._root(frame)
        if other == root:  # the frame that others are measured in: the new link turns round
            return self.with_link(other, other_point, frame, point) if frame != other else self
        shift = _plus(other_point, _plus(point, here, -1), -1)
        moved = {f: (root, _plus(s, shift)) for f, (r, s) in self.roots.items() if r == other}
        return FrameLinks({**self.roots, **moved, other: (root, shift)})

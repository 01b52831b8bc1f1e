"""A voxel canvas and the implicit shapes painted on it.

A shape is a signed distance (mm, negative inside) over a box of the canvas; its edge is one voxel wide, so that thin walls
and slanted surfaces look like partial volume and not like stairs. All coordinates are those of the adult normal head in the
orbitomeatal frame; size and facial height of the person are in the canvas's axes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.disease.noise import smooth_noise

Field = npt.NDArray[np.float32]
Point = Sequence[float]
Axes = tuple[Field, Field, Field]
"""x, y, z of a box's voxels, each broadcastable to ``[z, y, x]``."""
Shape = Callable[[Axes], Field]
_STRIDE, _SLAB = 3, 8


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """The head while it is being painted (arrays are changed in place).

    Attributes
    ----------
    x, y, z
        Normalised coordinates (mm in the adult normal head) of the voxels along each axis.
    coarse_noise, fine_noise
        Standard normal fields correlated over about 10 and 2.5 mm, for uneven surfaces and textures.
    """

    hu: Field
    labels: npt.NDArray[np.uint8]
    x: Field
    y: Field
    z: Field
    edge_mm: float
    coarse_noise: Field
    fine_noise: Field

    @staticmethod
    def blank(x: Field, y: Field, z: Field, spacing_mm: float, rng: np.random.Generator) -> "Canvas":
        shape = (z.size, y.size, x.size)
        spacing = (spacing_mm, spacing_mm, spacing_mm)
        return Canvas(
            np.full(shape, -1000, dtype=np.float32),
            np.zeros(shape, dtype=np.uint8),
            x.astype(np.float32),
            y.astype(np.float32),
            z.astype(np.float32),
            spacing_mm,
            smooth_noise(shape, 10.0, spacing, rng),
            smooth_noise(shape, 2.5, spacing, rng),
        )

    def box(self, low: Point, high: Point) -> tuple[slice, slice, slice]:
        """Slices ``[z, y, x]`` of the box between two corners (x, y, z)."""
        x, y, z = (
            slice(*(int(i) for i in np.searchsorted(axis, [low[n], high[n]])))
            for n, axis in enumerate((self.x, self.y, self.z))
        )
        return z, y, x

    def axes(self, box: tuple[slice, slice, slice]) -> Axes:
        return self.x[box[2]][None, None, :], self.y[box[1]][None, :, None], self.z[box[0]][:, None, None]

    def moved(self, offset_mm: Point) -> "Canvas":
        """The same voxels for shapes that are to lie elsewhere by (x, y, z)."""
        x, y, z = (np.float32(v) for v in offset_mm)
        return replace(self, x=self.x - x, y=self.y - y, z=self.z - z)

    def smooth_field(self, shape: Shape) -> "SmoothField":
        """A large, smooth distance over the whole canvas: evaluated every third voxel, interpolated between."""
        nodes = [
            axis[::_STRIDE] if axis.size % _STRIDE == 1 else np.append(axis[::_STRIDE], axis[-1])
            for axis in (self.z, self.y, self.x)
        ]
        z, y, x = nodes
        values = shape((x[None, None, :], y[None, :, None], z[:, None, None]))
        return SmoothField(np.asarray(values, dtype=np.float32), (z, y, x), (self.z, self.y, self.x))

    def slabs(self) -> Iterator[tuple[slice, "Canvas"]]:
        """The canvas a few slices at a time, as views: large sums then stay in the processor's cache."""
        for start in range(0, self.z.size, _SLAB):
            part = slice(start, min(start + _SLAB, self.z.size))
            yield (
                part,
                replace(
                    self,
                    hu=self.hu[part],
                    labels=self.labels[part],
                    z=self.z[part],
                    coarse_noise=self.coarse_noise[part],
                    fine_noise=self.fine_noise[part],
                ),
            )

    def _tight(
        self, box: tuple[slice, slice, slice], shape: Shape, margin_mm: float
    ) -> tuple[slice, slice, slice] | None:
        """The part of a box where the shape can be, found on every fourth voxel; None if it is nowhere."""
        x, y, z = self.axes(box)
        if 0 in (x.size, y.size, z.size):
            return None
        step = 4
        if min(x.size, y.size, z.size) < 3 * step:
            return box
        coarse = np.broadcast_to(
            shape((x[:, :, ::step], y[:, ::step], z[::step])),
            (-(-z.size // step), -(-y.size // step), -(-x.size // step)),
        )
        near = coarse < margin_mm + 2.0 * step * self.edge_mm
        if not near.any():
            return None
        parts: list[slice] = []
        for n, whole in enumerate(box):
            found = np.flatnonzero(near.any(axis=tuple(i for i in range(3) if i != n)))
            parts.append(
                slice(
                    whole.start + max(int(found[0]) - 1, 0) * step,
                    min(whole.start + (int(found[-1]) + 2) * step, whole.stop),
                )
            )
        return parts[0], parts[1], parts[2]

    def fill(
        self,
        shape: Shape,
        low: Point,
        high: Point,
        hu: float,
        *,
        label: int | None = None,
        texture: float = 0.0,
        bumps_mm: float = 0.0,
        only: int | None = None,
        edge_mm: float = 0.0,
    ) -> None:
        """Paint a shape inside a box.

        Parameters
        ----------
        texture
            SD of the fine noise in it (HU).
        bumps_mm
            How far the coarse noise moves its surface.
        only
            Paint only where this label stands.
        """
        box = self._tight(self.box(low, high), shape, 2.5 * abs(bumps_mm) + max(self.edge_mm, edge_mm))
        if box is None:
            return
        distance = np.broadcast_to(shape(self.axes(box)), self.hu[box].shape)
        if bumps_mm:
            distance = distance + np.float32(bumps_mm) * self.coarse_noise[box]
        cover = np.clip(0.5 - distance / np.float32(max(self.edge_mm, edge_mm)), 0, 1).astype(np.float32)
        if only is not None:
            cover = cover * (self.labels[box] == only)
        here = self.hu[box]
        content = np.float32(hu) + np.float32(texture) * self.fine_noise[box] if texture else np.float32(hu)
        here += cover * (content - here)
        if label is not None:
            self.labels[box][cover >= 0.5] = label

    def fill_bone(
        self,
        shape: Shape,
        low: Point,
        high: Point,
        cortex_hu: float,
        marrow_hu: float,
        *,
        texture: float = 0.0,
        bumps_mm: float = 0.0,
        thickness_mm: float = 1.4,
    ) -> None:
        """Paint marrow with a cortex round it; the shape is evaluated once for both."""
        box = self._tight(self.box(low, high), shape, 2.5 * abs(bumps_mm) + self.edge_mm)
        if box is None:
            return
        distance = np.broadcast_to(shape(self.axes(box)), self.hu[box].shape)
        if bumps_mm:
            distance = distance + np.float32(bumps_mm) * self.coarse_noise[box]
        edge = np.float32(self.edge_mm)
        core = np.clip(0.5 - (distance + np.float32(thickness_mm)) / edge, 0, 1)
        bone = np.float32(cortex_hu) + core * (
            np.float32(marrow_hu - cortex_hu) + np.float32(texture) * self.fine_noise[box]
        )
        here = self.hu[box]
        here += np.clip(0.5 - distance / edge, 0, 1) * (bone - here)


@dataclass(frozen=True, slots=True, eq=False)
class SmoothField:
    """A field known at coarse nodes (z, y, x), read between them in slabs of the canvas."""

    values: Field
    nodes: tuple[Field, Field, Field]
    axes: tuple[Field, Field, Field]

    def __getitem__(self, slab: slice) -> Field:
        field = self.values
        for n, (axis, nodes) in enumerate(zip(self.axes, self.nodes, strict=True)):
            wanted = axis[slab] if n == 0 else axis
            at = np.interp(wanted, nodes, np.arange(nodes.size))
            low = np.minimum(at.astype(np.intp), nodes.size - 2)
            form = [1, 1, 1]
            form[n] = wanted.size
            share = (at - low).astype(np.float32).reshape(form)
            first = field.take(low, n)
            field = first + (field.take(low + 1, n) - first) * share
        return np.asarray(field, dtype=np.float32)


def ellipsoid(centre: Point, half: Point) -> Shape:
    def distance(axes: Axes) -> Field:
        k0 = k1 = np.zeros((1, 1, 1), dtype=np.float32)
        for axis, c, h in zip(axes, centre, half, strict=True):
            part = ((axis - np.float32(c)) / np.float32(h)) ** 2
            k0 = np.asarray(k0 + part, dtype=np.float32)
            k1 = np.asarray(k1 + part / np.float32(h * h), dtype=np.float32)
        root = np.sqrt(k0)
        return np.asarray(root * (root - 1) / np.sqrt(np.maximum(k1, 1e-9)), dtype=np.float32)

    return distance


def capsule(start: Point, end: Point, start_radius: float, end_radius: float, squash: Point = (1, 1, 1)) -> Shape:
    """A rod with round ends; ``squash`` above 1 flattens it along that axis."""
    a, b = np.asarray(start, dtype=np.float32), np.asarray(end, dtype=np.float32)
    s = np.asarray(squash, dtype=np.float32)
    along = (b - a) * s
    length2 = float(along @ along)

    def distance(axes: Axes) -> Field:
        offset = [(axis - a[i]) * s[i] for i, axis in enumerate(axes)]
        t = np.clip(sum(o * along[i] for i, o in enumerate(offset)) / max(length2, 1e-6), 0, 1)
        gap2 = sum((o - t * along[i]) ** 2 for i, o in enumerate(offset))
        return np.asarray(np.sqrt(gap2) - (start_radius + (end_radius - start_radius) * t), dtype=np.float32)

    return distance


def block(centre: Point, half: Point, rounding: float = 1.0) -> Shape:
    def distance(axes: Axes) -> Field:
        gaps = [
            np.abs(axis - np.float32(c)) - np.float32(h - rounding)
            for axis, c, h in zip(axes, centre, half, strict=True)
        ]
        outside = np.sqrt(sum(np.maximum(g, 0) ** 2 for g in gaps))
        inside = np.minimum(np.maximum(np.maximum(gaps[0], gaps[1]), gaps[2]), 0)
        return np.asarray(outside + inside - rounding, dtype=np.float32)

    return distance


def half_spaces(planes: Sequence[tuple[Point, float]], softness: float) -> Shape:
    """What lies below every plane (normal, offset mm), its edges rounded over ``softness`` mm."""

    def distance(axes: Axes) -> Field:
        total: Field | None = None
        for normal, offset in planes:
            length = float(np.linalg.norm(normal))
            d = np.asarray(
                sum(axis * np.float32(n / length) for axis, n in zip(axes, normal, strict=True)) - np.float32(offset),
                dtype=np.float32,
            )
            total = d if total is None else smooth_max(total, d, softness)
        return np.asarray(total, dtype=np.float32)

    return distance


def union(*shapes: Shape, softness: float = 0.0) -> Shape:
    def distance(axes: Axes) -> Field:
        total = shapes[0](axes)
        for shape in shapes[1:]:
            other = shape(axes)
            total = -smooth_max(-total, -other, softness) if softness else np.minimum(total, other)
        return total

    return distance


def intersection(*shapes: Shape, softness: float = 0.0) -> Shape:
    def distance(axes: Axes) -> Field:
        total = shapes[0](axes)
        for shape in shapes[1:]:
            total = smooth_max(total, shape(axes), softness)
        return total

    return distance


def without(shape: Shape, hole: Shape) -> Shape:
    """A shape less another."""
    return lambda axes: np.maximum(shape(axes), -hole(axes))


def grown(shape: Shape, by_mm: float) -> Shape:
    return lambda axes: shape(axes) - np.float32(by_mm)


def shell(shape: Shape, thickness_mm: float) -> Shape:
    """The wall just outside a shape."""

    def distance(axes: Axes) -> Field:
        d = shape(axes)
        return np.asarray(np.maximum(d - np.float32(thickness_mm), -d), dtype=np.float32)

    return distance


def smooth_max(a: Field, b: Field, softness: float) -> Field:
    if softness <= 0:
        return np.maximum(a, b)
    h = np.maximum(np.float32(softness) - np.abs(a - b), 0) / np.float32(softness)
    return np.asarray(np.maximum(a, b) + h * h * np.float32(softness / 4), dtype=np.float32)
